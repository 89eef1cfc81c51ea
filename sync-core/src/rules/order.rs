//! The causal order of a record's facts: `after` is the only order rules know; ties by key.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::fact::Fact;
use crate::model::id::{FactKey, SessionId, SiteId};
use crate::model::payload::{GeneralFact, Payload};
use crate::model::session::SessionRows;

/// The facts of a record with their causal order.
#[derive(Debug)]
pub struct Causality<'a> {
    /// All facts, causes before effects, ties by key.
    pub facts: Vec<&'a Fact>,
    predecessors: BTreeMap<FactKey, Vec<FactKey>>,
    by_key: BTreeMap<FactKey, &'a Fact>,
    places: BTreeMap<FactKey, usize>,
    /// For each place the places before it, a row of bits; so that no number of questions about a
    /// long record costs more than its facts squared.
    before: Vec<u64>,
    words: usize,
}

/// More facts than a server stores: beyond it the linear order stands for the causal one.
const CAUSAL_FACTS_MAX: usize = 16_384;

/// Who wrote in a session: the same (person, device) has one sequence of commands, whatever
/// session they were written in. A session whose row is not here stands for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Writer {
    Device(u32, u32),
    Session(SessionId),
}

fn writer(key: &FactKey, sessions: &SessionRows) -> Option<Writer> {
    let session = key.session()?;
    Some(match sessions.get(&session) {
        Some(row) => Writer::Device(row.person.0, row.device.0),
        None => Writer::Session(session),
    })
}

fn place(key: &FactKey) -> (u64, u32) {
    match key {
        FactKey::Written { n, i, .. } => (*n, *i),
        FactKey::Derived { i, .. } => (0, *i),
    }
}

impl<'a> Causality<'a> {
    /// The site that the first `created` names.
    pub fn site(&self) -> Option<SiteId> {
        self.facts.iter().find_map(|fact| match &fact.payload {
            Payload::General(GeneralFact::Created(created)) => Some(created.site),
            _ => None,
        })
    }

    /// Orders `facts`; cycles and unknown keys, which no honest writer makes, are ordered by key.
    pub fn of(facts: &'a [Fact], sessions: &SessionRows) -> Self {
        let by_key: BTreeMap<FactKey, &Fact> = facts.iter().map(|fact| (fact.key, fact)).collect();
        let predecessors = predecessors(&by_key, sessions);
        let mut waits_for: BTreeMap<FactKey, usize> = BTreeMap::new();
        let mut followers: BTreeMap<FactKey, Vec<FactKey>> = BTreeMap::new();
        for (key, before) in &predecessors {
            waits_for.insert(*key, before.len());
            for earlier in before {
                followers.entry(*earlier).or_default().push(*key);
            }
        }
        let mut ready: BTreeSet<FactKey> =
            waits_for.iter().filter(|(_, count)| **count == 0).map(|(key, _)| *key).collect();
        let mut left: BTreeSet<FactKey> = by_key.keys().copied().collect();
        let mut ordered = Vec::with_capacity(by_key.len());
        // A cycle leaves nothing ready: its smallest key goes first.
        while let Some(key) = ready.pop_first().or_else(|| left.first().copied()) {
            if !left.remove(&key) {
                continue;
            }
            ordered.push(by_key[&key]);
            for follower in followers.get(&key).into_iter().flatten() {
                let count = waits_for.get_mut(follower).expect("every fact waits for some number");
                *count = count.saturating_sub(1);
                if *count == 0 && left.contains(follower) {
                    ready.insert(*follower);
                }
            }
        }
        let places: BTreeMap<FactKey, usize> =
            ordered.iter().enumerate().map(|(place, fact)| (fact.key, place)).collect();
        let causal = ordered.len() <= CAUSAL_FACTS_MAX;
        let words = if causal { ordered.len().div_ceil(64) } else { 0 };
        let mut before = vec![0_u64; words * ordered.len()];
        for (place, fact) in ordered.iter().enumerate() {
            let mut earlier: Vec<usize> =
                predecessors[&fact.key].iter().map(|key| places[key]).collect();
            // What a cycle put later is no cause.
            earlier.retain(|&earlier| earlier < place && causal);
            earlier.sort_unstable();
            for earlier in earlier.into_iter().rev() {
                follow(&mut before, words, earlier, place);
            }
        }
        Self { facts: ordered, predecessors, by_key, places, before, words }
    }

    /// The fact of a key.
    pub fn fact(&self, key: FactKey) -> Option<&'a Fact> {
        self.by_key.get(&key).copied()
    }

    /// Everything the writer of `key` had seen of the record.
    pub fn causes(&self, key: FactKey) -> BTreeSet<FactKey> {
        let mut seen = BTreeSet::new();
        let mut open = vec![key];
        while let Some(key) = open.pop() {
            for before in self.predecessors.get(&key).into_iter().flatten() {
                if seen.insert(*before) {
                    open.push(*before);
                }
            }
        }
        seen
    }

    /// Whether `earlier` is among the causes of `later`.
    pub fn is_before(&self, earlier: FactKey, later: FactKey) -> bool {
        let (Some(&earlier), Some(&later)) = (self.places.get(&earlier), self.places.get(&later))
        else {
            return false;
        };
        match self.words {
            0 => earlier < later,
            words => self.before[later * words + earlier / 64] >> (earlier % 64) & 1 == 1,
        }
    }

    /// Those of `keys` that no other of them knew of, in causal order.
    pub fn latest(&self, keys: &[FactKey]) -> Vec<FactKey> {
        let mut places: Vec<usize> =
            keys.iter().filter_map(|key| self.places.get(key)).copied().collect();
        places.sort_unstable();
        places.dedup();
        if self.words == 0 {
            places.drain(..places.len().saturating_sub(1));
        }
        // Everything that one of them knew: one pass, however many there are.
        let mut known = vec![0_u64; self.words];
        for place in &places {
            let row = &self.before[place * self.words..(place + 1) * self.words];
            known.iter_mut().zip(row).for_each(|(known, before)| *known |= before);
        }
        let is_known =
            |place: usize| known.get(place / 64).is_some_and(|w| w >> (place % 64) & 1 == 1);
        let latest = places.into_iter().filter(|place| !is_known(*place));
        latest.map(|place| self.facts[place].key).collect()
    }

    /// Of what facts say, in causal order, what stands last: said by those that no other of them
    /// knew of.
    pub fn last<T>(&self, said: impl IntoIterator<Item = (FactKey, T)>) -> Vec<(FactKey, T)> {
        let mut said: Vec<(FactKey, T)> = said.into_iter().collect();
        let keys: Vec<FactKey> = said.iter().map(|(key, _)| *key).collect();
        let latest: BTreeSet<FactKey> = self.latest(&keys).into_iter().collect();
        said.retain(|(key, _)| latest.contains(key));
        said
    }

    /// Those of `keys` that knew of none of `others`.
    pub fn unaware(&self, keys: &[FactKey], others: &[FactKey]) -> Vec<FactKey> {
        let others: Vec<usize> =
            others.iter().filter_map(|key| self.places.get(key)).copied().collect();
        let mut mask = vec![0_u64; self.words];
        if self.words > 0 {
            others.iter().for_each(|other| mask[other / 64] |= 1 << (other % 64));
        }
        let first = others.iter().min().copied().unwrap_or(usize::MAX);
        let knows = |place: usize| match self.words {
            0 => first < place,
            words => {
                let row = &self.before[place * words..(place + 1) * words];
                row.iter().zip(&mask).any(|(before, other)| before & other != 0)
            }
        };
        let place = |key: &FactKey| self.places.get(key).copied();
        keys.iter().copied().filter(|key| place(key).is_some_and(|place| !knows(place))).collect()
    }

    /// Those of `keys` that none of `others` knew of.
    pub fn unknown(&self, keys: &[FactKey], others: &[FactKey]) -> Vec<FactKey> {
        let places = |keys: &[FactKey]| -> Vec<usize> {
            keys.iter().filter_map(|key| self.places.get(key)).copied().collect()
        };
        let others = places(others);
        let mut known = vec![0_u64; self.words];
        for place in &others {
            let row = &self.before[place * self.words..(place + 1) * self.words];
            known.iter_mut().zip(row).for_each(|(known, before)| *known |= before);
        }
        let last = others.iter().max().copied();
        let is_known = |place: usize| match self.words {
            0 => last.is_some_and(|last| place < last),
            _ => known[place / 64] >> (place % 64) & 1 == 1,
        };
        let unknown = places(keys).into_iter().filter(|place| !is_known(*place));
        unknown.map(|place| self.facts[place].key).collect()
    }

    /// The latest facts: those that are no cause of another.
    pub fn frontier(&self) -> Vec<FactKey> {
        let causes: BTreeSet<FactKey> = self.predecessors.values().flatten().copied().collect();
        let keys = self.predecessors.keys().copied();
        keys.filter(|key| !causes.contains(key)).collect()
    }
}

/// The keys of the facts of a record that whoever wrote a command had seen: the causes of its
/// facts, themselves left out.
pub fn seen_by(command: &[Fact], record: &[Fact], sessions: &SessionRows) -> BTreeSet<FactKey> {
    let all: Vec<Fact> = record.iter().chain(command).cloned().collect();
    let causality = Causality::of(&all, sessions);
    let own: BTreeSet<FactKey> = command.iter().map(|fact| fact.key).collect();
    let mut seen: BTreeSet<FactKey> = own.iter().flat_map(|key| causality.causes(*key)).collect();
    seen.retain(|key| !own.contains(key));
    seen
}

/// Everything before `earlier`, and itself, is before `place`.
fn follow(before: &mut [u64], words: usize, earlier: usize, place: usize) {
    let (head, own) = before.split_at_mut(place * words);
    let own = &mut own[..words];
    if own[earlier / 64] >> (earlier % 64) & 1 == 1 {
        return;
    }
    for (word, seen) in own.iter_mut().zip(&head[earlier * words..(earlier + 1) * words]) {
        *word |= seen;
    }
    own[earlier / 64] |= 1 << (earlier % 64);
}

fn predecessors(
    by_key: &BTreeMap<FactKey, &Fact>,
    sessions: &SessionRows,
) -> BTreeMap<FactKey, Vec<FactKey>> {
    let mut by_writer: BTreeMap<Writer, BTreeMap<(u64, u32), FactKey>> = BTreeMap::new();
    for key in by_key.keys() {
        if let Some(writer) = writer(key, sessions) {
            by_writer.entry(writer).or_default().insert(place(key), *key);
        }
    }
    let mut all = BTreeMap::new();
    for (key, fact) in by_key {
        let own = writer(key, sessions)
            .and_then(|writer| by_writer.get(&writer)?.range(..place(key)).next_back())
            .map(|(_, previous)| *previous);
        let mut before: BTreeSet<FactKey> = match (&fact.after, key) {
            (Some(after), _) => after.iter().copied().collect(),
            (None, _) => own.into_iter().collect(),
        };
        // Within one command the order is its own.
        if place(key).1 > 0 {
            before.extend(own);
        }
        before.remove(key);
        before.retain(|earlier| by_key.contains_key(earlier));
        all.insert(*key, before.into_iter().collect());
    }
    all
}
