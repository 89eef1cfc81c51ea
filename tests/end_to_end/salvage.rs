//! A phone whose file was damaged: salvaged, it goes on with the server, and what could not be read
//! is a gap that the office sees.

use std::path::Path;
use std::sync::Arc;

use sync_core::environment::NoHooks;
use sync_core::store::{SalvageOptions, Salvaged, StoreKey, salvage};

use super::phone::Seeded;
use super::stage::{START_MS, Stage, notes};

const NOTES: u64 = 80;
const PAGE: usize = 4096;

async fn salvaged(path: &Path) -> Option<Salvaged> {
    let options = SalvageOptions {
        path: path.to_owned(),
        key: Some(StoreKey::new([3; 32])),
        hooks: Arc::new(NoHooks),
        randomness: Seeded::new(7),
        wall_ms: START_MS,
    };
    salvage(options).await.expect("salvages")
}

/// Overwrites the first page from the middle on that costs a command, and salvages.
async fn damage(path: &Path) -> Salvaged {
    let whole = std::fs::read(path).expect("reads");
    let middle = whole.len() / PAGE / 2;
    for page in middle..whole.len() / PAGE {
        let mut bytes = whole.clone();
        bytes[page * PAGE..(page + 1) * PAGE].fill(0xff);
        std::fs::write(path, &bytes).expect("writes");
        match salvaged(path).await {
            Some(salvaged) if !salvaged.lost.is_empty() => return salvaged,
            _ => std::fs::write(path, &whole).expect("writes"),
        }
    }
    panic!("a page holds a command");
}

#[tokio::test]
async fn a_damaged_phone_goes_on_and_the_office_sees_which_numbers_are_lost() {
    let stage = Stage::new().await;
    let mut office = stage.office("chen").await;
    let record = office.dispatch(stage.wang, "厨房水管漏水").await;
    let wang = stage.phone(stage.wang).await;
    for n in 1..=NOTES {
        wang.note(record, &format!("第 {n} 条")).await;
        if n == 10 {
            wang.sync().await;
        }
    }
    let path = wang.path().to_owned();
    let device = wang.device;
    let mut told = None;
    let wang = wang
        .reopen_after(async {
            told = Some(damage(&path).await);
        })
        .await;
    let told = told.expect("salvaged");
    let lost = told.lost.len() as u64;
    assert_eq!(told.pending + lost, NOTES - 10, "nothing else is missing");
    wang.sync().await;
    assert_eq!(wang.account().await, [NOTES, NOTES - lost, 0, 0, lost]);
    assert_eq!(stage.account(device).await, [NOTES, NOTES - lost, 0, 0, lost]);
    let review = stage.all_equal(&office, &[&wang], record).await;
    let there = notes(&review);
    assert_eq!(there.len() as u64, NOTES - lost, "each once");
    for n in 1..=NOTES {
        let is_lost = told.lost.iter().any(|lost| lost.n == n);
        assert_eq!(there.contains(&format!("第 {n} 条").as_str()), !is_lost, "{n}");
    }
    let (_, page) = office.get("/v1/office/desk-cases?closed=true").await;
    let gaps = page["items"].as_array().expect("a list").iter();
    let gaps: Vec<_> = gaps.filter(|case| case["kind"] == "number_gap").collect();
    assert!(!gaps.is_empty(), "the office is told: {page}");

    // Somebody puts the damaged file back: what the server has is not entered twice.
    let damaged = told.damaged.clone();
    let wang = wang
        .reopen_after(async {
            std::fs::copy(&damaged, &path).expect("copies");
            salvaged(&path).await.expect("it is damaged still");
        })
        .await;
    wang.sync().await;
    let review = stage.all_equal(&office, &[&wang], record).await;
    assert_eq!(notes(&review).len() as u64, NOTES - lost);
    wang.note(record, "继续").await;
    wang.sync().await;
    assert_eq!(stage.account(device).await, [NOTES + 1, NOTES + 1 - lost, 0, 0, lost]);
}
