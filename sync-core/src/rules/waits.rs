//! The waits of a visit, measured by the monotonic clock: at the door, at work, in pauses (入户 1).
//! What was stated afterwards or for somebody else (补录) is in no measure.

use super::time::elapsed_ms;
use super::visit::{Deviation, Step, Wait, deviation, timed};
use crate::model::fact::Fact;
use crate::model::policy::SlaPolicy;
use crate::model::session::SessionRows;
use crate::model::work_order::WorkOrderFact;

/// Bell, knocks and the wait at the door (入户 1, R4.34).
pub(super) fn door(
    steps: &[Step<'_>],
    policy: &SlaPolicy,
    sessions: &SessionRows,
) -> (Vec<Wait>, Vec<Deviation>) {
    use WorkOrderFact as F;
    let of = |wanted: fn(&F) -> bool| -> Vec<&Fact> {
        steps.iter().filter(|step| wanted(step.content)).map(|step| step.fact).collect()
    };
    let rings = of(|content| matches!(content, F::Ring(_)));
    let knocks = of(|content| matches!(content, F::Knock(_)));
    let mut waits = Vec::new();
    let mut deviations = Vec::new();
    let mut pause = |name: &str, code: &str, from: &Fact, to: &Fact, limit_ms: i64| {
        let ms = elapsed_ms(from, to, sessions);
        waits.push(Wait { name: name.to_owned(), from: from.key, to: to.key, ms });
        if let Some(ms) = ms
            && ms < limit_ms
        {
            deviations.push(timed(code, &[from.key, to.key], ms, limit_ms));
        }
    };
    if let [first, second, ..] = rings[..] {
        // R4.6
        pause("ring_pause", "ring_too_soon", first, second, policy.ring_pause_ms);
    }
    if let [_, second, third, ..] = knocks[..] {
        // R4.7
        pause("knock_pause", "knock_too_soon", second, third, policy.knock_pause_ms);
    }
    if let Some(no_answer) = of(|content| matches!(content, F::NoAnswer(_))).first() {
        let last = steps
            .iter()
            .take_while(|step| step.fact.key != no_answer.key)
            .filter(|step| matches!(step.content, F::Ring(_) | F::Knock(_)))
            .last();
        match last {
            Some(last) => {
                let limit_ms = policy.no_answer_wait_ms;
                // R4.9
                pause("no_answer_wait", "left_early", last.fact, no_answer, limit_ms);
            }
            None => deviations.push(deviation("rang_too_few", &[no_answer.key])),
        }
        if !rings.is_empty() && rings.len() < 2 && knocks.is_empty() {
            deviations.push(deviation("rang_too_few", &[no_answer.key]));
        }
        if rings.is_empty() && !knocks.is_empty() && knocks.len() < 3 {
            // R4.8
            deviations.push(deviation("knocked_too_few", &[no_answer.key]));
        }
    }
    (waits, deviations)
}

// R4.17
pub(super) fn work_waits(steps: &[Step<'_>], sessions: &SessionRows) -> Vec<Wait> {
    use WorkOrderFact as F;
    let mut waits = Vec::new();
    let (mut started, mut paused): (Option<&Fact>, Option<&Fact>) = (None, None);
    for step in steps {
        match step.content {
            F::StartWork(_) => started = started.or(Some(step.fact)),
            F::Paused(_) => paused = Some(step.fact),
            F::Resumed(_) => {
                if let Some(from) = paused.take() {
                    let ms = elapsed_ms(from, step.fact, sessions);
                    waits.push(Wait {
                        name: "pause".into(),
                        from: from.key,
                        to: step.fact.key,
                        ms,
                    });
                }
            }
            F::FinishWork(_) | F::UnableToFinish(_) | F::LeftMidway(_) => {
                if let Some(from) = started.take() {
                    let ms = elapsed_ms(from, step.fact, sessions);
                    waits.push(Wait { name: "work".into(), from: from.key, to: step.fact.key, ms });
                }
            }
            _ => {}
        }
    }
    waits
}
