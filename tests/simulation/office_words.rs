//! The office's words on what was not accepted: accepted after all, discarded, dismissed. What was
//! said holds for every command of the case, whatever crashes meanwhile.

use fieldbook_server::Error;
use fieldbook_server::sync::{CaseDecision, CloseCase};
use sync_core::model::id::{DeviceId, PersonId, RecordId};

use super::Lives;
use super::acting::Saved;
use super::world::World;

/// What was said of a device's commands in a record.
#[derive(Debug, Clone, Copy)]
pub struct Word {
    record: Option<RecordId>,
    device: DeviceId,
    from: u64,
    to: u64,
    /// What.
    pub decision: CaseDecision,
}

impl Word {
    /// Whether it was said of this command.
    pub fn is_of(&self, saved: &Saved) -> bool {
        (self.record, self.device) == (Some(saved.record), saved.device)
            && (self.from..=self.to).contains(&saved.n)
    }
}

/// Cases of commands.
const KINDS: [&str; 4] = ["refused", "held", "backdated", "clone"];

/// Some words on open cases.
pub async fn say(world: &mut World, lives: &mut Lives, trace: &mut Vec<String>) {
    for _ in 0..world.dice.below(4) {
        let cases = world.machine.app().sync.desk_cases(0, 1_000, false).await.expect("reads");
        // Money stays open until its sum is right: its auditor looks at that.
        let cases: Vec<_> =
            cases.into_iter().filter(|case| KINDS.contains(&case.kind.as_str())).collect();
        if cases.is_empty() {
            return;
        }
        let case = &cases[world.dice.below(cases.len())];
        let decision = match world.dice.below(3) {
            0 => CaseDecision::AcceptAfterAll,
            1 => CaseDecision::Discard,
            _ => CaseDecision::Dismiss,
        };
        let reason = "看过了".to_owned();
        let close = CloseCase { case: case.case, person: PersonId(15), decision, reason };
        let said = world.machine.app().sync.close_case(close).await;
        trace.push(format!("{case:?} {decision:?} {said:?}"));
        let is_said = match said {
            Ok(()) => true,
            Err(Error::Problem { .. }) => false,
            Err(error) => {
                assert!(world.machine.hooks.is_down(), "by a hook only: {error:?}");
                world.machine.restart().await;
                let case = world.machine.app().sync.desk_case(case.case).await.expect("reads");
                case.expect("is there").closed_ms.is_some()
            }
        };
        if is_said {
            lives.words += 1;
            lives.accepted_after_all += u64::from(decision == CaseDecision::AcceptAfterAll);
            let (record, device, from, to) = (case.record, case.device, case.from, case.to);
            if decision != CaseDecision::Dismiss {
                world.words.push(Word { record, device, from, to, decision });
            }
        }
    }
}
