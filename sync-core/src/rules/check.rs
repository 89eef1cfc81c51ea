//! What a command may hold: texts within their lengths, numbers within their ranges, and only
//! steps, quotes, charges and lines that the record has. Told before anything is saved.

use serde_json::Value;

use super::deadlines::DEADLINES;
use super::denial::{Denial, DenialCode};
use super::kind;
use super::limits::{self, range, text, time};
use super::review::{Review, TimelineEntry};
use super::signature::Strokes;
use super::sla::PAUSED_NAMES_MAX;
use crate::model::contact::ContactCreated;
use crate::model::id::FactKey;
use crate::model::payload::Attached;
use crate::model::work_order::{Material, Photo, Quoted, WorkOrderCreated, WorkOrderFact};

pub(super) fn check_order(order: &WorkOrderCreated) -> Result<(), Denial> {
    text("description", &order.description, limits::DESCRIPTION_CHARACTERS_MAX)?;
    for (name, value) in [("unit", &order.unit), ("place", &order.place)] {
        if let Some(value) = value {
            text(name, value, limits::NAME_CHARACTERS_MAX)?;
        }
    }
    Ok(())
}

pub(super) fn check_contact(contact: &ContactCreated) -> Result<(), Denial> {
    text("name", &contact.name, limits::NAME_CHARACTERS_MAX)?;
    text("salt", &contact.salt, limits::NAME_CHARACTERS_MAX)?;
    range("phones", i64::try_from(contact.phones.len()).unwrap_or(i64::MAX), 0, 10)?;
    contact
        .phones
        .iter()
        .try_for_each(|phone| text("phones", phone, limits::NAME_CHARACTERS_MAX))?;
    for (name, value) in [("unit", &contact.unit), ("relation", &contact.relation)] {
        value.iter().try_for_each(|value| text(name, value, limits::NAME_CHARACTERS_MAX))?;
    }
    Ok(())
}

pub(super) fn check_field(kind: &str, field: &str, value: &Value) -> Result<(), Denial> {
    let rule = kind::fields(kind).iter().find(|rule| rule.name == field);
    rule.ok_or_else(|| Denial::new(DenialCode::UnknownField).with("field", field))?.check(value)
}

/// Texts, ranges, and whether what a step names is there.
pub(super) fn check_step(content: &WorkOrderFact, review: &Review) -> Result<(), Denial> {
    if let Some(visit) = content.visit() {
        exists(review, visit, "set_out")?;
    }
    check_names(content, review)?;
    check_content(content)
}

/// Names of deadlines that there are, and a reason (R3.14).
pub(super) fn check_pause(review: &Review, names: &[String], why: &str) -> Result<(), Denial> {
    // One that does not run yet may be paused before it begins.
    let known = |name: &String| {
        let mut running = review.deadlines.iter();
        DEADLINES.contains(&name.as_str()) || running.any(|deadline| deadline.name == *name)
    };
    if names.len() > PAUSED_NAMES_MAX || !names.iter().all(known) {
        return Err(Denial::new(DenialCode::OutOfRange).with("field", "deadlines"));
    }
    reason(why)
}

/// A pause that goes on, as far as the writer knows.
pub(super) fn check_resume(review: &Review, of: FactKey) -> Result<(), Denial> {
    exists(review, of, "deadline_paused")?;
    let ends = |entry: &TimelineEntry| {
        entry.fact_type == "deadline_resumed" && entry.content["of"] == of.to_string()
    };
    if review.timeline.iter().any(ends) {
        return Err(Denial::new(DenialCode::NoSuchFact).with("fact", "deadline_paused"));
    }
    Ok(())
}

pub(super) fn exists(review: &Review, key: FactKey, fact_type: &str) -> Result<(), Denial> {
    let found = review.timeline.iter().any(|e| e.key == key && e.fact_type == fact_type);
    found.then_some(()).ok_or_else(|| Denial::new(DenialCode::NoSuchFact).with("fact", fact_type))
}

/// What a step names beside its visit (R3.26).
fn check_names(content: &WorkOrderFact, review: &Review) -> Result<(), Denial> {
    use WorkOrderFact as F;
    match content {
        F::MaterialRemoved(of) => exists(review, of.material, "material"),
        F::QuoteAccepted(of) => exists(review, of.quote, "quoted"),
        F::QuoteDeclined(of) => exists(review, of.quote, "quoted"),
        F::HandedIn(of) => exists(review, of.charge, "charged"),
        F::Invoiced(of) => exists(review, of.charge, "charged"),
        F::Refunded(of) => of.charge.iter().try_for_each(|key| exists(review, *key, "charged")),
        F::InvoiceDelivered(of) => exists(review, of.invoice, "invoiced"),
        _ => Ok(()),
    }
}

/// Texts and ranges alone.
pub(super) fn check_content(content: &WorkOrderFact) -> Result<(), Denial> {
    use WorkOrderFact as F;
    match content {
        // R3.9, R3.21
        F::Declined(of) | F::Cancelled(of) | F::WaitingForParts(of) => reason(&of.reason),
        // R4.17, R4.26
        F::Paused(of) | F::SignRefused(of) | F::SignAbsent(of) => reason(&of.reason),
        // R3.23
        F::OutOfScope(of) => {
            text("reported_to", &of.reported_to, limits::NAME_CHARACTERS_MAX)?;
            reason(&of.reason)
        }
        F::SetOut(of) => range("grade", i64::from(of.grade), 1, 5),
        // R4.10
        F::NoAnswer(of) => text("answered_by", &of.answered_by, limits::NAME_CHARACTERS_MAX),
        F::Material(of) => check_material(of),
        F::Photo(of) => check_photo(of),
        F::Advice(of) | F::CalledBack(of) => text("text", &of.text, limits::NOTE_CHARACTERS_MAX),
        // R4.18
        F::UnableToFinish(of) => {
            of.next_appointment.iter().try_for_each(|at| time("next_appointment", at))?;
            reason(&of.reason)
        }
        F::LeftMidway(of) => reason(&of.reason),
        F::Quoted(of) => check_quote(of),
        F::QuoteDeclined(of) => reason(&of.reason),
        F::Charged(of) => amount(of.amount_fen),
        F::Refunded(of) => {
            of.reason.iter().try_for_each(|text| reason(text))?;
            amount(of.amount_fen)
        }
        F::Acceptance(of) => of
            .opinion
            .iter()
            .try_for_each(|opinion| text("opinion", opinion, limits::NOTE_CHARACTERS_MAX)),
        F::HandedIn(of) => amount(of.amount_fen),
        F::Invoiced(of) => {
            text("number", &of.number, limits::NAME_CHARACTERS_MAX)?;
            amount(of.amount_fen)
        }
        // R4.22, R4.25
        F::Signed(of) => {
            let ink = Strokes::decode(&of.strokes).and_then(|strokes| strokes.check_ink());
            ink.map_err(|_| Denial::new(DenialCode::NotADrawing))?;
            let ratings = [of.ratings.quality, of.ratings.attitude, of.ratings.conduct];
            ratings.iter().try_for_each(|rating| range("ratings", i64::from(*rating), 1, 5))
        }
        _ => Ok(()),
    }
}

fn reason(reason: &str) -> Result<(), Denial> {
    text("reason", reason, limits::REASON_CHARACTERS_MAX)
}

fn amount(fen: i64) -> Result<(), Denial> {
    range("amount_fen", fen, 0, limits::AMOUNT_FEN_MAX)
}

/// Thousandths of a unit.
pub(super) fn quantity(milli: i64) -> Result<(), Denial> {
    range("quantity_milli", milli, 1, 1_000_000_000)
}

fn check_material(material: &Material) -> Result<(), Denial> {
    text("name", &material.name, limits::NAME_CHARACTERS_MAX)?;
    text("unit", &material.unit, limits::NAME_CHARACTERS_MAX)?;
    quantity(material.quantity_milli)?;
    range("unit_price_fen", material.unit_price_fen, 0, limits::AMOUNT_FEN_MAX)
}

fn check_photo(photo: &Photo) -> Result<(), Denial> {
    check_blob(&photo.sha256, photo.size_bytes, &photo.media_type)
}

pub(super) fn check_attached(attached: &Attached) -> Result<(), Denial> {
    text("name", &attached.name, limits::NAME_CHARACTERS_MAX)?;
    check_blob(&attached.sha256, attached.size_bytes, &attached.media_type)
}

/// The name, size and type of a blob that is announced (R1.13).
pub(super) fn check_blob(sha256: &str, size_bytes: u64, media_type: &str) -> Result<(), Denial> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if sha256.len() != 64 || !sha256.bytes().all(lower) {
        return Err(Denial::new(DenialCode::OutOfRange).with("field", "sha256"));
    }
    text("media_type", media_type, limits::NAME_CHARACTERS_MAX)?;
    range("size_bytes", i64::try_from(size_bytes).unwrap_or(i64::MAX), 1, 1 << 32)
}

fn check_quote(quote: &Quoted) -> Result<(), Denial> {
    amount(quote.amount_fen)?;
    range("items", i64::try_from(quote.items.len()).unwrap_or(i64::MAX), 0, 100)?;
    quote.items.iter().try_for_each(|item| {
        amount(item.amount_fen)?;
        item.list_price_fen.into_iter().try_for_each(amount)?;
        item.quantity_milli.into_iter().try_for_each(quantity)?;
        text("name", &item.name, limits::NAME_CHARACTERS_MAX)
    })
}
