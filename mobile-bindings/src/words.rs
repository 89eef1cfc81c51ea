//! The words of the catalogues, for apps that show what the core says.

use std::collections::HashMap;

use sync_core::texts::{Language, code_text, text};

use crate::ApiError;
use crate::phone::parse;

/// The words of a text's id, e.g. `denial-not-your-role`, in `zh-CN` or `en`; the id itself where
/// the catalogue has none.
#[uniffi::export(default(arguments))]
pub fn words(
    language: String,
    id: String,
    arguments: HashMap<String, String>,
) -> Result<String, ApiError> {
    Ok(text(parse::<Language>(&language)?, &id, &pairs(&arguments)))
}

/// The words of a code of a group, e.g. `not_your_role` of `denial`, in `zh-CN` or `en`.
#[uniffi::export(default(arguments))]
pub fn code_words(
    language: String,
    group: String,
    code: String,
    arguments: HashMap<String, String>,
) -> Result<String, ApiError> {
    Ok(code_text(parse::<Language>(&language)?, &group, &code, &pairs(&arguments)))
}

/// A moment in a site's zone (an IANA name, as in a review), e.g. `2026-03-02 09:15`; in UTC
/// where the zone is unknown. `at_ms` counts from 1970.
#[uniffi::export]
pub fn local_time(at_ms: i64, zone: String) -> String {
    sync_core::rules::statement::local_time(at_ms, &zone)
}

fn pairs(arguments: &HashMap<String, String>) -> Vec<(&str, &str)> {
    arguments.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
