//! The workload is the reference generator's, and its edits survive being commands. Apart from what
//! they test, which the benches of the parts compile too.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, SiteId};
use sync_core::model::time::WallMs;
use sync_core::rules::Command;

use super::edits::Filled;
use super::workload::{
    EDITS, PUBLISHED, RECORDS, SEED, apply, digest, expected_digest, make_record, set_digest,
    steady_edit,
};

/// Of record (0, 0), as published.
const FIRST: &str = "a4d8292544c2f24c98da4e76c24ff0246c8f6a0cda4590619f90b3c61daeb1d0";
/// Of device 0 after 200 edits of the steady phase, by the reference generator.
const STEADY: &str = "b715b75a19a060902cef0afd8053564399430e9c665975ec82bd9ef7ddc86cfb";
/// Of 20 devices after the first edit of each record, by the reference generator.
const OPENED: &str = "0b761201523110ed76e8675176d657412a578d0ee99cd2141d6e8433b8d3be32";

#[test]
fn the_records_are_those_of_the_reference_generator() {
    assert_eq!(digest(&make_record(SEED, 0, 0).after(EDITS)), FIRST);
    for (devices, published) in PUBLISHED {
        assert_eq!(expected_digest(SEED, devices, RECORDS, EDITS), published, "{devices}");
    }
    assert_eq!(expected_digest(SEED, 20, RECORDS, 1), OPENED);
}

#[test]
fn the_steady_edits_are_those_of_the_reference_generator() {
    let mut records: Vec<Value> =
        (0..RECORDS).map(|r| make_record(SEED, 0, r).after(EDITS)).collect();
    for i in 0..200 {
        let place = usize::try_from(i % RECORDS).expect("a small number");
        apply(&mut records[place], &steady_edit(SEED, i));
    }
    assert_eq!(set_digest(records.iter().map(digest).collect()), STEADY);
}

/// What a command's fact holds, as a review shows it.
fn fact(command: &Command) -> (String, Value, Option<WallMs>) {
    match command {
        Command::CreateWorkOrder { order, .. } => {
            ("created".to_owned(), serde_json::to_value(order).expect("JSON"), None)
        }
        Command::Note { text } => ("note".to_owned(), json!({ "text": text }), None),
        Command::Record { fact, said_at_ms, .. } => {
            let fact = serde_json::to_value(fact).expect("JSON");
            let name = fact["t"].as_str().expect("a type").to_owned();
            (name, fact["p"].clone(), *said_at_ms)
        }
        other => panic!("no edit is {other:?}"),
    }
}

#[test]
fn an_edit_is_one_command_whose_fact_is_read_back_as_the_edit() {
    let key: FactKey = "aebagbafaydqq.201.0".parse().expect("a key");
    let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
    for r in 0..40 {
        let mut filled = Filled::default();
        for edit in &make_record(SEED, 0, r).edits {
            let command = filled.command(SiteId(1), edit);
            let (name, content, said_at_ms) = fact(&command);
            assert_eq!(filled.read(&name, &content, said_at_ms).as_ref(), Some(edit));
            filled.saved(&command, key);
            *kinds.entry(name).or_default() += 1;
        }
        let edit = steady_edit(SEED, r);
        let (name, content, said_at_ms) = fact(&filled.command(SiteId(1), &edit));
        assert_eq!(filled.read(&name, &content, said_at_ms).as_ref(), Some(&edit));
    }
    assert_eq!(kinds.values().sum::<u32>() as usize, 40 * EDITS);
    assert_eq!(kinds["created"], 40);
    let notes = f64::from(kinds["note"]) / f64::from(kinds.values().sum::<u32>());
    assert!((0.3..0.6).contains(&notes), "about half are facts of their own: {kinds:?}");
}
