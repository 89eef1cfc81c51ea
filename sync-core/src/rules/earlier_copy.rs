//! Whether a phone runs an earlier copy of its store: one that was restored, or copied to a second
//! phone. It tells a lower number than the device has told before, and it does so later. An older
//! message that was late or sent twice tells less too, and was sent earlier (R0.30).

use crate::model::time::{Anchor, BootId, MonotonicMs, WallMs};

/// The contact at which a device first told the highest number it has told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstTold {
    /// The number.
    pub highest_number: u64,
    /// The phone's boot and its monotonic clock; none where a hand-over told it.
    pub clock: Option<(BootId, MonotonicMs)>,
    /// When it came, server time.
    pub at_ms: WallMs,
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Says {
    /// The highest number.
    pub highest_number: u64,
    /// The boot it was sent in.
    pub boot: BootId,
    /// The boot's clock at sending.
    pub monotonic_ms: MonotonicMs,
    /// The boot's anchor; none at its first contact, which is now.
    pub anchor: Option<Anchor>,
}

/// Whether the message is of an earlier copy.
pub fn is_earlier_copy(told: &FirstTold, says: &Says) -> bool {
    if says.highest_number >= told.highest_number {
        return false;
    }
    match (told.clock, says.anchor) {
        // One boot has one clock, which never goes back.
        (Some((boot, monotonic_ms)), _) if boot == says.boot => says.monotonic_ms > monotonic_ms,
        (_, None) => true,
        (_, Some(anchor)) => {
            let since_ms = says.monotonic_ms.saturating_sub(anchor.monotonic_ms);
            anchor.server_ms.saturating_add(since_ms) >= told.at_ms
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: BootId = BootId([1; 16]);
    const OTHER: BootId = BootId([2; 16]);

    fn told(clock: Option<(BootId, MonotonicMs)>) -> FirstTold {
        FirstTold { highest_number: 8, clock, at_ms: 100_000 }
    }

    fn says(highest_number: u64, boot: BootId, monotonic_ms: i64) -> Says {
        let anchor = Some(Anchor { server_ms: 90_000, monotonic_ms: 5_000 });
        Says { highest_number, boot, monotonic_ms, anchor }
    }

    #[test]
    fn who_tells_as_much_as_before_or_more_is_no_copy() {
        for number in [8, 9, u64::MAX] {
            assert!(!is_earlier_copy(&told(None), &says(number, HERE, i64::MAX)));
        }
    }

    #[test]
    fn within_one_boot_the_later_message_with_less_is_of_a_copy() {
        let told = told(Some((HERE, 20_000)));
        assert!(!is_earlier_copy(&told, &says(7, HERE, 19_999)), "sent before");
        assert!(!is_earlier_copy(&told, &says(7, HERE, 20_000)), "the same moment");
        assert!(is_earlier_copy(&told, &says(7, HERE, 20_001)));
    }

    #[test]
    fn in_another_boot_its_anchor_says_when_it_was_sent() {
        // Told at 100 s; the other boot's 15 s are 100 s of the server's.
        for told in [told(Some((OTHER, 20_000))), told(None)] {
            assert!(!is_earlier_copy(&told, &says(7, HERE, 14_999)), "late or sent twice");
            assert!(is_earlier_copy(&told, &says(7, HERE, 15_000)));
            let first = Says { anchor: None, ..says(7, HERE, 0) };
            assert!(is_earlier_copy(&told, &first), "a boot that nobody has heard of");
        }
        assert!(!is_earlier_copy(&told(None), &says(7, HERE, i64::MIN)), "no overflow");
    }
}
