//! What the steps of a round say in words: the point's name, what was looked at, what was found.

use serde_json::Value;
use sync_core::rules::Round;

use super::words::Words;

/// A step of a round beside its name; nothing for what is no such step.
pub fn detail(
    words: Words,
    round: Option<&Round>,
    fact_type: &str,
    content: &Value,
) -> Option<String> {
    let round = round?;
    let text = |member: &str| content.get(member).and_then(Value::as_str);
    let said = |group: &str, member: &str| text(member).map(|code| words.code(group, code));
    let own = |member: &str| text(member).map(str::to_owned);
    let point = text("checkpoint").map(|code| point(round, code));
    let parts = match fact_type {
        "created" => vec![own("area"), said("office-patrol", "patrol")],
        "checkpoint_visited" => vec![point, said("office-method", "method")],
        "checkpoint_skipped" => vec![point, own("reason")],
        "checked" => {
            vec![point, said("office-item", "item"), said("office-result", "result"), own("note")]
        }
        "rest_ok" => vec![point],
        "finding" => vec![said("office-finding", "finding"), own("place"), own("description")],
        "units_checked" => {
            let units = content.get("units").and_then(Value::as_array);
            let units = units.into_iter().flatten().filter_map(Value::as_str);
            vec![Some(units.collect::<Vec<_>>().join(", "))]
        }
        _ => return None,
    };
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(" · "))
}

/// A point's name; its code where the round has none of that code.
fn point(round: &Round, code: &str) -> String {
    let mut points = round.coverage.iter().map(|covered| &covered.checkpoint);
    points.find(|point| point.code == code).map_or(code, |point| &point.name).to_owned()
}
