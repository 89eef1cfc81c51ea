//! `fieldbook init`: a new installation, for a real site.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;

use clap::Args;
use sync_core::model::id::SiteId;
use sync_core::model::person::Role;

use super::Outside;
use crate::config::Config;
use crate::db::Database;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::people::grant::NewGrant;
use crate::people::{self, directory, grant, password, place};
use crate::sync::{ledgered, settle};
use crate::{Error, Result};

/// What a new installation begins with. The administrator's password comes by standard input or
/// FIELDBOOK_PASSWORD.
#[derive(Debug, Args)]
pub struct Init {
    /// The first site's name.
    #[arg(long, value_name = "NAME")]
    site: String,
    /// The first site's number.
    #[arg(long, value_name = "N", default_value_t = 1)]
    site_number: u32,
    /// The administrator's name.
    #[arg(long, value_name = "NAME")]
    admin: String,
    /// What the administrator signs in with.
    #[arg(long, value_name = "LOGIN")]
    login: String,
}

/// Makes the installation, or nothing.
pub async fn init(init: Init, config: &Config, outside: &mut Outside<'_>) -> Result<()> {
    if config.database.exists() {
        let path = config.database.display();
        return Err(Error::Configuration(format!("{path} is there already")));
    }
    let password = outside.password()?;
    let hash = password::hash(password, outside.randomness.as_ref()).await.map_err(|_| {
        let min = password::PASSWORD_CHARACTERS_MIN;
        Error::Configuration(format!("a password has {min} characters or more"))
    })?;
    let act = outside.act();
    let keys = Keys::create(&config.keys, outside.randomness.as_ref(), act.at_ms)?;
    let ledger = Ledger::at(&config.ledger_folder());
    let begun = ledger.begin(act.at_ms)?;
    // Made here, so that nobody else may read what will stand in it.
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(&config.database)?;
    let db = Database::open(&config.database).await?;
    let mut transaction = db.begin_write().await?;
    people::install(&mut transaction, act).await?;
    ledgered::keep_position(&mut transaction, &begun).await?;
    let number = Some(SiteId(init.site_number));
    let site = place::add_site(&mut transaction, act, number, &init.site).await?;
    let person = directory::add(&mut transaction, act, &init.admin, Some(&init.login)).await?;
    directory::set_password(&mut transaction, act, person, &hash).await?;
    let admin = NewGrant {
        person,
        role: Role::Admin,
        site,
        from_ms: act.at_ms,
        to_ms: None,
        on_behalf_of: None,
    };
    grant::grant(&mut transaction, act, &admin).await?;
    settle(&mut transaction, &ledger, act.at_ms).await?;
    transaction.commit().await?;
    db.close().await;
    tell(config, &keys, outside)
}

fn tell(config: &Config, keys: &Keys, outside: &mut Outside<'_>) -> Result<()> {
    let Outside { out, .. } = outside;
    writeln!(out, "installation {}", keys.fingerprint())?;
    writeln!(out, "database     {}", config.database.display())?;
    writeln!(out, "keys         {}", config.keys.display())?;
    writeln!(out, "ledger       {}", config.ledger_folder().display())?;
    writeln!(out)?;
    writeln!(
        out,
        "Keep a copy of the keys' folder somewhere else, and not with the backups of the"
    )?;
    writeln!(
        out,
        "database. Without it no phone trusts a restored server, and every device has to"
    )?;
    writeln!(out, "be enrolled anew. Phones show the fingerprint above when they enrol.")?;
    writeln!(out)?;
    writeln!(
        out,
        "Copy the ledger's folder elsewhere whenever something was purged: a database that"
    )?;
    writeln!(out, "is restored purges again what its ledger says, and serves nobody without it.")?;
    writeln!(out)?;
    writeln!(out, "Next: fieldbook admin person add, role grant, enrol; then fieldbook serve.")?;
    Ok(())
}
