//! An alarm is told to whoever is on duty, and to the next one while nobody acknowledges it. Does
//! not decide the order: `sync_core::rules::roster` does.

use std::collections::BTreeSet;

use sync_core::model::alarm::{AlarmFact, AlarmKind, AlarmWithdrawn, Alerted};
use sync_core::model::id::{FactKey, RecordId, SiteId};
use sync_core::model::payload::Payload;
use sync_core::model::time::WallMs;
use sync_core::rules::Review;
use sync_core::rules::roster::next_to_alert;

use super::{BATCH, Ran, record};
use crate::people::place;
use crate::people::roster::{OnCall, on_call};
use crate::sync::{Derived, Follows};
use crate::{App, Result};

/// Tells of every alarm that is due.
pub(super) async fn run(app: &App, now_ms: WallMs, ran: &mut Ran) -> Result<()> {
    // One that nobody was told of is due whatever its phone's clock says: it is here.
    let due: Vec<(Vec<u8>, u32)> = sqlx::query_as(
        "select record, site from alarm
         where status_until_ms <= ? or status_until_ms = created_at_ms
         order by status_until_ms, record limit ?",
    )
    .bind(now_ms)
    .bind(BATCH)
    .fetch_all(app.db.reader())
    .await?;
    for (alarm, site) in due {
        let outcome = tell(app, record(alarm)?, SiteId(site), now_ms).await;
        ran.add(outcome, "alert");
    }
    Ok(())
}

/// When the next alarm is due.
pub(super) async fn next_ms(app: &App) -> Result<Option<WallMs>> {
    let next = sqlx::query_scalar("select min(status_until_ms) from alarm")
        .fetch_one(app.db.reader())
        .await?;
    Ok(next)
}

async fn tell(app: &App, alarm: RecordId, site: SiteId, now_ms: WallMs) -> Result<bool> {
    let started = started_in_time(app, alarm).await?;
    let mut conn = app.db.reader().acquire().await?;
    let acknowledge_ms = place::policy(&mut conn, site).await?.alarm_acknowledge_ms.max(1);
    let on_call = on_call(&mut conn, site, (now_ms - acknowledge_ms, now_ms)).await?;
    // Its first change came when the server learned of it.
    let arrived_ms: Option<WallMs> =
        sqlx::query_scalar("select min(received_ms) from change where record = ?")
            .bind(alarm.0.to_vec())
            .fetch_one(&mut *conn)
            .await?;
    drop(conn);
    let telling = Telling { on_call, acknowledge_ms, arrived_ms, now_ms };
    let follows: Follows = Box::new(move |review| {
        let fact = review.and_then(|review| match started {
            Some(shown_by) => withdrawal(review, shown_by),
            None => telling.next(review),
        });
        fact.into_iter().collect()
    });
    app.sync.derive(alarm, follows).await
}

/// What is known when an alarm is due.
struct Telling {
    on_call: OnCall,
    acknowledge_ms: i64,
    arrived_ms: Option<WallMs>,
    now_ms: WallMs,
}

impl Telling {
    /// The next fact of an alarm that waits: somebody is told, or nobody is left.
    fn next(&self, review: &Review) -> Option<Derived> {
        let alarm = review.alarm.as_ref()?;
        let due_ms = alarm.next_alert_ms?;
        // The minutes of whoever is told first run from when the server learned of the alarm,
        // however long the phone was without a signal and however wrong its clock is.
        let is_first = alarm.alerted.is_empty() && alarm.raised_by.is_some();
        let arrived_ms = self.arrived_ms.filter(|_| is_first);
        let at_ms = self.moment(arrived_ms.unwrap_or(due_ms))?;
        let already: BTreeSet<_> = alarm.alerted.iter().map(|alerted| alerted.person).collect();
        let OnCall { shifts, grants } = &self.on_call;
        let rank = u32::try_from(alarm.alerted.len()).ok()?;
        let (rule, cause, fact) = match next_to_alert(shifts, grants, &already, at_ms) {
            Some(person) => {
                ("alert", rank.to_string(), AlarmFact::Alerted(Alerted { person, rank }))
            }
            // R0.18
            None => ("nobody_left", String::new(), AlarmFact::NobodyLeft),
        };
        let after = alarm.alerted.last().map(|alerted| alerted.key).or_else(|| opening(review));
        let after = after.into_iter().collect();
        Some(Derived { rule, cause, at_ms, payload: Payload::Alarm(fact), after })
    }

    /// The deadline that has just passed: the first one plus whole waits. After downtime that is
    /// not the first one, or whoever is told now would have had their minutes long ago, and the
    /// whole list would be told at once (R0.17).
    fn moment(&self, first_ms: WallMs) -> Option<WallMs> {
        let late_ms = self.now_ms.checked_sub(first_ms).filter(|late_ms| *late_ms >= 0)?;
        Some(first_ms + late_ms / self.acknowledge_ms * self.acknowledge_ms)
    }
}

/// The fact that opened an alarm; the first by key where several did.
fn opening(review: &Review) -> Option<FactKey> {
    let opened = review.timeline.iter().filter(|entry| entry.fact_type == "created");
    opened.map(|entry| entry.key).min()
}

fn withdrawal(review: &Review, shown_by: FactKey) -> Option<Derived> {
    review.alarm.as_ref().filter(|alarm| alarm.is_waiting())?;
    Some(Derived {
        rule: "alarm_withdrawn",
        cause: shown_by.to_string(),
        at_ms: review.alarm.as_ref()?.raised_at_ms,
        payload: Payload::Alarm(AlarmFact::AlarmWithdrawn(AlarmWithdrawn { shown_by })),
        after: opening(review).into_iter().collect(),
    })
}

/// For an alarm that a round has not begun: the fact that shows that it had, when it is known by
/// now. A round that began late is no reason (R7.22).
async fn started_in_time(app: &App, alarm: RecordId) -> Result<Option<FactKey>> {
    let Some((_, _, review)) = app.sync.read(alarm).await? else { return Ok(None) };
    let not_started = serde_json::to_value(AlarmKind::RoundNotStarted).unwrap_or_default();
    let is_of_round = review.fields.get("alarm").is_some_and(|field| field.value == not_started);
    let round = review.text("round").and_then(|round| round.parse::<RecordId>().ok());
    let (true, Some(round), Some(raised)) = (is_of_round, round, &review.alarm) else {
        return Ok(None);
    };
    let Some((_, _, walked)) = app.sync.read(round).await? else { return Ok(None) };
    let Some(walked) = walked.round else { return Ok(None) };
    let in_time = walked.started_at_ms.is_some_and(|at_ms| at_ms < raised.raised_at_ms);
    Ok(walked.started_by.filter(|_| in_time))
}
