//! Buildings, units, checklists and the calendar.

use sync_core::model::calendar::DayKind;

use super::workbook::{Written, workbook};
use super::*;
use crate::import::tables::buildings::BUILDINGS_MAX;
use crate::people::checklist;

async fn with_buildings() -> World {
    let world = world().await;
    import(&world, Table::Buildings, "code,name,group\n1,一号楼,1\n3,三号楼,2\n").await;
    world
}

#[tokio::test]
async fn every_problem_of_units_is_named_by_row_and_column_and_nothing_is_written() {
    let world = with_buildings().await;
    let long = "长".repeat(61);
    let sheet = format!(
        "site,building,code,area,kind,vacant\n\
         7,1,1-1-101,89.5,home,no\n\
         9,1,1-1-102,0,villa,maybe\n\
         ,2,,1.234,,\n\
         x,1,1-1-101,-1,shop,yes\n\
         7,1,{long},,,\n\
         7,1,\"a\nb\",,,\n"
    );
    let outcome = import(&world, Table::Units, &sheet).await;
    assert_eq!(
        problems(&outcome),
        [
            (3, "site", "other_site"),
            (3, "area", "bad_area"),
            (3, "kind", "unknown_kind"),
            (3, "vacant", "bad_yes_no"),
            (4, "building", "building_unknown"),
            (4, "code", "missing"),
            (4, "area", "bad_area"),
            (5, "site", "bad_number"),
            (5, "area", "bad_area"),
            (6, "code", "too_long"),
            (7, "code", "bad_text"),
        ]
    );
    assert_eq!((outcome.rows, number(&world, "select count(*) from unit").await), (6, 0));
    let twice = "building,code\n1,1-1-101\n1,1-1-101\n";
    assert_eq!(problems(&import(&world, Table::Units, twice).await), [(3, "code", "twice")]);
    assert_eq!(number(&world, "select count(*) from unit").await, 0, "all or nothing");
}

#[tokio::test]
async fn a_column_that_is_left_out_changes_nothing_and_an_empty_cell_does() {
    let world = with_buildings().await;
    let whole = "building,code,area,kind,vacant\n1,1-1-101,89.5,shop,yes\n1,1-1-102,90,home,no\n";
    assert_eq!(counts(&import(&world, Table::Units, whole).await), (2, 0, 0, 0));
    let narrow = "房号,楼栋\n1-1-101,1\n";
    assert_eq!(counts(&import(&world, Table::Units, narrow).await), (0, 0, 0, 1));
    let emptied = "building,code,area\n3,1-1-101,\n";
    assert_eq!(counts(&import(&world, Table::Units, emptied).await), (0, 1, 0, 0));
    assert_eq!(
        export(&world, Table::Units).await,
        "site,building,code,area,kind,vacant\n7,1,1-1-102,90.00,home,no\n7,3,1-1-101,,shop,yes\n"
    );
}

#[tokio::test]
async fn a_code_that_a_spreadsheet_made_a_date_of_is_told_and_a_number_is_a_code() {
    let world = with_buildings().await;
    let sheet = workbook(&[
        vec![Written::Text("楼栋"), Written::Text("房号"), Written::Text("面积")],
        vec![Written::Number(3.0), Written::Date(37_653.0), Written::Number(89.5)],
        vec![Written::Number(3.0), Written::Number(1501.0), Written::Number(89.51)],
    ]);
    let outcome = import_as(&world, Table::Units, None, &sheet).await;
    assert_eq!(problems(&outcome), [(2, "code", "not_text")]);
}

#[tokio::test]
async fn a_site_has_1_000_buildings_at_most() {
    let world = with_buildings().await;
    let line = |n: usize| format!("B{n},楼\n");
    let lines = |count: usize| (0..count).map(line).collect::<String>();
    let over = format!("code,name\n{}", lines(BUILDINGS_MAX - 1));
    let outcome = import(&world, Table::Buildings, &over).await;
    assert_eq!(problems(&outcome), [(1_000, "code", "too_many")]);
    let full = format!("code,name\n{}", lines(BUILDINGS_MAX - 2));
    assert_eq!(counts(&import(&world, Table::Buildings, &full).await), (998, 0, 0, 0));
}

#[tokio::test]
async fn a_list_that_changes_gets_a_new_version_and_the_others_stay() {
    let world = world().await;
    let first =
        "code,name,item,text\npool,泳池,fence,护栏\npool,泳池,ring,救生圈\ngym,健身房,a,甲\n";
    assert_eq!(counts(&import(&world, Table::Checklists, first).await), (2, 0, 0, 0));
    let second = "code,name,item,text\npool,泳池,ring,救生圈\npool,泳池,water,水质\n";
    assert_eq!(counts(&import(&world, Table::Checklists, second).await), (0, 1, 0, 0));
    let mut conn = world.write().await;
    let lists = checklist::of_site(&mut conn, SITE).await.expect("reads");
    let shown: Vec<_> = lists
        .iter()
        .map(|list| {
            let items: Vec<&str> = list.items.iter().map(|item| item.code.as_str()).collect();
            (list.code.as_str(), list.version, items)
        })
        .collect();
    assert_eq!(shown, [("gym", 1, vec!["a"]), ("pool", 2, vec!["ring", "water"])]);
    drop(conn);
    assert_eq!(number(&world, "select count(*) from checklist").await, 3, "older ones are kept");
    let bad = "code,name,item,text\npool,泳池,ring,救生圈\npool,池,water,\npool,泳池,ring,x\n\
               pool,池,b,x\n";
    assert_eq!(
        problems(&import(&world, Table::Checklists, bad).await),
        [(3, "text", "missing"), (4, "item", "twice"), (5, "name", "differs")]
    );
}

#[tokio::test]
async fn a_calendar_is_a_new_version_of_the_policy_and_an_ordinary_day_takes_one_out() {
    let world = world().await;
    let first = "date,kind,name\n2026-10-01,holiday,国庆节\n2026/10/10,补班,\n";
    assert_eq!(counts(&import(&world, Table::Calendar, first).await), (2, 0, 0, 0));
    let policy = async || {
        let mut conn = world.app.db.reader().acquire().await.expect("a connection");
        place::policy(&mut conn, SITE).await.expect("a policy")
    };
    let held = policy().await;
    assert_eq!((held.version, held.from_ms), (2, START_MS));
    let kinds: Vec<DayKind> = held.calendar.exceptions().values().map(|day| day.kind).collect();
    assert_eq!(kinds, [DayKind::Holiday, DayKind::Working]);
    let second = "日期,类型\n2026-10-10,照常\n2026-10-11,照常\n2026-10-02,放假\n2026-10-01,放假\n";
    assert_eq!(counts(&import(&world, Table::Calendar, second).await), (1, 0, 1, 2));
    assert_eq!(
        export(&world, Table::Calendar).await,
        "site,date,kind,name\n7,2026-10-01,holiday,国庆节\n7,2026-10-02,holiday,\n"
    );
    assert_eq!(policy().await.version, 3);
    let bad = "date,kind\n2026-02-30,holiday\n2026-10-03,off\n,\n2026-10-04,休\n2026-10-04,班\n";
    assert_eq!(
        problems(&import(&world, Table::Calendar, bad).await),
        [(2, "date", "bad_date"), (3, "kind", "unknown_day"), (6, "date", "twice"),]
    );
    assert_eq!(policy().await.version, 3);
}
