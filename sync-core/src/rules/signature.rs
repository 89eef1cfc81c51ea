//! Signatures: the drawing's form and minimum ink, the bytes a device key signs, and what a check
//! finds. Evidence, not a certified signature.

use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::review::{Review, TimelineEntry};
use super::statement::restate;
use crate::model::canonical;
use crate::model::fact::{Fact, StoredFact};
use crate::model::id::RecordId;
use crate::model::payload::Payload;
use crate::model::signing::{statement, verify};
use crate::model::work_order::{Signed, WorkOrderFact};

/// A drawing: strokes of points on a canvas.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Strokes {
    /// The canvas's width, in the unit of the points.
    pub width: u32,
    /// The canvas's height.
    pub height: u32,
    /// The strokes: points (x, y) from the upper left corner.
    pub strokes: Vec<Vec<(u32, u32)>>,
}

/// Why strokes are no drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoDrawing {
    /// No points at all, or too few: at least two strokes or twelve distinct points.
    #[error("too few points")]
    TooFew,
    /// The whole path is shorter than 15 % of the canvas's width.
    #[error("too short a path")]
    TooShort,
    /// It covers less than 5 % of the canvas in one direction.
    #[error("too small")]
    TooSmall,
    /// A point outside the canvas, or a canvas without extent.
    #[error("a point outside the canvas")]
    Outside,
    /// Larger than 16 KiB when coded.
    #[error("too large")]
    TooLarge,
    /// Not the coded form of strokes.
    #[error("malformed")]
    Malformed,
}

/// Bytes of a coded drawing at most.
pub const STROKES_BYTES_MAX: usize = 16 << 10;
const FORMAT: u8 = 1;
const DISTINCT_POINTS_MIN: usize = 12;
const PATH_PERCENT_MIN: u64 = 15;
const BOX_PERCENT_MIN: u64 = 5;
/// The largest canvas side.
const SIDE_MAX: u32 = 1 << 16;

impl Strokes {
    /// Whether this is a drawing: somebody's name, not a dot (R4.25).
    ///
    /// # Errors
    /// Why it is none.
    pub fn check_ink(&self) -> Result<(), NoDrawing> {
        let sides = 1..=SIDE_MAX;
        if !sides.contains(&self.width) || !sides.contains(&self.height) {
            return Err(NoDrawing::Outside);
        }
        let points: Vec<(u32, u32)> = self.strokes.iter().flatten().copied().collect();
        if points.iter().any(|(x, y)| *x > self.width || *y > self.height) {
            return Err(NoDrawing::Outside);
        }
        let mut distinct = points.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let strokes = self.strokes.iter().filter(|stroke| stroke.len() >= 2).count();
        if distinct.len() < 2 || (strokes < 2 && distinct.len() < DISTINCT_POINTS_MIN) {
            return Err(NoDrawing::TooFew);
        }
        if self.path_thousandths() < u64::from(self.width) * PATH_PERCENT_MIN * 10 {
            return Err(NoDrawing::TooShort);
        }
        let extent = |side: fn(&(u32, u32)) -> u32| {
            let values = distinct.iter().map(side);
            u64::from(values.clone().max().unwrap_or(0) - values.min().unwrap_or(0))
        };
        let small = |extent: u64, side: u32| extent * 100 < u64::from(side) * BOX_PERCENT_MIN;
        if small(extent(|p| p.0), self.width) || small(extent(|p| p.1), self.height) {
            return Err(NoDrawing::TooSmall);
        }
        Ok(())
    }

    /// Length of the path in thousandths of a unit, by integers: equal on every machine.
    fn path_thousandths(&self) -> u64 {
        let segments = self.strokes.iter().flat_map(|stroke| stroke.windows(2));
        let length = |pair: &[(u32, u32)]| {
            let dx = u64::from(pair[0].0.abs_diff(pair[1].0)) * 1_000;
            let dy = u64::from(pair[0].1.abs_diff(pair[1].1)) * 1_000;
            (dx * dx + dy * dy).isqrt()
        };
        segments.map(length).sum()
    }

    /// The coded form: a format byte, then LEB128 numbers: width, height, strokes, and for each
    /// stroke its points as zigzag differences. base64url.
    ///
    /// # Errors
    /// [`NoDrawing::TooLarge`] above 16 KiB.
    pub fn encode(&self) -> Result<String, NoDrawing> {
        let mut bytes = vec![FORMAT];
        for number in [self.width, self.height] {
            write_number(&mut bytes, u64::from(number));
        }
        write_number(&mut bytes, self.strokes.len() as u64);
        for stroke in &self.strokes {
            write_number(&mut bytes, stroke.len() as u64);
            let (mut x, mut y) = (0_i64, 0_i64);
            for point in stroke {
                let (next_x, next_y) = (i64::from(point.0), i64::from(point.1));
                write_number(&mut bytes, zigzag(next_x - x));
                write_number(&mut bytes, zigzag(next_y - y));
                (x, y) = (next_x, next_y);
            }
        }
        if bytes.len() > STROKES_BYTES_MAX {
            return Err(NoDrawing::TooLarge);
        }
        Ok(BASE64URL_NOPAD.encode(&bytes))
    }

    /// Reads [`Self::encode`].
    ///
    /// # Errors
    /// If the text is not exactly what `encode` gives.
    pub fn decode(text: &str) -> Result<Self, NoDrawing> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| NoDrawing::Malformed)?;
        if bytes.len() > STROKES_BYTES_MAX {
            return Err(NoDrawing::TooLarge);
        }
        let mut rest = &bytes[..];
        if take_byte(&mut rest) != Some(FORMAT) {
            return Err(NoDrawing::Malformed);
        }
        let strokes = read_strokes(&mut rest).ok_or(NoDrawing::Malformed)?;
        let same = rest.is_empty() && strokes.encode().as_deref() == Ok(text);
        if same { Ok(strokes) } else { Err(NoDrawing::Malformed) }
    }
}

fn read_strokes(rest: &mut &[u8]) -> Option<Strokes> {
    let side = |rest: &mut &[u8]| u32::try_from(read_number(rest)?).ok();
    let (width, height) = (side(rest)?, side(rest)?);
    let count = read_number(rest)?;
    let mut strokes = Vec::new();
    for _ in 0..count {
        let points = read_number(rest)?;
        let mut stroke = Vec::new();
        let (mut x, mut y) = (0_i64, 0_i64);
        for _ in 0..points {
            x = x.checked_add(unzigzag(read_number(rest)?))?;
            y = y.checked_add(unzigzag(read_number(rest)?))?;
            stroke.push((u32::try_from(x).ok()?, u32::try_from(y).ok()?));
        }
        strokes.push(stroke);
    }
    Some(Strokes { width, height, strokes })
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn take_byte(rest: &mut &[u8]) -> Option<u8> {
    let (first, others) = rest.split_first()?;
    *rest = others;
    Some(*first)
}

fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = take_byte(rest)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Whether a fact is a signature that the (person, device) key has yet to sign.
pub fn wants_signature(fact: &Fact) -> bool {
    matches!(&fact.payload, Payload::WorkOrder(WorkOrderFact::Signed(s)) if s.signature.is_none())
}

/// The bytes a device key signs: record id, fact key and the whole fact as it is stored, members
/// of a newer app included, without the signature.
///
/// # Errors
/// If the fact is not canonical JSON.
pub fn signature_statement(record: RecordId, fact: &StoredFact) -> crate::Result<Vec<u8>> {
    let mut value = canonical::parse(&fact.json)?;
    if let Some(content) = value.get_mut("p").and_then(serde_json::Value::as_object_mut) {
        content.remove("signature");
    }
    let bare = canonical::write(&value)?;
    Ok(statement("fieldbook/signature/1", 3, |e| {
        e.bytes(&record.0)?.str(&fact.key.to_string())?.str(&bare)?.ok()
    }))
}

/// Signs a `signed` fact with the (person, device) key.
///
/// # Errors
/// If the fact cannot be written as canonical JSON.
pub fn sign_fact(record: RecordId, fact: &mut Fact, key: &SigningKey) -> crate::Result<()> {
    let statement = signature_statement(record, &fact.store()?)?;
    if let Payload::WorkOrder(WorkOrderFact::Signed(signed)) = &mut fact.payload {
        signed.signature = Some(BASE64URL_NOPAD.encode(&key.sign(&statement).to_bytes()));
    }
    Ok(())
}

/// What a check of a signature finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Verification {
    /// Everything is as it was signed.
    Valid,
    /// Something differs: `signature`, `content`, `text` or `strokes`.
    Altered {
        /// What differs.
        what: String,
    },
    /// Something that was shown is not there.
    Missing {
        /// What is missing.
        what: String,
    },
    /// The key is certified by no installation that is trusted.
    Untrusted,
    /// The drawing was left out; all that can be checked without it is as it was signed.
    Erased,
}

impl Verification {
    pub(super) fn altered(what: &str) -> Self {
        Self::Altered { what: what.to_owned() }
    }

    pub(super) fn missing(what: &str) -> Self {
        Self::Missing { what: what.to_owned() }
    }

    /// How much it says against what is checked: of several, the heaviest counts.
    pub fn weight(&self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Erased => 1,
            Self::Untrusted => 2,
            Self::Missing { .. } => 3,
            Self::Altered { .. } => 4,
        }
    }
}

fn signature_bytes(text: &str) -> Option<[u8; 64]> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// Whether `key` has signed this fact, in this record, under this key.
pub fn is_signed_by(
    record: RecordId,
    stored: &StoredFact,
    signed: &Signed,
    key: &VerifyingKey,
) -> bool {
    let signature = signed.signature.as_deref().and_then(signature_bytes);
    signature
        .zip(signature_statement(record, stored).ok())
        .is_some_and(|(signature, statement)| verify(key, &statement, &signature).is_ok())
}

/// Checks a `signed` fact of a record against the facts it names and the key that signed it;
/// `key` is the certified key of the session's (person, device) (R8.8).
pub fn verify_signed(
    review: &Review,
    stored: &StoredFact,
    key: Option<&VerifyingKey>,
) -> Verification {
    let (timeline, zone) = (&review.timeline, &review.time_zone);
    check_signed(&Shown { record: review.record, timeline, zone }, stored, key)
}

/// What a signature is checked against.
pub(super) struct Shown<'a> {
    pub(super) record: RecordId,
    pub(super) timeline: &'a [TimelineEntry],
    pub(super) zone: &'a str,
}

pub(super) fn check_signed(
    shown: &Shown<'_>,
    stored: &StoredFact,
    key: Option<&VerifyingKey>,
) -> Verification {
    let Ok(fact) = stored.parse() else { return Verification::altered("fact") };
    let Payload::WorkOrder(WorkOrderFact::Signed(signed)) = &fact.payload else {
        return Verification::missing("signed");
    };
    let Some(key) = key else { return Verification::Untrusted };
    if signed.signature.as_deref().and_then(signature_bytes).is_none() {
        return Verification::missing("signature");
    }
    if !is_signed_by(shown.record, stored, signed, key) {
        return Verification::altered("signature");
    }
    if !Strokes::decode(&signed.strokes).is_ok_and(|strokes| strokes.check_ink().is_ok()) {
        return Verification::altered("strokes");
    }
    check_content(shown, signed)
}

/// Whether the facts that were shown and their text still are what was signed.
pub(super) fn check_content(shown: &Shown<'_>, signed: &Signed) -> Verification {
    match restate(shown.timeline, shown.zone, signed) {
        None => Verification::missing("shown"),
        Some(now) if now.content_sha256 != signed.content_sha256 => {
            Verification::altered("content")
        }
        Some(now) if now.text_sha256 != signed.text_sha256 => Verification::altered("text"),
        Some(_) => Verification::Valid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> Strokes {
        Strokes {
            width: 1_000,
            height: 400,
            strokes: vec![vec![(100, 100), (200, 120), (240, 300)], vec![(300, 90), (420, 250)]],
        }
    }

    #[test]
    fn a_name_of_two_strokes_is_a_drawing() {
        assert_eq!(name().check_ink(), Ok(()));
    }

    /// R4.25
    #[test]
    fn less_than_the_minimum_ink_is_refused() {
        let with = |strokes: Vec<Vec<(u32, u32)>>| Strokes { strokes, ..name() }.check_ink();
        assert_eq!(with(vec![]), Err(NoDrawing::TooFew));
        assert_eq!(with(vec![vec![(5, 5)]]), Err(NoDrawing::TooFew));
        assert_eq!(with(vec![vec![(5, 5); 50], vec![(5, 5); 50]]), Err(NoDrawing::TooFew));
        // One stroke of eleven distinct points; the twelfth makes it a drawing.
        let line = |points: u32| vec![(0..points).map(|i| (i * 40, i * 10)).collect()];
        assert_eq!(with(line(11)), Err(NoDrawing::TooFew));
        assert_eq!(with(line(12)), Ok(()));
        // 15 % of a width of 1,000 is a path of 150.
        let path = |last: u32| vec![vec![(0, 0), (100, 0)], vec![(0, 20), (last, 20)]];
        assert_eq!(with(path(49)), Err(NoDrawing::TooShort));
        assert_eq!(with(path(50)), Ok(()));
        // 5 % of a height of 400 is 20.
        let flat = |y: u32| vec![vec![(0, 0), (200, 0)], vec![(0, y), (200, y)]];
        assert_eq!(with(flat(19)), Err(NoDrawing::TooSmall));
        assert_eq!(with(flat(20)), Ok(()));
        assert_eq!(
            with(vec![vec![(0, 0), (1_001, 5)], vec![(1, 1), (2, 2)]]),
            Err(NoDrawing::Outside)
        );
    }

    /// R4.25
    #[test]
    fn every_number_of_the_minimum_ink_has_its_boundary() {
        let with = |strokes: Vec<Vec<(u32, u32)>>| Strokes { strokes, ..name() }.check_ink();
        // A stroke has two points: dots, and a line with a dot, are no two strokes.
        assert_eq!(with(vec![vec![(5, 5)], vec![(500, 200)]]), Err(NoDrawing::TooFew));
        let line = vec![(0, 0), (300, 200)];
        assert_eq!(with(vec![line.clone(), vec![(9, 9)]]), Err(NoDrawing::TooFew));
        assert_eq!(with(vec![line.clone(), vec![(9, 9), (9, 10)]]), Ok(()));
        // Points that come again are not counted again.
        let again = (0..40).map(|i| (i % 11 * 40, i % 11 * 10)).collect();
        assert_eq!(with(vec![again]), Err(NoDrawing::TooFew));
        // 5 % of a width of 1,000 is 50.
        let narrow = |x: u32| vec![vec![(0, 0), (0, 200)], vec![(x, 0), (x, 200)]];
        assert_eq!(with(narrow(49)), Err(NoDrawing::TooSmall));
        assert_eq!(with(narrow(50)), Ok(()));
        // The edges belong to the canvas.
        let to = |x: u32, y: u32| vec![vec![(0, 0), (x, y)], vec![(0, 10), (10, 10)]];
        assert_eq!(with(to(1_000, 400)), Ok(()));
        assert_eq!(with(to(1_001, 400)), Err(NoDrawing::Outside));
        assert_eq!(with(to(1_000, 401)), Err(NoDrawing::Outside));
        let sides = |width: u32, height: u32| {
            let strokes = to(width.min(SIDE_MAX), height.min(SIDE_MAX));
            Strokes { width, height, strokes }.check_ink()
        };
        assert_eq!(sides(SIDE_MAX, SIDE_MAX), Ok(()));
        assert_eq!(sides(SIDE_MAX + 1, SIDE_MAX), Err(NoDrawing::Outside));
        assert_eq!(sides(SIDE_MAX, SIDE_MAX + 1), Err(NoDrawing::Outside));
        assert_eq!(sides(0, 400), Err(NoDrawing::Outside));
        assert_eq!(sides(1_000, 0), Err(NoDrawing::Outside));
    }

    #[test]
    fn a_coded_drawing_has_16_kib_at_most() {
        // Eight bytes, and two for each point.
        let of = |points: u32| {
            let strokes = vec![(0..points).map(|i| (i % 2, 0)).collect()];
            Strokes { strokes, ..name() }.encode()
        };
        let largest = of(8_188).expect("16 KiB");
        let bytes = BASE64URL_NOPAD.decode(largest.as_bytes()).expect("base64url");
        assert_eq!(bytes.len(), STROKES_BYTES_MAX);
        assert!(Strokes::decode(&largest).is_ok());
        assert_eq!(of(8_189), Err(NoDrawing::TooLarge));
    }

    #[test]
    fn a_drawing_has_one_coded_form() {
        let coded = name().encode().expect("small");
        assert_eq!(
            coded,
            "AegHkAMCA8gByAHIAShQ6AICtAG0AfABwAI".replace("tAG0AfABwAI", "2AS0AfABwAI")
        );
        assert_eq!(Strokes::decode(&coded), Ok(name()));
        for bad in ["", "AA", "Ag", "AegHkAMCA8gByAHIAShQ6AIC", &format!("{coded}AA"), "AYAA"] {
            assert_eq!(Strokes::decode(bad), Err(NoDrawing::Malformed), "{bad}");
        }
        let huge = Strokes { strokes: vec![vec![(0, 0), (900, 300)]; 5_000], ..name() };
        assert_eq!(huge.encode(), Err(NoDrawing::TooLarge));
    }
}
