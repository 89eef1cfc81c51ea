//! Errors over HTTP: problem details (RFC 9457) with stable codes, one enum, never renumbered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The body of an error answer, media type `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `urn:fieldbook:problem:<code>`.
    #[serde(rename = "type")]
    pub problem_type: String,
    /// The stable code.
    pub code: String,
    /// The HTTP status.
    pub status: u16,
    /// A short text in the caller's language.
    pub title: String,
    /// Parameters of the text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, String>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal;)*) => {
        /// Every stable error code of the HTTP interfaces.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ProblemCode { $($(#[$doc])* $variant,)* }

        impl ProblemCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable text.
            pub fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The HTTP status it goes with.
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// Reads [`Self::code`].
            pub fn from_code(code: &str) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

codes! {
    /// The body or a parameter does not parse.
    Malformed = "malformed", 400;
    /// A body or message above its limit.
    TooLarge = "too_large", 413;
    /// No credentials, or not valid ones.
    NotSignedIn = "not_signed_in", 401;
    /// The access token's life is over: take a new one.
    TokenExpired = "token_expired", 401;
    /// The device was revoked.
    DeviceRevoked = "device_revoked", 401;
    /// The office has locked the device: what it has is kept until it is unlocked.
    DeviceLocked = "device_locked", 401;
    /// The device is said to be lost: what it has is kept until it is found.
    DeviceLost = "device_lost", 401;
    /// The installation has certified the device and does not know it any more: it was restored
    /// from a backup of before. What the device has is kept until it is enrolled anew.
    DeviceUnknown = "device_unknown", 401;
    /// The person's account was disabled.
    AccountDisabled = "account_disabled", 401;
    /// Name or password wrong.
    WrongPassword = "wrong_password", 401;
    /// The enrolment code is wrong, used or expired.
    WrongCode = "wrong_code", 403;
    /// No role that may do this, there.
    Forbidden = "forbidden", 403;
    /// A rule's no; `denial` names it.
    Denied = "denied", 422;
    /// Nothing there, or nothing for this caller.
    NotFound = "not_found", 404;
    /// The method is not for this address.
    MethodNotAllowed = "method_not_allowed", 405;
    /// The same idempotency key came with another body.
    IdempotencyConflict = "idempotency_conflict", 409;
    /// Every POST of the office API needs an `Idempotency-Key`.
    IdempotencyKeyMissing = "idempotency_key_missing", 400;
    /// The form's token against cross-site requests is missing or wrong.
    CrossSite = "cross_site", 403;
    /// The protocol version is not spoken here; `min` and `max` say which are.
    VersionNotSpoken = "version_not_spoken", 426;
    /// The device in the message is not the token's.
    WrongDevice = "wrong_device", 403;
    /// A session in the push is not registered, or not this device's.
    UnknownSession = "unknown_session", 422;
    /// Handed-in work is not as its writer's device signed it; nothing of it was stored.
    ChainBroken = "chain_broken", 422;
    /// The code is not this parcel's.
    ParcelCodeWrong = "parcel_code_wrong", 422;
    /// The parcel is not as the phone sealed it; nothing of it was read.
    ParcelAltered = "parcel_altered", 422;
    /// A cursor is ahead of the server or of another epoch.
    CursorFromElsewhere = "cursor_from_elsewhere", 409;
    /// Too many requests; `retry_after_s` says when.
    TooManyRequests = "too_many_requests", 429;
    /// Already exists.
    AlreadyExists = "already_exists", 409;
    /// A sheet with problems; nothing was changed. `problems` counts them, a dry run names all.
    SheetRefused = "sheet_refused", 422;
    /// A swap of shifts that cannot be; `why` names the rule.
    SwapRefused = "swap_refused", 422;
    /// Somebody has decided about the case: `decision`, `by` and `reason` say what, who and why.
    CaseClosed = "case_closed", 409;
    /// What the case is about cannot be decided so; `why` says why.
    DecisionRefused = "decision_refused", 422;
    /// Busy or broken; nothing was changed, try again.
    Unavailable = "unavailable", 503;
    /// A defect of the server; nothing was acknowledged.
    Internal = "internal", 500;
}

impl Problem {
    /// A problem of `code` with its title in the caller's language.
    pub fn new(code: ProblemCode, title: String) -> Self {
        Self {
            problem_type: format!("urn:fieldbook:problem:{}", code.code()),
            code: code.code().to_owned(),
            status: code.status(),
            title,
            params: BTreeMap::new(),
        }
    }

    /// With a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.params.insert(name.to_owned(), value.to_string());
        self
    }
}
