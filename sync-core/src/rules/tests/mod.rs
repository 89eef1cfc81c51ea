//! The rule book, told as stories: people write commands on their devices, a review judges them.

mod account;
mod afterwards;
mod alarms;
mod beside;
mod cases;
mod commands;
mod complaint_story;
mod complaints;
mod deadlines;
mod draws;
mod duplicates;
mod evidence;
mod fields;
mod follow_ups;
mod forms;
mod hand_overs;
mod heads;
mod kept;
mod kinds;
mod lists;
mod money;
mod orders;
mod paid_services;
mod patrols;
mod pause_properties;
mod pauses;
mod periodic;
mod permissions;
mod prices;
mod properties;
mod receptions;
mod repair_notices;
mod retention;
mod roster;
mod sla;
mod statements;
mod table;
mod violations;
mod visits;

use serde_json::{Value, json};

use super::command::{Command, Moment, perform};
use super::denial::{Denial, DenialCode};
use super::follow::Follow;
use super::review::{Review, ReviewInput, review};
use crate::model::fact::Fact;
use crate::model::id::{DeviceId, FactKey, PersonId, RecordId, SessionId, SiteId};
use crate::model::payload::Step;
use crate::model::person::{Principal, Role, RoleGrant};
use crate::model::policy::SlaPolicy;
use crate::model::session::{Origin, SessionRow, SessionRows};
use crate::model::time::{Anchor, BootId, Seen};
use crate::model::work_order::{Category, Priority, WorkOrderCreated, WorkOrderFact};

const SITE: SiteId = SiteId(7);
/// 2026-11-25T09:00:00+08:00.
const NINE: i64 = 1_795_568_400_000;
const MINUTE: i64 = 60_000;

/// Someone with a device and a session.
#[derive(Debug, Clone)]
struct Writer {
    person: PersonId,
    role: Role,
    session: SessionId,
    device: DeviceId,
    n: u64,
    /// How wrong the device's wall clock is.
    wall_offset_ms: i64,
    /// When the device booted.
    booted_ms: i64,
    office: bool,
}

/// A record being written.
#[derive(Debug, Clone)]
struct Story {
    record: RecordId,
    facts: Vec<Fact>,
    sessions: SessionRows,
    policy: SlaPolicy,
    now_ms: i64,
}

impl Story {
    fn new() -> Self {
        Self {
            record: RecordId([1; 16]),
            facts: Vec::new(),
            sessions: SessionRows::new(),
            policy: SlaPolicy::default(),
            now_ms: NINE,
        }
    }

    /// A person at work; `number` names person, device and session.
    fn writer(&mut self, number: u8, role: Role) -> Writer {
        let office = role.is_office();
        let booted_ms = NINE - 3_600_000;
        let session = SessionId([number; 8]);
        let row = SessionRow {
            session,
            person: PersonId(u32::from(number)),
            device: DeviceId(u32::from(number)),
            origin: if office { Origin::Office } else { Origin::Phone },
            boot: BootId([number; 16]),
            opened_wall_ms: NINE,
            opened_monotonic_ms: NINE - booted_ms,
            anchor: (!office).then_some(Anchor { server_ms: booted_ms, monotonic_ms: 0 }),
        };
        self.sessions.insert(session, row);
        Writer {
            person: PersonId(u32::from(number)),
            role,
            session,
            device: DeviceId(u32::from(number)),
            n: 0,
            wall_offset_ms: 0,
            booted_ms,
            office,
        }
    }

    fn desk(&mut self) -> Writer {
        self.writer(12, Role::FrontDesk)
    }

    fn technician(&mut self, number: u8) -> Writer {
        self.writer(number, Role::Technician)
    }

    /// An urgent household order, dispatched to person 31.
    fn dispatched() -> (Self, Writer) {
        let mut story = Self::new();
        let mut desk = story.desk();
        story.write(&mut desk, order(Priority::Urgent));
        story.write(&mut desk, Command::step(WorkOrderFact::Dispatched));
        story.write(&mut desk, Command::Assign { person: PersonId(31) });
        (story, desk)
    }

    fn after(&mut self, ms: i64) {
        self.now_ms += ms;
    }

    fn review(&self) -> Review {
        self.review_of(&self.facts)
    }

    fn review_of(&self, facts: &[Fact]) -> Review {
        review(&ReviewInput {
            record: self.record,
            facts,
            sessions: &self.sessions,
            policies: std::slice::from_ref(&self.policy),
            now_ms: self.now_ms,
        })
    }

    fn moment(&self, writer: &Writer) -> Moment {
        Moment {
            wall_ms: self.now_ms + writer.wall_offset_ms,
            monotonic_ms: (!writer.office).then_some(self.now_ms - writer.booted_ms),
            now_ms: self.now_ms,
            seen: Seen { epoch: 1, sequence: 10 },
            session: writer.session,
            n: writer.n + 1,
            device: writer.device,
        }
    }

    fn try_write_on(
        &self,
        writer: &Writer,
        command: &Command,
        facts: &[Fact],
    ) -> Result<Vec<Fact>, Denial> {
        let review = command.creates().is_none().then(|| self.review_of(facts));
        perform(command, &principal(writer), review.as_ref(), &self.moment(writer))
    }

    fn deny(&self, writer: &Writer, command: &Command) -> DenialCode {
        self.try_write_on(writer, command, &self.facts).expect_err("denied").code
    }

    /// Writes on what everybody sees.
    fn write(&mut self, writer: &mut Writer, command: Command) -> FactKey {
        let seen = self.facts.clone();
        self.write_on(writer, command, &seen)
    }

    /// Writes on what the writer saw, which may be less.
    fn write_on(&mut self, writer: &mut Writer, command: Command, seen: &[Fact]) -> FactKey {
        let facts = self.try_write_on(writer, &command, seen);
        let facts = facts.unwrap_or_else(|denial| panic!("{command:?}: {denial}"));
        writer.n += 1;
        let key = facts[0].key;
        // Through its stored form: what is tested is what is kept.
        let stored = facts.iter().map(|fact| fact.store().expect("canonical"));
        self.facts.extend(stored.map(|fact| fact.parse().expect("a fact")));
        key
    }

    /// Writes what follows, as the server does.
    fn derive(&mut self, follow: &Follow) -> FactKey {
        let fact = follow.fact(self.record);
        let key = fact.key;
        self.facts.push(fact.store().expect("canonical").parse().expect("a fact"));
        key
    }

    fn step(&mut self, writer: &mut Writer, fact_type: &str, content: Value) -> FactKey {
        self.write(writer, step(fact_type, content))
    }
}

fn principal(writer: &Writer) -> Principal {
    Principal { person: writer.person, grants: vec![grant(writer.person, writer.role)] }
}

fn grant(person: PersonId, role: Role) -> RoleGrant {
    RoleGrant {
        person,
        role,
        site: SITE,
        group: None,
        department: None,
        from_ms: 0,
        to_ms: None,
        granted: Seen { epoch: 1, sequence: 1 },
        ended: None,
        on_behalf_of: None,
    }
}

fn order(priority: Priority) -> Command {
    Command::CreateWorkOrder {
        site: SITE,
        order: WorkOrderCreated {
            category: Category::Household,
            unit: Some("3-2-1501".to_owned()),
            group: None,
            place: None,
            contact: None,
            description: "厨房水管漏水".to_owned(),
            priority,
            reported_at_ms: None,
            round: None,
            reception: None,
        },
    }
}

/// A step as an app would send it.
fn step(fact_type: &str, content: Value) -> Command {
    let fact = serde_json::from_value::<Step>(json!({ "t": fact_type, "p": content }))
        .or_else(|_| serde_json::from_value(json!({ "t": fact_type })));
    Command::step(fact.unwrap_or_else(|error| panic!("{fact_type}: {error}")))
}

fn set(field: &str, value: Value) -> Command {
    Command::Set { field: field.to_owned(), value, salt: None }
}

fn codes(review: &Review) -> Vec<&str> {
    let all = review.visits.iter().flat_map(|visit| &visit.deviations);
    all.map(|deviation| deviation.code.as_str()).collect()
}

fn open_cases(review: &Review) -> Vec<&str> {
    review.open_cases().map(|case| case.kind.as_str()).collect()
}
