//! Notices of repairs (三 3.1.5.3): planned work is announced before it begins, an emergency is
//! explained after it.

use std::collections::BTreeSet;

use chrono::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cases::Case;
use super::deadlines::Deadline;
use super::denial::{Denial, DenialCode};
use super::form::Form;
use super::kind::reason;
use super::kind::{Details, FieldRule, FoldInput, Folded, Holds, Kind, Needs, missing, name, note};
use super::limits::{self, time};
use super::review::Review;
use super::sla::{Limit, Stamp, Target};
use super::status::Status;
use crate::model::audience::Audience;
use crate::model::id::FactKey;
use crate::model::payload::{OpeningContent, Payload};
use crate::model::person::Role;
use crate::model::repair_notice::{
    KIND, NoticeKind, RepairNoticeCreated, RepairNoticeFact, SCHEMA,
};
use crate::model::time::WallMs;

/// A notice as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepairNotice {
    /// Planned or an emergency.
    pub notice: Option<NoticeKind>,
    /// When the work begins.
    pub work_from_ms: Option<WallMs>,
    /// When it is to end.
    pub work_to_ms: Option<WallMs>,
    /// The fact that published it first.
    pub published: Option<FactKey>,
    /// When residents could read it.
    pub published_at_ms: Option<WallMs>,
    /// The fact that ended the work first.
    pub ended: Option<FactKey>,
    /// When the work was over.
    pub ended_at_ms: Option<WallMs>,
    /// The fact that cancelled it first.
    pub cancelled: Option<FactKey>,
    /// When it was cancelled.
    pub cancelled_at_ms: Option<WallMs>,
}

/// The desk and engineering's lead, who knows what is repaired.
const ANNOUNCERS: &[Role] = &[
    Role::FrontDesk,
    Role::Assistant,
    Role::DutyOperator,
    Role::Supervisor,
    Role::ProjectManager,
    Role::EngineeringLead,
];
/// Whom a notice that is late is told.
const TOLD: &[Role] = &[Role::FrontDesk, Role::EngineeringLead];
/// Buildings, and units, of one notice.
const PLACES_MAX: usize = 200;

/// The kind.
pub(super) struct RepairNotices;

impl Kind for RepairNotices {
    fn name(&self) -> &'static str {
        KIND
    }

    fn schema(&self) -> u32 {
        SCHEMA
    }

    fn opened_by(&self, _content: &OpeningContent) -> Result<Needs, Denial> {
        Ok(Needs::roles(ANNOUNCERS))
    }

    fn check_opening(&self, content: &OpeningContent) -> Result<(), Denial> {
        match content {
            OpeningContent::RepairNotice(created) => check_created(created),
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn fields(&self) -> &'static [FieldRule] {
        const fn rule(name: &'static str, holds: Holds) -> FieldRule {
            FieldRule { name, holds, roles: ANNOUNCERS }
        }
        const FIELDS: &[FieldRule] = &[
            rule("area", Holds::Text(limits::NAME_CHARACTERS_MAX)),
            rule("buildings", Holds::Shape(check_buildings)),
            rule("description", Holds::Text(limits::DESCRIPTION_CHARACTERS_MAX)),
            rule("effects", Holds::Text(limits::NOTE_CHARACTERS_MAX)),
            rule("installation", Holds::OneOf(INSTALLATIONS)),
            rule("notice", Holds::OneOf(&["planned", "emergency"])),
            rule("order", Holds::Record),
            rule("units", Holds::Shape(check_units)),
            rule("work_from", Holds::Time),
            rule("work_to", Holds::Time),
        ];
        FIELDS
    }

    fn forms(&self) -> &'static [Form] {
        super::repair_notice_forms::FORMS
    }

    fn needs(&self, payload: &Payload, _before: &Review) -> Result<Needs, Denial> {
        match payload {
            Payload::RepairNotice(_) => Ok(Needs::roles(ANNOUNCERS)),
            _ => Err(Denial::new(DenialCode::WrongKind)),
        }
    }

    fn guarded(&self) -> &'static [(&'static str, &'static [Role])] {
        &[
            ("notice_published", ANNOUNCERS),
            ("notice_ended", ANNOUNCERS),
            ("notice_cancelled", ANNOUNCERS),
        ]
    }

    fn check(&self, payload: &Payload) -> Result<(), Denial> {
        let Payload::RepairNotice(fact) = payload else { return Ok(()) };
        match fact {
            RepairNoticeFact::NoticePublished(of) | RepairNoticeFact::NoticeEnded(of) => {
                of.text.iter().try_for_each(|text| note("text", text))
            }
            RepairNoticeFact::NoticeCancelled(of) => reason(&of.reason),
        }
    }

    fn names(&self, _payload: &Payload) -> Vec<(FactKey, &'static str)> {
        Vec::new()
    }

    fn fold(&self, input: &FoldInput<'_>) -> Folded {
        let notice = fold(input);
        let over = [notice.ended_at_ms, notice.cancelled_at_ms];
        let status = if notice.cancelled.is_some() {
            Status::Cancelled
        } else if notice.ended.is_some() {
            Status::Ended
        } else if notice.published.is_some() {
            Status::Published
        } else {
            Status::Opened
        };
        Folded {
            status,
            until_ms: None,
            deadlines: deadline(&notice, input).into_iter().collect(),
            cases: cases(&notice, input),
            closed_at_ms: over.into_iter().flatten().min(),
            details: Some(Details::RepairNotice(notice)),
        }
    }

    fn audiences(&self, review: &Review) -> BTreeSet<Audience> {
        // What is out of service is shown to whoever walks there.
        let open = review.site.filter(|_| review.closed_at_ms.is_none());
        open.map(Audience::Patrol).into_iter().collect()
    }
}

/// The codes of what is out of service, as the field holds them.
pub(super) const INSTALLATIONS: &[&str] =
    &["water", "power", "fire_fighting", "surveillance", "lift", "other"];

fn check_created(created: &RepairNoticeCreated) -> Result<(), Denial> {
    if created.notice == NoticeKind::Planned && created.work_from.is_none() {
        return Err(missing("work_from"));
    }
    let times = [("work_from", &created.work_from), ("work_to", &created.work_to)];
    for (field, value) in times {
        value.iter().try_for_each(|value| time(field, value))?;
    }
    created.area.iter().try_for_each(|area| name("area", area))?;
    check_places("buildings", &created.buildings)?;
    check_places("units", &created.units)?;
    note("effects", &created.effects)?;
    limits::text("description", &created.description, limits::DESCRIPTION_CHARACTERS_MAX)
}

fn check_places(field: &str, places: &[String]) -> Result<(), Denial> {
    let count = i64::try_from(places.len()).unwrap_or(i64::MAX);
    limits::range(field, count, 0, PLACES_MAX as i64)?;
    places.iter().try_for_each(|place| name(field, place))
}

fn check_list(field: &str, value: &Value) -> Result<(), Denial> {
    let places: Vec<String> = serde_json::from_value(value.clone())
        .map_err(|_| Denial::new(DenialCode::OutOfRange).with("field", field))?;
    check_places(field, &places)
}

fn check_buildings(value: &Value) -> Result<(), Denial> {
    check_list("buildings", value)
}

fn check_units(value: &Value) -> Result<(), Denial> {
    check_list("units", value)
}

fn fold(input: &FoldInput<'_>) -> RepairNotice {
    let at = |field: &str| -> Option<WallMs> {
        let text: String = input.field(field)?;
        DateTime::parse_from_rfc3339(&text).ok().map(|time| time.timestamp_millis())
    };
    let first = |wanted: fn(&RepairNoticeFact) -> bool| {
        let facts = input.facts().filter(|fact| match &fact.payload {
            Payload::RepairNotice(content) => wanted(content),
            _ => false,
        });
        input.earliest(facts).map(|stamp| (stamp.key, stamp.at_ms))
    };
    let published = first(|fact| matches!(fact, RepairNoticeFact::NoticePublished(_)));
    let ended = first(|fact| matches!(fact, RepairNoticeFact::NoticeEnded(_)));
    let cancelled = first(|fact| matches!(fact, RepairNoticeFact::NoticeCancelled(_)));
    RepairNotice {
        notice: input.field("notice"),
        work_from_ms: at("work_from"),
        work_to_ms: at("work_to"),
        published: published.map(|(key, _)| key),
        published_at_ms: published.map(|(_, at_ms)| at_ms),
        ended: ended.map(|(key, _)| key),
        ended_at_ms: ended.map(|(_, at_ms)| at_ms),
        cancelled: cancelled.map(|(key, _)| key),
        cancelled_at_ms: cancelled.map(|(_, at_ms)| at_ms),
    }
}

/// By when residents can read it: so long before planned work, so long after an emergency. None
/// while nobody knows when that is, or where it was cancelled unpublished (R3.40).
fn deadline(notice: &RepairNotice, input: &FoldInput<'_>) -> Option<Deadline> {
    if notice.cancelled.is_some() && notice.published.is_none() {
        return None;
    }
    let due_ms = match notice.notice? {
        NoticeKind::Planned => {
            notice.work_from_ms?.saturating_sub(input.policy.notice_before_ms.max(0))
        }
        NoticeKind::Emergency => {
            let over_ms = notice.ended_at_ms.or(notice.work_to_ms)?;
            over_ms.saturating_add(input.policy.notice_after_ms.max(0))
        }
    };
    let published = notice.published.and_then(|key| input.causality.fact(key));
    let met = published.map(|fact| Stamp::of(fact, input.sessions));
    let target = Target::new("publish", None, Limit::At(due_ms)).met(met).tells(TOLD);
    Some(input.sla().judge(&target))
}

// R3.40
fn cases(notice: &RepairNotice, input: &FoldInput<'_>) -> Vec<Case> {
    let mut found = Vec::new();
    if let (Some(NoticeKind::Planned), Some(from_ms), Some(key), Some(published_ms)) =
        (notice.notice, notice.work_from_ms, notice.published, notice.published_at_ms)
        && published_ms >= from_ms
    {
        found.push(input.case("notice_after_work_began", [key]));
    }
    // Somebody did the work and somebody cancelled it, and neither knew of the other.
    if let (Some(ended), Some(cancelled)) = (notice.ended, notice.cancelled) {
        let apart = !input.causality.is_before(ended, cancelled)
            && !input.causality.is_before(cancelled, ended);
        if apart {
            found.push(input.case("notice_ended_and_cancelled", [ended, cancelled]));
        }
    }
    found
}
