//! Lengths of texts (DESIGN 13): in characters as people see them, each at most 8 bytes; told
//! before saving.

use chrono::DateTime;
use unicode_segmentation::UnicodeSegmentation as _;

use super::denial::{Denial, DenialCode};

/// A person's, a material's or another name.
pub(super) const NAME_CHARACTERS_MAX: usize = 60;
/// A reason.
pub(super) const REASON_CHARACTERS_MAX: usize = 200;
/// A note or advice.
pub(super) const NOTE_CHARACTERS_MAX: usize = 1_000;
/// A description.
pub(super) const DESCRIPTION_CHARACTERS_MAX: usize = 2_000;
/// Bytes a character may take on average.
const BYTES_PER_CHARACTER_MAX: usize = 8;
/// The largest amount, fen: a hundred million yuan.
pub(super) const AMOUNT_FEN_MAX: i64 = 10_000_000_000;

/// A text that must not be empty nor longer than `characters_max`.
pub(super) fn text(name: &str, text: &str, characters_max: usize) -> Result<(), Denial> {
    if text.trim().is_empty() {
        return Err(Denial::new(DenialCode::TextEmpty).with("field", name));
    }
    let too_long =
        || Denial::new(DenialCode::TextTooLong).with("field", name).with("limit", characters_max);
    // Bytes first: counting characters of a huge text would cost more than refusing it.
    if text.len() > characters_max * BYTES_PER_CHARACTER_MAX {
        return Err(too_long());
    }
    if text.graphemes(true).count() > characters_max { Err(too_long()) } else { Ok(()) }
}

/// A reason that someone gives outside a record, e.g. for a word on a desk case.
///
/// # Errors
/// If it is empty or too long.
pub fn check_reason(reason: &str) -> Result<(), Denial> {
    text("reason", reason, REASON_CHARACTERS_MAX)
}

/// A question of the office about a desk case, or the worker's answer.
///
/// # Errors
/// If it is empty or too long.
pub fn check_case_text(name: &str, said: &str) -> Result<(), Denial> {
    text(name, said, NOTE_CHARACTERS_MAX)
}

/// A number within `min..=max`.
pub(super) fn range(name: &str, value: i64, min: i64, max: i64) -> Result<(), Denial> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    let denial = Denial::new(DenialCode::OutOfRange).with("field", name);
    Err(denial.with("min", min).with("max", max))
}

/// An RFC 3339 time.
pub(super) fn time(name: &str, text: &str) -> Result<(), Denial> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(Denial::new(DenialCode::BadTime).with("field", name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_emoji_is_one_character_and_a_limit_is_told_with_its_number() {
        let family = "👨‍👩‍👧‍👦";
        assert_eq!(family.len(), 25);
        // 60 characters, but 25 bytes each exceed 8 on average.
        assert!(text("name", &family.repeat(19), 60).is_ok());
        assert_eq!(
            text("name", &family.repeat(20), 60).map_err(|d| d.code),
            Err(DenialCode::TextTooLong)
        );
        assert!(text("name", &"𠮷".repeat(60), 60).is_ok());
        let denial = text("name", &"𠮷".repeat(61), 60).expect_err("one too many");
        assert_eq!(denial.params["limit"], "60");
        assert_eq!(text("name", " \u{3000}", 60).map_err(|d| d.code), Err(DenialCode::TextEmpty));
        assert!(text("name", "a\u{202e}b", 60).is_ok());
    }
}
