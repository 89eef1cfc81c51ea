//! `fieldbook admin hand-in`: what a phone could not send, from a sealed file.

use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use sync_core::protocol::parcel::PARCEL_BYTES_MAX;

use super::Outside;
use super::retention::app;
use crate::config::Config;
use crate::{Error, Result};

#[derive(Debug, Args)]
pub struct HandIn {
    /// The file.
    file: PathBuf,
}

/// Takes the file, as often as it comes with the same effect.
pub async fn hand_in(args: &HandIn, config: &Config, outside: &mut Outside<'_>) -> Result<()> {
    let code = outside.password()?;
    let mut file = Vec::new();
    // One more than is taken, so that it is seen to be too large.
    File::open(&args.file)?.take(PARCEL_BYTES_MAX as u64 + 1).read_to_end(&mut file)?;
    let app = app(config, outside).await?;
    let taken = app.sync.take_parcel(outside.act(), &file, &code).await;
    app.stop().await;
    let taken = taken?;
    for (who, numbers) in &taken.stored {
        let (person, device) = (who.person, who.device);
        let (from, to) = (numbers.from, numbers.to);
        writeln!(outside.out, "person {person}, device {device}: {from} to {to} are here")?;
    }
    for (who, code) in &taken.refused {
        let (person, device) = (who.person, who.device);
        writeln!(outside.out, "person {person}, device {device}: {}", code.code())?;
    }
    if taken.refused.is_empty() {
        Ok(())
    } else {
        Err(Error::Configuration("not all of it was taken".to_owned()))
    }
}
