//! Times as the API writes them: RFC 3339 in UTC with milliseconds.

use chrono::{DateTime, SecondsFormat};
use sync_core::model::time::WallMs;

/// Writes a time.
pub fn rfc3339(ms: WallMs) -> String {
    let time = DateTime::from_timestamp_millis(ms).unwrap_or(DateTime::UNIX_EPOCH);
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads a time.
pub fn parse_rfc3339(text: &str) -> Option<WallMs> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back() {
        assert_eq!(rfc3339(1_790_000_000_123), "2026-09-21T14:13:20.123Z");
        assert_eq!(parse_rfc3339("2026-09-21T22:13:20.123+08:00"), Some(1_790_000_000_123));
        assert_eq!(parse_rfc3339("2026-09-21"), None);
    }
}
