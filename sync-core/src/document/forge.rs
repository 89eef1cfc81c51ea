//! Honest records drawn from a seed, and forged packs and chunks made of them, for the tests of
//! this crate and of the workspace (which runs many of them in a child process with little
//! memory). Nothing else uses it.

use std::collections::{BTreeMap, BTreeSet};

use super::chunk;
use super::pack::{decode, encode};
use super::*;
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, DeviceId, FactKey, PersonId, RecordId, SessionId};

/// A generator of numbers that a seed repeats (splitmix64).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The dice of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.roll() as u8)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// A record as a receiver holds it, and an honest push to it.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The record.
    pub record: RecordId,
    /// What the receiver has stored.
    pub stored: Vec<Change>,
    /// The same as a log.
    pub log: MemoryLog,
    /// What the author pushes, dependencies first.
    pub pushed: Vec<Change>,
    /// Sessions of [`AUTHOR`].
    pub own: Vec<SessionId>,
    /// Sessions of others.
    pub others: Vec<SessionId>,
}

/// Who pushes in a [`Scene`].
pub const AUTHOR: (PersonId, DeviceId) = (PersonId(31), DeviceId(9));

/// Somebody else.
const OTHER: (PersonId, DeviceId) = (PersonId(12), DeviceId(1));

impl Scene {
    /// Draws one: several sessions, several parents, several facts in a change.
    pub fn draw(dice: &mut Dice) -> Self {
        let mut scene = Self {
            record: RecordId(dice.array()),
            stored: Vec::new(),
            log: MemoryLog::default(),
            pushed: Vec::new(),
            own: (0..3).map(|_| SessionId(dice.array())).collect(),
            others: (0..3).map(|_| SessionId(dice.array())).collect(),
        };
        let mut drawn = Drawn::default();
        for _ in 0..dice.below(6) {
            let (actor, writer) = (*dice.pick(&scene.others), *dice.pick(&scene.others));
            let change = drawn.change(scene.record, actor, writer, dice);
            scene.log.insert(&change);
            scene.stored.push(change);
        }
        for _ in 0..=dice.below(9) {
            let (actor, writer) = (*dice.pick(&scene.own), *dice.pick(&scene.own));
            scene.pushed.push(drawn.change(scene.record, actor, writer, dice));
        }
        scene
    }

    /// Whose a session is.
    pub fn owner(&self, session: SessionId) -> Option<(PersonId, DeviceId)> {
        if self.own.contains(&session) {
            Some(AUTHOR)
        } else {
            self.others.contains(&session).then_some(OTHER)
        }
    }

    /// The guard of the author's push.
    pub fn guard(
        &self,
    ) -> Guard<'_, MemoryLog, impl Fn(SessionId) -> Option<(PersonId, DeviceId)>> {
        Guard::new(self.record, &self.log, |session| self.owner(session), AUTHOR)
    }

    /// The author's push as a pack.
    pub fn pack(&self) -> RecordPack {
        RecordPack::from_changes(self.record, &self.pushed)
    }

    /// Asserts that a real document takes what is stored and `passed` on top, that it can be saved
    /// and loaded, that heads and facts are right, and that an honest write still works.
    ///
    /// # Panics
    /// If not.
    pub fn assert_healthy(&self, passed: &[Change]) {
        let mut all = self.stored.clone();
        let mut known: BTreeSet<_> = all.iter().map(|change| change.hash).collect();
        all.extend(passed.iter().filter(|change| known.insert(change.hash)).cloned());
        let mut heads = BTreeSet::from([genesis_hash(self.record)]);
        let mut log = MemoryLog::default();
        for change in &all {
            heads_after(&mut heads, change);
            log.insert(change);
        }
        let document = Document::from_changes(self.record, &all).expect("what passed applies");
        let loaded = Document::load_trusted(&document.save()).expect("what was saved loads");
        assert!(loaded.heads().iter().eq(&heads), "heads computed without a document are its own");
        let facts = loaded.facts().expect("facts and nothing else");
        assert_eq!(facts.len(), log.fact_count());
        assert!(facts.iter().all(|fact| log.fact_json(&fact.key) == Some(fact.json.as_str())));
        let honest = self.honest_write(heads, &log);
        loaded.with_change(&honest).expect("an honest write after it");
    }

    fn honest_write(&self, heads: BTreeSet<ChangeHash>, log: &MemoryLog) -> Change {
        let session = self.others[0];
        let head = ChangeHead::on_top(self.record, log, session, heads).expect("heads of the log");
        let key = FactKey::Written { session, n: 1 << 40, i: 0 };
        Change::build(head, vec![fact(key, "after")]).expect("within the limits")
    }
}

/// The state of drawing a record.
#[derive(Default)]
struct Drawn {
    max_ops: BTreeMap<ChangeHash, u64>,
    hashes: Vec<ChangeHash>,
    seqs: BTreeMap<SessionId, (u64, ChangeHash)>,
    n: u64,
}

impl Drawn {
    /// A change of `actor` whose facts are keyed by `writer`, on top of one to four drawn before.
    fn change(
        &mut self,
        record: RecordId,
        actor: SessionId,
        writer: SessionId,
        dice: &mut Dice,
    ) -> Change {
        let genesis = genesis_hash(record);
        self.max_ops.insert(genesis, GENESIS_MAX_OP);
        let mut deps = BTreeSet::from([self.hashes.last().copied().unwrap_or(genesis)]);
        if dice.one_in(3) {
            let more = (0..dice.below(4)).filter(|_| !self.hashes.is_empty());
            deps.extend(more.map(|_| *dice.pick(&self.hashes)).collect::<Vec<_>>());
        }
        // An actor stands on its own last change, as Automerge's always do.
        let last = self.seqs.get(&actor).copied();
        deps.extend(last.map(|(_, hash)| hash));
        let start_op = 1 + deps.iter().filter_map(|dep| self.max_ops.get(dep)).max().unwrap_or(&0);
        self.n += 1 + u64::from(dice.one_in(4)) * dice.below(300) as u64;
        let count = if dice.one_in(4) { 1 + dice.below(5) } else { 1 };
        let facts = (0..count as u32).map(|i| {
            let key = FactKey::Written { session: writer, n: self.n, i };
            fact(key, &dice.pick(&TEXTS).repeat(dice.below(6)))
        });
        let facts = facts.collect();
        let seq = last.map_or(1, |(seq, _)| seq + 1);
        let head = ChangeHead { actor, seq, start_op, deps: deps.into_iter().collect() };
        let change = Change::build(head, facts).expect("within the limits");
        self.max_ops.insert(change.hash, change.max_op());
        self.hashes.push(change.hash);
        self.seqs.insert(actor, (seq, change.hash));
        change
    }
}

fn fact(key: FactKey, text: &str) -> StoredFact {
    let (n, i) = match key {
        FactKey::Written { n, i, .. } => (n, i),
        FactKey::Derived { i, .. } => (0, i),
    };
    let json = serde_json::json!({
        "m": 71_000 + 2_900 * n,
        "p": { "text": text, "visit": key },
        "s": [1, 4_498 + n],
        "t": "note",
        "w": 1_764_000_000_000_u64 + 2_900 * n + u64::from(i),
    });
    StoredFact { key, json: json.to_string() }
}

/// How a run of forgeries ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Refusals by code.
    pub refused: BTreeMap<&'static str, u32>,
    /// Changes that passed; every record with them was healthy.
    pub passed: u32,
}

impl Tally {
    fn refuse(&mut self, code: &'static str) {
        *self.refused.entry(code).or_default() += 1;
    }
}

/// Forges `count` packs, half of them as bytes and half as content, and puts them before the
/// guard.
///
/// # Panics
/// If one panics the guard, or a record with what passed does not load.
pub fn forge_packs(seed: u64, count: u64) -> Tally {
    let mut tally = Tally::default();
    for index in 0..count {
        let mut dice = Dice::new(seed.wrapping_mul(1 << 32).wrapping_add(index));
        let scene = Scene::draw(&mut dice);
        let mut pack = scene.pack();
        let bytes = if dice.one_in(2) {
            let mut bytes = encode(&[pack]);
            damage(&mut bytes, &mut dice);
            bytes
        } else {
            for _ in 0..=dice.below(2) {
                forge_pack(&mut pack, &scene, &mut dice);
            }
            encode(&[pack])
        };
        let packs = match decode(&bytes) {
            Ok(packs) => packs,
            Err(error) => {
                tally.refuse(error.code());
                continue;
            }
        };
        for pack in packs {
            if pack.record != scene.record {
                tally.refuse("another_record");
                continue;
            }
            let mut passed = Vec::new();
            // The check is left aside: whoever forges a pack can forge its check.
            for verdict in scene.guard().walk(&pack).changes {
                match verdict {
                    Ok(guarded) => passed.push(guarded.change),
                    Err(error) => tally.refuse(error.code()),
                }
            }
            tally.passed += passed.len() as u32;
            scene.assert_healthy(&passed);
        }
    }
    tally
}

/// Forges `count` chunks, with checksums made right again, and puts them before the guard.
///
/// # Panics
/// If one panics the guard, or a record with what passed does not load.
pub fn forge_chunks(seed: u64, count: u64) -> Tally {
    let mut tally = Tally::default();
    for index in 0..count {
        let mut dice = Dice::new(seed.wrapping_mul(1 << 32).wrapping_add(index));
        let scene = Scene::draw(&mut dice);
        let document = Document::from_changes(scene.record, &scene.stored).expect("honest");
        let mut guard = ChunkGuard::new(scene.guard(), document);
        let mut passed = Vec::new();
        let forged = dice.below(scene.pushed.len());
        for (place, change) in scene.pushed.iter().enumerate() {
            let bytes = if place == forged {
                forge_chunk(change, &scene, &mut dice)
            } else {
                change.chunk()
            };
            match guard.pass(&bytes) {
                Ok(guarded) => passed.extend(guarded.map(|guarded| guarded.change)),
                Err(error) => tally.refuse(error.code()),
            }
        }
        tally.passed += passed.len() as u32;
        scene.assert_healthy(&passed);
    }
    tally
}

/// Damages bytes in one to three places.
fn damage(bytes: &mut Vec<u8>, dice: &mut Dice) {
    for _ in 0..=dice.below(3) {
        if bytes.is_empty() {
            return;
        }
        let place = dice.below(bytes.len());
        let end = (place + 1 + dice.below(8)).min(bytes.len());
        match dice.below(8) {
            0 => bytes[place] = dice.roll() as u8,
            1 => bytes[place] ^= 1 << dice.below(8),
            2 => bytes[place] = *dice.pick(&[0, 1, 0x7f, 0x80, 0xff]),
            3 => bytes.truncate(place),
            4 => drop(bytes.drain(place..end)),
            5 => {
                let copy = bytes[place..end].to_vec();
                bytes.splice(place..place, copy);
            }
            6 => {
                let other = dice.below(bytes.len());
                bytes.swap(place, other);
            }
            _ => {
                let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
                bytes.splice(place..end, huge[dice.below(5)..].iter().copied());
            }
        }
    }
}

/// Changes what a pack says.
fn forge_pack(pack: &mut RecordPack, scene: &Scene, dice: &mut Dice) {
    let sessions: Vec<_> = scene.own.iter().chain(&scene.others).copied().collect();
    let stored: Vec<_> = scene.stored.iter().map(|change| change.hash).collect();
    let count = pack.changes.len();
    if count == 0 {
        return;
    }
    let place = dice.below(count);
    let change = &mut pack.changes[place];
    let fact_place = dice.below(change.facts.len());
    match dice.below(12) {
        0 => change.actor = *dice.pick(&sessions),
        1 => change.seq = *dice.pick(&[0, 1, 2, 3, change.seq.wrapping_add(1), 1 << 32, u64::MAX]),
        2 => change.deps = Deps::Genesis,
        3 => change.deps = Deps::Previous,
        4 => change.deps = Deps::Explicit(vec![ChangeHash(dice.array())]),
        5 if !stored.is_empty() => change.deps = Deps::Explicit(vec![*dice.pick(&stored)]),
        6 => change.facts[fact_place].json.push(' '),
        7 => change.facts[fact_place].key = forged_key(scene, dice),
        8 => {
            let copy = change.facts[fact_place].clone();
            change.facts.push(copy);
        }
        9 => drop(pack.changes.remove(place)),
        10 => pack.changes.swap(place, dice.below(count)),
        _ => {
            let copy = pack.changes[place].clone();
            pack.changes.insert(dice.below(count), copy);
        }
    }
}

fn forged_key(scene: &Scene, dice: &mut Dice) -> FactKey {
    let old: Vec<_> =
        scene.stored.iter().flat_map(|change| change.facts.iter().map(|fact| fact.key)).collect();
    let session = *dice.pick(&scene.own);
    match dice.below(5) {
        0 if !old.is_empty() => *dice.pick(&old),
        4 => dice.pick(&scene.pushed).facts[0].key,
        1 => FactKey::Derived { cause: dice.array(), i: dice.below(3) as u32 },
        2 => FactKey::Written { session: *dice.pick(&scene.others), n: 1, i: 0 },
        _ => FactKey::Written { session, n: dice.below(4) as u64, i: dice.below(3) as u32 },
    }
}

/// A chunk that is not quite this change's.
fn forge_chunk(change: &Change, scene: &Scene, dice: &mut Dice) -> Vec<u8> {
    let mut head = chunk::Head {
        actor: change.actor,
        seq: change.seq,
        start_op: change.start_op,
        deps: &change.deps,
    };
    let mut facts = change.facts.clone();
    let genesis = [genesis_hash(scene.record)];
    match dice.below(8) {
        0 => head.seq = *dice.pick(&[0, 1, 2, change.seq.wrapping_add(1), 1 << 32, u64::MAX]),
        1 => {
            let near = u64::from(u32::MAX);
            head.start_op =
                *dice.pick(&[0, 1, 2, 3, change.start_op + 1, near, near + 1, u64::MAX]);
        }
        2 => head.deps = &genesis,
        3 => head.actor = *dice.pick(&scene.others),
        4 => facts[0].key = forged_key(scene, dice),
        5 => facts[0].json = "gone".to_owned(),
        _ => {
            let mut body = chunk::body(&head, &facts);
            damage(&mut body, dice);
            let mut bytes = chunk::wrap(&body).1;
            if dice.one_in(10) {
                damage(&mut bytes, dice);
            }
            return bytes;
        }
    }
    chunk::wrap(&chunk::body(&head, &facts)).1
}

const TEXTS: [&str; 5] = ["厨房水管漏水", "ok", "👨‍👩‍👧", "\u{202e}𠮷", "\"\\\n"];
