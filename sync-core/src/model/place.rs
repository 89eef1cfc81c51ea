//! Places as far as phones hold them: a site's buildings and the groups (组团) they belong to. Units
//! stay on the server, which may have a hundred thousand.

use serde::{Deserialize, Serialize};

/// A building of a site.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Building {
    /// Its code, unique at the site: what units' codes begin with, e.g. `3`.
    pub code: String,
    /// What people call it.
    pub name: String,
    /// Its group (组团), which an assistant owns; `None` where the site has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub group: Option<u32>,
}
