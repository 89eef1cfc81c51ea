//! Swaps of shifts: proposed by those concerned or a supervisor, and nothing before another
//! supervisor approves (严禁私自调班). Every word on one is a row of the audit log.

use std::collections::BTreeSet;

use serde_json::json;
use sqlx::SqliteConnection;
use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::person::{Principal, Role};
use sync_core::model::roster::{Duty, Shift};
use sync_core::model::time::WallMs;
use sync_core::protocol::problem::ProblemCode;

use super::import::Staff;
use crate::people::{Act, audit, grant, reference_changed};
use crate::{Error, Result};

/// A swap as it is asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct NewSwap {
    /// The shift that changes hands.
    pub shift: i64,
    /// To whom.
    pub to: To,
    /// Why; at most 200 characters, checked by the caller.
    pub reason: String,
}

/// Who takes a shift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// Whoever has this other shift, which goes the other way.
    Shift(i64),
    /// This person, who gives none for it.
    Person(PersonId),
}

/// A swap as it stands.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Swap {
    /// The number.
    pub id: i64,
    /// Where.
    pub site: u32,
    /// The shift.
    pub shift: i64,
    /// Whose it was.
    pub from_person: u32,
    /// The other shift.
    pub with_shift: Option<i64>,
    /// Who takes it.
    pub to_person: u32,
    /// Why.
    pub reason: String,
    /// Who asked.
    pub proposed_by: u32,
    /// When.
    pub proposed_ms: WallMs,
    /// `proposed`, `approved`, `rejected`, `withdrawn`, `overtaken`.
    pub state: String,
    /// Who decided.
    pub decided_by: Option<u32>,
    /// When.
    pub decided_ms: Option<WallMs>,
    /// Why it was rejected.
    pub decision_reason: Option<String>,
}

/// What ends a swap that was proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The shifts change hands.
    Approve,
    /// They do not, with the reason.
    Reject(String),
    /// Who asked or is concerned takes it back.
    Withdraw,
}

impl Decision {
    fn state(&self) -> &'static str {
        match self {
            Self::Approve => "approved",
            Self::Reject(_) => "rejected",
            Self::Withdraw => "withdrawn",
        }
    }

    fn act(&self) -> &'static str {
        match self {
            Self::Approve => "swap_approved",
            Self::Reject(_) => "swap_rejected",
            Self::Withdraw => "swap_withdrawn",
        }
    }
}

/// Every reason for which a swap is refused.
pub const CODES: [&str; 9] = [
    "not_yours",
    "same_person",
    "shift_begun",
    "shift_gone",
    "person_disabled",
    "role_missing",
    "overlap",
    "not_another_supervisor",
    "closed",
];

fn refused(why: &'static str) -> Error {
    Error::problem(ProblemCode::SwapRefused).with("why", why)
}

/// A shift in force with its site.
struct Held {
    site: SiteId,
    shift: Shift,
}

/// Proposes a swap; nothing changes yet.
///
/// # Errors
/// `not_found` for a shift of no site of the caller's; `swap_refused` with `why` for anything else
/// that stands against it.
pub async fn propose(
    conn: &mut SqliteConnection,
    act: Act,
    asking: &Principal,
    new: &NewSwap,
) -> Result<i64> {
    let held = find(conn, new.shift).await?.filter(|held| is_at(asking, held.site, act.at_ms));
    let held = held.ok_or(Error::problem(ProblemCode::NotFound))?;
    let (other, to_person) = match new.to {
        To::Person(person) => (None, person),
        To::Shift(id) => {
            let other = find(conn, id).await?.filter(|other| other.site == held.site);
            let other = other.ok_or(Error::problem(ProblemCode::NotFound))?.shift;
            (Some(other), other.person)
        }
    };
    let concerned = [held.shift.person, to_person];
    let decides = supervises(asking, held.site, act.at_ms, &[]);
    if !concerned.contains(&asking.person) && !decides {
        return Err(refused("not_yours"));
    }
    check(conn, act.at_ms, &held, other.as_ref(), to_person).await?;
    let id: i64 = sqlx::query_scalar(
        "insert into shift_swap (site, shift, from_person, with_shift, to_person, reason,
           proposed_by, proposed_ms, state)
         values (?, ?, ?, ?, ?, ?, ?, ?, 'proposed') returning id",
    )
    .bind(held.site.0)
    .bind(held.shift.id)
    .bind(held.shift.person.0)
    .bind(other.map(|other| other.id))
    .bind(to_person.0)
    .bind(&new.reason)
    .bind(asking.person.0)
    .bind(act.at_ms)
    .fetch_one(&mut *conn)
    .await?;
    let detail = json!({
        "swap": id, "site": held.site, "shift": held.shift.id, "from_person": held.shift.person,
        "with_shift": other.map(|other| other.id), "to_person": to_person,
    });
    audit::append(conn, act, "swap_proposed", &detail).await?;
    Ok(id)
}

/// Ends a proposed swap. The same decision again changes nothing; another one is refused (R0.12).
///
/// # Errors
/// `not_found` for a swap of no site of the caller's; `swap_refused` with `why`.
pub async fn decide(
    conn: &mut SqliteConnection,
    act: Act,
    deciding: &Principal,
    id: i64,
    decision: &Decision,
) -> Result<Swap> {
    let swap = one(conn, id).await?;
    let swap = swap.filter(|swap| is_at(deciding, SiteId(swap.site), act.at_ms));
    let swap = swap.ok_or(Error::problem(ProblemCode::NotFound))?;
    let site = SiteId(swap.site);
    let concerned = [PersonId(swap.from_person), PersonId(swap.to_person)];
    let may = match decision {
        Decision::Withdraw => {
            concerned.contains(&deciding.person) || swap.proposed_by == deciding.person.0
        }
        _ => supervises(deciding, site, act.at_ms, &concerned),
    };
    if !may {
        let is_withdrawal = *decision == Decision::Withdraw;
        return Err(refused(if is_withdrawal { "not_yours" } else { "not_another_supervisor" }));
    }
    if swap.state == decision.state() {
        return Ok(swap);
    }
    if swap.state != "proposed" {
        return Err(refused("closed"));
    }
    if *decision == Decision::Approve {
        exchange(conn, act, &swap).await?;
    }
    let reason = match decision {
        Decision::Reject(reason) => Some(reason.as_str()),
        _ => None,
    };
    sqlx::query(
        "update shift_swap set state = ?, decided_by = ?, decided_ms = ?, decision_reason = ?
         where id = ?",
    )
    .bind(decision.state())
    .bind(deciding.person.0)
    .bind(act.at_ms)
    .bind(reason)
    .bind(id)
    .execute(&mut *conn)
    .await?;
    if *decision == Decision::Approve {
        for shift in [Some(swap.shift), swap.with_shift].into_iter().flatten() {
            overtake(conn, act, shift).await?;
        }
        reference_changed(conn).await?;
    }
    let detail = json!({
        "swap": id, "site": site, "shift": swap.shift, "from_person": swap.from_person,
        "with_shift": swap.with_shift, "to_person": swap.to_person,
    });
    audit::append(conn, act, decision.act(), &detail).await?;
    one(conn, id).await?.ok_or(Error::Broken("a swap is never deleted"))
}

/// A site's swaps, newest first; of one state, or all.
///
/// # Errors
/// If the database does not answer.
pub async fn list(
    conn: &mut SqliteConnection,
    site: SiteId,
    state: Option<&str>,
    limit: u32,
) -> Result<Vec<Swap>> {
    let rows = sqlx::query_as(
        "select id, site, shift, from_person, with_shift, to_person, reason, proposed_by,
           proposed_ms, state, decided_by, decided_ms, decision_reason
         from shift_swap where site = ? and (? is null or state = ?) order by id desc limit ?",
    )
    .bind(site.0)
    .bind(state)
    .bind(state)
    .bind(limit)
    .fetch_all(conn)
    .await?;
    Ok(rows)
}

/// Ends what is still proposed for a shift that is no longer what it was.
pub(super) async fn overtake(conn: &mut SqliteConnection, act: Act, shift: i64) -> Result<()> {
    let ended: Vec<i64> = sqlx::query_scalar(
        "update shift_swap set state = 'overtaken', decided_ms = ?
         where state = 'proposed' and (shift = ? or with_shift = ?) returning id",
    )
    .bind(act.at_ms)
    .bind(shift)
    .bind(shift)
    .fetch_all(&mut *conn)
    .await?;
    for swap in ended {
        audit::append(conn, act, "swap_overtaken", &json!({ "swap": swap, "shift": shift }))
            .await?;
    }
    Ok(())
}

async fn exchange(conn: &mut SqliteConnection, act: Act, swap: &Swap) -> Result<()> {
    let held = find(conn, swap.shift).await?.ok_or_else(|| refused("shift_gone"))?;
    let other = match swap.with_shift {
        Some(id) => Some(find(conn, id).await?.ok_or_else(|| refused("shift_gone"))?.shift),
        None => None,
    };
    let to_person = PersonId(swap.to_person);
    let same = held.shift.person.0 == swap.from_person
        && other.is_none_or(|other| other.person == to_person);
    if !same {
        return Err(refused("shift_gone"));
    }
    check(conn, act.at_ms, &held, other.as_ref(), to_person).await?;
    give(conn, held.shift.id, to_person).await?;
    if let Some(other) = other {
        give(conn, other.id, held.shift.person).await?;
    }
    Ok(())
}

async fn give(conn: &mut SqliteConnection, shift: i64, person: PersonId) -> Result<()> {
    sqlx::query("update shift set person = ? where id = ?")
        .bind(person.0)
        .bind(shift)
        .execute(conn)
        .await?;
    Ok(())
}

/// Whether both may have what they would have (R0.13).
async fn check(
    conn: &mut SqliteConnection,
    now_ms: WallMs,
    held: &Held,
    other: Option<&Shift>,
    to_person: PersonId,
) -> Result<()> {
    if held.shift.person == to_person {
        return Err(refused("same_person"));
    }
    let begun = |shift: &Shift| shift.from_ms <= now_ms;
    if begun(&held.shift) || other.is_some_and(begun) {
        return Err(refused("shift_begun"));
    }
    let staff = Staff::read(conn, held.site).await?;
    let taken = Shift { person: to_person, ..held.shift };
    let given = other.map(|other| Shift { person: held.shift.person, ..*other });
    let moved: BTreeSet<i64> = std::iter::once(&held.shift).chain(other).map(|s| s.id).collect();
    for after in std::iter::once(taken).chain(given) {
        if let Some(why) = staff.refuses(&after) {
            return Err(refused(why));
        }
        let meanwhile: Vec<i64> = sqlx::query_scalar(
            "select id from shift
             where person = ? and to_ms > ? and from_ms < ? and removed_ms is null",
        )
        .bind(after.person.0)
        .bind(after.from_ms)
        .bind(after.to_ms)
        .fetch_all(&mut *conn)
        .await?;
        if meanwhile.iter().any(|id| !moved.contains(id)) {
            return Err(refused("overlap"));
        }
    }
    Ok(())
}

async fn find(conn: &mut SqliteConnection, id: i64) -> Result<Option<Held>> {
    let row: Option<(u32, String, u32, i64, i64, u32)> = sqlx::query_as(
        "select site, duty, person, from_ms, to_ms, rank from shift
         where id = ? and removed_ms is null",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    let Some((site, duty, person, from_ms, to_ms, rank)) = row else { return Ok(None) };
    let duty = Duty::from_code(&duty).ok_or(Error::Broken("a duty that is none"))?;
    let shift = Shift { id, person: PersonId(person), duty, from_ms, to_ms, rank };
    Ok(Some(Held { site: SiteId(site), shift }))
}

async fn one(conn: &mut SqliteConnection, id: i64) -> Result<Option<Swap>> {
    let row = sqlx::query_as(
        "select id, site, shift, from_person, with_shift, to_person, reason, proposed_by,
           proposed_ms, state, decided_by, decided_ms, decision_reason
         from shift_swap where id = ?",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    Ok(row)
}

/// Whether a person has any role at a site.
fn is_at(principal: &Principal, site: SiteId, now_ms: WallMs) -> bool {
    principal.grants.iter().any(|one| one.site == site && grant::in_force(one, now_ms))
}

/// Whether a person may decide on a site's swaps: as a supervisor or manager who is none of those
/// concerned and stands in for none of them (R0.12).
pub fn supervises(
    principal: &Principal,
    site: SiteId,
    now_ms: WallMs,
    concerned: &[PersonId],
) -> bool {
    !concerned.contains(&principal.person)
        && principal.grants.iter().any(|one| {
            one.site == site
                && matches!(one.role, Role::Supervisor | Role::ProjectManager)
                && grant::in_force(one, now_ms)
                && one.on_behalf_of.is_none_or(|of| !concerned.contains(&of))
        })
}
