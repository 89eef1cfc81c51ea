//! People at an office's desks, for the tests of jobs.

use serde_json::Value;
use sqlx::SqliteConnection;
use sync_core::model::id::{PersonId, RecordId, SiteId};
use sync_core::model::person::Role;
use sync_core::rules::Command;

use crate::people::grant::NewGrant;
use crate::people::office::OfficeSession;
use crate::people::{Act, directory, grant, office};
use crate::sync::OfficeWrite;
use crate::testing::{START_MS, Seeded, World};

const ACT: Act = Act { at_ms: START_MS, by: None };

/// Adds people with one role each at a site, numbered from 1, each signed in.
pub(super) async fn seated(
    conn: &mut SqliteConnection,
    site: SiteId,
    people: &[(&str, Role)],
) -> Vec<OfficeSession> {
    let mut seats = Vec::new();
    for (name, role) in people {
        let person = directory::add(conn, ACT, name, None).await.expect("added");
        let (role, from_ms) = (*role, 0);
        let new = NewGrant { person, role, site, from_ms, to_ms: None, on_behalf_of: None };
        grant::grant(conn, ACT, &new).await.expect("granted");
        let randomness = Seeded::new(u64::from(person.0) + 100);
        let seat = office::open(conn, START_MS, person, &randomness).await;
        seats.push(seat.expect("opened").0);
    }
    seats
}

/// One of them performs a command; answers the record.
pub(super) async fn performs(
    (world, seats): (&World, &[OfficeSession]),
    person: u32,
    record: Option<RecordId>,
    command: Value,
) -> RecordId {
    let command: Command = serde_json::from_value(command).expect("a command");
    let seat = &seats[usize::try_from(person).expect("small") - 1];
    let (device, session) = (seat.device, seat.session);
    let write = OfficeWrite { person: PersonId(person), device, session, record, command };
    world.app.sync.office(write).await.expect("written").record
}
