//! A phone whose file was damaged goes on: what was salvaged arrives at the server, what was not is
//! in its account.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::super::*;
use super::scene::{Scene, WALL_MS, WANG, order, save};
use crate::environment::{NoHooks, SystemRandomness};
use crate::store::{SalvageOptions, Salvaged, salvage};

const ORDERS: u8 = 3;
const NOTES: u64 = 60;
const PAGE: usize = 4096;

/// Damages the file of a closed phone.
fn harm(scene: &Scene, dice: &mut ChaCha8Rng) {
    let path = scene.path();
    let mut bytes = std::fs::read(&path).expect("reads");
    let pages = bytes.len() / PAGE;
    let mut page = || dice.next_u64() as usize % pages;
    let first = page();
    match page() % 4 {
        0 => bytes[..100].fill(0xab),
        1 => bytes[first * PAGE..(first + 1) * PAGE].fill(0xff),
        2 => bytes.truncate(first * PAGE + 1_000),
        _ => {
            for page in [first, page()] {
                let at = page * PAGE + dice.next_u64() as usize % 3_000;
                dice.fill_bytes(&mut bytes[at..at + 500]);
            }
        }
    }
    std::fs::write(path, bytes).expect("writes");
}

async fn salvaged(scene: &Scene) -> Option<Salvaged> {
    let options = SalvageOptions {
        path: scene.path(),
        key: Some(StoreKey::new([3; 32])),
        hooks: Arc::new(NoHooks),
        randomness: Arc::new(SystemRandomness),
        wall_ms: WALL_MS,
    };
    salvage(options).await.expect("salvages")
}

/// Notes that the server has of all orders.
fn at_the_server(scene: &Scene) -> BTreeSet<String> {
    let records = scene.server.records.lock().expect("not poisoned");
    let facts = records.accepted.values().flatten().flat_map(|change| &change.facts);
    let facts = facts.filter_map(|fact| {
        let fact: serde_json::Value = serde_json::from_str(&fact.json).ok()?;
        Some(fact["p"]["text"].as_str()?.to_owned())
    });
    facts.collect()
}

#[tokio::test]
async fn every_command_whose_row_reads_ends_on_the_server() {
    let template = Scene::new();
    let phone = template.ready(ORDERS).await;
    for n in 1..=NOTES {
        let of = order(u8::try_from(n % u64::from(ORDERS)).expect("small"));
        save(&phone, of, &format!("第 {n} 条")).await;
    }
    phone.close().await;
    let (mut salvages, mut lost_ones) = (0, 0);
    for seed in 0..24 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let scene = Scene::later();
        (0..ORDERS).for_each(|order| scene.server.office_opens(order));
        for part in ["", ".lock"] {
            let [from, to] =
                [template.path(), scene.path()].map(|path| format!("{}{part}", path.display()));
            std::fs::copy(from, to).expect("copies");
        }
        harm(&scene, &mut dice);
        let Some(salvaged) = salvaged(&scene).await else { continue };
        salvages += 1;
        if salvaged.people.is_empty() {
            panic!("seed {seed}: the key has a second copy");
        }
        let phone = scene.open().await;
        let pending = phone.store.pending(WANG, None).await.expect("every row reads");
        assert_eq!(pending.len() as u64, salvaged.pending, "seed {seed}");
        let texts: BTreeSet<String> = pending
            .iter()
            .flat_map(|row| &row.facts)
            .map(|fact| {
                let fact: serde_json::Value = serde_json::from_str(&fact.json).expect("JSON");
                fact["p"]["text"].as_str().expect("a note").to_owned()
            })
            .collect();
        scene.server.answers_as_it_should(6);
        phone.sync(6).await.expect("syncs");
        let there = at_the_server(&scene);
        assert!(texts.is_subset(&there), "seed {seed}: {:?}", texts.difference(&there));
        let account = phone.account().await.expect("reads");
        let lost = phone.lost().await.expect("reads");
        lost_ones += lost.len();
        assert_eq!(account.on_phone as usize, lost.len(), "seed {seed}: {account:?}");
        assert_eq!(salvaged.lost.len(), lost.len(), "seed {seed}");
        let listed = phone.list().await.len();
        assert_eq!(listed, usize::from(ORDERS), "seed {seed}: the records have come again");
        // And work goes on, under a number that nobody had.
        if salvaged.re_enrol.is_empty() {
            assert_eq!(save(&phone, order(1), "继续").await.n, NOTES + 1, "seed {seed}");
        } else {
            let state = phone.store.sync_state(WANG).await.expect("reads");
            assert!(state.re_enrol, "seed {seed}: its last number is not known");
        }
        phone.close().await;
    }
    assert!(salvages > 10 && lost_ones > 0, "{salvages} salvages, {lost_ones} lost");
}
