//! Audiences: whom a record concerns, always with its site. A phone holds the records of its
//! person's audiences.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::id::{BadId, PersonId, SiteId};

/// One audience. Text form: `site/7/office`, `site/7/user/31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Audience {
    /// Everyone in the site's office.
    Office(SiteId),
    /// One person at a site.
    User(SiteId, PersonId),
    /// Everyone who walks rounds at a site.
    Patrol(SiteId),
    /// Everyone of a site's security.
    Security(SiteId),
    /// Everyone who enters homes at a site.
    Workers(SiteId),
}

impl Audience {
    /// The site it belongs to.
    pub fn site(self) -> SiteId {
        match self {
            Self::Office(site)
            | Self::User(site, _)
            | Self::Patrol(site)
            | Self::Security(site)
            | Self::Workers(site) => site,
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Office(site) => write!(f, "site/{site}/office"),
            Self::User(site, person) => write!(f, "site/{site}/user/{person}"),
            Self::Patrol(site) => write!(f, "site/{site}/patrol"),
            Self::Security(site) => write!(f, "site/{site}/security"),
            Self::Workers(site) => write!(f, "site/{site}/workers"),
        }
    }
}

impl FromStr for Audience {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = BadId { what: "audience" };
        let rest = text.strip_prefix("site/").ok_or_else(|| bad.clone())?;
        let (site, rest) = rest.split_once('/').ok_or_else(|| bad.clone())?;
        let site = site.parse()?;
        match rest {
            "office" => return Ok(Self::Office(site)),
            "patrol" => return Ok(Self::Patrol(site)),
            "security" => return Ok(Self::Security(site)),
            "workers" => return Ok(Self::Workers(site)),
            _ => {}
        }
        let person = rest.strip_prefix("user/").ok_or(bad)?;
        Ok(Self::User(site, person.parse()?))
    }
}

impl Serialize for Audience {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_are_frozen() {
        for (audience, text) in [
            (Audience::Office(SiteId(7)), "site/7/office"),
            (Audience::User(SiteId(7), PersonId(31)), "site/7/user/31"),
            (Audience::Patrol(SiteId(7)), "site/7/patrol"),
            (Audience::Security(SiteId(7)), "site/7/security"),
            (Audience::Workers(SiteId(7)), "site/7/workers"),
        ] {
            assert_eq!(audience.to_string(), text);
            assert_eq!(text.parse(), Ok(audience));
        }
        for text in
            ["", "site/7", "site/07/office", "site/7/user/", "site/7/office/", "site/7/user/+1"]
        {
            assert!(text.parse::<Audience>().is_err(), "{text}");
        }
    }
}
