//! All or nothing: a stop at every hook, a full disk, a call that is dropped half-way.

use std::sync::Mutex as StdMutex;

use async_trait::async_trait;

use super::*;
use crate::environment::{Crash, HookPlace, HookPoint, Hooks};

/// Notes every hook of one operation and stops at the k-th.
struct StopAt {
    operation: &'static str,
    stop: usize,
    seen: StdMutex<Vec<HookPlace>>,
}

impl StopAt {
    fn new(operation: &'static str, stop: usize) -> Arc<Self> {
        Arc::new(Self { operation, stop, seen: StdMutex::default() })
    }

    fn places(&self) -> Vec<HookPlace> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

#[async_trait]
impl Hooks for StopAt {
    async fn at(&self, point: HookPoint) -> Result<(), Crash> {
        if point.operation != self.operation {
            return Ok(());
        }
        let mut seen = self.seen.lock().expect("not poisoned");
        seen.push(point.place);
        if seen.len() == self.stop { Err(Crash) } else { Ok(()) }
    }
}

const NEVER: usize = usize::MAX;

async fn open_with(folder: &TempDir, hooks: Arc<dyn Hooks>) -> Result<Store, StoreError> {
    Store::open(OpenOptions { hooks, ..options(folder, 7) }).await
}

/// A record with one accepted change and one command.
async fn prepared(folder: &TempDir) {
    let store = open(folder).await;
    let mut writes = vec![
        StoreWrite::PutSession(own_session(WANG)),
        put_record(WANG, RECORD),
        insert_accepted(WANG, RECORD, 1),
    ];
    writes.extend(command(WANG, RECORD, 2));
    apply(&store, &writes).await;
    store.close().await;
}

/// Everything there is to compare.
async fn snapshot(store: &Store) -> String {
    let record = store.record(WANG, RECORD).await.expect("reads");
    let list = store.list(WANG).await.expect("reads");
    let texts: Vec<_> = list.into_iter().map(|row| row.json).collect();
    let state = store.sync_state(WANG).await.expect("reads");
    let summary = store.pending_summary(WANG).await.expect("reads");
    let sessions = store.own_sessions(WANG).await.expect("reads");
    format!("{record:?} {texts:?} {state:?} {summary:?} {sessions:?}")
}

#[tokio::test]
async fn a_stop_at_any_point_of_a_command_leaves_all_of_it_or_nothing() {
    let mut stopped = BTreeMap::<&str, u32>::new();
    for stop in 1.. {
        let folder = folder();
        prepared(&folder).await;
        let hooks = StopAt::new("command", stop);
        let store = open_with(&folder, hooks.clone()).await.expect("opens");
        let before = snapshot(&store).await;
        let outcome = store.apply("command", &command(WANG, RECORD, 3)).await;
        let place = hooks.places().last().copied().expect("a hook was called");
        // The store itself is usable, and so is the file after another opening.
        let at_once = snapshot(&store).await;
        store.close().await;
        let store = open(&folder).await;
        let after = snapshot(&store).await;
        assert_eq!(at_once, after);
        let Err(error) = outcome else {
            assert_ne!(after, before);
            store.close().await;
            break;
        };
        assert!(matches!(error, StoreError::Stopped(_)), "{error:?}");
        let kind = match place {
            HookPlace::Before => "before",
            HookPlace::Inside(_) => "inside",
            HookPlace::After => "after",
        };
        *stopped.entry(kind).or_default() += 1;
        assert_eq!(after != before, place == HookPlace::After, "stopped at {place:?}");
        // Doing it again gives what one undisturbed command gives.
        apply(&store, &command(WANG, RECORD, 3)).await;
        assert_eq!(store.pending_summary(WANG).await.expect("reads").len(), 2);
        store.close().await;
    }
    assert_eq!(stopped, BTreeMap::from([("before", 1), ("inside", 4), ("after", 1)]));
}

#[tokio::test]
async fn a_command_is_five_statements_and_the_first_of_a_session_six() {
    let folder = folder();
    let hooks = StopAt::new("command", NEVER);
    let store = open_with(&folder, hooks.clone()).await.expect("opens");
    let mut first = vec![StoreWrite::PutSession(own_session(WANG))];
    first.extend(command(WANG, RECORD, 1));
    for (writes, statements) in [(first, 6), (command(WANG, RECORD, 2), 5)] {
        hooks.seen.lock().expect("not poisoned").clear();
        store.apply("command", &writes).await.expect("applies");
        let places = hooks.places();
        // The last hook inside stands before the commit, which is one more statement.
        let before_commit = HookPlace::Inside(statements - 1);
        assert_eq!(places[places.len() - 2..], [before_commit, HookPlace::After]);
    }
    store.close().await;
}

#[tokio::test]
async fn sixty_four_accepted_changes_are_one_statement() {
    let folder = folder();
    let hooks = StopAt::new("apply_response", NEVER);
    let store = open_with(&folder, hooks.clone()).await.expect("opens");
    let writes: Vec<_> = (1..=64).map(|n| insert_accepted(WANG, RECORD, n)).collect();
    store.apply("apply_response", &writes).await.expect("applies");
    let inside = hooks.places().into_iter().filter(|at| matches!(at, HookPlace::Inside(_)));
    assert_eq!(inside.count(), 2, "begin and one insert");
    store.close().await;
}

#[tokio::test]
async fn nothing_to_write_is_no_transaction() {
    let folder = folder();
    let hooks = StopAt::new("command", 1);
    let store = open_with(&folder, hooks).await.expect("opens");
    store.apply("command", &[]).await.expect("nothing to do");
    store.close().await;
}

#[tokio::test]
async fn a_stop_at_any_point_of_making_the_store_leaves_one_that_opens() {
    for stop in 1.. {
        let folder = folder();
        let hooks = StopAt::new("open", stop);
        let outcome = open_with(&folder, hooks.clone()).await;
        let done = outcome.is_ok();
        match outcome {
            Ok(store) => store.close().await,
            Err(error) => assert!(matches!(error, StoreError::Stopped(_)), "{error:?}"),
        }
        let store = open(&folder).await;
        apply(&store, &command(WANG, RECORD, 1)).await;
        assert_eq!(store.pending(WANG, None).await.expect("reads"), [pending(1, RECORD)]);
        store.close().await;
        if done {
            assert!(stop > 5, "{:?}", hooks.places());
            break;
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_an_answer_and_old_values_are_intact() {
    let folder = folder();
    prepared(&folder).await;
    let store = open(&folder).await;
    let before = snapshot(&store).await;
    sql(&store, "pragma max_page_count = 1").await;
    let mut writes = command(WANG, RECORD, 3);
    let large = "x".repeat(1 << 20);
    writes.push(put_list(WANG, OTHER, &large));
    let full = store.apply("command", &writes).await;
    assert!(matches!(full, Err(StoreError::DiskFull)), "{full:?}");
    assert_eq!(snapshot(&store).await, before);
    let again = store.apply("command", &writes).await;
    assert!(matches!(again, Err(StoreError::DiskFull)), "{again:?}");

    sql(&store, "pragma max_page_count = 1000000").await;
    apply(&store, &writes).await;
    assert_eq!(store.pending_summary(WANG).await.expect("reads").len(), 2);
    assert_eq!(store.list(WANG).await.expect("reads").len(), 2);
    store.close().await;
}

#[tokio::test]
async fn a_command_dropped_half_way_is_undone_by_the_next_call() {
    let folder = folder();
    prepared(&folder).await;

    /// Never goes on after the second statement.
    #[derive(Default)]
    struct Hang {
        arrived: tokio::sync::Notify,
    }

    #[async_trait]
    impl Hooks for Hang {
        async fn at(&self, point: HookPoint) -> Result<(), Crash> {
            if point.operation == "hang" && point.place == HookPlace::Inside(2) {
                self.arrived.notify_one();
                std::future::pending::<()>().await;
            }
            Ok(())
        }
    }

    let hang = Arc::new(Hang::default());
    let store = open_with(&folder, hang.clone()).await.expect("opens");
    let before = snapshot(&store).await;
    let writes = command(WANG, RECORD, 3);
    let arrived = hang.arrived.notified();
    tokio::select! {
        _ = store.apply("hang", &writes) => panic!("it hangs"),
        () = arrived => {}
    }
    assert_eq!(snapshot(&store).await, before);
    apply(&store, &writes).await;
    assert_eq!(store.pending_summary(WANG).await.expect("reads").len(), 2);
    store.close().await;
}

#[tokio::test]
async fn a_stop_at_any_point_of_a_rotation_leaves_one_key_for_everything() {
    for stop in 1.. {
        let folder = folder();
        prepared(&folder).await;
        let hooks = StopAt::new("rotate", stop);
        let store = open_with(&folder, hooks.clone()).await.expect("opens");
        let before = snapshot(&store).await;
        let outcome = store.rotate(StoreKey::new([8; 32])).await;
        store.close().await;
        let committed = hooks.places().last() == Some(&HookPlace::After);
        let (right, wrong) = if committed { (8, 7) } else { (7, 8) };
        let refused = Store::open(options(&folder, wrong)).await;
        assert!(matches!(refused, Err(StoreError::WrongKey)), "{refused:?}");
        let store = Store::open(options(&folder, right)).await.expect("opens");
        assert_eq!(snapshot(&store).await, before);
        assert_eq!(store.damaged().await.expect("reads"), []);
        store.close().await;
        if outcome.is_ok() {
            assert!(stop > 6, "{:?}", hooks.places());
            break;
        }
    }
}
