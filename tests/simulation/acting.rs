//! Turns: what the office, a phone and a runner of the jobs do in a round.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use fieldbook_server::people::Act;
use fieldbook_server::sync::account_day;
use fieldbook_server::{App, Error, jobs};
use serde_json::Value;
use sync_core::model::id::{DeviceId, FactKey, PersonId, RecordId, SiteId};
use sync_core::model::person::Role;
use sync_core::replica::{Performed, Replica};

use super::coverage::Coverage;
use super::days;
use super::environment::{Dice, Gate, SimulatedClock, SimulatedHooks};
use super::people::{PEOPLE, Person, SITE, Seat};
use super::signing::Ink;
use super::workload::{
    CashLine, DESK, Draw, Step, command, draw_kind, draw_step, forbidden, is_of_workers,
};
use super::world::World;

/// A command that returned: from here on it must never be lost.
#[derive(Debug, Clone)]
pub struct Saved {
    /// The record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// Its number on the phone or seat.
    pub n: u64,
    /// Who gave it.
    pub person: PersonId,
    /// The phone or seat.
    pub device: DeviceId,
    /// Its first fact.
    pub key: FactKey,
    /// It opened the record.
    pub opened: bool,
    /// The phone's rules were off: the server has to refuse it.
    pub forbidden: bool,
    /// The phone's clock was turned back for it.
    pub lied: bool,
    /// To before the phone last got an answer: the server has to notice.
    pub caught: bool,
    /// Server time at that moment, whatever its writer's clock said.
    pub at_ms: i64,
}

/// The office closed a day.
#[derive(Debug, Clone)]
pub struct DayClosed {
    /// The day.
    pub day: String,
    /// Device and number of everything that had come for it.
    pub known: BTreeSet<(u32, u64)>,
}

/// What somebody's turn came to.
#[derive(Debug, Default)]
pub struct Done {
    /// Commands that returned.
    pub saved: Vec<Saved>,
    /// Days that were closed.
    pub closed: Vec<DayClosed>,
    /// What was denied before anything was written.
    pub coverage: Coverage,
    /// Things that a run of jobs could not do though nothing stopped it.
    pub failed: u64,
    /// What happened, for comparing two runs of a seed.
    pub trace: Vec<String>,
}

/// The office's turn: a few commands at different seats.
pub async fn office(world: &mut World, done: &mut Done) -> u64 {
    let mut crashes = 0;
    for _ in 0..12 + world.dice.below(10) {
        world.advance_ms(1_000 + i64::try_from(world.dice.below(60_000)).expect("small"));
        if world.machine.hooks.is_down() {
            crashes += 1;
            world.machine.restart().await;
        }
        office_step(world, done).await;
    }
    if world.dice.happens(350) {
        close_a_day(world, done).await;
    }
    crashes
}

/// Somebody closes one of the last days, as the office's page does.
async fn close_a_day(world: &World, done: &mut Done) {
    let now_ms = world.now_ms();
    let back = i64::try_from(world.dice.below(3)).expect("small");
    let from_ms = days::midnight(now_ms) - back * days::DAY_MS;
    let day = days::day(from_ms);
    let act = Act { at_ms: now_ms, by: Some(PersonId(12)) };
    let mut transaction = world.machine.app().db.begin_write().await.expect("begins");
    let of_day = (SITE, day.as_str());
    let closed =
        account_day::close(&mut transaction, act, of_day, (from_ms, from_ms + days::DAY_MS));
    closed.await.expect("closes");
    let rows: Vec<(u32, i64, i64)> = sqlx::query_as(
        "select device, from_number, to_number from account_day_row
         where site = ? and day = ? and dated <> 'told'",
    )
    .bind(SITE.0)
    .bind(&day)
    .fetch_all(&mut *transaction)
    .await
    .expect("reads");
    transaction.commit().await.expect("commits");
    let numbers = |(device, from, to): (u32, i64, i64)| {
        (from..=to).map(move |number| (device, number.unsigned_abs()))
    };
    let known = rows.into_iter().flat_map(numbers).collect();
    done.trace.push(format!("closed {day}"));
    done.closed.push(DayClosed { day, known });
}

async fn office_step(world: &World, done: &mut Done) {
    let dice = &world.dice;
    let kind = draw_kind(dice);
    let known = known(world).await;
    let cash = cash(world).await;
    // Few of each, so that they come far.
    let most = if kind == "patrol_plan" { 1 } else { 3 };
    let is_enough = known.iter().filter(|(known, _)| known == kind).count() >= most;
    let record =
        pick(&known, kind, dice).filter(|_| dice.happens(if is_enough { 950 } else { 600 }));
    let review = match record {
        Some(record) => world.machine.app().sync.read(record).await.expect("reads"),
        None => None,
    };
    let review = review.map(|(_, _, review)| review);
    let draw = Draw {
        dice,
        person: PersonId(12),
        site: SITE,
        now_ms: world.now_ms(),
        known: &known,
        cash: &cash,
    };
    let roles = if dice.happens(900) { &Role::ALL[..9] } else { &Role::ALL[..] };
    let Some(mut step) = draw_step((kind, review.as_ref()), &draw, roles) else { return };
    enter_for_a_worker(&mut step, dice, world.now_ms());
    let seat = seat(&step, dice);
    let text = step.command.to_string();
    match world.office(seat, record, command(step.command)).await {
        Ok(written) => done.saved.push(Saved {
            record: written.record,
            kind: kind.to_owned(),
            n: written.number,
            key: FactKey::Written { session: seat.session, n: written.number, i: 0 },
            opened: record.is_none(),
            person: seat.person,
            device: seat.device,
            forbidden: false,
            lied: false,
            caught: false,
            at_ms: world.now_ms(),
        }),
        Err(Error::Denied(denial)) => {
            done.coverage.of(kind).denied += 1;
            done.trace.push(format!("denied {denial:?}"));
        }
        // The hook may have stopped it after it was written: nobody was told, nothing is owed.
        Err(Error::Stopped(_) | Error::Problem { .. }) => done.trace.push("stopped".to_owned()),
        Err(error) => panic!("the office is told of no failure but by a hook: {error:?} {text}"),
    }
    done.trace.push(format!("{} {record:?} {text}", seat.person));
}

/// What only workers do, the desk mostly enters for them, and says so.
fn enter_for_a_worker(step: &mut Step, dice: &Dice, now_ms: i64) {
    if is_of_workers(step) && step.command["command"] == "record" && dice.happens(700) {
        step.command["on_behalf_of"] = 31.into();
        step.command["said_at_ms"] = (now_ms - 600_000).into();
        step.by = DESK;
    }
}

/// Mostly somebody who usually does it.
fn seat(step: &Step, dice: &Dice) -> Seat {
    let seats = || PEOPLE.iter().filter(|one| one.has_seat);
    let usual: Vec<&Person> =
        seats().filter(|one| one.site == SITE && step.by.contains(&one.role)).collect();
    let all: Vec<&Person> = seats().collect();
    let from = if usual.is_empty() || dice.happens(70) { &all } else { &usual };
    Seat::of(from[dice.below(from.len())].person)
}

fn pick(known: &[(String, RecordId)], kind: &str, dice: &Dice) -> Option<RecordId> {
    let of_kind: Vec<RecordId> =
        known.iter().filter(|(known, _)| known == kind).map(|(_, record)| *record).collect();
    // The same few again and again, so that they come far.
    let few = of_kind.len().min(4);
    if few == 0 { None } else { Some(of_kind[dice.below(few)]) }
}

/// Kind and id of every record of the site.
async fn known(world: &World) -> Vec<(String, RecordId)> {
    let rows: Vec<(String, Vec<u8>)> =
        sqlx::query_as("select kind, record from record where site = ? order by record")
            .bind(SITE.0)
            .fetch_all(world.machine.app().db.reader())
            .await
            .expect("reads");
    let id = |bytes: Vec<u8>| RecordId(bytes.try_into().expect("16 bytes"));
    rows.into_iter().map(|(kind, record)| (kind, id(record))).collect()
}

/// Cash that stands in no hand-over: what the office's page proposes.
async fn cash(world: &World) -> Vec<CashLine> {
    let rows: Vec<(Vec<u8>, String, String, i64)> = sqlx::query_as(
        "select c.record, c.fact, c.kind, c.amount_fen from cash_entry c
         where c.site = ? and c.method = 'cash' and not exists (select 1 from hand_over_cash h
           where h.record = c.record and h.fact = c.fact)
         order by c.record, c.fact limit 50",
    )
    .bind(SITE.0)
    .fetch_all(world.machine.app().db.reader())
    .await
    .expect("reads");
    let line = |(record, fact, kind, fen): (Vec<u8>, String, String, i64)| {
        let record = RecordId(record.try_into().expect("16 bytes"));
        CashLine { record, fact, kind, fen }
    };
    rows.into_iter().map(line).collect()
}

/// Who walks about with a phone.
pub struct Carrier {
    /// The open store.
    pub replica: Arc<Replica>,
    /// Who.
    pub person: PersonId,
    /// As what.
    pub role: Role,
    /// Where.
    pub site: SiteId,
    /// The phone's number.
    pub device: DeviceId,
    /// The person's whims.
    pub dice: Dice,
    /// When the turn begins.
    pub now_ms: i64,
    /// The phone's clock.
    pub clock: Arc<SimulatedClock>,
    /// Turns the clock back now and then.
    pub is_liar: bool,
    /// When the phone last got an answer.
    pub answered_ms: Arc<AtomicI64>,
    /// What its customers have drawn.
    pub ink: Arc<Mutex<Ink>>,
}

impl Carrier {
    /// Some commands, some syncs, in an order drawn by the phone's dice.
    pub async fn turn(self, steps: usize) -> Done {
        let mut done = Done::default();
        self.resume(&mut done).await;
        for _ in 0..steps {
            if self.dice.happens(250) {
                let result = self.replica.sync_once().await;
                if result.is_ok() {
                    self.answered_ms.store(self.now_ms, Ordering::SeqCst);
                }
                done.trace.push(format!("sync {:?}", result.map_err(|error| error.to_string())));
            } else {
                self.step(&mut done).await;
            }
        }
        done
    }

    async fn step(&self, done: &mut Done) {
        let dice = &self.dice;
        let list = self.replica.list().await;
        let here = list.iter().filter(|item| item.present);
        let known: Vec<(String, RecordId)> =
            here.map(|item| (item.projection.kind.clone(), item.record)).collect();
        let record = match self.dice.below(10) {
            0 => None,
            _ => (0..4)
                .find_map(|_| pick(&known, draw_kind(dice), dice))
                .or_else(|| known.first().map(|(_, record)| *record)),
        };
        let Some(record) = record else { return self.open(&known, done).await };
        let Ok(Some(review)) = self.replica.review(record).await else { return };
        let kind = review.kind.clone();
        if dice.happens(60) {
            let payload = forbidden(&kind, self.role, dice);
            let result = self.replica.write_unjudged(record, &payload).await;
            let saved = self.saved(result.as_ref().ok(), &kind, false);
            done.saved.extend(saved.map(|saved| Saved { forbidden: true, ..saved }));
            done.trace.push(format!("{record} forbidden {:?}", result.is_ok()));
            return;
        }
        let draw = self.draw(&known);
        // A customer who is asked again and again: else signing is one step of very many.
        let drawn = || draw_step((&kind, Some(&review)), &draw, &[self.role]);
        let asked = (0..4).find_map(|_| drawn().filter(|step| step.command["command"] == "sign"));
        let Some(step) = asked.or_else(drawn) else { return };
        if step.command["command"] == "sign" {
            return self.sign(record, &kind, step.command, done).await;
        }
        self.perform(Some(record), &kind, step.command, done).await;
    }

    async fn open(&self, known: &[(String, RecordId)], done: &mut Done) {
        let kind = draw_kind(&self.dice);
        let draw = self.draw(known);
        if let Some(step) = draw_step((kind, None), &draw, &[self.role]) {
            self.perform(None, kind, step.command, done).await;
        }
    }

    fn draw<'a>(&'a self, known: &'a [(String, RecordId)]) -> Draw<'a> {
        let site = if self.dice.happens(980) { self.site } else { SITE };
        let (dice, person, now_ms) = (&self.dice, self.person, self.now_ms);
        Draw { dice, person, site, now_ms, known, cash: &[] }
    }

    /// Gives a command.
    pub async fn perform(
        &self,
        record: Option<RecordId>,
        kind: &str,
        value: Value,
        done: &mut Done,
    ) {
        let text = value.to_string();
        let lies = self.is_liar && self.dice.happens(200);
        let hours = 1 + i64::try_from(self.dice.below(30)).expect("small");
        let lie_ms = if lies { self.clock.lie_ms(hours * 3_600_000) } else { 0 };
        let result = self.replica.perform(&command(value), record).await;
        self.clock.lie_ms(0);
        if let Err(sync_core::Error::Denied(_)) = &result {
            done.coverage.of(kind).denied += 1;
        }
        let saved = self.saved(result.as_ref().ok(), kind, record.is_none());
        // The server believes ten minutes, and notes an idle contact once an hour.
        let believed_ms = self.answered_ms.load(Ordering::SeqCst) - 600_000 - 3_600_000;
        let caught = self.now_ms - lie_ms < believed_ms;
        let lied = lie_ms > 0;
        done.saved.extend(saved.map(|saved| Saved { lied, caught: lied && caught, ..saved }));
        let result = result.map(|one| one.n).map_err(|error| error.to_string());
        done.trace.push(format!("{record:?} {text} {lie_ms} {result:?}"));
    }

    fn saved(&self, performed: Option<&Performed>, kind: &str, opened: bool) -> Option<Saved> {
        let (person, device, kind) = (self.person, self.device, kind.to_owned());
        performed.map(|one| Saved {
            record: one.record,
            kind,
            n: one.n,
            person,
            device,
            key: one.key,
            opened,
            forbidden: false,
            lied: false,
            caught: false,
            at_ms: self.now_ms,
        })
    }

    /// What its customers have drawn.
    pub fn ink(&self) -> MutexGuard<'_, Ink> {
        self.ink.lock().expect("not poisoned")
    }
}

/// A runner's turn: everything that is due.
pub async fn run_jobs(app: App, hooks: Arc<SimulatedHooks>, gate: Option<Gate>) -> Done {
    if let Some(gate) = gate {
        gate.pass().await;
    }
    let mut done = Done::default();
    let ran = jobs::run_due(&app, app.now_ms()).await;
    if !hooks.is_down() {
        done.failed = ran.as_ref().map_or(1, |ran| ran.failed);
    }
    done.trace.push(format!("jobs {:?}", ran.map_err(|error| error.to_string())));
    done
}
