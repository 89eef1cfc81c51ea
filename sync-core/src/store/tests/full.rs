//! A disk that is full at one statement after another of a command: an answer, the old value, and
//! the same command as soon as there is room.

use super::*;

/// A command whose rows need pages of their own in every table it writes to.
fn large(n: u64) -> Vec<StoreWrite> {
    let text = "满".repeat(4_000);
    let row = PendingRow { facts: vec![fact(n, &text)], ..pending(n, OTHER) };
    vec![
        StoreWrite::PutSession(OwnSession { session: SessionId([77; 8]), ..own_session(WANG) }),
        put_record(WANG, OTHER),
        StoreWrite::PutPending { owner: WANG, row },
        put_list(WANG, OTHER, &text),
        StoreWrite::PutHighestNumber { owner: WANG, n },
    ]
}

async fn told(store: &Store) -> String {
    let pending = store.pending(WANG, None).await.expect("reads");
    let list = store.list(WANG).await.expect("reads");
    let texts: Vec<_> = list.into_iter().map(|row| row.json).collect();
    let state = store.sync_state(WANG).await.expect("reads");
    let sessions = store.own_sessions(WANG).await.expect("reads");
    format!("{pending:?} {texts:?} {state:?} {sessions:?}")
}

#[tokio::test]
async fn a_disk_full_at_any_page_of_a_command_leaves_the_old_value_and_a_store_that_goes_on() {
    let folder = folder();
    let store = open(&folder).await;
    apply(&store, &command(WANG, RECORD, 1)).await;
    let before = told(&store).await;
    let pages: u32 = {
        let mut inner = store.lock().await.expect("usable");
        inner.pragma("page_count").await.expect("reads").parse().expect("a number")
    };
    let mut full = 0;
    for room in 0.. {
        store.limit_pages(pages + room).await;
        let outcome = store.apply("command", &large(2)).await;
        store.limit_pages(1_000_000).await;
        let Err(error) = outcome else { break };
        assert!(matches!(error, StoreError::DiskFull), "{room}: {error:?}");
        assert_eq!(error.code(), "disk_full");
        assert_eq!(told(&store).await, before, "{room}");
        full += 1;
    }
    // A note's overflow pages, and those of its list row.
    assert!(full > 5, "{full} pages were one too many");
    assert_eq!(store.pending_summary(WANG).await.expect("reads").len(), 2);
    apply(&store, &command(WANG, RECORD, 3)).await;
    store.close().await;
    let store = open(&folder).await;
    assert_eq!(store.pending_summary(WANG).await.expect("reads").len(), 3);
    store.close().await;
}
