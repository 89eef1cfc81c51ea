//! Records by chance: every fact type of the one list in `kinds`, with contents that were varied
//! and that name one another; so a new kind takes part by itself. A seed makes the same record
//! every time.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::super::kind::{self, FieldRule, Holds};
use super::kinds;
use super::*;
use crate::model::payload::Payload;
use crate::model::{alarm, contact, patrol, work_order};

/// What chance does: drawn from a seed, so that a number from proptest is a fact.
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn of(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        let count = u64::try_from(count.max(1)).expect("small");
        usize::try_from(self.next() % count).expect("below a usize")
    }

    pub(super) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// How people write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// What an app lets people write, knowing all, some or nothing of one another.
    Honest,
    /// Whatever fits into a fact.
    Hostile,
}

/// A record by chance.
pub(super) struct Drawn {
    pub(super) story: Story,
    pub(super) kind: &'static str,
    dice: Dice,
    manner: Manner,
    /// The types that belong to the kind, with a content of each.
    fits: Vec<(&'static str, Value)>,
}

/// Every kind there is.
pub(super) fn all_kinds() -> Vec<&'static str> {
    let own = [work_order::KIND, contact::KIND, patrol::PLAN, patrol::ROUND, alarm::KIND];
    own.into_iter().chain(crate::rules::kinds()).collect()
}

/// What a record of any kind may be opened with: each kind reads its own members.
pub(super) fn opening(kind: &str) -> Value {
    let record = RecordId([9; 16]).to_string();
    let checkpoints = json!([{ "code": "a", "name": "a", "checklist": "stairwell" }]);
    json!({
        "kind": kind, "site": 7, "schema": 1, "alarm": "gas", "area": "三组团",
        "category": "household", "channel": "phone", "checkpoints": checkpoints,
        "date": "2026-11-25", "department": "customer_service", "description": "d", "desk": "前台",
        "due_ms": NINE + 60 * MINUTE, "effects": "停水", "follow_up": "complaint",
        "from_person": 12, "installation": "water", "items": [], "lines": [], "matter": "repair",
        "measure": "小时", "month": "2026-11", "name": "n", "notice": "planned", "of": record,
        "officer": 31, "patrol": "security_hazards", "period": "2026-W48", "phones": [],
        "place": "3 栋", "priority": "urgent", "salt": "s", "service": "household",
        "shift": "day", "shift_ends_at_ms": NINE + 60 * MINUTE, "subject": "repair",
        "task": "weekly_complaints", "unit": "3-2-1501", "violation": "decoration",
    })
}

/// Writers: two of the office, two with a phone.
const WRITERS: [u8; 4] = [12, 13, 31, 32];
/// Codes and texts that may stand for one another.
const WORDS: [&str; 22] = [
    "r",
    "t",
    "甲",
    "乙",
    "a",
    "ok",
    "not_ok",
    "not_applicable",
    "cash",
    "qr_code",
    "urgent",
    "appointed",
    "dissuade",
    "public_notice",
    "owner",
    "radio",
    "valid",
    "venting",
    "major",
    "minor",
    "supervisor",
    "2026-11-27",
];
/// Types of one kind that may contradict one another, or say the same.
const RIVALS: [&[&str]; 12] = [
    &["cancelled", "closed", "dispatched", "returned"],
    &["complaint_closed", "complaint_reopened", "satisfied", "not_satisfied"],
    &["finish_work", "no_answer", "paused", "resumed", "start_work", "unable_to_finish"],
    &["handed_in", "invoiced", "refunded"],
    &["notice_cancelled", "notice_ended", "notice_published"],
    &["plan_accepted", "plan_rejected"],
    &["price_approved", "price_rejected"],
    &["quote_accepted", "quote_declined"],
    &["reception_answered", "reception_closed", "reception_reopened", "replied"],
    &["received", "told"],
    &["sign_absent", "sign_refused", "signed"],
    &["violation_closed", "violation_decided", "violation_reopened"],
];
const EDGES: [i64; 6] = [i64::MIN, -1, 0, 1, 1 << 53, i64::MAX];

impl Drawn {
    pub(super) fn new(seed: u64, manner: Manner) -> Self {
        let mut dice = Dice::of(seed);
        let mut story = Story::new();
        for number in WRITERS {
            let role = if number < 30 { Role::Supervisor } else { Role::Technician };
            story.writer(number, role);
        }
        if manner == Manner::Hostile
            && dice.percent(50)
            && let Some(row) = story.sessions.get_mut(&SessionId([32; 8]))
        {
            row.anchor = None;
        }
        let kinds = all_kinds();
        let kind = *dice.pick(&kinds);
        let mut drawn = Self { story, kind, dice, manner, fits: Vec::new() };
        let created = drawn.fact("created", opening(kind), 12, Some(Vec::new()));
        drawn.story.facts.push(created);
        let opened = drawn.story.review();
        drawn.fits = kinds::facts();
        drawn.fits.retain(|(name, content)| is_of_kind(kind, &opened, name, content));
        drawn
    }

    /// A record with a fact for each seed.
    pub(super) fn of(seed: u64, seeds: &[u64], manner: Manner) -> Self {
        let mut drawn = Self::new(seed, manner);
        for seed in seeds {
            drawn.dice = Dice::of(*seed);
            let fact = drawn.any_fact();
            drawn.story.facts.push(fact);
        }
        drawn.story.now_ms = NINE + 2 * 24 * 60 * MINUTE;
        drawn
    }

    fn any_fact(&mut self) -> Fact {
        let (fact_type, content) = self.any_content(None);
        let writer = *self.dice.pick(&WRITERS);
        let after = self.after(&content);
        let mut fact = self.fact(fact_type, content, writer, after);
        if self.manner == Manner::Hostile {
            self.spoil(&mut fact);
        }
        fact
    }

    /// What words that contradict one another are about, where the kind has it.
    pub(super) fn grounds(&mut self, seed: u64) {
        self.dice = Dice::of(seed);
        for name in ["set_out", "quoted", "charged", "plan_told", "passed_on", "reply_promised"] {
            if self.fits.iter().any(|(fits, _)| *fits == name) {
                let fact = self.by_a_person(12, Some(name));
                self.story.facts.push(fact);
            }
        }
    }

    /// Two people write something each, at two moments, on all that is here; neither knows of the
    /// other. They are not part of the story yet.
    pub(super) fn beside(&mut self, seed: u64) -> [Fact; 2] {
        self.dice = Dice::of(seed);
        let writer = self.dice.below(WRITERS.len());
        let other = (writer + 1 + self.dice.below(WRITERS.len() - 1)) % WRITERS.len();
        let fits = |name: &&str| self.fits.iter().any(|(fits, _)| fits == name);
        let rivals: Vec<&[&str]> =
            RIVALS.into_iter().filter(|types| types.iter().any(fits)).collect();
        let contradict = !rivals.is_empty() && self.dice.percent(50);
        let mut types = [None, None];
        if contradict {
            let rivals = *self.dice.pick(&rivals);
            types = [0, 1].map(|_| Some(*self.dice.pick(rivals)));
        }
        let mut one = self.by_a_person(WRITERS[writer], types[0]);
        // Or both say the same.
        let same = one.payload.fact_type();
        let like = if self.dice.percent(40) { Some(&*same) } else { None };
        let mut two = self.by_a_person(WRITERS[other], types[1].or(like));
        let later = if self.dice.percent(50) { &mut one } else { &mut two };
        later.wall_ms += MINUTE;
        later.monotonic_ms = later.monotonic_ms.map(|ms| ms + MINUTE);
        [one, two]
    }

    /// A fact that is no server's, on all that is here; of one type, if that is said.
    fn by_a_person(&mut self, writer: u8, fact_type: Option<&str>) -> Fact {
        let after: Vec<FactKey> = self.story.facts.iter().map(|fact| fact.key).collect();
        loop {
            let (name, content) = self.any_content(fact_type);
            let fact = self.fact(name, content, writer, Some(after.clone()));
            if fact.key.session().is_some() {
                return fact;
            }
        }
    }

    fn after(&mut self, content: &Value) -> Option<Vec<FactKey>> {
        let keys: Vec<FactKey> = self.story.facts.iter().map(|fact| fact.key).collect();
        if self.manner == Manner::Hostile {
            let later = FactKey::Written { session: SessionId([31; 8]), n: 9, i: 0 };
            return match self.dice.below(4) {
                0 => None,
                1 => Some(Vec::new()),
                2 => Some(vec![*self.dice.pick(&keys), later]),
                _ => Some(keys),
            };
        }
        if self.dice.percent(60) {
            return Some(keys);
        }
        let mut after = vec![keys[0], *self.dice.pick(&keys)];
        keys_in(content, &mut after);
        after.retain(|key| keys.contains(key));
        Some(after)
    }

    fn fact(
        &mut self,
        fact_type: &str,
        content: Value,
        writer: u8,
        after: Option<Vec<FactKey>>,
    ) -> Fact {
        let count = self.story.facts.len();
        let n = count as u64 + 1;
        let session = SessionId([writer; 8]);
        let only_the_servers = ["alerted", "nobody_left", "alarm_withdrawn", "fell_due"];
        let derived = only_the_servers.contains(&fact_type)
            || fact_type == "due_withdrawn"
            || kind::guards(fact_type).is_some_and(<[Role]>::is_empty);
        let key = if derived {
            FactKey::derive(self.story.record, "drawn", &n.to_string(), 0)
        } else {
            FactKey::Written { session, n, i: 0 }
        };
        let wall_ms = NINE + n as i64 * MINUTE;
        let phone = writer > 30 && writer < 90;
        Fact {
            key,
            wall_ms,
            monotonic_ms: phone.then_some(wall_ms - (NINE - 3_600_000)),
            seen: Seen { epoch: 1, sequence: 10 },
            after,
            said_at_ms: None,
            on_behalf_of: None,
            corrects: Vec::new(),
            payload: Payload::from_parts(fact_type.to_owned(), content),
            stored_content: None,
        }
    }

    fn spoil(&mut self, fact: &mut Fact) {
        let dice = &mut self.dice;
        if dice.percent(30) {
            fact.wall_ms = *dice.pick(&EDGES);
        }
        if dice.percent(30) {
            fact.monotonic_ms = Some(*dice.pick(&EDGES));
        }
        fact.said_at_ms = dice.percent(20).then(|| *dice.pick(&EDGES));
        fact.on_behalf_of = dice.percent(20).then_some(PersonId(31));
        if dice.percent(20) {
            fact.corrects = vec![dice.pick(&self.story.facts).key, fact.key];
        }
        if let (true, FactKey::Written { n, .. }) = (dice.percent(10), fact.key) {
            fact.key = FactKey::Written { session: SessionId([77; 8]), n, i: 3 };
        }
    }

    /// A type of the list, or the one that is said, and a content of its shape.
    fn any_content(&mut self, wanted: Option<&str>) -> (&'static str, Value) {
        let stranger = self.manner == Manner::Hostile && self.dice.percent(20);
        let all = if stranger { kinds::facts() } else { self.fits.clone() };
        let fits = all.into_iter().filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name));
        let fits: Vec<_> = fits.collect();
        let (fact_type, content) = self.dice.pick(&fits).clone();
        match fact_type {
            "created" => {
                let mut content = opening(self.kind);
                if self.manner == Manner::Hostile && self.dice.percent(30) {
                    content["kind"] = json!(*self.dice.pick(&all_kinds()));
                }
                (fact_type, content)
            }
            "set" | "resolve" => (fact_type, self.field_content(fact_type, content)),
            _ => (fact_type, self.varied(fact_type, content)),
        }
    }

    /// The content with other keys, numbers and words, as far as its shape still holds.
    fn varied(&mut self, fact_type: &str, content: Value) -> Value {
        let payload = Payload::from_parts(fact_type.to_owned(), content.clone());
        let wanted = kind::names(&payload).first().map(|(_, name)| *name);
        let named = self.vary(content, "", wanted, false);
        let other = self.vary(named.clone(), "", wanted, true);
        let read = Payload::from_parts(fact_type.to_owned(), other.clone());
        if matches!(read, Payload::Unknown { .. }) && self.manner == Manner::Honest {
            return named;
        }
        other
    }

    fn vary(&mut self, value: Value, member: &str, wanted: Option<&str>, words: bool) -> Value {
        match value {
            Value::Object(members) => {
                let vary = |(name, value): (String, Value)| {
                    let value = self.vary(value, &name, wanted, words);
                    (name, value)
                };
                Value::Object(members.into_iter().map(vary).collect())
            }
            Value::Array(values) => {
                let vary = |value| self.vary(value, member, wanted, words);
                values.into_iter().map(vary).collect()
            }
            Value::String(text) if text.parse::<FactKey>().is_ok() => {
                if words {
                    json!(text)
                } else {
                    json!(self.key(member, wanted))
                }
            }
            Value::String(_) if words && self.dice.percent(30) => json!(*self.dice.pick(&WORDS)),
            Value::Number(_)
                if words && self.manner == Manner::Hostile && self.dice.percent(60) =>
            {
                json!(*self.dice.pick(&EDGES))
            }
            Value::Number(_) if words && self.dice.percent(40) => json!(1 + self.dice.below(5)),
            Value::Bool(_) if words => json!(self.dice.percent(50)),
            value => value,
        }
    }

    /// The key of a fact that a member may name.
    fn key(&mut self, member: &str, wanted: Option<&str>) -> FactKey {
        let of_member = match member {
            "visit" => Some("set_out"),
            "quote" => Some("quoted"),
            "charge" => Some("charged"),
            "invoice" => Some("invoiced"),
            "material" => Some("material"),
            "finding" => Some("finding"),
            "question" => Some("asked"),
            _ => wanted,
        };
        let facts = &self.story.facts;
        let fits = facts.iter().filter(|fact| Some(&*fact.payload.fact_type()) == of_member);
        let fits: Vec<FactKey> = fits.map(|fact| fact.key).collect();
        if !fits.is_empty() && self.dice.percent(90) {
            return *self.dice.pick(&fits);
        }
        if self.dice.percent(10) {
            return FactKey::Written { session: SessionId([99; 8]), n: 1, i: 0 };
        }
        self.dice.pick(&self.story.facts).key
    }

    fn field_content(&mut self, fact_type: &str, mut content: Value) -> Value {
        let (field, value) = self.field();
        let of_field = |fact: &&Fact| {
            let (_, content) = fact.payload.to_parts().expect("canonical");
            content["field"] == field && content.get("value").is_some()
        };
        let written: Vec<FactKey> =
            self.story.facts.iter().filter(of_field).map(|fact| fact.key).collect();
        let replaces = match (fact_type, written.last()) {
            ("resolve", _) => written,
            (_, Some(last)) if self.dice.percent(60) => vec![*last],
            _ => Vec::new(),
        };
        content["field"] = json!(field);
        content["value"] = value;
        content["replaces"] = json!(replaces);
        content
    }

    fn field(&mut self) -> (String, Value) {
        let at = |hour: usize| json!(format!("2026-11-25T{:02}:00:00+08:00", 9 + hour));
        let hour = self.dice.below(3);
        let Some(rules) = kind::kind(self.kind) else {
            let fields = [
                ("priority", json!(*self.dice.pick(&["urgent", "appointed"]))),
                ("appointment", at(hour)),
                ("assignee", json!(31 + self.dice.below(2))),
                ("description", json!(*self.dice.pick(&["甲", "乙"]))),
                ("category", json!(*self.dice.pick(&["household", "public"]))),
            ];
            let (name, value) = self.dice.pick(&fields).clone();
            return (name.to_owned(), value);
        };
        if rules.fields().is_empty() {
            return ("hue".to_owned(), json!("甲"));
        }
        let rule: &FieldRule = self.dice.pick(rules.fields());
        let flag = self.dice.percent(50);
        let value = match rule.holds {
            Holds::Person => json!(31 + self.dice.below(2)),
            Holds::Record => json!(RecordId([8; 16]).to_string()),
            Holds::Text(_) => json!(*self.dice.pick(&["甲", "乙"])),
            Holds::Time => at(hour),
            Holds::Whole(min, max) => json!(if flag { min } else { max }),
            Holds::Department => json!("engineering"),
            Holds::OneOf(codes) => json!(*self.dice.pick(codes)),
            Holds::Shape(check) => {
                let shapes = shapes(flag);
                let fits = shapes.into_iter().find(|shape| check(shape).is_ok());
                fits.unwrap_or(Value::Null)
            }
        };
        (rule.name.to_owned(), value)
    }
}

/// Whether a type belongs to records of a kind, of which one was just opened.
fn is_of_kind(of: &str, opened: &Review, name: &str, content: &Value) -> bool {
    let payload = Payload::from_parts(name.to_owned(), content.clone());
    match (&payload, kind::kind(of)) {
        (Payload::General(_), _) => true,
        (Payload::WorkOrder(_), _) => kind::has_visits(of),
        (Payload::Patrol(_), _) => of == patrol::ROUND,
        (Payload::Alarm(_), _) => of == alarm::KIND,
        (_, None) => false,
        (_, Some(rules)) => {
            let wrong = |denial: Denial| denial.code == DenialCode::WrongKind;
            !rules.needs(&payload, opened).is_err_and(wrong)
        }
    }
}

/// Values of fields with a shape of their own.
fn shapes(flag: bool) -> [Value; 5] {
    let severity = if flag { "minor" } else { "important" };
    [
        json!({ "loss": flag, "threat": false, "reason": "r" }),
        json!({ "validity": "valid", "severity": severity, "reason": "r" }),
        json!({ "person": 31, "reason": "r" }),
        json!(["3"]),
        json!([]),
    ]
}

/// The keys of facts that a content names.
fn keys_in(content: &Value, keys: &mut Vec<FactKey>) {
    match content {
        Value::Object(members) => members.values().for_each(|value| keys_in(value, keys)),
        Value::Array(values) => values.iter().for_each(|value| keys_in(value, keys)),
        Value::String(text) => keys.extend(text.parse::<FactKey>()),
        _ => {}
    }
}

#[test]
fn every_kind_with_rules_of_its_own_is_opened_by_chance() {
    use crate::model::payload::OpeningContent;
    for kind in crate::rules::kinds() {
        let Value::Object(mut members) = opening(kind) else { panic!("members") };
        members.retain(|name, _| !["kind", "site", "schema"].contains(&&**name));
        assert!(OpeningContent::of(kind, &members).is_some(), "{kind} lacks a member");
    }
}
