//! The demo's own words beside the department's, and how it prints them.

use std::io::Write;
use std::sync::LazyLock;

use chrono::DateTime;
use sync_core::rules::{DeadlineState, Review};
use sync_core::texts::{Catalogue, Language, code_text, id_of, source};

use super::stage::Stage;
use crate::Result;

static ZH_CN: LazyLock<Catalogue> = LazyLock::new(|| {
    let own = include_str!("../../texts/zh-CN/demo.ftl");
    Catalogue::new(Language::ZhCn, &[source(Language::ZhCn), own])
});
static EN: LazyLock<Catalogue> = LazyLock::new(|| {
    let own = include_str!("../../texts/en/demo.ftl");
    Catalogue::new(Language::En, &[source(Language::En), own])
});

/// The words of `id`.
pub(super) fn text(language: Language, id: &str, values: &[(&str, &str)]) -> String {
    match language {
        Language::ZhCn => ZH_CN.text(id, values),
        Language::En => EN.text(id, values),
    }
}

/// Values by their names, as texts.
pub(super) type Values<'a> = &'a [(&'a str, &'a str)];

impl Stage {
    /// The words of `id` in the demo's language.
    pub(super) fn text(&self, id: &str, values: Values<'_>) -> String {
        text(self.language, id, values)
    }

    /// Begins a scene.
    pub(super) fn scene(&self, out: &mut dyn Write, id: &str) -> Result<()> {
        writeln!(out, "\n== {}", self.text(id, &[]))?;
        Ok(())
    }

    /// A line of the story, at its time.
    pub(super) fn tell(&self, out: &mut dyn Write, id: &str, values: Values<'_>) -> Result<()> {
        writeln!(out, "{}  {}", clock(self.now_ms()), self.text(id, values))?;
        Ok(())
    }

    /// What the server holds of a record now: its status, its deadlines, its open cases.
    pub(super) fn holds(&self, out: &mut dyn Write, review: &Review) -> Result<()> {
        let status = code_text(self.language, "status", &review.status.code(), &[]);
        let kind = self.kind(&review.kind);
        let mut line = self.text("demo-stands", &[("kind", &kind), ("status", &status)]);
        for deadline in &review.deadlines {
            if deadline.state == DeadlineState::Running {
                continue;
            }
            let state = match deadline.state {
                DeadlineState::Met => "state_met",
                DeadlineState::Breached => "state_breached",
                DeadlineState::Paused => "state_paused",
                DeadlineState::Excused => "state_excused",
                DeadlineState::Running | DeadlineState::Unknown => "state_unknown",
            };
            let name = code_text(self.language, "deadline", &deadline.name, &[]);
            let state = code_text(self.language, "deadline", state, &[]);
            line += &self.text("demo-deadline", &[("deadline", &name), ("state", &state)]);
        }
        for case in review.open_cases() {
            let case = code_text(self.language, "case", &case.kind, &[]);
            line += &self.text("demo-case", &[("case", &case)]);
        }
        writeln!(out, "       = {line}")?;
        Ok(())
    }

    /// The name of a kind of record.
    pub(super) fn kind(&self, kind: &str) -> String {
        let (id, own) = (id_of("kind", kind), id_of("demo-kind", kind));
        let words = self.text(&own, &[]);
        if words == own { self.text(&id, &[]) } else { words }
    }
}

/// A moment as the site's clocks show it.
pub(super) fn clock(at_ms: i64) -> String {
    let at = DateTime::from_timestamp_millis(at_ms);
    at.map(|at| at.with_timezone(&chrono_tz::Asia::Shanghai).format("%H:%M").to_string())
        .unwrap_or_default()
}

/// Fen as yuan.
pub(super) fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}¥{}.{:02}", fen / 100, fen % 100)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn ids(catalogue: &str) -> BTreeSet<&str> {
        catalogue.lines().filter_map(|line| line.split_once(" = ")).map(|(id, _)| id).collect()
    }

    #[test]
    fn both_catalogues_hold_the_same_ids_and_each_is_said_somewhere() {
        let chinese = ids(include_str!("../../texts/zh-CN/demo.ftl"));
        assert_eq!(chinese, ids(include_str!("../../texts/en/demo.ftl")));
        let sources = [
            include_str!("play.rs"),
            include_str!("show.rs"),
            include_str!("sum.rs"),
            include_str!("words.rs"),
            include_str!("scenes/alarm.rs"),
            include_str!("scenes/call.rs"),
            include_str!("scenes/complaint.rs"),
            include_str!("scenes/hand_over.rs"),
            include_str!("scenes/mod.rs"),
            include_str!("scenes/outage.rs"),
            include_str!("scenes/paid_service.rs"),
            include_str!("scenes/patrol.rs"),
            include_str!("scenes/plans.rs"),
            include_str!("scenes/vacant.rs"),
            include_str!("scenes/violation.rs"),
            include_str!("scenes/visit.rs"),
        ]
        .concat();
        let kinds = |id: &&&str| !id.starts_with("demo-kind-");
        let silent: Vec<_> = chinese
            .iter()
            .filter(kinds)
            .filter(|id| !sources.contains(&format!("\"{id}\"")))
            .collect();
        assert!(silent.is_empty(), "nobody says {silent:?}");
        // And what is said has words.
        let said = sources.split('"').filter(|part| part.starts_with("demo-"));
        let said = said.filter(|id| !id.contains(char::is_whitespace) && !id.ends_with('-'));
        let core: BTreeSet<&str> = ids(source(Language::En));
        let wordless: Vec<_> =
            said.filter(|id| !chinese.contains(id) && !core.contains(id)).collect();
        assert!(wordless.iter().all(|id| *id == "demo-kind"), "no words for {wordless:?}");
    }

    #[test]
    fn times_are_the_sites_and_amounts_are_yuan() {
        assert_eq!(clock(super::super::script::moment_ms(0, 8, 30)), "08:30");
        assert_eq!((yuan(-1_005).as_str(), yuan(8_000).as_str()), ("-¥10.05", "¥80.00"));
    }
}
