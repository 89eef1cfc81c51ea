//! The account of what people saved on their phones: which day a command is of, and what became of
//! numbers. Saved = accepted + held + refused + still on the phone, whatever part of them has come.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::site_time::{HORIZON_MS, SiteTime};
use crate::model::time::WallMs;

/// Numbers of commands of one device, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NumberRange {
    /// The first.
    pub from: u64,
    /// The last.
    pub to: u64,
}

impl NumberRange {
    /// How many they are.
    pub fn count(&self) -> u64 {
        if self.from > self.to { 0 } else { (self.to - self.from).saturating_add(1) }
    }
}

/// What became of a command that has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// It stands in its record.
    Accepted,
    /// It waits for a decision.
    Held,
    /// Nobody accepted it: parked and discarded ones too.
    Refused,
}

/// What became of everything that was saved: `saved = accepted + held + refused + on_phone`. R8.14.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Equation {
    /// Saved, as far as known.
    pub saved: u64,
    /// Accepted.
    pub accepted: u64,
    /// Stored, not decided.
    pub held: u64,
    /// Refused, parked or discarded.
    pub refused: u64,
    /// Still on the phone: told of, and not come.
    pub on_phone: u64,
}

impl Equation {
    /// Whether both sides are equal.
    pub fn closes(&self) -> bool {
        let parts = [self.accepted, self.held, self.refused, self.on_phone];
        self.saved == parts.into_iter().fold(0, u64::saturating_add)
    }

    /// The sum of two.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            saved: self.saved.saturating_add(other.saved),
            accepted: self.accepted.saturating_add(other.accepted),
            held: self.held.saturating_add(other.held),
            refused: self.refused.saturating_add(other.refused),
            on_phone: self.on_phone.saturating_add(other.on_phone),
        }
    }

    fn take(&mut self, became: Became, count: u64) {
        let part = match became {
            Became::Accepted => &mut self.accepted,
            Became::Held => &mut self.held,
            Became::Refused => &mut self.refused,
        };
        *part = part.saturating_add(count);
    }
}

/// An account with the numbers that never came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accounted {
    /// What became of them.
    pub equation: Equation,
    /// Numbers that have not come, in order: the first [`MISSING_MAX`] ranges.
    pub missing: Vec<NumberRange>,
    /// How many numbers stand in no range of `missing` though they have not come either.
    pub missing_left_out: u64,
}

/// Ranges of missing numbers of one account.
pub const MISSING_MAX: usize = 20;

/// Accounts for `saved` numbers by what was told of numbers. Both in order, and none twice. R8.14.
pub fn account(saved: &[NumberRange], told: &[(NumberRange, Became)]) -> Accounted {
    let mut accounted = Accounted::default();
    let mut first = 0;
    for range in saved.iter().filter(|range| range.count() > 0) {
        let equation = &mut accounted.equation;
        equation.saved = equation.saved.saturating_add(range.count());
        // What lies before this range lies before all that follow.
        first += told[first..].iter().take_while(|(told, _)| told.to < range.from).count();
        let here = told[first..].iter().take_while(|(told, _)| told.from <= range.to);
        for (come, became) in here.clone() {
            let part = NumberRange { from: come.from.max(range.from), to: come.to.min(range.to) };
            accounted.equation.take(*became, part.count());
        }
        for missing in missing(*range, here.map(|(told, _)| *told)) {
            accounted.miss(missing);
        }
    }
    accounted
}

/// The numbers of `all` that are in none of the ranges `come`, which are in order.
pub fn missing(all: NumberRange, come: impl Iterator<Item = NumberRange>) -> Vec<NumberRange> {
    let mut missing = Vec::new();
    let mut next = Some(all.from);
    for come in come.filter(|come| come.to >= all.from && come.from <= all.to) {
        if let Some(from) = next.filter(|next| *next < come.from) {
            missing.push(NumberRange { from, to: come.from - 1 });
        }
        next = come.to.checked_add(1);
    }
    if let Some(from) = next.filter(|next| *next <= all.to) {
        missing.push(NumberRange { from, to: all.to });
    }
    missing
}

impl Accounted {
    fn miss(&mut self, range: NumberRange) {
        self.equation.on_phone = self.equation.on_phone.saturating_add(range.count());
        let is_full = self.missing.len() >= MISSING_MAX;
        match self.missing.last_mut() {
            Some(last)
                if self.missing_left_out == 0 && last.to.checked_add(1) == Some(range.from) =>
            {
                last.to = range.to;
            }
            _ if !is_full => self.missing.push(range),
            _ => self.missing_left_out = self.missing_left_out.saturating_add(range.count()),
        }
    }
}

/// How the day of a command is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatedBy {
    /// It was written then, by server time.
    Written,
    /// It was received then; when it was written cannot be verified.
    Received,
    /// Its phone told of it then, and it has not come yet.
    Told,
}

impl DatedBy {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Written, Self::Received, Self::Told];

    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::Received => "received",
            Self::Told => "told",
        }
    }

    /// Reads [`Self::code`].
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.code() == code)
    }
}

/// How much later than its arrival a command may seem to be written: what a request takes, and what
/// clocks drift.
const EARLY_MS: i64 = 600_000;

/// The day of a command in the site's zone: that of its verified time `written_ms`, else the one
/// it was received on. A time after the arrival, or ten years before it, is none. R8.15.
pub fn command_day(
    site: &SiteTime<'_>,
    written_ms: Option<WallMs>,
    received_ms: WallMs,
) -> (NaiveDate, DatedBy) {
    let possible = received_ms.saturating_sub(HORIZON_MS)..=received_ms.saturating_add(EARLY_MS);
    let written_ms = written_ms.filter(|at_ms| possible.contains(at_ms));
    let written = written_ms.and_then(|at_ms| site.date(at_ms.min(received_ms)));
    match written {
        Some(day) => (day, DatedBy::Written),
        None => (site.date(received_ms).unwrap_or_default(), DatedBy::Received),
    }
}

/// How far a phone's work of a day is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// It told of its work after the day was over.
    Whole,
    /// It told last at this moment: what it saved since is unknown.
    Until(WallMs),
    /// It has never told of anything.
    Nothing,
}

impl Known {
    /// Of a phone that told last at `told_ms`, of a day that ends at `end_ms`, exclusive. R8.14.
    pub fn of(told_ms: Option<WallMs>, end_ms: WallMs) -> Self {
        match told_ms {
            Some(told_ms) if told_ms >= end_ms => Self::Whole,
            Some(told_ms) => Self::Until(told_ms),
            None => Self::Nothing,
        }
    }
}
