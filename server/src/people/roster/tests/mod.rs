//! Sheets in, shifts out: what is refused, what is replaced, and what stays.

use chrono::NaiveDate;
use serde_json::Value;
use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::person::Role;
use sync_core::model::roster::Duty;

use super::import::{self, Outcome};
use super::{between, local};
use crate::people::grant::NewGrant;
use crate::people::{Act, directory, grant, place};
use crate::testing::{START_MS, World};

use crate::import::tests::workbook::{self, Written, workbook};

const SITE: SiteId = SiteId(7);
const ACT: Act = Act { at_ms: START_MS, by: None };
const HEAD: &str = "date,duty,from,to,person,rank\n";

/// A site with two guards (1 王建国, 2 李强), two technicians of one name (3 and 4 张伟), and 5 赵敏
/// who is disabled.
async fn site() -> World {
    let world = World::new().await;
    let mut conn = world.write().await;
    place::add_site(&mut conn, ACT, Some(SITE), "云栖花园").await.expect("added");
    for (name, role) in [
        ("王建国", Role::Security),
        ("李强", Role::Security),
        ("张伟", Role::Technician),
        ("张伟", Role::Technician),
        ("赵敏", Role::Security),
    ] {
        let person = directory::add(&mut conn, ACT, name, None).await.expect("added");
        let new = NewGrant {
            person,
            role,
            site: SITE,
            from_ms: START_MS,
            to_ms: None,
            on_behalf_of: None,
        };
        grant::grant(&mut conn, ACT, &new).await.expect("granted");
    }
    directory::disable(&mut conn, ACT, PersonId(5)).await.expect("disabled");
    conn.commit().await.expect("commits");
    world
}

async fn import(world: &World, sheet: &[u8]) -> Outcome {
    let sheet = import::read(sheet, chrono_tz::Tz::Asia__Shanghai);
    let mut conn = world.write().await;
    let outcome = import::apply(&mut conn, ACT, SITE, sheet).await.expect("answers");
    conn.commit().await.expect("commits");
    outcome
}

async fn text(world: &World, lines: &str) -> Outcome {
    import(world, format!("{HEAD}{lines}").as_bytes()).await
}

fn problems(outcome: &Outcome) -> Vec<(u32, &'static str, &'static str)> {
    outcome.problems.iter().map(|one| (one.row, one.column.code(), one.code)).collect()
}

fn counts(outcome: &Outcome) -> (usize, usize, usize) {
    assert_eq!(problems(outcome), []);
    (outcome.added, outcome.removed, outcome.unchanged)
}

async fn number(world: &World, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(world.app.db.reader()).await.expect("reads")
}

/// The roster as (id, date, duty, person, from, to, rank).
async fn roster(world: &World) -> Vec<(i64, String, &'static str, u32, String, String, u32)> {
    let mut conn = world.app.db.reader().acquire().await.expect("a connection");
    let day = |day| NaiveDate::from_ymd_opt(2026, 9, day).expect("a date");
    let shifts = between(&mut conn, SITE, day(1), day(30)).await.expect("reads");
    let zone = chrono_tz::Tz::Asia__Shanghai;
    let shown = |at_ms| local::shown(zone, at_ms).format("%d %H:%M").to_string();
    let row = |one: super::Dated| {
        let s = one.shift;
        let (from, to) = (shown(s.from_ms), shown(s.to_ms));
        (s.id, one.date.to_string(), s.duty.code(), s.person.0, from, to, s.rank)
    };
    shifts.into_iter().map(row).collect()
}

/// R0.11
#[tokio::test]
async fn a_sheet_becomes_shifts_by_number_and_by_name() {
    let world = site().await;
    let lines = "2026-09-22,security,08:00,20:00,1,1\n2026/9/22,保安,20:00,8:00,李强,\n";
    assert_eq!(counts(&text(&world, lines).await), (2, 0, 0));
    let date = || "2026-09-22".to_owned();
    let day = ("22 08:00".to_owned(), "22 20:00".to_owned());
    let night = ("22 20:00".to_owned(), "23 08:00".to_owned());
    assert_eq!(
        roster(&world).await,
        [
            (1, date(), "security", 1, day.0, day.1, 1),
            (2, date(), "security", 2, night.0, night.1, 1)
        ]
    );
    let audit = "select count(*) from audit where act = 'roster_imported'";
    assert_eq!(number(&world, audit).await, 1);
}

#[tokio::test]
async fn an_import_replaces_the_dates_it_holds_and_no_other() {
    let world = site().await;
    let first = "2026-09-22,security,08:00,20:00,1,1\n2026-09-22,security,08:00,20:00,2,2\n\
                 2026-09-23,security,08:00,20:00,1,1\n";
    assert_eq!(counts(&text(&world, first).await), (3, 0, 0));
    let second = "2026-09-22,security,08:00,20:00,1,1\n2026-09-22,engineering,08:00,20:00,3,1\n";
    assert_eq!(counts(&text(&world, second).await), (1, 1, 1));
    let left: Vec<_> = roster(&world).await.into_iter().map(|one| (one.0, one.3)).collect();
    // The shift that did not change kept its number, and so did the other date's.
    assert_eq!(left, [(4, 3), (1, 1), (3, 1)]);
    assert_eq!(number(&world, "select count(*) from shift where removed_ms is not null").await, 1);
}

#[tokio::test]
async fn every_change_is_one_audit_row_and_one_version_and_the_same_sheet_again_is_none() {
    let world = site().await;
    let version = "select reference_version from installation";
    let before = number(&world, version).await;
    let lines = "2026-09-22,security,08:00,20:00,1,1\n2026-09-22,security,20:00,08:00,2,1\n";
    text(&world, lines).await;
    assert_eq!(number(&world, version).await, before + 1);
    assert_eq!(counts(&text(&world, lines).await), (0, 0, 2));
    assert_eq!(number(&world, version).await, before + 1);
    let detail: String =
        sqlx::query_scalar("select detail from audit where act = 'roster_imported'")
            .fetch_one(world.app.db.reader())
            .await
            .expect("one row");
    let detail: Value = serde_json::from_str(&detail).expect("JSON");
    assert_eq!(
        detail,
        serde_json::json!({
            "site": 7, "from": "2026-09-22", "to": "2026-09-22", "dates": 1, "added": 2,
            "removed": 0, "unchanged": 0,
        })
    );
}

#[tokio::test]
async fn importing_the_export_changes_nothing_also_for_who_is_disabled_since() {
    let world = site().await;
    let lines = "2026-09-22,security,08:00,20:00,1,1\n2026-09-22,security,20:00,08:00,2,3\n\
                 2026-09-22,engineering,00:00,24:00,3,1\n";
    assert_eq!(counts(&text(&world, lines).await), (3, 0, 0));
    let mut conn = world.write().await;
    directory::disable(&mut conn, ACT, PersonId(2)).await.expect("disabled");
    let date = NaiveDate::from_ymd_opt(2026, 9, 22).expect("a date");
    let sheet = import::export(&mut conn, SITE, date, date).await.expect("exported");
    conn.commit().await.expect("commits");
    assert_eq!(
        String::from_utf8_lossy(&sheet),
        "date,duty,from,to,person,rank,name\n\
         2026-09-22,engineering,00:00,00:00,3,1,张伟\n\
         2026-09-22,security,08:00,20:00,1,1,王建国\n\
         2026-09-22,security,20:00,08:00,2,3,李强\n"
    );
    let marked = ["\u{feff}".as_bytes(), &sheet].concat();
    for sheet in [sheet, marked] {
        assert_eq!(counts(&import(&world, &sheet).await), (0, 0, 3));
    }
}

/// R0.11
#[tokio::test]
async fn a_sheet_with_any_problem_changes_nothing_and_names_all_by_row_and_column() {
    let world = site().await;
    let lines = "2026-09-22,security,08:00,20:00,1,1\n\
                 2026-02-30,guard,8,20:00,1,0\n\
                 ,,,,,\n\
                 2026-09-22,security,,25:00,9,x\n\
                 2026-09-22,engineering,08:00,20:00,张伟,1\n\
                 2026-09-22,engineering,08:00,20:00,2,1\n\
                 2026-09-22,security,08:00,20:00,赵敏,1\n\
                 2026-09-22,security,19:00,21:00,王建国,1\n\
                 2026-09-22,security,09:00,10:00,陌生人,1\n\
                 2026-09-22,security,09:00,10:00,,1\n";
    let outcome = text(&world, lines).await;
    assert_eq!(
        problems(&outcome),
        [
            (3, "date", "bad_date"),
            (3, "duty", "unknown_duty"),
            (3, "from", "bad_time"),
            (3, "rank", "bad_rank"),
            (5, "from", "missing"),
            (5, "to", "bad_time"),
            (5, "rank", "bad_rank"),
            (6, "person", "person_ambiguous"),
            (7, "person", "role_missing"),
            (8, "person", "person_disabled"),
            (9, "from", "overlap"),
            (10, "person", "person_unknown"),
            (11, "person", "missing"),
        ]
    );
    assert_eq!(outcome.rows, 9);
    assert_eq!(roster(&world).await, []);
    assert_eq!(number(&world, "select count(*) from audit where act like 'roster%'").await, 0);
}

#[tokio::test]
async fn a_night_may_not_reach_into_the_same_persons_next_shift_even_of_a_date_that_stays() {
    let world = site().await;
    assert_eq!(counts(&text(&world, "2026-09-23,security,06:00,12:00,1,1\n").await), (1, 0, 0));
    let outcome = text(&world, "2026-09-22,security,20:00,08:00,1,1\n").await;
    assert_eq!(problems(&outcome), [(2, "from", "overlap")]);
    let beside = text(&world, "2026-09-22,security,20:00,06:00,1,1\n").await;
    assert_eq!(counts(&beside), (1, 0, 0));
}

#[tokio::test]
async fn a_role_must_be_held_for_the_whole_shift() {
    let world = site().await;
    let mut conn = world.write().await;
    // 23 September 2026, 02:00 in Shanghai: in the middle of the night shift.
    let to_ms = Some(1_790_100_000_000);
    let new = NewGrant {
        person: PersonId(3),
        role: Role::Security,
        site: SITE,
        from_ms: START_MS,
        to_ms,
        on_behalf_of: Some(PersonId(1)),
    };
    grant::grant(&mut conn, ACT, &new).await.expect("granted");
    conn.commit().await.expect("commits");
    let outcome = text(&world, "2026-09-22,security,20:00,08:00,3,1\n").await;
    assert_eq!(problems(&outcome), [(2, "person", "role_missing")]);
    assert_eq!(counts(&text(&world, "2026-09-22,security,20:00,02:00,3,1\n").await), (1, 0, 0));
}

#[test]
fn columns_are_named_in_chinese_or_english_in_any_order_and_others_do_not_matter() {
    let zone = chrono_tz::Tz::Asia__Shanghai;
    let sheet =
        "备注,顺序,值班人员,结束,开始时间,岗位,日期\nx,2,1,20:00,8：00,巡查,2026年9月22日\n";
    let read = super::line::read(sheet.as_bytes(), zone);
    assert_eq!(read.problems, []);
    let line = &read.lines[0];
    assert_eq!((line.row, line.duty, line.rank), (2, Duty::Patrol, 2));
    let head = |head: &str| {
        let read = super::line::read(head.as_bytes(), zone);
        read.problems.iter().map(|one| (one.row, one.column.code(), one.code)).collect::<Vec<_>>()
    };
    assert_eq!(head(""), [(0, "file", "empty")]);
    assert_eq!(head(HEAD), [(0, "file", "empty")]);
    assert_eq!(head("date,duty,from,to,person\n2026-09-22,desk,1:00,2:00,1"), []);
    assert_eq!(
        head("date,duty,From,开始,person\n"),
        [(1, "from", "column_twice"), (1, "to", "column_missing")]
    );
}

#[test]
fn what_is_no_sheet_is_told_as_what_it_is() {
    let file = |file: &[u8]| {
        let read = super::line::read(file, chrono_tz::Tz::Asia__Shanghai);
        assert_eq!((read.lines.len(), read.problems.len()), (0, 1));
        (read.problems[0].row, read.problems[0].code)
    };
    assert_eq!(file(b"\xd0\xcf\x11\xe0\xa1\xb1"), (0, "old_workbook"));
    assert_eq!(file(b"\xff\xfed\0a\0t\0e\0"), (0, "not_utf8"));
    assert_eq!(file(b"PK\x03\x04 and nothing"), (0, "not_a_sheet"));
    assert_eq!(file(b"date\0,duty\n"), (0, "not_a_sheet"));
    assert_eq!(file(&vec![b'x'; super::FILE_BYTES_MAX + 1]), (0, "too_large"));
    let row = "2026-09-22,desk,1:00,2:00,1,1\n";
    let rows = |count: usize| format!("{HEAD}{}", row.repeat(count)).into_bytes();
    assert_eq!(file(&rows(super::ROWS_MAX)), (0, "too_many_rows"));
    let fits = super::line::read(&rows(super::ROWS_MAX - 1), chrono_tz::Tz::Asia__Shanghai);
    assert_eq!(fits.problems, []);
}

#[tokio::test]
async fn a_workbook_is_read_by_its_content_with_its_dates_and_parts_of_days() {
    use Written::{Date, Nothing, Number, Text, Time};
    let world = site().await;
    let head = ["日期", "岗位", "开始", "结束", "人员", "顺序"].map(Text);
    let sheet = workbook(&[
        head.to_vec(),
        vec![Date(46_287.0), Text("security"), Time(1.0 / 3.0), Time(20.0 / 24.0), Number(1.0)],
        vec![],
        // Unmarked, a date is a count of days and a time a part of one.
        vec![
            Number(46_287.0),
            Text("保安"),
            Number(20.0 / 24.0),
            Text("8:00"),
            Text("李强"),
            Nothing,
        ],
    ]);
    assert_eq!(counts(&import(&world, &sheet).await), (2, 0, 0));
    let read: Vec<_> = roster(&world).await.into_iter().map(|one| (one.1, one.4, one.5)).collect();
    let row = |from: &str, to: &str| ("2026-09-22".to_owned(), from.to_owned(), to.to_owned());
    assert_eq!(read, [row("22 08:00", "22 20:00"), row("22 20:00", "23 08:00")]);
    let bad = workbook(&[head.to_vec(), vec![Date(46_287.0), Text("x"), Time(0.5), Number(8.0)]]);
    assert_eq!(
        problems(&import(&world, &bad).await),
        [(2, "duty", "unknown_duty"), (2, "to", "bad_time"), (2, "person", "missing")]
    );
}

#[test]
fn a_workbook_that_would_unpack_beyond_its_bound_is_refused_before_it_is_unpacked() {
    let file =
        |file: &[u8]| super::line::read(file, chrono_tz::Tz::Asia__Shanghai).problems[0].code;
    let good = workbook(&[vec![Written::Text("date")]]);
    assert_eq!(file(&good), "column_missing");
    assert_eq!(file(&workbook::declaring(&good, 200 << 20)), "unpacked_too_large");
    assert_eq!(file(&workbook::declaring(&good, u32::MAX)), "not_a_sheet");
    assert_eq!(file(&good[..good.len() / 2]), "not_a_sheet");
}

#[test]
fn a_sheet_whose_only_cell_is_its_last_costs_no_table_of_all() {
    let far = workbook::with_far_cell();
    let read = super::line::read(&far, chrono_tz::Tz::Asia__Shanghai);
    assert_eq!(read.problems[0].code, "empty");
}
