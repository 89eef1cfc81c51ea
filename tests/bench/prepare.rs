//! What is done before anything is measured: an installation, its people, a phone for each of
//! them, and the work of a shift written without signal.
//!
//! Each device has a site of its own, whose assistant and technician its person is: so it may open
//! orders and carry them out, and is served its own records only. The office client works at the
//! desk of all the sites.

use std::path::{Path, PathBuf};

use fieldbook_server::db::Database;
use fieldbook_server::people::grant::{NewGrant, grant};
use fieldbook_server::people::{Act, directory, enrolment, place};
use sync_core::environment::{Clock as _, SystemClock, SystemRandomness};
use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::person::Role;
use tokio::task::JoinSet;

use super::client::Client;
use super::server::Installation;

/// How much work there is.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub devices: u32,
    /// Records of each device.
    pub records: u32,
    /// Edits of each record.
    pub edits: usize,
}

impl Size {
    /// Records of all devices.
    pub fn total(&self) -> u64 {
        u64::from(self.devices) * u64::from(self.records)
    }
}

/// A folder with a server's files and everybody's stores.
pub struct Place {
    pub folder: PathBuf,
}

impl Place {
    /// The server's files.
    pub fn installation(&self, fieldbook: &Path) -> Installation {
        let folder = self.folder.join("server");
        Installation { fieldbook: fieldbook.to_owned(), folder }
    }

    /// The store of device `d`.
    pub fn device(&self, d: u32) -> PathBuf {
        self.folder.join(format!("device-{d}.db"))
    }

    /// The store of the office's client.
    pub fn office(&self) -> PathBuf {
        self.folder.join("office.db")
    }
}

/// The site of device `d`.
pub fn site(d: u32) -> SiteId {
    SiteId(100 + d)
}

/// Makes all of it, with a server that holds no record.
pub async fn prepare(place: &Place, fieldbook: &Path, size: Size) {
    let installation = place.installation(fieldbook);
    std::fs::create_dir_all(&installation.folder).expect("a folder");
    installation.init();
    let codes = people(&installation.database(), size.devices).await;
    let server = installation.serve(false);
    let (office, devices) = codes.split_first().expect("the office's");
    let client = Client::open(&place.office(), &server.url).await;
    client.enrol(office).await;
    client.replica.close().await;
    let mut writing = JoinSet::new();
    for (d, code) in (0..).zip(devices) {
        let client = Client::open(&place.device(d), &server.url).await;
        client.enrol(code).await;
        // The phone learns who its person is: from here on it works without signal.
        client.sync().await;
        writing.spawn(async move {
            client.write(site(d), d, size.records, size.edits).await;
            client.replica.close().await;
        });
    }
    writing.join_all().await;
    server.stop();
}

/// The sites and people of the installation; their enrolment codes, the office's first.
async fn people(database: &Path, devices: u32) -> Vec<String> {
    let db = Database::open(database).await.expect("opens");
    let act = Act::at_the_machine(SystemClock::new(&SystemRandomness).wall_ms());
    let mut conn = db.begin_write().await.expect("begins");
    let desk = directory::add(&mut conn, act, "前台", None).await.expect("added");
    let mut all = vec![desk];
    for d in 0..devices {
        let name = format!("项目 {d}");
        place::add_site(&mut conn, act, Some(site(d)), &name).await.expect("added");
        let worker = directory::add(&mut conn, act, &format!("师傅 {d}"), None).await;
        let worker = worker.expect("added");
        for (person, role) in
            [(desk, Role::FrontDesk), (worker, Role::Assistant), (worker, Role::Technician)]
        {
            grant(&mut conn, act, &at(site(d), person, role)).await.expect("granted");
        }
        all.push(worker);
    }
    let mut codes = Vec::new();
    for person in all {
        let code = enrolment::invite(&mut conn, act, person, 3_600_000, &SystemRandomness).await;
        codes.push(code.expect("a code").shown());
    }
    conn.commit().await.expect("commits");
    db.close().await;
    codes
}

fn at(site: SiteId, person: PersonId, role: Role) -> NewGrant {
    NewGrant { person, role, site, from_ms: 0, to_ms: None, on_behalf_of: None }
}
