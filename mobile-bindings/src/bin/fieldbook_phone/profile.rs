//! The profile: a folder with what the program remembers, the sealed store, and the store's key.
//! A real phone keeps the key in the platform's key store; here a file of mode 0600 has to do.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use fieldbook_mobile::ApiError;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::words::Language;

/// What `profile.json` remembers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Remembered {
    /// The server's address, without a slash at its end.
    pub server_url: String,
    /// What the office calls this phone.
    pub device_name: String,
    /// The language of the answers, when one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Signal is switched off.
    #[serde(default)]
    pub airplane: bool,
}

/// A profile's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    folder: PathBuf,
    /// What it remembers; nothing before somebody enrolled.
    pub remembered: Option<Remembered>,
}

impl Profile {
    /// Reads a profile; a folder that is not there is an empty one, and is not made.
    pub fn read(folder: PathBuf) -> Result<Self, Failure> {
        let path = folder.join("profile.json");
        let remembered = match fs::read(&path) {
            Ok(bytes) => {
                let read = serde_json::from_slice(&bytes);
                Some(read.map_err(|error| Failure::file(path.display(), &error))?)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(Failure::file(path.display(), &error)),
        };
        Ok(Self { folder, remembered })
    }

    /// Remembers, replacing the file in one step.
    pub fn remember(&mut self, remembered: Remembered) -> Result<(), Failure> {
        let bytes = serde_json::to_vec_pretty(&remembered)
            .map_err(|error| Failure::file("profile.json", &error))?;
        write_private(&self.folder.join("profile.json"), &bytes)?;
        self.remembered = Some(remembered);
        Ok(())
    }

    /// The language it remembers.
    pub fn language(&self) -> Option<Language> {
        self.remembered.as_ref()?.language.as_deref().and_then(Language::of_tag)
    }

    /// The store's file.
    pub fn store(&self) -> PathBuf {
        self.folder.join("store.db")
    }

    /// The store's key, made with the folder where there is none.
    pub fn key(&self) -> Result<Vec<u8>, Failure> {
        let path = self.folder.join("store.key");
        match fs::read(&path) {
            Ok(key) => return Ok(key),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(Failure::file(path.display(), &error)),
        }
        if self.store().exists() {
            // Another key would never open it.
            return Err(Failure::from(ApiError::KeyUnavailable));
        }
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|error| Failure::file(self.folder.display(), &error))?;
        // Two first starts at once: the first key stands, no later one ever replaces it.
        let key = fieldbook_mobile::new_store_key();
        let fresh = self.folder.join(format!("store.key.{}", std::process::id()));
        write_private(&fresh, &key)?;
        let linked = fs::hard_link(&fresh, &path);
        let removed = fs::remove_file(&fresh);
        match linked {
            Ok(()) => removed.map(|()| key),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => fs::read(&path),
            Err(error) => Err(error),
        }
        .map_err(|error| Failure::file(path.display(), &error))
    }
}

/// Writes a file that only its owner reads, in one step, and waits until it is on the disk.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let fresh = path.with_file_name(name);
    let written = || -> std::io::Result<()> {
        // What an interrupted writing left.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|error| Failure::file(path.display(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_profile_has_signal() {
        let json = r#"{"server_url":"http://a","device_name":"b"}"#;
        let read: Remembered = serde_json::from_str(json).expect("reads");
        assert!(!read.airplane && read.language.is_none());
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_empty_profile() {
        let folder = PathBuf::from("/nonexistent/of/fieldbook");
        let profile = Profile::read(folder.clone()).expect("reads");
        assert_eq!(profile, Profile { folder, remembered: None });
    }
}
