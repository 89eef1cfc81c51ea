//! The engine by its sheets: what is read, what is refused, what stays.

mod bounds;
mod large;
mod people;
mod places;
pub(crate) mod workbook;

use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::person::Role;

use super::{Outcome, Scope, Table, read, rows, tables};
use crate::people::grant::NewGrant;
use crate::people::{Act, directory, grant, place};
use crate::testing::{START_MS, World};

/// The site of the tests.
const SITE: SiteId = SiteId(7);
/// Another one.
const OTHER: SiteId = SiteId(9);
const ACT: Act = Act { at_ms: START_MS, by: None };

/// Two sites without anything.
async fn world() -> World {
    let world = World::new().await;
    let mut conn = world.write().await;
    place::add_site(&mut conn, ACT, Some(SITE), "云栖花园").await.expect("added");
    place::add_site(&mut conn, ACT, Some(OTHER), "江畔里").await.expect("added");
    conn.commit().await.expect("commits");
    world
}

/// Somebody with a role.
async fn person(world: &World, name: &str, login: Option<&str>, at: (Role, SiteId)) -> PersonId {
    let mut conn = world.write().await;
    let person = directory::add(&mut conn, ACT, name, login).await.expect("added");
    let (role, site) = at;
    let new = NewGrant { person, role, site, from_ms: 0, to_ms: None, on_behalf_of: None };
    grant::grant(&mut conn, ACT, &new).await.expect("granted");
    conn.commit().await.expect("commits");
    person
}

/// Plans a sheet and writes it where it can be.
async fn import_as(world: &World, table: Table, by: Option<PersonId>, sheet: &[u8]) -> Outcome {
    let mut conn = world.write().await;
    let act = Act { at_ms: world.app.now_ms(), by };
    let scope = Scope::of(&mut conn, SITE, act).await.expect("a site");
    let sheet = read(sheet, table.columns());
    drop(conn);
    let ledger = crate::ledger::Ledger::at(&world.app.config.ledger_folder());
    rows::run((&world.app.db, &ledger), (table, &scope), &sheet, false, None)
        .await
        .expect("imports")
}

async fn import(world: &World, table: Table, sheet: &str) -> Outcome {
    import_as(world, table, None, sheet.as_bytes()).await
}

async fn export(world: &World, table: Table) -> String {
    let mut conn = world.write().await;
    let scope = Scope::of(&mut conn, SITE, ACT).await.expect("a site");
    let sheet = tables::export(&mut conn, table, &scope, &world.app.sync).await.expect("exports");
    String::from_utf8(sheet).expect("text")
}

fn problems(outcome: &Outcome) -> Vec<(u32, &'static str, &'static str)> {
    outcome.problems.iter().map(|one| (one.row, one.column.code(), one.code)).collect()
}

/// Added, changed, removed, unchanged.
fn counts(outcome: &Outcome) -> (usize, usize, usize, usize) {
    assert_eq!(problems(outcome), []);
    (outcome.added, outcome.changed, outcome.removed, outcome.unchanged)
}

async fn number(world: &World, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(world.app.db.reader()).await.expect("reads")
}

/// The example of each table whose rows are no records, in the order of import.
const EXAMPLES: [(Table, &str, usize); 6] = [
    (Table::Buildings, include_str!("../../../../docs/examples/buildings.csv"), 4),
    (Table::Units, include_str!("../../../../docs/examples/units.csv"), 4),
    (Table::People, include_str!("../../../../docs/examples/people.csv"), 7),
    (Table::Checklists, include_str!("../../../../docs/examples/checklists.csv"), 2),
    (Table::Calendar, include_str!("../../../../docs/examples/calendar.csv"), 6),
    (Table::Roster, include_str!("../../../../docs/examples/roster.csv"), 3),
];

#[tokio::test]
async fn each_example_is_imported_once_and_its_export_changes_nothing() {
    let world = world().await;
    for (table, sheet, added) in EXAMPLES {
        assert_eq!(counts(&import(&world, table, sheet).await), (added, 0, 0, 0), "{table:?}");
        let audits = number(&world, "select count(*) from audit").await;
        let version = number(&world, "select reference_version from installation").await;
        let again = import(&world, table, sheet).await;
        assert_eq!(counts(&again), (0, 0, 0, added), "{table:?}");
        let exported = export(&world, table).await;
        let back = import(&world, table, &exported).await;
        assert_eq!(counts(&back), (0, 0, 0, added), "{table:?}: {exported}");
        assert_eq!(number(&world, "select count(*) from audit").await, audits, "{table:?}");
        let now = number(&world, "select reference_version from installation").await;
        assert_eq!(now, version, "{table:?}");
    }
}

#[tokio::test]
async fn an_import_is_one_audit_row_of_counts_and_nothing_that_stands_in_the_sheet() {
    let world = world().await;
    import(&world, Table::Buildings, EXAMPLES[0].1).await;
    let sql = "select detail from audit where act = 'sheet_imported'";
    let rows: Vec<String> =
        sqlx::query_scalar(sql).fetch_all(world.app.db.reader()).await.expect("reads");
    let detail: serde_json::Value = serde_json::from_str(&rows[0]).expect("JSON");
    assert_eq!(rows.len(), 1);
    assert_eq!(
        detail,
        serde_json::json!({
            "table": "buildings", "site": 7, "added": 4, "changed": 0, "removed": 0,
            "unchanged": 0,
        })
    );
}

#[tokio::test]
async fn a_sheet_saved_in_gb_18030_or_utf_8_is_read_alike() {
    let world = world().await;
    let sheet = "楼号,名称,组团\n1,桂花苑,1\n";
    let (encoded, _, lossy) = encoding_rs::GB18030.encode(sheet);
    assert!(!lossy && std::str::from_utf8(&encoded).is_err());
    let outcome = import_as(&world, Table::Buildings, None, &encoded).await;
    assert_eq!(counts(&outcome), (1, 0, 0, 0));
    assert_eq!(counts(&import(&world, Table::Buildings, sheet).await), (0, 0, 0, 1));
    assert_eq!(export(&world, Table::Buildings).await, "site,code,name,group\n7,1,桂花苑,1\n");
}

#[tokio::test]
async fn a_text_that_looks_like_a_formula_goes_out_marked_and_comes_back_as_it_was() {
    let world = world().await;
    let sheet = "code,name\n1,=1+1\n2,'-x\n3,@y\n";
    assert_eq!(counts(&import(&world, Table::Buildings, sheet).await), (3, 0, 0, 0));
    let exported = export(&world, Table::Buildings).await;
    assert_eq!(exported, "site,code,name,group\n7,1,'=1+1,\n7,2,'-x,\n7,3,'@y,\n");
    assert_eq!(counts(&import(&world, Table::Buildings, &exported).await), (0, 0, 0, 3));
}
