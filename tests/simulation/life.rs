//! What befalls phones and people between their turns: locked, lost, revoked, handed over to
//! somebody else, exported to a file, out of a role; and how each is made good again.

use fieldbook_server::people::Act;
use fieldbook_server::people::device::{self, Befalls};
use fieldbook_server::people::grant::{self, NewGrant, Reach};
use sqlx::{Sqlite, Transaction};
use sync_core::model::id::{DeviceId, PersonId};

use super::people::{PEOPLE, Person, SITE, by_number};
use super::world::{Phone, World};
use super::{AllSaved, Lives};

/// What has befallen somebody and is not made good yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfortune {
    /// A device is locked.
    Locked(DeviceId),
    /// A device is lost.
    Lost(DeviceId),
    /// The phone at this place was revoked and has not been enrolled anew.
    Revoked(usize),
    /// Somebody has lost the only role.
    NoRole(PersonId),
}

/// Whom the office may take a role from: nobody on whom a rule waits.
const REPLACEABLE: [u32; 4] = [31, 32, 33, 34];
/// Whoever shares a phone.
const SHARING: [PersonId; 2] = [PersonId(31), PersonId(32)];

/// Makes some things good, and lets something befall somebody in about every second round.
pub async fn befall(world: &mut World, saved: &AllSaved, lives: &mut Lives) {
    for misfortune in std::mem::take(&mut world.misfortunes) {
        if world.dice.happens(500) {
            make_good(world, misfortune, saved).await;
        } else {
            world.misfortunes.push(misfortune);
        }
    }
    if world.phones.is_empty() || world.dice.happens(500) {
        return;
    }
    let what = world.dice.below(7);
    let shares = |phone: &Phone| SHARING.contains(&phone.person);
    let sharing = world.phones.iter().position(shares).filter(|_| what == 3);
    let any = world.dice.below(world.phones.len());
    let place = sharing.filter(|_| world.dice.happens(800)).unwrap_or(any);
    let is_revoked = world.misfortunes.contains(&Misfortune::Revoked(place));
    match what {
        0 => befalls(world, place, Befalls::Locked, lives).await,
        1 => befalls(world, place, Befalls::Lost, lives).await,
        2 if !is_revoked => {
            let act = act(world);
            let device = world.phones[place].device;
            let mut transaction = world.machine.app().db.begin_write().await.expect("begins");
            device::revoke(&mut transaction, act, device).await.expect("revokes");
            commit(world, transaction).await;
            world.misfortunes.push(Misfortune::Revoked(place));
            lives.revoked += 1;
        }
        3 if !is_revoked => {
            let person = world.phones[place].person;
            let free = SHARING.iter().find(|one| {
                SHARING.contains(&person) && world.phones.iter().all(|phone| phone.person != **one)
            });
            let next = free.filter(|_| world.dice.happens(600)).copied().unwrap_or(person);
            if sign_out(world, place, saved).await {
                world.enrol(place, by_number(next)).await;
                lives.signed_out += 1;
                lives.shared += u64::from(next != person);
            }
        }
        4 => lives.parcels += u64::from(bring_a_file(world, place).await),
        _ => no_role(world, place, lives).await,
    }
}

/// Everything is made good: then nothing may be missing.
pub async fn heal(world: &mut World, saved: &AllSaved) {
    for misfortune in std::mem::take(&mut world.misfortunes) {
        make_good(world, misfortune, saved).await;
    }
    for phone in &world.phones {
        phone.replica().try_again().await;
    }
}

/// What has to survive a restore is in the ledger first.
async fn commit(world: &World, mut transaction: Transaction<'static, Sqlite>) {
    world.machine.app().sync.settle(&mut transaction).await.expect("the ledger takes it");
    transaction.commit().await.expect("commits");
}

fn act(world: &World) -> Act {
    Act { at_ms: world.now_ms(), by: Some(PersonId(24)) }
}

async fn befalls(world: &mut World, place: usize, what: Befalls, lives: &mut Lives) {
    let device = world.phones[place].device;
    let mut transaction = world.machine.app().db.begin_write().await.expect("begins");
    device::befalls(&mut transaction, act(world), device, what).await.expect("befalls");
    commit(world, transaction).await;
    let misfortune = match what {
        Befalls::Locked => Misfortune::Locked(device),
        _ => Misfortune::Lost(device),
    };
    if !world.misfortunes.contains(&misfortune) {
        world.misfortunes.push(misfortune);
    }
    lives.locked_or_lost += 1;
}

async fn no_role(world: &mut World, place: usize, lives: &mut Lives) {
    let one = by_number(world.phones[place].person);
    let misfortune = Misfortune::NoRole(one.person);
    if !REPLACEABLE.contains(&one.person.0) || world.misfortunes.contains(&misfortune) {
        return;
    }
    let act = act(world);
    let mut transaction = world.machine.app().db.begin_write().await.expect("begins");
    grant::end(&mut transaction, act, one.person, one.role, SITE).await.expect("ends");
    commit(world, transaction).await;
    world.misfortunes.push(misfortune);
    lives.without_role += 1;
}

async fn make_good(world: &mut World, misfortune: Misfortune, saved: &AllSaved) {
    let act = act(world);
    match misfortune {
        Misfortune::Locked(device) | Misfortune::Lost(device) => {
            let what = match misfortune {
                Misfortune::Locked(_) => Befalls::Unlocked,
                _ => Befalls::Found,
            };
            let mut transaction = world.machine.app().db.begin_write().await.expect("begins");
            device::befalls(&mut transaction, act, device, what).await.expect("befalls");
            commit(world, transaction).await;
            for phone in world.phones.iter().filter(|phone| phone.device == device) {
                phone.replica().try_again().await;
            }
        }
        Misfortune::Revoked(place) => {
            // One that had sent everything is nobody's by then.
            if world.phones[place].replica().identity().await.is_none() {
                forget(world, place, saved);
            }
            let person = world.phones[place].person;
            world.enrol(place, by_number(person)).await;
        }
        Misfortune::NoRole(person) => {
            let Person { role, group, .. } = by_number(person);
            let (role, from_ms) = (*role, act.at_ms);
            let new =
                NewGrant { person, role, site: SITE, from_ms, to_ms: None, on_behalf_of: None };
            let reach = Reach { group: *group, department: None };
            let mut transaction = world.machine.app().db.begin_write().await.expect("begins");
            grant::grant_within(&mut transaction, act, &new, &reach).await.expect("grants");
            commit(world, transaction).await;
        }
    }
}

/// Signs out, handing over; false if the app was killed before.
async fn sign_out(world: &mut World, place: usize, saved: &AllSaved) -> bool {
    let phone = &mut world.phones[place];
    if phone.replica().sign_out(true).await.is_err() {
        phone.close().await;
        phone.open().await;
    }
    if phone.replica().identity().await.is_some() {
        return false;
    }
    forget(world, place, saved);
    true
}

/// What was saved by now is not listed by the phone to anybody any more.
fn forget(world: &mut World, place: usize, saved: &AllSaved) {
    let phone = &mut world.phones[place];
    phone.forgotten = saved.phones[place].len();
    phone.was_signed_out = true;
    phone.devices.clear();
    phone.ink.lock().expect("not poisoned").open = None;
}

/// Somebody of the office imports a file of what is on a phone alone; the phone sends it too.
async fn bring_a_file(world: &mut World, place: usize) -> bool {
    let Ok(parcel) = world.phones[place].replica().parcel().await else {
        let phone = &mut world.phones[place];
        phone.close().await;
        phone.open().await;
        return false;
    };
    let act = act(world);
    let taken = world.machine.app().sync.take_parcel(act, &parcel.bytes, &parcel.code).await;
    if world.machine.hooks.is_down() {
        world.machine.restart().await;
        return false;
    }
    let taken = taken.unwrap_or_else(|error| panic!("a file of a phone is taken: {error:?}"));
    assert_eq!(taken.refused, [], "nobody's work is kept out");
    !taken.stored.is_empty()
}

#[test]
fn those_whom_the_office_may_replace_have_phones_and_no_seat() {
    for number in REPLACEABLE {
        let one = PEOPLE.iter().find(|one| one.person.0 == number).expect("one of them");
        assert!(one.has_phone && !one.has_seat && one.site == SITE, "{number}");
    }
}
