//! Large sheets: written in pieces, between which others write; what was cut is finished by the
//! same sheet.

use std::fmt::Write as _;

use futures_util::future::{Either, select};
use serde_json::json;
use sync_core::rules::Command;

use super::super::office::{Office, run};
use super::super::rows::PIECE_MAX;
use super::*;
use crate::people::office;
use crate::people::office::OfficeSession;
use crate::sync::OfficeWrite;
use crate::testing::Seeded;

struct Desk {
    world: World,
    seat: OfficeSession,
}

impl Desk {
    async fn new() -> Self {
        let world = super::world().await;
        let person = person(&world, "陈静", None, (Role::FrontDesk, SITE)).await;
        let mut conn = world.write().await;
        place::add_unit(&mut conn, ACT, SITE, "3-2-1501", "3").await.expect("added");
        let seat = office::open(&mut conn, START_MS, person, &Seeded::new(7)).await;
        let seat = seat.expect("opened").0;
        conn.commit().await.expect("commits");
        Self { world, seat }
    }

    async fn import(&self, contacts: std::ops::Range<usize>) -> Outcome {
        let mut sheet = "unit,name\n".to_owned();
        for number in contacts {
            writeln!(sheet, "3-2-1501,示例{number}").expect("a text");
        }
        let app = &self.world.app;
        let office = Office {
            db: &app.db,
            sync: &app.sync,
            randomness: app.randomness.as_ref(),
            person: self.seat.person,
            device: self.seat.device,
            session: self.seat.session,
        };
        let mut conn = app.db.reader().acquire().await.expect("a connection");
        let act = Act { at_ms: app.now_ms(), by: Some(self.seat.person) };
        let scope = Scope::of(&mut conn, SITE, act).await.expect("a site");
        drop(conn);
        let rows = read(sheet.as_bytes(), Table::Contacts.columns());
        run(&office, (Table::Contacts, &scope), &rows, false, None).await.expect("imports")
    }

    async fn write(&self, command: serde_json::Value) {
        let command: Command = serde_json::from_value(command).expect("a command");
        let write = OfficeWrite {
            person: self.seat.person,
            device: self.seat.device,
            session: self.seat.session,
            record: None,
            command,
        };
        self.world.app.sync.office(write).await.expect("written");
    }

    /// Kinds of the records in the order in which they were written.
    async fn kinds(&self) -> Vec<String> {
        sqlx::query_scalar(
            "select r.kind from change c join record r on r.record = c.record order by c.id",
        )
        .fetch_all(self.world.app.db.reader())
        .await
        .expect("reads")
    }
}

#[tokio::test]
async fn other_writers_wait_for_one_piece_of_five_thousand_contacts_at_most() {
    let desk = Desk::new().await;
    let mut import = Box::pin(desk.import(0..5_000));
    let mut orders = 0;
    // One order after the other, as long as the import goes on.
    let outcome = loop {
        let order = desk.write(json!({
            "command": "create_work_order", "site": 7, "category": "household",
            "unit": "3-2-1501", "description": "厨房水管漏水", "priority": "urgent",
        }));
        match select(import, Box::pin(order)).await {
            Either::Left((outcome, order)) => {
                order.await;
                break outcome;
            }
            Either::Right(((), rest)) => import = rest,
        }
        orders += 1;
    };
    assert_eq!(super::counts(&outcome), (5_000, 0, 0, 0));
    let kinds = desk.kinds().await;
    let pieces = kinds.split(|kind| kind == "work_order").map(<[String]>::len);
    let longest = pieces.max().unwrap_or_default();
    assert!(longest <= 500, "an order waited for {longest} contacts");
    assert!(orders >= 5_000 / PIECE_MAX - 1, "{orders} orders");
    let parts: i64 = sqlx::query_scalar("select count(*) from audit where act = 'sheet_imported'")
        .fetch_one(desk.world.app.db.reader())
        .await
        .expect("reads");
    assert_eq!(parts, 10);
}

#[tokio::test]
async fn what_was_cut_between_two_pieces_is_finished_by_the_same_sheet_and_nothing_is_there_twice()
{
    let desk = Desk::new().await;
    // As far as a server came that stopped after its first piece.
    desk.import(0..PIECE_MAX).await;
    let outcome = desk.import(0..PIECE_MAX + 20).await;
    assert_eq!(super::counts(&outcome), (20, 0, 0, PIECE_MAX));
    assert_eq!(super::counts(&desk.import(0..PIECE_MAX + 20).await), (0, 0, 0, PIECE_MAX + 20));
}
