//! What the rule book says, as pure functions.

/// A rule's no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}")]
pub struct Denial {
    /// A stable code, e.g. `not_your_role`.
    pub code: &'static str,
}
