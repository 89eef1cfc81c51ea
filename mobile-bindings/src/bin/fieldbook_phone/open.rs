//! An open profile: the phone object with what the program remembers of it.

use std::path::PathBuf;
use std::sync::Arc;

use fieldbook_mobile::{ListItem, Phone};
use serde_json::Value;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::profile::{Profile, Remembered};
use crate::value;
use crate::words::Language;

/// An open phone.
pub struct Handset {
    /// The object that every app uses.
    pub phone: Arc<Phone>,
    /// The profile.
    pub profile: Profile,
    /// The language of words.
    pub language: Language,
}

/// The profile that the arguments name.
pub fn profile(arguments: &Arguments) -> Result<Profile, Failure> {
    let folder = match (&arguments.demo, &arguments.profile, &arguments.data) {
        (Some(demo), _, _) => demo.join("phone"),
        (None, Some(profile), _) => profile.clone(),
        (None, None, Some(data)) => data.join("fieldbook-phone"),
        (None, None, None) => return Err(Failure::bad_input("--profile")),
    };
    Profile::read(folder)
}

impl Handset {
    /// Opens the store of a profile; nothing is sent. `server_url` is what the profile does not
    /// remember yet, or another one.
    pub async fn open(
        profile: Profile,
        server_url: &str,
        language: Language,
    ) -> Result<Self, Failure> {
        let key = profile.key()?;
        let store = text(profile.store())?;
        let phone = Phone::open(store, key, server_url.to_owned(), APP.to_owned()).await?;
        if profile.remembered.as_ref().is_some_and(|remembered| remembered.airplane) {
            phone.set_airplane(true).await?;
        }
        Ok(Self { phone, profile, language })
    }

    /// Opens a profile in which somebody enrolled.
    pub async fn enrolled(profile: Profile, language: Language) -> Result<Self, Failure> {
        let remembered = profile.remembered.as_ref().ok_or_else(Failure::not_enrolled)?;
        let server_url = remembered.server_url.clone();
        let handset = Self::open(profile, &server_url, language).await?;
        handset.person().await?;
        Ok(handset)
    }

    /// What the profile remembers.
    pub fn remembered(&self) -> Remembered {
        self.profile.remembered.clone().unwrap_or_default()
    }

    /// Whose phone it is: the person's number.
    pub async fn person(&self) -> Result<u32, Failure> {
        let identity = self.phone.identity().await?;
        Ok(identity.ok_or_else(Failure::not_enrolled)?.person)
    }

    /// The records it holds, with the ids alone.
    pub async fn records(&self) -> Result<(Vec<ListItem>, Vec<String>), Failure> {
        let items = self.phone.list().await?;
        let ids = items.iter().map(|item| item.record.clone()).collect();
        Ok((items, ids))
    }

    /// The whole id of the record that `given` names.
    pub async fn record(&self, given: &str) -> Result<String, Failure> {
        value::record(given, &self.records().await?.1)
    }

    /// The review of a record.
    pub async fn review(&self, record: &str) -> Result<Value, Failure> {
        let review = self.phone.review(record.to_owned()).await?;
        read(&review.ok_or_else(|| Failure::unknown_record(record))?)
    }

    /// The visit that was named, or this person's newest open one.
    pub async fn visit(&self, record: &str, named: Option<&str>) -> Result<String, Failure> {
        if let Some(named) = named {
            return Ok(named.to_owned());
        }
        let (review, person) = (self.review(record).await?, self.person().await?);
        value::open_visit(&review, person).ok_or_else(Failure::no_open_visit)
    }

    /// Names of people by number, and the like, as the server last sent them.
    pub async fn reference(&self) -> Result<Value, Failure> {
        read(&self.phone.reference().await?)
    }
}

/// Reads what the object answers as JSON.
pub fn read(json: &str) -> Result<Value, Failure> {
    serde_json::from_str(json).map_err(Failure::bad_input)
}

fn text(path: PathBuf) -> Result<String, Failure> {
    path.into_os_string().into_string().map_err(|_| Failure::bad_input("--profile"))
}

/// What the office sees of the program.
const APP: &str = concat!("fieldbook-phone/", env!("CARGO_PKG_VERSION"));
