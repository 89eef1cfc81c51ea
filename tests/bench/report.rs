//! What the passes come to: the medians of the times, the counts, as a table and as JSON.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::phases::Row;

/// A phase over several passes.
pub struct Line {
    /// Records of all devices.
    pub records: u64,
    /// Times: of each pass that was run for them.
    pub timed: Vec<Row>,
    /// Counts; none if no pass was run for them.
    pub counted: Option<Row>,
}

impl Line {
    /// The phases of one size, each with its rows of all passes.
    pub fn of(records: u64, timed: &[Vec<Row>], counted: Option<&[Row]>) -> Vec<Self> {
        let phases = timed.first().map_or(0, Vec::len);
        let line = |phase: usize| Self {
            records,
            timed: timed.iter().map(|pass| pass[phase].clone()).collect(),
            counted: counted.map(|pass| pass[phase].clone()),
        };
        (0..phases).map(line).collect()
    }

    /// The median pass by one figure.
    fn median(&self, figure: impl Fn(&Row) -> f64) -> f64 {
        let mut all: Vec<f64> = self.timed.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or_default()
    }

    /// One line of JSON. Costs of a phase of many syncs or edits are those of one of them.
    fn figures(&self) -> Value {
        let row = &self.timed[0];
        let each = |count: u64| round(count as f64 / f64::from(row.repeats));
        let counted = |of: fn(&Row) -> u64| self.counted.as_ref().map(|row| each(of(row)));
        let shared =
            |of: fn(&Row) -> f64| round(self.median(|row| of(row) / f64::from(row.repeats)));
        let walls: Vec<f64> = self.timed.iter().map(|row| round(row.wall_ms)).collect();
        json!({
            "phase": row.phase,
            "records": self.records,
            "wall_ms": round(self.median(|row| row.wall_ms)),
            "walls_ms": walls,
            "p99_ms": row.p99_ms.map(|_| round(self.median(|row| row.p99_ms.unwrap_or_default()))),
            "bytes_up": counted(|row| row.traffic.up),
            "bytes_down": counted(|row| row.traffic.down),
            "turns": counted(|row| row.traffic.turns),
            "requests": each(row.requests),
            "server_cpu_ms": shared(|row| row.server_cpu_ms),
            "client_cpu_ms": shared(|row| row.client_cpu_ms),
            "server_rss_mib": round(self.median(|row| row.server_rss_mib)),
            "fsyncs": counted(|row| row.fsyncs),
            "statements": counted(|row| row.statements),
            "shared_by": row.repeats,
        })
    }
}

/// All lines as JSON, one a line.
pub fn json_lines(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("{}\n", line.figures())).collect()
}

const COLUMNS: [&str; 13] = [
    "phase",
    "records",
    "wall_ms",
    "p99_ms",
    "bytes_up",
    "bytes_down",
    "turns",
    "requests",
    "server_cpu_ms",
    "client_cpu_ms",
    "server_rss_mib",
    "fsyncs",
    "statements",
];

/// All lines as a table for people.
pub fn table(lines: &[Line]) -> String {
    let cells = lines.iter().map(Line::figures).map(|figures| {
        COLUMNS.map(|column| match &figures[column] {
            Value::Null => "-".to_owned(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    });
    let rows: Vec<[String; 13]> =
        std::iter::once(COLUMNS.map(str::to_owned)).chain(cells).collect();
    let mut table = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            let width = rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
            // Writing to a String does not fail.
            let _ = if column == 0 {
                write!(table, "{cell:<width$}")
            } else {
                write!(table, "  {cell:>width$}")
            };
        }
        table.push('\n');
    }
    table
}

fn round(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Traffic;

    #[test]
    fn times_are_medians_and_costs_those_of_one_edit() {
        let timed = |wall_ms: f64| {
            vec![Row { phase: "steady", wall_ms, requests: 200, repeats: 200, ..Row::default() }]
        };
        let traffic = Traffic { up: 50_000, down: 10_000, turns: 200 };
        let counted = Row { phase: "steady", traffic, fsyncs: 300, repeats: 200, ..Row::default() };
        let passes = [timed(3.0), timed(9.0), timed(4.0)];
        let lines = Line::of(800, &passes, Some(&[counted]));
        let figures: Value = serde_json::from_str(&json_lines(&lines)).expect("one line");
        let expected = json!({ "phase": "steady", "records": 800, "wall_ms": 4.0,
            "bytes_up": 250.0, "bytes_down": 50.0, "requests": 1.0, "fsyncs": 1.5 });
        for (name, value) in expected.as_object().expect("members") {
            assert_eq!(&figures[name], value, "{name}");
        }
        assert_eq!(table(&lines).lines().count(), 2);
    }
}
