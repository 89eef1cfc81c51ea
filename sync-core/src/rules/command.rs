//! Commands: what people do, turned into facts, or denied with a reason. One command touches one
//! record and makes one change.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::cases::{case_closed, case_reopened};
use super::check::{
    check_attached, check_contact, check_field, check_order, check_pause, check_resume, check_step,
    exists,
};
use super::check_patrol;
use super::denial::{Denial, DenialCode};
use super::duplicates;
use super::kind;
use super::limits::{self, text};
use super::permission::permit;
use super::review::Review;
use super::signature::Strokes;
use super::statement::{Language, statement};
use super::written::Written;
use crate::model::alarm::{self, AlarmCreated};
use crate::model::contact::{self, ContactCreated};
use crate::model::fact::Fact;
use crate::model::id::{DeviceId, FactKey, PersonId, RecordId, SessionId, SiteId};
use crate::model::patrol::{self, PatrolFact, PatrolPlanCreated, PatrolRoundCreated, RestOk};
use crate::model::payload::{
    Answered, Asked, Attached, Created, DeadlinePaused, GeneralFact, Note, OfFact, OpeningContent,
    Payload, Resolve, Set, Step,
};
use crate::model::person::Principal;
use crate::model::time::{MonotonicMs, Seen, WallMs};
use crate::model::work_order::{self, Ratings, Relation, Signed, WorkOrderCreated, WorkOrderFact};

/// Something a person does. JSON: `{"command": "<name>", ...}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Opens a work order.
    CreateWorkOrder {
        /// Where.
        site: SiteId,
        /// What.
        #[serde(flatten)]
        order: WorkOrderCreated,
    },
    /// Opens a contact.
    CreateContact {
        /// Where.
        site: SiteId,
        /// Who.
        #[serde(flatten)]
        contact: ContactCreated,
    },
    /// Opens a month's plan of patrols.
    CreatePatrolPlan {
        /// Where.
        site: SiteId,
        /// What.
        #[serde(flatten)]
        plan: PatrolPlanCreated,
    },
    /// Opens a patrol round: a planned one with its cause, or one that nobody planned.
    CreateRound {
        /// Where.
        site: SiteId,
        /// The cause of a planned one (`planned_rounds`): its record's id follows from it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// What.
        #[serde(flatten)]
        round: PatrolRoundCreated,
    },
    /// Raises an alarm: it is sent before everything else.
    RaiseAlarm {
        /// Where.
        site: SiteId,
        /// What.
        #[serde(flatten)]
        alarm: AlarmCreated,
    },
    /// Opens a record of any other kind: `{"command": "open", "site": 7, "kind": "violation"}`
    /// with the kind's members.
    Open {
        /// Where.
        site: SiteId,
        /// The kind and what it is opened with.
        #[serde(flatten)]
        content: OpeningContent,
    },
    /// Says ok of everything at a checkpoint that nothing has been said of.
    RestOk {
        /// The checkpoint's code.
        checkpoint: String,
    },
    /// Marks an item of the inbox as read.
    Read {
        /// The fact that tells it.
        of: FactKey,
    },
    /// Takes on what an item of the inbox tells.
    Acknowledge {
        /// The fact that tells it.
        of: FactKey,
    },
    /// Asks a person.
    Ask {
        /// Whom.
        person: PersonId,
        /// What.
        text: String,
    },
    /// Answers a question.
    Answer {
        /// The key of its `asked`.
        question: FactKey,
        /// What.
        text: String,
    },
    /// Stops deadlines until they are resumed.
    PauseDeadline {
        /// Their names; all of the record if none is named.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        deadlines: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Ends a pause.
    ResumeDeadline {
        /// The key of its `deadline_paused`.
        of: FactKey,
    },
    /// Writes a field; replaces the value that stands.
    Set {
        /// The field.
        field: String,
        /// The value.
        value: Value,
        /// Random text, for a contact's fields.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        salt: Option<String>,
    },
    /// Ends a field's conflict.
    Resolve {
        /// The field.
        field: String,
        /// The value that holds from here.
        value: Value,
        /// Why.
        reason: String,
    },
    /// Names who is to do it.
    Assign {
        /// Who.
        person: PersonId,
    },
    /// Free text.
    Note {
        /// The text.
        text: String,
    },
    /// Announces a photo or document: it is kept with the record, whatever follows from it.
    Attach {
        /// What.
        #[serde(flatten)]
        attachment: Attached,
    },
    /// Closes a case.
    CloseCase {
        /// The kind.
        case: String,
        /// What it rests on.
        rests_on: Vec<FactKey>,
        /// Why.
        reason: String,
    },
    /// Opens a case again that somebody has closed.
    ReopenCase {
        /// The kind.
        case: String,
        /// What it rests on.
        rests_on: Vec<FactKey>,
        /// Why.
        reason: String,
    },
    /// Puts the record aside: its matter stands in another one, which goes on.
    MergeInto {
        /// The one that goes on, of the same kind and site.
        record: RecordId,
        /// Why.
        reason: String,
    },
    /// A step of an order, a visit, a round or an alarm, written as the fact it is.
    Record {
        /// The fact: `{"t": "ring", "p": {"visit": "..."}}`.
        fact: Step,
        /// When it really happened, for a step stated afterwards (补录).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        said_at_ms: Option<WallMs>,
        /// The worker without a phone it is entered for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on_behalf_of: Option<PersonId>,
        /// Earlier facts it puts right.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        corrects: Vec<FactKey>,
    },
    /// The customer signs what the statement shows.
    Sign {
        /// The visit.
        visit: FactKey,
        /// The language of the text that was shown.
        language: Language,
        /// SHA-256 of the text that was shown, hex: what changed meanwhile is not signed unseen. An
        /// app that shows the statement passes it along.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text_sha256: Option<String>,
        /// The drawing.
        strokes: Strokes,
        /// Who signs.
        relation: Relation,
        /// The contact who signs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contact: Option<RecordId>,
        /// The three ratings.
        ratings: Ratings,
    },
}

impl Command {
    /// A step without anything beside it.
    pub fn step(fact: impl Into<Step>) -> Self {
        Self::Record {
            fact: fact.into(),
            said_at_ms: None,
            on_behalf_of: None,
            corrects: Vec::new(),
        }
    }

    /// The kind and site of the record it creates, if it creates one.
    pub fn creates(&self) -> Option<(&'static str, SiteId)> {
        match self {
            Self::CreateWorkOrder { site, .. } => Some((work_order::KIND, *site)),
            Self::CreateContact { site, .. } => Some((contact::KIND, *site)),
            Self::CreatePatrolPlan { site, .. } => Some((patrol::PLAN, *site)),
            Self::CreateRound { site, .. } => Some((patrol::ROUND, *site)),
            Self::RaiseAlarm { site, .. } => Some((alarm::KIND, *site)),
            Self::Open { site, content } => Some((content.kind(), *site)),
            _ => None,
        }
    }

    /// The record it creates, if it creates one, as command `n` of `session`.
    pub fn opens(&self, session: SessionId, n: u64) -> Option<(RecordId, SiteId)> {
        let (kind, site) = self.creates()?;
        let record = match self {
            Self::CreateRound { from: Some(from), .. } => RecordId::derive(kind, site, from),
            _ => RecordId::by_hand(kind, site, session, n),
        };
        Some((record, site))
    }

    /// Whether it may not wait for anything that was written before it.
    pub fn is_urgent(&self) -> bool {
        matches!(self, Self::RaiseAlarm { .. })
    }
}

/// The moment of a command: clocks, what was seen, and its place among the writer's commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// The writer's wall clock.
    pub wall_ms: WallMs,
    /// The writer's monotonic clock; the office has none.
    pub monotonic_ms: Option<MonotonicMs>,
    /// Server time as the writer knows it: what roles are judged at.
    pub now_ms: WallMs,
    /// What the writer has seen of the site's feed.
    pub seen: Seen,
    /// The session it is written in.
    pub session: SessionId,
    /// Its number.
    pub n: u64,
    /// The device.
    pub device: DeviceId,
}

/// Turns a command into facts. `review` is the record as the writer sees it; `None` for a command
/// that creates one.
///
/// # Errors
/// The reason why not; nothing may be saved then.
pub fn perform(
    command: &Command,
    principal: &Principal,
    review: Option<&Review>,
    moment: &Moment,
) -> Result<Vec<Fact>, Denial> {
    if command.creates().is_some() != review.is_none() {
        return Err(Denial::new(DenialCode::RecordNotHere));
    }
    let full = review.is_some_and(|review| review.timeline.len() >= RECORD_FACTS_PHONE_MAX);
    // The office, which has no such clock, may still settle what a phone can no longer write.
    if full && moment.monotonic_ms.is_some() {
        return Err(Denial::new(DenialCode::RecordFull).with("limit", RECORD_FACTS_PHONE_MAX));
    }
    let mut fact = blank(moment, review.and_then(|review| after(review, principal, moment)));
    fact.payload = payload(command, review, &mut fact)?;
    match (&fact.payload, review) {
        (Payload::WorkOrder(content), Some(review)) => check_step(content, review)?,
        (Payload::Patrol(content), Some(review)) => check_patrol::check_step(content, review)?,
        (Payload::Alarm(content), Some(_)) => check_patrol::check_alarm_step(content)?,
        (payload, Some(review)) => check_of_kind(payload, review)?,
        _ => {}
    }
    let facts = vec![fact];
    let written = Written { seen: Some(moment.seen), at_ms: Some(moment.now_ms) };
    permit(&facts, review, principal, written, moment.now_ms)?;
    Ok(facts)
}

/// Bounds of a fact of a kind, and whether what it names is there.
fn check_of_kind(payload: &Payload, review: &Review) -> Result<(), Denial> {
    if let Some(kind) = kind::kind(&review.kind) {
        kind.check(payload)?;
    }
    kind::names(payload).into_iter().try_for_each(|(key, name)| exists(review, key, name))
}

/// Facts in one record from which on a phone writes no more (DESIGN 13).
const RECORD_FACTS_PHONE_MAX: usize = 4_500;

fn blank(moment: &Moment, after: Option<Vec<FactKey>>) -> Fact {
    Fact {
        key: FactKey::Written { session: moment.session, n: moment.n, i: 0 },
        wall_ms: moment.wall_ms,
        monotonic_ms: moment.monotonic_ms,
        seen: moment.seen,
        after,
        said_at_ms: None,
        on_behalf_of: None,
        corrects: Vec::new(),
        payload: Payload::Unknown { fact_type: String::new(), content: Value::Null },
        stored_content: None,
    }
}

/// The latest facts, left out when that is only the writer's own previous one.
fn after(review: &Review, principal: &Principal, moment: &Moment) -> Option<Vec<FactKey>> {
    let own = review
        .timeline
        .iter()
        .filter(|entry| entry.by == Some(principal.person) && entry.device == Some(moment.device));
    let previous = own.map(|entry| entry.key).max_by_key(|key| key.number());
    match (&review.frontier[..], previous) {
        ([only], Some(previous)) if *only == previous => None,
        _ => Some(review.frontier.clone()),
    }
}

fn payload(command: &Command, review: Option<&Review>, fact: &mut Fact) -> Result<Payload, Denial> {
    if let Some(opening) = opening(command)? {
        return Ok(Payload::General(GeneralFact::Created(opening)));
    }
    let review = review.ok_or(Denial::new(DenialCode::RecordNotHere))?;
    let general = match command {
        Command::CreateWorkOrder { .. }
        | Command::CreateContact { .. }
        | Command::CreatePatrolPlan { .. }
        | Command::CreateRound { .. }
        | Command::RaiseAlarm { .. }
        | Command::Open { .. } => return Err(Denial::new(DenialCode::RecordExists)),
        Command::RestOk { checkpoint } => {
            return rest_ok(review, checkpoint).map(Payload::Patrol);
        }
        Command::Read { of } => GeneralFact::Read(of_fact(review, *of)?),
        Command::Acknowledge { of } => GeneralFact::Acknowledged(of_fact(review, *of)?),
        Command::Ask { person, text: question } => {
            text("text", question, limits::NOTE_CHARACTERS_MAX)?;
            GeneralFact::Asked(Asked { person: *person, text: question.clone() })
        }
        Command::Answer { question, text: answer } => {
            text("text", answer, limits::NOTE_CHARACTERS_MAX)?;
            exists(review, *question, "asked")?;
            GeneralFact::Answered(Answered { question: *question, text: answer.clone() })
        }
        Command::PauseDeadline { deadlines, reason } => {
            check_pause(review, deadlines, reason)?;
            let (deadlines, reason) = (deadlines.clone(), reason.clone());
            GeneralFact::DeadlinePaused(DeadlinePaused { deadlines, reason })
        }
        Command::ResumeDeadline { of } => {
            check_resume(review, *of)?;
            GeneralFact::DeadlineResumed(OfFact { of: *of })
        }
        Command::Set { field, value, salt } => {
            GeneralFact::Set(set(review, field, value.clone(), salt.clone())?)
        }
        Command::Assign { person } => {
            GeneralFact::Set(set(review, "assignee", json!(person), None)?)
        }
        Command::Resolve { field, value, reason } => {
            GeneralFact::Resolve(resolve(review, field, value.clone(), reason)?)
        }
        Command::Note { text: note } => {
            text("text", note, limits::NOTE_CHARACTERS_MAX)?;
            GeneralFact::Note(Note { text: note.clone() })
        }
        Command::Attach { attachment } => {
            check_attached(attachment)?;
            GeneralFact::Attached(attachment.clone())
        }
        Command::CloseCase { .. } | Command::ReopenCase { .. } | Command::MergeInto { .. } => {
            word(command, review)?
        }
        Command::Record { fact: step, said_at_ms, on_behalf_of, corrects } => {
            fact.said_at_ms = *said_at_ms;
            fact.on_behalf_of = *on_behalf_of;
            fact.corrects.clone_from(corrects);
            return Ok(step.clone().into());
        }
        Command::Sign { .. } => return signed(command, review).map(Payload::WorkOrder),
    };
    Ok(Payload::General(general))
}

/// The office's word on a case, or on a record that stands twice.
fn word(command: &Command, review: &Review) -> Result<GeneralFact, Denial> {
    Ok(match command {
        Command::CloseCase { case, rests_on, reason } => {
            GeneralFact::CaseClosed(case_closed(review, case, rests_on, reason)?)
        }
        Command::ReopenCase { case, rests_on, reason } => {
            GeneralFact::CaseReopened(case_reopened(review, case, rests_on, reason)?)
        }
        Command::MergeInto { record, reason } => {
            GeneralFact::DuplicateOf(duplicates::put_aside(review, *record, reason)?)
        }
        _ => return Err(Denial::new(DenialCode::WrongKind)),
    })
}

/// What a command that creates a record opens it with.
fn opening(command: &Command) -> Result<Option<Created>, Denial> {
    Ok(Some(match command {
        Command::CreateWorkOrder { site, order } => {
            check_order(order)?;
            created(work_order::KIND, work_order::SCHEMA, *site, order)
        }
        Command::CreateContact { site, contact } => {
            check_contact(contact)?;
            created(contact::KIND, contact::SCHEMA, *site, contact)
        }
        Command::CreatePatrolPlan { site, plan } => {
            check_patrol::check_plan(plan)?;
            created(patrol::PLAN, patrol::SCHEMA, *site, plan)
        }
        Command::CreateRound { site, from, round } => {
            check_patrol::check_round(round)?;
            let mut opening = created(patrol::ROUND, patrol::SCHEMA, *site, round);
            opening.from.clone_from(from);
            opening
        }
        Command::RaiseAlarm { site, alarm } => {
            check_patrol::check_alarm(alarm)?;
            created(alarm::KIND, alarm::SCHEMA, *site, alarm)
        }
        Command::Open { site, content } => opened(*site, content)?,
        _ => return Ok(None),
    }))
}

fn opened(site: SiteId, content: &OpeningContent) -> Result<Created, Denial> {
    let rules = kind::kind(content.kind()).ok_or(Denial::new(DenialCode::WrongKind))?;
    rules.check_opening(content)?;
    let kind = rules.name().to_owned();
    Ok(Created { kind, site, schema: rules.schema(), from: None, content: content.members() })
}

/// Names a fact that the record has.
fn of_fact(review: &Review, of: FactKey) -> Result<OfFact, Denial> {
    let found = review.timeline.iter().any(|entry| entry.key == of);
    found.then_some(OfFact { of }).ok_or(Denial::new(DenialCode::NoSuchFact))
}

fn rest_ok(review: &Review, checkpoint: &str) -> Result<PatrolFact, Denial> {
    let round = review.round.as_ref().ok_or(Denial::new(DenialCode::WrongKind))?;
    let items = round.rest(checkpoint);
    if items.is_empty() {
        return Err(Denial::new(DenialCode::NoSuchFact).with("fact", "checkpoint"));
    }
    Ok(PatrolFact::RestOk(RestOk { checkpoint: checkpoint.to_owned(), items }))
}

fn created(kind: &str, schema: u32, site: SiteId, content: &impl Serialize) -> Created {
    let content = match serde_json::to_value(content) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    Created { kind: kind.to_owned(), site, schema, from: None, content }
}

fn set(review: &Review, field: &str, value: Value, salt: Option<String>) -> Result<Set, Denial> {
    check_field(&review.kind, field, &value)?;
    let current = review.fields.get(field);
    if current.is_some_and(|current| !current.conflict.is_empty()) {
        return Err(Denial::new(DenialCode::FieldInConflict).with("field", field));
    }
    let key = current.and_then(|current| current.key);
    // What `created` says is replaced by whoever writes the field first, without naming it.
    let written = key.filter(|key| {
        let mut entries = review.timeline.iter();
        entries.any(|entry| entry.key == *key && entry.fact_type != "created")
    });
    Ok(Set { field: field.to_owned(), value, replaces: written.into_iter().collect(), salt })
}

fn resolve(review: &Review, field: &str, value: Value, reason: &str) -> Result<Resolve, Denial> {
    check_field(&review.kind, field, &value)?;
    text("reason", reason, limits::REASON_CHARACTERS_MAX)?;
    let conflict = review.fields.get(field).map(|field| &field.conflict[..]).unwrap_or_default();
    if conflict.is_empty() {
        return Err(Denial::new(DenialCode::NotInConflict).with("field", field));
    }
    Ok(Resolve {
        field: field.to_owned(),
        value,
        replaces: conflict.iter().map(|value| value.key).collect(),
        reason: reason.to_owned(),
    })
}

// R4.23
fn signed(command: &Command, review: &Review) -> Result<WorkOrderFact, Denial> {
    let Command::Sign { visit, language, text_sha256, strokes, relation, contact, ratings } =
        command
    else {
        return Err(Denial::new(DenialCode::NoSuchFact));
    };
    strokes.check_ink().map_err(|_| Denial::new(DenialCode::NotADrawing))?;
    let statement = statement(review, *visit, *language)?;
    if text_sha256.as_ref().is_some_and(|shown| *shown != statement.text_sha256) {
        return Err(Denial::new(DenialCode::StatementDiffers));
    }
    Ok(WorkOrderFact::Signed(Signed {
        visit: *visit,
        template: statement.template,
        clock: statement.clock,
        shown: statement.shown,
        content_sha256: statement.content_sha256,
        text_sha256: statement.text_sha256,
        strokes: strokes.encode().map_err(|_| Denial::new(DenialCode::NotADrawing))?,
        relation: *relation,
        contact: *contact,
        ratings: *ratings,
        // Made by whoever holds the (person, device) key.
        signature: None,
    }))
}

/// The facts a fact stands on: what is parked with them when they are refused.
pub fn rests_on(fact: &Fact) -> Vec<FactKey> {
    use WorkOrderFact as F;
    let mut keys = fact.corrects.clone();
    match &fact.payload {
        Payload::General(GeneralFact::Set(set)) => keys.extend(&set.replaces),
        Payload::General(GeneralFact::Resolve(resolve)) => keys.extend(&resolve.replaces),
        Payload::General(
            GeneralFact::Read(of)
            | GeneralFact::Acknowledged(of)
            | GeneralFact::DeadlineResumed(of),
        ) => keys.push(of.of),
        Payload::General(GeneralFact::Answered(answered)) => keys.push(answered.question),
        Payload::Patrol(PatrolFact::FindingSettled(settled)) => keys.push(settled.finding),
        Payload::Patrol(PatrolFact::FindingReported(reported)) => keys.push(reported.finding),
        Payload::General(GeneralFact::DueWithdrawn(of)) => keys.push(of.of),
        Payload::WorkOrder(content) => {
            keys.extend(content.visit());
            match content {
                F::Signed(signed) => keys.extend(&signed.shown),
                F::QuoteAccepted(of) => keys.push(of.quote),
                F::QuoteDeclined(of) => keys.push(of.quote),
                F::HandedIn(of) => keys.push(of.charge),
                F::Invoiced(of) => keys.push(of.charge),
                F::InvoiceDelivered(of) => keys.push(of.invoice),
                F::Refunded(of) => keys.extend(of.charge),
                F::MaterialRemoved(of) => keys.push(of.material),
                _ => {}
            }
        }
        payload => keys.extend(kind::names(payload).into_iter().map(|(key, _)| key)),
    }
    keys.sort_unstable();
    keys.dedup();
    keys.retain(|key| *key != fact.key);
    keys
}
