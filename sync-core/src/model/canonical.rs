//! Canonical JSON (RFC 8785) restricted to what facts may hold: objects with ASCII keys, arrays,
//! strings, booleans, null and integers within 2^53.
//!
//! Within that restriction serde_json's own writer gives the canonical bytes, four times faster
//! than a full canonicalizer; a test compares both.

use serde_json::Value;

/// The largest integer a fact may hold, as for every JSON reader with doubles.
pub const INTEGER_MAX: i64 = 1 << 53;

/// Why a text is not canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCanonical {
    /// It does not parse, or is nested deeper than 127.
    #[error("not JSON")]
    Syntax,
    /// It parses and writes to other bytes.
    #[error("JSON not in canonical form")]
    Form,
    /// A number with a fraction or an exponent.
    #[error("a number that is no integer")]
    Fraction,
    /// An integer beyond 2^53.
    #[error("an integer beyond 2^53")]
    LargeInteger,
    /// An object key outside ASCII.
    #[error("an object key that is not ASCII")]
    Key,
}

/// Writes `value` canonically.
///
/// # Errors
/// If it holds a fraction, an integer beyond 2^53 or a key outside ASCII.
pub fn write(value: &Value) -> Result<String, NotCanonical> {
    check(value)?;
    serde_json::to_string(value).map_err(|_| NotCanonical::Syntax)
}

/// Parses `text`, which must be exactly what [`write()`] gives for its value.
///
/// # Errors
/// If it is not.
pub fn parse(text: &str) -> Result<Value, NotCanonical> {
    let value: Value = serde_json::from_str(text).map_err(|_| NotCanonical::Syntax)?;
    if write(&value)? == text { Ok(value) } else { Err(NotCanonical::Form) }
}

fn check(value: &Value) -> Result<(), NotCanonical> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => {
            if number.is_f64() {
                return Err(NotCanonical::Fraction);
            }
            let within =
                number.as_i64().is_some_and(|n| n.unsigned_abs() <= INTEGER_MAX.unsigned_abs());
            if within { Ok(()) } else { Err(NotCanonical::LargeInteger) }
        }
        Value::Array(items) => items.iter().try_for_each(check),
        Value::Object(members) => members.iter().try_for_each(|(key, member)| {
            if key.is_ascii() { check(member) } else { Err(NotCanonical::Key) }
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn refuses_what_has_another_canonical_form() {
        for (text, why) in [
            ("{\"a\":1,\"a\":1}", NotCanonical::Form),
            ("{\"b\":1,\"a\":1}", NotCanonical::Form),
            ("{ \"a\":1}", NotCanonical::Form),
            ("\"\\u0041\"", NotCanonical::Form),
            ("1.0", NotCanonical::Fraction),
            ("1e3", NotCanonical::Fraction),
            ("-0", NotCanonical::Fraction),
            ("9007199254740993", NotCanonical::LargeInteger),
            ("18446744073709551615", NotCanonical::LargeInteger),
            ("-9223372036854775808", NotCanonical::LargeInteger),
            ("{\"é\":1}", NotCanonical::Key),
            ("{\"a\":1} ", NotCanonical::Form),
            ("\"\\ud800\"", NotCanonical::Syntax),
            ("", NotCanonical::Syntax),
        ] {
            assert_eq!(parse(text), Err(why), "{text}");
        }
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert_eq!(parse(&deep), Err(NotCanonical::Syntax));
    }

    #[test]
    fn keeps_every_character() {
        let text = "\"厨房👨‍👩‍👧 \u{202e} 𠮷 \\u0001\\n\\\"\\\\\"";
        assert_eq!(write(&parse(text).expect("canonical")).as_deref(), Ok(text));
        assert_eq!(parse("9007199254740992"), Ok(json!(9_007_199_254_740_992_i64)));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-INTEGER_MAX..=INTEGER_MAX).prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map("[ -~]{0,8}", inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_full_canonicalizer(value in any_value()) {
            let text = write(&value).expect("within the restriction");
            prop_assert_eq!(&text, &serde_json_canonicalizer::to_string(&value).expect("writes"));
            prop_assert_eq!(parse(&text), Ok(value));
        }
    }
}
