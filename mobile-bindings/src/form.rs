//! Forms, for apps that draw what a kind of record asks for from what the core says.

use std::collections::HashMap;

use sync_core::model::id::SiteId;
use sync_core::rules::form::Form;

use crate::ApiError;
use crate::record::json;

/// The kinds of records, each with its forms, e.g. `violation`.
#[uniffi::export]
pub fn kinds() -> Vec<String> {
    sync_core::rules::kinds().map(str::to_owned).collect()
}

/// What a kind asks for, as JSON of a list of `rules::form::Form`: to open a record, to write each
/// of its facts, and each of its fields that is an object; empty for a kind without forms.
#[uniffi::export]
pub fn forms(kind: String) -> Result<String, ApiError> {
    json(&sync_core::rules::forms(&kind))
}

/// The command, as JSON for `Phone.perform`, of the form `name` of a kind, filled with `typed`:
/// texts as people type them, amounts in yuan, times local to `zone` (an IANA name); what stands in
/// a line of a list by `lines.0.name`, in a group by `ratings.quality`.
#[uniffi::export]
pub fn fill_form(
    kind: String,
    name: String,
    typed: HashMap<String, String>,
    site: u32,
    zone: String,
) -> Result<String, ApiError> {
    let unknown = || ApiError::BadInput { reason: format!("{kind} has no form {name}") };
    let form = Form::of(&kind, &name).ok_or_else(unknown)?;
    if let Some(other) = typed.keys().find(|input| !form.asks_for(input)) {
        return Err(ApiError::BadInput { reason: format!("{name} does not ask for {other}") });
    }
    let text = |input: &str| typed.get(input).map_or("", String::as_str);
    let content = form.content(text, &zone).map_err(sync_core::Error::from)?;
    let command = form.command(&kind, SiteId(site), content).map_err(sync_core::Error::from)?;
    json(&command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filled_form_is_a_command_and_a_wrong_one_says_what_is_wrong() {
        let fill = |name: &str, typed: &[(&str, &str)]| {
            let typed = typed.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            fill_form("violation".to_owned(), name.to_owned(), typed, 7, "Asia/Shanghai".to_owned())
        };
        let full = [
            ("violation", "fire_safety"),
            ("place", "3 栋楼梯间"),
            ("description", "消防通道堆放杂物"),
        ];
        let command = fill("open", &full).expect("fits");
        let command: serde_json::Value = serde_json::from_str(&command).expect("JSON");
        assert_eq!((&command["command"], &command["kind"]), (&"open".into(), &"violation".into()));
        assert_eq!(command["site"], 7);
        let unknown = fill("hologram", &[]).expect_err("no such form");
        assert!(matches!(unknown, ApiError::BadInput { .. }), "{unknown:?}");
        let more = fill("registered", &[("colour", "red")]).expect_err("not asked for");
        assert!(matches!(more, ApiError::BadInput { .. }), "{more:?}");
        let missing = fill("open", &full[..2]).expect_err("incomplete");
        assert!(matches!(missing, ApiError::Denied { ref code, .. } if code == "text_empty"));
    }

    #[test]
    fn lines_are_typed_by_their_number_and_half_a_line_is_told() {
        let fill = |typed: &[(&str, &str)]| {
            let typed = typed.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            let (kind, name) = ("hand_over".to_owned(), "radios_listed".to_owned());
            fill_form(kind, name, typed, 7, "Asia/Shanghai".to_owned())
        };
        let command = fill(&[("radios.0.name", "1 号"), ("radios.0.present", "true")]);
        let command: serde_json::Value =
            serde_json::from_str(&command.expect("fits")).expect("JSON");
        let radios = serde_json::json!([{ "name": "1 号", "present": true }]);
        assert_eq!(command["fact"]["p"]["radios"], radios);
        let half = fill(&[("radios.0.note", "坏了")]).expect_err("no name");
        assert!(matches!(half, ApiError::Denied { ref params, .. } if params["line"] == "1"));
        let beyond = fill(&[("radios.100.name", "1 号")]).expect_err("too many");
        assert!(matches!(beyond, ApiError::BadInput { .. }), "{beyond:?}");
    }
}
