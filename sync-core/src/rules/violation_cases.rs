//! Cases of violations: two who decided, what turned out to be serious, and what was closed too
//! early.

use super::cases::Case;
use super::kind::FoldInput;
use super::violation::{DECISIONS_MAX, Decision, Violation};
use crate::model::fact::Fact;
use crate::model::id::FactKey;
use crate::model::payload::{GeneralFact, Payload};
use crate::model::violation::{Assessment, Measure, OfDecision, Severity, ViolationFact};

/// Everything that contradicts, none of it decided here (R5.14).
pub(super) fn cases(violation: &Violation, input: &FoldInput<'_>) -> Vec<Case> {
    let decisions = &violation.decisions;
    let mut found = beyond_authority(violation, input);
    for (index, first) in decisions.iter().enumerate() {
        // Two people decided and neither knew of the other.
        for second in &decisions[index + 1..] {
            let apart = !input.causality.is_before(first.key, second.key);
            if apart && first.measure != second.measure && found.len() < DECISIONS_MAX {
                found.push(input.case("decisions_disagree", [first.key, second.key]));
            }
        }
        // Allowed when it was taken; since then it has turned out to be serious.
        let mild = matches!(first.measure, Measure::Dissuade);
        if mild && violation.severity == Some(Severity::Serious) {
            found.push(input.case("decision_too_mild", [first.key]));
        }
        if violation.closed_at_ms.is_some()
            && first.signed_at_ms.is_some()
            && first.executed.is_none()
        {
            found.push(input.case("closed_before_executed", [first.key]));
        }
    }
    found
}

/// A decision that its writer took as one on a general violation, while somebody had assessed it as
/// serious beside them: what only the manager decides (四 3.3.2a). It stands, and the case is over
/// when the manager signs it knowing that (四 3.3.6).
fn beyond_authority(violation: &Violation, input: &FoldInput<'_>) -> Vec<Case> {
    if violation.severity != Some(Severity::Serious) {
        return Vec::new();
    }
    let assessments: Vec<(FactKey, bool)> = input.facts().filter_map(assessed).collect();
    let is_before = |earlier, later| input.causality.is_before(earlier, later);
    let unknown = |decision: &Decision| -> Option<Vec<FactKey>> {
        if matches!(decision.measure, Measure::Compensate { .. } | Measure::LegalAction { .. }) {
            return None;
        }
        let known: Vec<FactKey> = assessments
            .iter()
            .map(|(key, _)| *key)
            .filter(|key| is_before(*key, decision.key))
            .collect();
        let known = input.latest(&known);
        let serious = assessments.iter().filter(|(_, serious)| *serious).map(|(key, _)| *key);
        if serious.clone().any(|key| known.contains(&key)) {
            return None;
        }
        let beside: Vec<FactKey> = serious
            .filter(|key| !is_before(*key, decision.key) && !is_before(decision.key, *key))
            .collect();
        let signed = input.facts().any(|fact| {
            let of = |of: &OfDecision| of.decision == decision.key;
            matches!(&fact.payload, Payload::Violation(ViolationFact::ViolationSigned(o)) if of(o))
                && beside.iter().any(|key| is_before(*key, fact.key))
        });
        (!beside.is_empty() && !signed).then_some(beside)
    };
    let cases = violation.decisions.iter().filter_map(|decision| {
        let keys = unknown(decision)?.into_iter().chain([decision.key]);
        Some(input.case("decided_beyond_authority", keys))
    });
    cases.collect()
}

/// An assessment, and whether it makes the violation serious.
fn assessed(fact: &Fact) -> Option<(FactKey, bool)> {
    let value = match &fact.payload {
        Payload::General(GeneralFact::Set(set)) if set.field == "assessment" => &set.value,
        Payload::General(GeneralFact::Resolve(to)) if to.field == "assessment" => &to.value,
        _ => return None,
    };
    let assessment: Assessment = serde_json::from_value(value.clone()).ok()?;
    Some((fact.key, assessment.severity() == Severity::Serious))
}
