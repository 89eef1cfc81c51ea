//! `fieldbook admin`: people, roles, sites, units, devices, policies, keys.

use clap::{Args, Subcommand};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use serde_json::Value;
use sqlx::SqliteConnection;
use sync_core::model::department::Department;
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::model::person::Role;
use sync_core::model::time::WallMs;

use super::hand_in::{self, HandIn};
use super::retention::{self, Audit, Purge, Retention};
use super::roster::{self, RosterImport};
use super::sheets::{self, SheetExport, SheetImport};
use super::{Outside, open, table};
use crate::config::Config;
use crate::http::time::{parse_rfc3339, rfc3339};
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::people::device::Befalls;
use crate::people::grant::{NewGrant, Reach, role_of_code};
use crate::people::{Act, audit, device, directory, enrolment, grant, office, password, place};
use crate::sync::{ledgered, settle};
use crate::{Error, Result};

/// What is administered.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// The staff.
    #[command(subcommand)]
    Person(PersonCommand),
    /// Who may do what where.
    #[command(subcommand)]
    Role(RoleCommand),
    /// The sites.
    #[command(subcommand)]
    Site(SiteCommand),
    /// A site's units.
    #[command(subcommand)]
    Unit(UnitCommand),
    /// The phones.
    #[command(subcommand)]
    Device(DeviceCommand),
    /// Make a one-time code with which a person enrols a phone.
    Enrol(Enrol),
    /// Make a one-time link that signs an office person in.
    SignInLink(SignInLink),
    /// A site's numbers and times.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Import a duty roster from a sheet: all of it or nothing.
    RosterImport(RosterImport),
    /// Import a table from a sheet: all of it or nothing.
    Import(SheetImport),
    /// Export a table as a sheet that can be imported again.
    Export(SheetExport),
    /// Take what a phone could not send, from a sealed file. Its code comes by standard input, or
    /// in FIELDBOOK_PASSWORD.
    HandIn(HandIn),
    /// The installation's keys.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Erase a contact on its person's wish: at once, everywhere, for good.
    Purge(Purge),
    /// What has been kept long enough.
    Retention(Retention),
    /// Read the audit log.
    Audit(Audit),
}

#[derive(Debug, Subcommand)]
pub enum PersonCommand {
    /// Add a person.
    Add {
        /// The name.
        name: String,
        /// What it signs in to the office with; then give it a password.
        #[arg(long)]
        login: Option<String>,
    },
    /// List everyone.
    List,
    /// Let a person come in no more.
    Disable {
        /// The person's number.
        person: PersonId,
    },
    /// Set a password, from standard input or FIELDBOOK_PASSWORD.
    Password {
        /// The person's number.
        person: PersonId,
    },
}

#[derive(Debug, Subcommand)]
pub enum RoleCommand {
    /// Grant a role.
    Grant(GrantArgs),
    /// End a role.
    End {
        /// The person's number.
        person: PersonId,
        /// The role's code.
        #[arg(value_parser = role)]
        role: Role,
        /// The site's number.
        site: SiteId,
    },
}

#[derive(Debug, Args)]
pub struct GrantArgs {
    /// The person's number.
    person: PersonId,
    /// The role's code, e.g. technician.
    #[arg(value_parser = role)]
    role: Role,
    /// The site's number.
    site: SiteId,
    /// For one group of buildings only (default: the whole site).
    #[arg(long)]
    group: Option<u32>,
    /// For one department only, e.g. engineering (default: every one).
    #[arg(long)]
    department: Option<Department>,
    /// From when (RFC 3339) (default: now).
    #[arg(long, value_parser = time)]
    from: Option<WallMs>,
    /// Until when, exclusive (RFC 3339).
    #[arg(long, value_parser = time)]
    to: Option<WallMs>,
    /// For a deputy: whose role it is.
    #[arg(long, value_name = "PERSON")]
    on_behalf_of: Option<PersonId>,
}

#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Add a site with the default policy.
    Add {
        /// The name.
        name: String,
        /// The number (default: the next).
        #[arg(long)]
        number: Option<SiteId>,
    },
    /// List the sites.
    List,
}

#[derive(Debug, Subcommand)]
pub enum UnitCommand {
    /// Add a unit.
    Add {
        /// The site's number.
        site: SiteId,
        /// The unit, e.g. 3-2-1501.
        unit: String,
        /// The building (default: the unit's part before the first hyphen).
        #[arg(long)]
        building: Option<String>,
    },
    /// List a site's units.
    List {
        /// The site's number.
        site: SiteId,
    },
}

#[derive(Debug, Subcommand)]
pub enum DeviceCommand {
    /// List the phones.
    List,
    /// Let a device come in no more until it is unlocked; it keeps what it has.
    Lock {
        /// The device's number.
        device: DeviceId,
    },
    /// Let a locked device come in again.
    Unlock {
        /// The device's number.
        device: DeviceId,
    },
    /// A device is lost: it comes in no more until it is found.
    Lost {
        /// The device's number.
        device: DeviceId,
    },
    /// A lost device is found: what it has saved comes in.
    Found {
        /// The device's number.
        device: DeviceId,
    },
    /// Let a device come in no more.
    Revoke {
        /// The device's number.
        device: DeviceId,
    },
}

#[derive(Debug, Args)]
pub struct Enrol {
    /// The person's number.
    person: PersonId,
    /// Hours the code is good for.
    #[arg(long)]
    hours: Option<u32>,
}

#[derive(Debug, Args)]
pub struct SignInLink {
    /// The person's number.
    person: PersonId,
    /// Minutes the link is good for.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_440))]
    minutes: u32,
}

#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Show the policy in force.
    Show {
        /// The site's number.
        site: SiteId,
    },
    /// Make a new version with other values, e.g. no_answer_wait_ms=240000.
    Set {
        /// The site's number.
        site: SiteId,
        /// What to change.
        #[arg(required = true, value_parser = member)]
        changes: Vec<(String, Value)>,
    },
}

#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Show how phones name this installation.
    Fingerprint,
    /// Make a new key for access tokens; restart the server to use it.
    RotateToken,
}

fn role(text: &str) -> Result<Role, String> {
    role_of_code(text).ok_or_else(|| {
        let codes: Vec<String> = Role::ALL.iter().map(|role| role.code()).collect();
        format!("the roles are {}", codes.join(", "))
    })
}

fn time(text: &str) -> Result<WallMs, String> {
    parse_rfc3339(text).ok_or_else(|| "a time is written like 2026-11-25T08:00:00+08:00".into())
}

/// `name=value`; a value that is no JSON is a text.
fn member(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("a change is written name=value")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    Ok((name.to_owned(), value))
}

/// Does it, in one transaction.
pub async fn run(admin: Admin, config: &Config, outside: &mut Outside<'_>) -> Result<()> {
    let admin = match admin {
        Admin::Keys(command) => return keys(command, config, outside).await,
        Admin::Import(args) => {
            return sheets::import(args, config, outside).await.map_err(plainly);
        }
        Admin::Export(args) => {
            return sheets::export(&args, config, outside).await.map_err(plainly);
        }
        Admin::HandIn(args) => {
            return hand_in::hand_in(&args, config, outside).await.map_err(plainly);
        }
        Admin::Purge(args) => {
            return retention::purge(args, config, outside).await.map_err(plainly);
        }
        Admin::Retention(args) => return retention::dry_run(args, config, outside).await,
        other => other,
    };
    let db = open(config).await?;
    let mut transaction = db.begin_write().await?;
    let ledger = Ledger::at(&config.ledger_folder());
    ledgered::begin(&mut transaction, &ledger, outside.clock.wall_ms()).await?;
    let mut done = act(admin, config, outside, &mut transaction).await;
    if done.is_ok() {
        done = settle(&mut transaction, &ledger, outside.clock.wall_ms()).await;
    }
    if done.is_ok() {
        transaction.commit().await?;
    } else {
        transaction.rollback().await?;
    }
    db.close().await;
    done.map_err(plainly)
}

/// What HTTP tells by codes, in words for a terminal.
fn plainly(error: Error) -> Error {
    let Error::Problem { code, params } = &error else { return error };
    let title =
        sync_core::texts::code_text(sync_core::texts::Language::En, "problem", code.code(), &[]);
    let params: Vec<String> =
        params.iter().map(|(name, value)| format!("{name} {value}")).collect();
    Error::Configuration(if params.is_empty() {
        title
    } else {
        format!("{title}: {}", params.join(", "))
    })
}

async fn act(
    admin: Admin,
    config: &Config,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    let now = outside.act();
    match admin {
        Admin::Person(command) => person(command, now, outside, conn).await,
        Admin::Role(command) => roles(command, now, outside, conn).await,
        Admin::Site(command) => sites(command, now, outside, conn).await,
        Admin::Unit(command) => units(command, now, outside, conn).await,
        Admin::Device(command) => devices(command, now, outside, conn).await,
        Admin::Enrol(enrol) => invite(&enrol, config, outside, conn).await,
        Admin::SignInLink(link) => sign_in_link(&link, config, outside, conn).await,
        Admin::Policy(command) => policy(command, now, outside, conn).await,
        Admin::RosterImport(args) => roster::import(args, outside, conn).await,
        Admin::Audit(args) => retention::audit(&args, outside, conn).await,
        Admin::Import(_)
        | Admin::Export(_)
        | Admin::HandIn(_)
        | Admin::Keys(_)
        | Admin::Purge(_)
        | Admin::Retention(_) => Err(Error::Broken("it needs no transaction of its own")),
    }
}

async fn person(
    command: PersonCommand,
    act: Act,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    match command {
        PersonCommand::Add { name, login } => {
            let person = directory::add(conn, act, &name, login.as_deref()).await?;
            writeln!(outside.out, "person {person}")?;
        }
        PersonCommand::List => {
            let mut rows = Vec::new();
            for person in directory::list(conn).await? {
                let grants = grant::principal(conn, person.person).await?.grants;
                let roles = grants.iter().filter(|one| grant::in_force(one, act.at_ms));
                let roles: Vec<String> =
                    roles.map(|one| format!("{}@{}", one.role.code(), one.site)).collect();
                rows.push(vec![
                    person.person.to_string(),
                    person.name,
                    person.login.unwrap_or_default(),
                    person.disabled_ms.map(|_| "disabled".to_owned()).unwrap_or_default(),
                    roles.join(" "),
                ]);
            }
            table(outside.out, &["person", "name", "login", "state", "roles"], &rows)?;
        }
        PersonCommand::Disable { person } => {
            directory::disable(conn, act, person).await?;
            writeln!(outside.out, "person {person} is disabled")?;
        }
        PersonCommand::Password { person } => {
            let password = outside.password()?;
            let hash = password::hash(password, outside.randomness.as_ref()).await?;
            directory::set_password(conn, act, person, &hash).await?;
            writeln!(outside.out, "person {person} has a new password")?;
        }
    }
    Ok(())
}

async fn roles(
    command: RoleCommand,
    act: Act,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    match command {
        RoleCommand::Grant(args) => {
            let new = NewGrant {
                person: args.person,
                role: args.role,
                site: args.site,
                from_ms: args.from.unwrap_or(act.at_ms),
                to_ms: args.to,
                on_behalf_of: args.on_behalf_of,
            };
            let reach = Reach { group: args.group, department: args.department };
            let id = grant::grant_within(conn, act, &new, &reach).await?;
            writeln!(outside.out, "grant {id}")?;
        }
        RoleCommand::End { person, role, site } => {
            let ended = grant::end(conn, act, person, role, site).await?;
            writeln!(outside.out, "{ended} ended")?;
        }
    }
    Ok(())
}

async fn sites(
    command: SiteCommand,
    act: Act,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    match command {
        SiteCommand::Add { name, number } => {
            let site = place::add_site(conn, act, number, &name).await?;
            writeln!(outside.out, "site {site}")?;
        }
        SiteCommand::List => {
            let sites = place::sites(conn).await?;
            let rows: Vec<Vec<String>> =
                sites.into_iter().map(|(site, name)| vec![site.to_string(), name]).collect();
            table(outside.out, &["site", "name"], &rows)?;
        }
    }
    Ok(())
}

async fn units(
    command: UnitCommand,
    act: Act,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    match command {
        UnitCommand::Add { site, unit, building } => {
            let first = unit.split('-').next().unwrap_or(&unit).to_owned();
            let building = building.unwrap_or(first);
            place::add_unit(conn, act, site, &unit, &building).await?;
            writeln!(outside.out, "unit {unit} in building {building}")?;
        }
        UnitCommand::List { site } => {
            let units = place::units(conn, site).await?;
            let rows: Vec<Vec<String>> =
                units.into_iter().map(|(unit, building)| vec![unit, building]).collect();
            table(outside.out, &["unit", "building"], &rows)?;
        }
    }
    Ok(())
}

/// Why a device does not come in, if it does not.
fn state(phone: &device::Device) -> &'static str {
    match (phone.revoked_ms, phone.lost_ms, phone.locked_ms) {
        (Some(_), ..) => "revoked",
        (_, Some(_), _) => "lost",
        (_, _, Some(_)) => "locked",
        (None, None, None) => "",
    }
}

async fn devices(
    command: DeviceCommand,
    act: Act,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    match command {
        DeviceCommand::List => {
            let rows: Vec<Vec<String>> = device::phones(conn)
                .await?
                .into_iter()
                .map(|one| {
                    let state = state(&one).to_owned();
                    vec![
                        one.device.to_string(),
                        format!("{} {}", one.person, one.person_name),
                        one.name,
                        one.contact_ms.map(rfc3339).unwrap_or_default(),
                        one.unsent.to_string(),
                        state,
                    ]
                })
                .collect();
            let head = ["device", "person", "name", "last contact", "unsent", "state"];
            table(outside.out, &head, &rows)?;
        }
        DeviceCommand::Lock { device } => {
            device::befalls(conn, act, device, Befalls::Locked).await?;
            writeln!(outside.out, "device {device} is locked")?;
        }
        DeviceCommand::Unlock { device } => {
            device::befalls(conn, act, device, Befalls::Unlocked).await?;
            writeln!(outside.out, "device {device} is unlocked")?;
        }
        DeviceCommand::Lost { device } => {
            device::befalls(conn, act, device, Befalls::Lost).await?;
            writeln!(outside.out, "device {device} is lost")?;
        }
        DeviceCommand::Found { device } => {
            device::befalls(conn, act, device, Befalls::Found).await?;
            writeln!(outside.out, "device {device} is found")?;
        }
        DeviceCommand::Revoke { device } => {
            device::revoke(conn, act, device).await?;
            writeln!(outside.out, "device {device} is revoked")?;
        }
    }
    Ok(())
}

async fn invite(
    enrol: &Enrol,
    config: &Config,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    let keys = Keys::open(&config.keys)?;
    let act = outside.act();
    let life_ms = i64::from(enrol.hours.unwrap_or(config.enrolment_code_life_h)) * 3_600_000;
    let randomness = outside.randomness.as_ref();
    let code = enrolment::invite(conn, act, enrol.person, life_ms, randomness).await?;
    let invitation = code.invitation(&config.public_url, &keys);
    let qr = QrCode::new(invitation).map_err(|_| Error::Broken("too much for a QR code"))?;
    // Terminals are dark: what is printed is the light part.
    let picture =
        qr.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    writeln!(outside.out, "{picture}")?;
    writeln!(outside.out, "server       {}", config.public_url)?;
    writeln!(outside.out, "code         {}", code.shown())?;
    writeln!(outside.out, "installation {}", keys.fingerprint())?;
    let until = rfc3339(act.at_ms + life_ms);
    writeln!(outside.out, "One phone of person {}, until {until}.", enrol.person)?;
    Ok(())
}

async fn sign_in_link(
    link: &SignInLink,
    config: &Config,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    let life_ms = i64::from(link.minutes) * 60_000;
    let randomness = outside.randomness.as_ref();
    let act = outside.act();
    let token = office::sign_in_link(conn, act, link.person, life_ms, randomness).await?;
    let url = config.public_url.trim_end_matches('/');
    writeln!(outside.out, "{url}/office/link/{token}")?;
    writeln!(outside.out, "good once, for {} minutes", link.minutes)?;
    Ok(())
}

async fn policy(
    command: PolicyCommand,
    act: Act,
    outside: &mut Outside<'_>,
    conn: &mut SqliteConnection,
) -> Result<()> {
    let policy = match command {
        PolicyCommand::Show { site } => place::policy(conn, site).await?,
        PolicyCommand::Set { site, changes } => {
            place::change_policy(conn, act, site, &changes).await?
        }
    };
    let text = serde_json::to_string_pretty(&policy);
    writeln!(outside.out, "{}", text.map_err(|_| Error::Broken("a policy does not write"))?)?;
    Ok(())
}

async fn keys(command: KeysCommand, config: &Config, outside: &mut Outside<'_>) -> Result<()> {
    match command {
        KeysCommand::Fingerprint => {
            writeln!(outside.out, "{}", Keys::open(&config.keys)?.fingerprint())?;
        }
        KeysCommand::RotateToken => {
            let act = outside.act();
            let db = open(config).await?;
            let mut transaction = db.begin_write().await?;
            let kid = Keys::rotate_token(&config.keys, outside.randomness.as_ref(), act.at_ms)?;
            let detail = serde_json::json!({ "kid": kid });
            audit::append(&mut transaction, act, "token_key_rotated", &detail).await?;
            transaction.commit().await?;
            db.close().await;
            writeln!(outside.out, "token key {kid}: keep a copy, then restart the server")?;
        }
    }
    Ok(())
}
