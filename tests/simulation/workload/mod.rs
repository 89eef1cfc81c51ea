//! What people do: given what somebody sees of a record now, what that person may plausibly do
//! next. Mostly permitted, sometimes not: then a phone or the desk refuses before writing. Phones
//! now and then write, with their rules patched out, what they may not.

mod alarm;
mod complaint;
mod contact;
mod follow_up;
mod hand_over;
mod order;
mod paid_service;
mod patrol;
mod periodic;
mod price_item;
mod reception;
mod repair_notice;
mod violation;
mod visit;

use serde_json::{Value, json};
use sync_core::model::id::{PersonId, RecordId, SiteId};
use sync_core::model::person::Role;
use sync_core::rules::{Command, Review};

use super::environment::Dice;

/// Every kind that the workload writes.
pub const KINDS: [&str; 14] = [
    "work_order",
    "contact",
    "patrol_plan",
    "patrol_round",
    "alarm",
    "reception",
    "complaint",
    "repair_notice",
    "follow_up",
    "violation",
    "price_item",
    "paid_service",
    "hand_over",
    "periodic_task",
];

/// Draws a kind; those that a shift is busy with come up more often.
pub fn draw_kind(dice: &Dice) -> &'static str {
    const BUSY: [&str; 14] = [
        "work_order",
        "work_order",
        "work_order",
        "work_order",
        "work_order",
        "paid_service",
        "paid_service",
        "complaint",
        "complaint",
        "complaint",
        "reception",
        "violation",
        "hand_over",
        "price_item",
    ];
    let drawn = dice.below(KINDS.len() + BUSY.len());
    if drawn < KINDS.len() { KINDS[drawn] } else { BUSY[drawn - KINDS.len()] }
}

/// The desk and those above it.
pub const DESK: &[Role] =
    &[Role::FrontDesk, Role::Assistant, Role::DutyOperator, Role::Supervisor, Role::ProjectManager];
/// The desk and engineering's lead.
pub const DESK_AND_LEAD: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::EngineeringLead,
];
/// Who works on complaints.
pub const HANDLERS: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::GeneralManager,
];
/// Who enters homes.
pub const WORKERS: &[Role] = &[Role::Technician, Role::ServiceWorker, Role::EngineeringLead];
/// Who hands over between the work and the desk.
pub const EVERYONE: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::EngineeringLead,
    Role::Technician,
    Role::ServiceWorker,
];
/// Who decides on violations.
pub const DECIDERS: &[Role] = &[Role::Supervisor, Role::ProjectManager];
/// Who decides on serious ones and signs.
pub const MANAGER: &[Role] = &[Role::ProjectManager];
/// Who plans patrols.
pub const PLANNERS: &[Role] = &[Role::Supervisor, Role::ProjectManager, Role::Assistant];
/// Who prices services.
pub const PRICERS: &[Role] = &[Role::OperationsManager, Role::CleaningManager];
/// Who approves prices.
pub const APPROVERS: &[Role] = &[Role::GeneralManager];
/// Who checks paid services.
pub const SUPERVISORS: &[Role] = &[Role::Supervisor];
/// Any role.
pub const ANYONE: &[Role] = &Role::ALL;

/// A command somebody may plausibly give, and the roles that usually give it.
pub struct Step {
    /// Usually one of these.
    pub by: &'static [Role],
    /// The command, as an app sends it.
    pub command: Value,
}

/// A line of cash that stands in no hand-over yet.
#[derive(Debug, Clone)]
pub struct CashLine {
    /// The order.
    pub record: RecordId,
    /// Its fact.
    pub fact: String,
    /// `handed_in` or `refunded`.
    pub kind: String,
    /// Fen.
    pub fen: i64,
}

/// What a draw may use: the dice, who acts, and what that person knows of other records.
pub struct Draw<'a> {
    /// The seed's.
    pub dice: &'a Dice,
    /// Who acts.
    pub person: PersonId,
    /// Where.
    pub site: SiteId,
    /// The actor's clock. Milliseconds.
    pub now_ms: i64,
    /// Kind and id of records that the actor sees.
    pub known: &'a [(String, RecordId)],
    /// Cash in no hand-over.
    pub cash: &'a [CashLine],
}

impl Draw<'_> {
    /// From 0 to `most`.
    pub fn small(&self, most: usize) -> i64 {
        i64::try_from(self.dice.below(most + 1)).expect("small")
    }

    /// A unit of one of three homes.
    pub fn unit(&self) -> &'static str {
        ["3-2-1501", "3-2-1502", "5-1-301"][self.dice.below(3)]
    }

    /// One of two groups of buildings.
    pub fn group(&self) -> u32 {
        if self.dice.happens(500) { 1 } else { 2 }
    }

    /// An amount. Fen.
    pub fn fen(&self) -> i64 {
        [1, 4_999, 8_800, 12_000, 100_003][self.dice.below(5)]
    }

    /// A means of payment, cash most of the time.
    pub fn method(&self) -> &'static str {
        ["cash", "cash", "qr_code", "transfer"][self.dice.below(4)]
    }

    /// `urgent` or `appointed`.
    pub fn priority(&self) -> &'static str {
        if self.dice.happens(500) { "urgent" } else { "appointed" }
    }

    /// A technician.
    pub fn technician(&self) -> u32 {
        31 + u32::try_from(self.dice.below(2)).expect("few")
    }

    /// A service worker, seldom a technician.
    pub fn service_worker(&self) -> u32 {
        if self.dice.happens(850) { 33 } else { 31 }
    }

    /// Who walks rounds.
    pub fn officer(&self) -> u32 {
        34 + u32::try_from(self.dice.below(2)).expect("few")
    }

    /// Somebody of the office.
    pub fn colleague(&self) -> u32 {
        12 + u32::try_from(self.dice.below(12)).expect("few")
    }

    /// Random text.
    pub fn salt(&self) -> String {
        format!("salt-{}", self.dice.below(1 << 40))
    }

    /// Sets an appointment.
    pub fn appointment(&self) -> Value {
        let at = rfc3339(self.now_ms + 3_600_000 * self.small(40));
        json!({ "command": "set", "field": "appointment", "value": at })
    }

    /// A record of that kind.
    pub fn known(&self, kind: &str) -> Option<RecordId> {
        let all: Vec<RecordId> = self.of(kind).collect();
        if all.is_empty() { None } else { Some(all[self.dice.below(all.len())]) }
    }

    /// The first record of that kind: the same one for everybody.
    pub fn first_known(&self, kind: &str) -> Option<RecordId> {
        self.of(kind).next()
    }

    fn of(&self, kind: &str) -> impl Iterator<Item = RecordId> {
        self.known.iter().filter(move |(known, _)| known == kind).map(|(_, record)| *record)
    }

    /// Often names a record of that kind in a member.
    pub fn link(&self, members: &mut Value, member: &str, kind: &str) {
        if let Some(record) = self.known(kind).filter(|_| self.dice.happens(500)) {
            members[member] = json!(record);
        }
    }
}

/// An RFC 3339 time of the site, to the second.
pub fn rfc3339(at_ms: i64) -> String {
    let local = at_ms + 8 * 3_600_000;
    let (days, ms) = (local.div_euclid(86_400_000), local.rem_euclid(86_400_000));
    let (year, month, day) = super::days::date(days);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+08:00")
}

/// A step that is a command.
fn one(by: &'static [Role], command: Value) -> Step {
    Step { by, command }
}

/// A step that records a fact.
fn fact(by: &'static [Role], t: &str, p: Value) -> Step {
    let fact = if p.is_null() { json!({ "t": t }) } else { json!({ "t": t, "p": p }) };
    one(by, json!({ "command": "record", "fact": fact }))
}

/// A step that opens a record of a kind.
fn open_as(by: &'static [Role], draw: &Draw<'_>, kind: &str, mut members: Value) -> Step {
    members["command"] = "open".into();
    members["kind"] = kind.into();
    members["site"] = json!(draw.site);
    one(by, members)
}

/// Ways to open a record of a kind.
fn openings(kind: &str, draw: &Draw<'_>) -> Vec<Step> {
    match kind {
        "work_order" => order::open(draw),
        "contact" => contact::open(draw),
        "patrol_plan" => patrol::open_plan(draw),
        "patrol_round" => patrol::open_round(draw),
        "alarm" => alarm::open(draw),
        "reception" => reception::open(draw),
        "complaint" => complaint::open(draw),
        "repair_notice" => repair_notice::open(draw),
        "follow_up" => follow_up::open(draw),
        "violation" => violation::open(draw),
        "price_item" => price_item::open(draw),
        "paid_service" => paid_service::open(draw),
        "hand_over" => hand_over::open(draw),
        "periodic_task" => periodic::open(draw),
        other => panic!("no such kind: {other}"),
    }
}

/// What may be done next with a record.
fn next(review: &Review, draw: &Draw<'_>) -> Vec<Step> {
    match review.kind.as_str() {
        "work_order" => order::next(review, draw),
        "contact" => contact::next(review, draw),
        "patrol_plan" => patrol::next_plan(review, draw),
        "patrol_round" => patrol::next_round(review, draw),
        "alarm" => alarm::next(review, draw),
        "reception" => reception::next(review, draw),
        "complaint" => complaint::next(review, draw),
        "repair_notice" => repair_notice::next(review, draw),
        "follow_up" => follow_up::next(review, draw),
        "violation" => violation::next(review, draw),
        "price_item" => price_item::next(review, draw),
        "paid_service" => paid_service::next(review, draw),
        "hand_over" => hand_over::next(review, draw),
        "periodic_task" => periodic::next(review, draw),
        _ => Vec::new(),
    }
}

/// Draws one step of an opening (without a review) or of what may be done next, mostly one that
/// somebody with one of `roles` usually takes.
pub fn draw_step(
    (kind, review): (&str, Option<&Review>),
    draw: &Draw<'_>,
    roles: &[Role],
) -> Option<Step> {
    let mut steps = match review {
        Some(review) => next(review, draw),
        None => openings(kind, draw),
    };
    let usual = |step: &Step| step.by.iter().any(|role| roles.contains(role));
    if draw.dice.happens(930) {
        steps.retain(usual);
    }
    if steps.is_empty() { None } else { Some(steps.swap_remove(draw.dice.below(steps.len()))) }
}

/// Reads a command as an app sends it.
pub fn command(value: Value) -> Command {
    let text = value.to_string();
    serde_json::from_value(value).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A fact that the holder of `role` may not write: a patched phone writes it all the same.
pub fn forbidden(kind: &str, role: Role, dice: &Dice) -> Value {
    let of_kind = match kind {
        "work_order" | "paid_service" if !role.is_office() => {
            json!({ "t": "cancelled", "p": { "reason": "不该写" } })
        }
        "complaint" => json!({ "t": "escalated", "p": { "to": "supervisor", "due_ms": 1 } }),
        "alarm" => json!({ "t": "alerted", "p": { "person": 31, "rank": 0 } }),
        "violation" if !role.is_office() => {
            json!({ "t": "violation_decided", "p": { "measure": "dissuade", "reason": "无权" } })
        }
        "reception" => {
            json!({ "t": "outage_over", "p": { "record": RecordId([7; 16]), "at_ms": 1 } })
        }
        _ => Value::Null,
    };
    let deadline = json!({ "deadline": "call_back", "due_ms": 1, "tells": [] });
    if of_kind.is_null() || dice.happens(300) {
        return json!({ "t": "fell_due", "p": deadline });
    }
    of_kind
}

/// Whether only workers usually do it: then the desk enters it for them (补录).
pub fn is_of_workers(step: &Step) -> bool {
    step.by.contains(&Role::Technician) && !step.by.contains(&Role::FrontDesk)
}
