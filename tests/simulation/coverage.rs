//! What the runs came to, kind by kind: commands and what followed from them by itself.

use std::collections::BTreeMap;
use std::fmt;

use super::workload::KINDS;

/// Counts of one kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records opened, by people or by a rule.
    pub opened: u64,
    /// Commands that returned on a phone or in the office.
    pub written: u64,
    /// Of them, in the accepted records.
    pub accepted: u64,
    /// Of them, refused by the server.
    pub refused: u64,
    /// Denied before anything was written.
    pub denied: u64,
    /// Facts that the server wrote by a rule, by their types.
    pub derived: BTreeMap<String, u64>,
    /// Facts that people wrote and the server accepted, by their types.
    pub facts: BTreeMap<String, u64>,
}

/// Counts of every kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<String, Counts>);

impl Coverage {
    /// The counts of a kind.
    pub fn of(&mut self, kind: &str) -> &mut Counts {
        self.0.entry(kind.to_owned()).or_default()
    }

    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        for (kind, counts) in &other.0 {
            let own = self.of(kind);
            own.opened += counts.opened;
            own.written += counts.written;
            own.accepted += counts.accepted;
            own.refused += counts.refused;
            own.denied += counts.denied;
            for (name, count) in &counts.derived {
                *own.derived.entry(name.clone()).or_default() += count;
            }
            for (name, count) in &counts.facts {
                *own.facts.entry(name.clone()).or_default() += count;
            }
        }
    }

    /// Commands that returned, were accepted and were refused.
    pub fn sums(&self) -> (u64, u64, u64) {
        let sum = |of: fn(&Counts) -> u64| self.0.values().map(of).sum();
        (sum(|one| one.written), sum(|one| one.accepted), sum(|one| one.refused))
    }

    /// Kinds of which nothing was opened, written or accepted: what no run looks at.
    pub fn gaps(&self) -> Vec<String> {
        let empty = Counts::default();
        let mut gaps = Vec::new();
        for kind in KINDS {
            let counts = self.0.get(kind).unwrap_or(&empty);
            let all = [
                ("opened", counts.opened),
                ("written", counts.written),
                ("accepted", counts.accepted),
            ];
            let none = all.iter().filter(|(_, count)| *count == 0);
            gaps.extend(none.map(|(what, _)| format!("{kind} {what}")));
        }
        gaps
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:14} {:>7} {:>7} {:>8} {:>7} {:>7}  by a rule",
            "kind", "opened", "written", "accepted", "refused", "denied"
        )?;
        for (kind, one) in &self.0 {
            let derived: Vec<String> =
                one.derived.iter().map(|(name, count)| format!("{name} {count}")).collect();
            writeln!(
                f,
                "{kind:14} {:>7} {:>7} {:>8} {:>7} {:>7}  {}",
                one.opened,
                one.written,
                one.accepted,
                one.refused,
                one.denied,
                derived.join(", ")
            )?;
        }
        for (kind, one) in &self.0 {
            let facts: Vec<String> =
                one.facts.iter().map(|(name, count)| format!("{name} {count}")).collect();
            writeln!(f, "{kind}: {}", facts.join(", "))?;
        }
        Ok(())
    }
}

#[test]
fn a_kind_that_nobody_opened_is_a_gap() {
    let mut coverage = Coverage::default();
    for kind in KINDS {
        *coverage.of(kind) = Counts { opened: 1, written: 1, accepted: 1, ..Counts::default() };
    }
    assert_eq!(coverage.gaps(), Vec::<String>::new());
    coverage.of("alarm").accepted = 0;
    assert_eq!(coverage.gaps(), ["alarm accepted"]);
}
