//! The duty roster: who is on which duty from when to when. Server-owned rows that phones hold a
//! copy of; no record, and nothing here says who may change them.

use serde::{Deserialize, Serialize};

use super::id::PersonId;
use super::person::Role;
use super::time::WallMs;

/// What a shift is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Takes alarms and walks to them (保安).
    Security,
    /// Runs the site at night (夜间运行值班).
    DutyOperator,
    /// Walks the rounds (巡查).
    Patrol,
    /// Sits at the desk (前台).
    Desk,
    /// Repairs (工程).
    Engineering,
}

impl Duty {
    /// Every duty.
    pub const ALL: [Self; 5] =
        [Self::Security, Self::DutyOperator, Self::Patrol, Self::Desk, Self::Engineering];

    /// The code in JSON, SQL, sheets and texts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Security => "security",
            Self::DutyOperator => "duty_operator",
            Self::Patrol => "patrol",
            Self::Desk => "desk",
            Self::Engineering => "engineering",
        }
    }

    /// Reads [`Self::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|duty| duty.code() == code)
    }

    /// The roles of which a person needs one for this duty.
    pub fn roles(self) -> &'static [Role] {
        match self {
            Self::Security => &[Role::Security],
            Self::DutyOperator => &[Role::DutyOperator],
            Self::Patrol => &[Role::PatrolOfficer],
            Self::Desk => &[Role::FrontDesk, Role::Assistant, Role::DutyOperator],
            Self::Engineering => &[Role::Technician, Role::EngineeringLead],
        }
    }
}

/// One person's duty for one stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shift {
    /// Numbered by the installation.
    pub id: i64,
    /// Who.
    pub person: PersonId,
    /// What for.
    pub duty: Duty,
    /// From when, server time.
    pub from_ms: WallMs,
    /// Until when, exclusive.
    pub to_ms: WallMs,
    /// The order in which those on the same duty are called; 1 is called first.
    pub rank: u32,
}

impl Shift {
    /// Whether it is on at a moment.
    pub fn is_on(&self, at_ms: WallMs) -> bool {
        self.from_ms <= at_ms && at_ms < self.to_ms
    }

    /// Whether some moment belongs to both; shifts that only touch do not overlap.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.from_ms < other.to_ms && other.from_ms < self.to_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duty_is_written_as_its_code() {
        for duty in Duty::ALL {
            assert_eq!(serde_json::to_value(duty).expect("writes"), duty.code());
            assert_eq!(Duty::from_code(duty.code()), Some(duty));
        }
        assert_eq!(Duty::from_code("gate"), None);
    }

    #[test]
    fn a_shift_ends_before_its_last_moment_and_touching_ones_do_not_overlap() {
        let shift = |from_ms, to_ms| Shift {
            id: 1,
            person: PersonId(1),
            duty: Duty::Desk,
            from_ms,
            to_ms,
            rank: 1,
        };
        let early = shift(10, 20);
        assert_eq!([9, 10, 19, 20].map(|at| early.is_on(at)), [false, true, true, false]);
        assert!(!early.overlaps(&shift(20, 30)) && !shift(20, 30).overlaps(&early));
        assert!(early.overlaps(&shift(19, 30)) && early.overlaps(&shift(0, 40)));
    }
}
