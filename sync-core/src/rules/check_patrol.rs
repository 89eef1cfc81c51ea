//! What commands of patrols and alarms may hold: bounds, codes that exist, and only checkpoints and
//! findings that the round has.

use std::collections::BTreeSet;

use chrono::{NaiveDate, NaiveTime};

use super::check::{check_blob, exists};
use super::denial::{Denial, DenialCode};
use super::limits::{self, range, text};
use super::patrol::{CHECKPOINTS_MAX, Coverage, ITEMS_MAX};
use super::review::Review;
use crate::model::alarm::{AlarmCreated, AlarmFact, AlarmKind};
use crate::model::patrol::{
    Checked, ChecklistItem, Checkpoint, CheckpointVisited, Finding, PatrolFact, PatrolPlanCreated,
    PatrolRoundCreated, PhotoRef, PlanItem, Position, VisitMethod,
};

/// Lines of a plan.
const PLAN_ITEMS_MAX: i64 = 100;
/// Items that the checkpoints of a round carry together.
const ROUND_ITEMS_MAX: i64 = 400;
/// Photos of a finding.
const PHOTOS_MAX: i64 = 20;
/// Units named at once.
const UNITS_MAX: i64 = 200;

fn count(name: &str, count: usize, min: i64, max: i64) -> Result<(), Denial> {
    range(name, i64::try_from(count).unwrap_or(i64::MAX), min, max)
}

fn name(field: &str, value: &str) -> Result<(), Denial> {
    text(field, value, limits::NAME_CHARACTERS_MAX)
}

fn out_of_range(field: &str) -> Denial {
    Denial::new(DenialCode::OutOfRange).with("field", field)
}

// R7.1
pub(super) fn check_plan(plan: &PatrolPlanCreated) -> Result<(), Denial> {
    let first = format!("{}-01", plan.month);
    let first = first.parse::<NaiveDate>().map_err(|_| out_of_range("month"))?;
    if plan.month.len() != 7 {
        return Err(out_of_range("month"));
    }
    count("items", plan.items.len(), 1, PLAN_ITEMS_MAX)?;
    let numbers: BTreeSet<u32> = plan.items.iter().map(|item| item.item).collect();
    if numbers.len() != plan.items.len() {
        return Err(out_of_range("item"));
    }
    plan.items.iter().try_for_each(|item| check_item(item, first))
}

fn check_item(item: &PlanItem, first: NaiveDate) -> Result<(), Denial> {
    name("area", &item.area)?;
    count("days", item.days.len(), 1, 31)?;
    let exists = |day: &u32| chrono::Datelike::with_day(&first, *day).is_some();
    if !item.days.iter().all(exists) {
        return Err(out_of_range("days"));
    }
    let shape = item.starts_at.len() == 5;
    if !shape || NaiveTime::parse_from_str(&item.starts_at, "%H:%M").is_err() {
        return Err(Denial::new(DenialCode::BadTime).with("field", "starts_at"));
    }
    check_checkpoints(&item.checkpoints)
}

pub(super) fn check_round(round: &PatrolRoundCreated) -> Result<(), Denial> {
    name("area", &round.area)?;
    check_checkpoints(&round.checkpoints)
}

fn check_checkpoints(checkpoints: &[Checkpoint]) -> Result<(), Denial> {
    count("checkpoints", checkpoints.len(), 1, CHECKPOINTS_MAX as i64)?;
    let codes: BTreeSet<&str> = checkpoints.iter().map(|point| point.code.as_str()).collect();
    if codes.len() != checkpoints.len() {
        return Err(out_of_range("code"));
    }
    // A round is one change: what all its checkpoints carry must fit into it.
    let carried = checkpoints.iter().filter_map(|point| point.items.as_ref());
    let carried = carried.map(Vec::len).fold(0, usize::saturating_add);
    count("items", carried, 0, ROUND_ITEMS_MAX)?;
    checkpoints.iter().try_for_each(|point| {
        point.items.iter().try_for_each(|items| check_items(items))?;
        name("code", &point.code)?;
        name("name", &point.name)?;
        point.tag.iter().try_for_each(|tag| text("tag", tag, limits::REASON_CHARACTERS_MAX))?;
        point.radius_m.iter().try_for_each(|m| range("radius_m", i64::from(*m), 1, 10_000))?;
        point.position.iter().try_for_each(check_position)
    })
}

fn check_items(items: &[ChecklistItem]) -> Result<(), Denial> {
    count("items", items.len(), 1, ITEMS_MAX as i64)?;
    let codes: BTreeSet<&str> = items.iter().map(|item| item.code.as_str()).collect();
    if codes.len() != items.len() {
        return Err(out_of_range("item"));
    }
    items.iter().try_for_each(|item| {
        name("item", &item.code)?;
        text("text", &item.text, limits::REASON_CHARACTERS_MAX)
    })
}

fn check_position(position: &Position) -> Result<(), Denial> {
    range("latitude_e7", position.latitude_e7, -900_000_000, 900_000_000)?;
    range("longitude_e7", position.longitude_e7, -1_800_000_000, 1_800_000_000)?;
    position.accuracy_m.iter().try_for_each(|m| range("accuracy_m", i64::from(*m), 0, 100_000))
}

fn check_photo(photo: &PhotoRef) -> Result<(), Denial> {
    check_blob(&photo.sha256, photo.size_bytes, &photo.media_type)
}

pub(super) fn check_alarm(alarm: &AlarmCreated) -> Result<(), Denial> {
    // That a round has not begun only the server says (R7.22).
    if alarm.alarm == AlarmKind::RoundNotStarted {
        return Err(out_of_range("alarm"));
    }
    name("place", &alarm.place)?;
    let mut description = alarm.description.iter();
    description.try_for_each(|d| text("description", d, limits::DESCRIPTION_CHARACTERS_MAX))
}

pub(super) fn check_alarm_step(content: &AlarmFact) -> Result<(), Denial> {
    match content {
        AlarmFact::Radioed(of) => name("answered_by", &of.answered_by),
        AlarmFact::AlarmSettled(of) => text("text", &of.text, limits::NOTE_CHARACTERS_MAX),
        AlarmFact::Alerted(_) | AlarmFact::NobodyLeft | AlarmFact::AlarmWithdrawn(_) => Ok(()),
    }
}

/// The checkpoint of a round.
fn checkpoint<'a>(review: &'a Review, code: &str) -> Result<&'a Coverage, Denial> {
    let round = review.round.as_ref().ok_or(Denial::new(DenialCode::WrongKind))?;
    let mut coverage = round.coverage.iter();
    let found = coverage.find(|coverage| coverage.checkpoint.code == code);
    found.ok_or_else(|| Denial::new(DenialCode::NoSuchFact).with("fact", "checkpoint"))
}

/// Bounds, and whether what a step names is there.
pub(super) fn check_step(content: &PatrolFact, review: &Review) -> Result<(), Denial> {
    check_names(content, review)?;
    check_content(content)?;
    match content {
        PatrolFact::CheckpointVisited(visited) => check_proof(visited),
        _ => Ok(()),
    }
}

fn check_names(content: &PatrolFact, review: &Review) -> Result<(), Denial> {
    use PatrolFact as F;
    match content {
        F::CheckpointVisited(visited) => checkpoint(review, &visited.checkpoint).map(|_| ()),
        F::CheckpointSkipped(skipped) => checkpoint(review, &skipped.checkpoint).map(|_| ()),
        F::Checked(checked) => {
            let coverage = checkpoint(review, &checked.checkpoint)?;
            let known = coverage.items.iter().any(|state| state.item == checked.item);
            known.then_some(()).ok_or_else(|| out_of_range("item"))
        }
        F::RestOk(rest) => {
            let coverage = checkpoint(review, &rest.checkpoint)?;
            let known = |item: &String| coverage.items.iter().any(|state| state.item == *item);
            rest.items.iter().all(known).then_some(()).ok_or_else(|| out_of_range("items"))
        }
        F::Finding(finding) => {
            finding.checkpoint.iter().try_for_each(|code| checkpoint(review, code).map(|_| ()))
        }
        F::FindingSettled(settled) => exists(review, settled.finding, "finding"),
        F::FindingReported(reported) => exists(review, reported.finding, "finding"),
        F::RoundStarted | F::RoundFinished | F::UnitsChecked(_) | F::RoundStopped(_) => Ok(()),
    }
}

/// Texts and ranges alone.
pub(super) fn check_content(content: &PatrolFact) -> Result<(), Denial> {
    use PatrolFact as F;
    match content {
        F::RoundStarted | F::RoundFinished => Ok(()),
        F::CheckpointVisited(visited) => check_visited(visited),
        F::CheckpointSkipped(skipped) => {
            name("checkpoint", &skipped.checkpoint)?;
            text("reason", &skipped.reason, limits::REASON_CHARACTERS_MAX)
        }
        F::Checked(checked) => check_checked(checked),
        F::RestOk(rest) => {
            name("checkpoint", &rest.checkpoint)?;
            rest.items.iter().try_for_each(|item| name("items", item))
        }
        F::Finding(finding) => check_finding(finding),
        F::FindingSettled(settled) => text("text", &settled.text, limits::NOTE_CHARACTERS_MAX),
        F::FindingReported(reported) => name("reported_to", &reported.reported_to),
        // R7.11
        F::UnitsChecked(checked) => {
            count("units", checked.units.len(), 1, UNITS_MAX)?;
            checked.units.iter().try_for_each(|unit| name("units", unit))
        }
        F::RoundStopped(stopped) => text("reason", &stopped.reason, limits::REASON_CHARACTERS_MAX),
    }
}

fn check_visited(visited: &CheckpointVisited) -> Result<(), Denial> {
    name("checkpoint", &visited.checkpoint)?;
    let mut tag = visited.tag.iter();
    tag.try_for_each(|tag| text("tag", tag, limits::REASON_CHARACTERS_MAX))?;
    visited.position.iter().try_for_each(check_position)?;
    visited.photo.iter().try_for_each(check_photo)
}

/// What each way of showing that somebody was there consists of (R7.20).
fn check_proof(visited: &CheckpointVisited) -> Result<(), Denial> {
    let missing = match visited.method {
        VisitMethod::Manual => visited.photo.is_none().then_some("photo"),
        VisitMethod::Gps => visited.position.is_none().then_some("position"),
        VisitMethod::QrCode | VisitMethod::Nfc => visited.tag.is_none().then_some("tag"),
    };
    let denial = |field| Denial::new(DenialCode::ProofMissing).with("field", field);
    missing.map_or(Ok(()), |field| Err(denial(field)))
}

fn check_checked(checked: &Checked) -> Result<(), Denial> {
    name("checkpoint", &checked.checkpoint)?;
    name("item", &checked.item)?;
    let mut note = checked.note.iter();
    note.try_for_each(|note| text("note", note, limits::NOTE_CHARACTERS_MAX))?;
    checked.photo.iter().try_for_each(check_photo)
}

fn check_finding(finding: &Finding) -> Result<(), Denial> {
    name("place", &finding.place)?;
    finding.checkpoint.iter().try_for_each(|code| name("checkpoint", code))?;
    finding.item.iter().try_for_each(|item| name("item", item))?;
    text("description", &finding.description, limits::DESCRIPTION_CHARACTERS_MAX)?;
    count("photos", finding.photos.len(), 0, PHOTOS_MAX)?;
    finding.photos.iter().try_for_each(check_photo)
}
