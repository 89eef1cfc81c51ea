//! Phones that run a copy of another's store, or an earlier one of their own: both works are kept
//! and stand apart, the office has a case, and the phone is told to enrol anew.

use sqlx::SqliteConnection;
use sync_core::model::time::WallMs;
use sync_core::protocol::message::{SessionRegistration, SyncRequest};
use sync_core::rules::earlier_copy::{Says, is_earlier_copy};

use super::load::number;
use super::standing::Standing;
use super::writer::Job;
use super::{Bearer, Sync, sessions};
use crate::Result;

/// What shows that a phone runs a copy, on its way to the writer.
#[derive(Debug, Clone, Copy)]
pub struct Copied {
    who: Bearer,
    why: &'static str,
    /// The numbers that the copy lacks.
    from: u64,
    to: u64,
    now_ms: WallMs,
}

impl Sync {
    /// Notices that a request is of a copy, before anything of it is looked at; once told, a phone
    /// stays told.
    pub(super) async fn notice_copy(
        &self,
        who: Bearer,
        request: &SyncRequest,
        standing: &Standing,
        now_ms: WallMs,
    ) -> Result<bool> {
        if standing.re_enrol {
            return Ok(true);
        }
        let says = Says {
            highest_number: request.state.highest_number,
            boot: request.clock.boot,
            monotonic_ms: request.clock.monotonic_ms,
            anchor: standing.anchor,
        };
        let earlier = standing.told.filter(|told| is_earlier_copy(told, &says));
        let copied = |why, from, to| Copied { who, why, from, to, now_ms };
        let copied = if let Some(told) = earlier {
            copied("earlier_copy", says.highest_number.saturating_add(1), told.highest_number)
        } else if self.registers_twice(who, &request.sessions).await? {
            copied("session_used_twice", says.highest_number, says.highest_number)
        } else {
            return Ok(false);
        };
        self.ask(|reply| Job::Copied(Box::new(copied), reply)).await?;
        Ok(true)
    }

    /// Whether a session of this device that is known is registered with other content: two
    /// openings made the same eight bytes.
    async fn registers_twice(
        &self,
        who: Bearer,
        registrations: &[SessionRegistration],
    ) -> Result<bool> {
        if registrations.is_empty() {
            return Ok(false);
        }
        let mut conn = self.shared.database.reader().acquire().await?;
        let asked = registrations.iter().map(|registration| registration.session).collect();
        let known = self.shared.sessions.of(&asked, &mut conn).await?;
        let differs = |told: &&SessionRegistration| {
            known.get(&told.session).is_some_and(|row| {
                (row.person, row.device) == (who.person, who.device)
                    && (row.boot, row.opened_wall_ms, row.opened_monotonic_ms)
                        != (told.boot, told.opened_wall_ms, told.opened_monotonic_ms)
            })
        };
        let differing: Vec<_> = registrations.iter().filter(differs).cloned().collect();
        if differing.is_empty() {
            return Ok(false);
        }
        let key = sessions::device_key(&mut conn, who.person, who.device).await?;
        let signed = sessions::verified(who.person, who.device, key.as_ref(), &differing);
        Ok(!signed.is_empty())
    }
}

/// Opens the case, unless one is open, and lets the phone be told from now on.
///
/// # Errors
/// If the database does not answer.
pub async fn write(conn: &mut SqliteConnection, copied: &Copied) -> Result<()> {
    let Copied { who, why, from, to, now_ms } = copied;
    sqlx::query(
        "insert into desk_case (kind, person, device, from_number, to_number, code, opened_ms)
         select 'clone', ?1, ?2, ?3, ?4, ?5, ?6 where not exists (
           select 1 from desk_case where device = ?2 and kind = 'clone' and record is null
             and code = ?5 and closed_ms is null)",
    )
    .bind(who.person.0)
    .bind(who.device.0)
    .bind(number(*from))
    .bind(number(*to))
    .bind(why)
    .bind(now_ms)
    .execute(&mut *conn)
    .await?;
    sqlx::query(
        "insert into phone (device, re_enrol) values (?, true)
         on conflict (device) do update set re_enrol = true",
    )
    .bind(who.device.0)
    .execute(conn)
    .await?;
    Ok(())
}
