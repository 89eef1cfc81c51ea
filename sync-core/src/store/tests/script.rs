//! What is written is read back, by its owner only, also after closing and opening.

use std::collections::BTreeSet;

use super::*;
use crate::model::audience::Audience;
use crate::model::session::{Origin, SessionRow};
use crate::model::time::Anchor;

const OFFICE: Audience = Audience::Office(SITE);
const USER: Audience = Audience::User(SITE, WANG);

/// One write of every kind that puts something.
fn everything(owner: PersonId) -> Vec<StoreWrite> {
    let params = BTreeMap::from([("role".to_owned(), "technician".to_owned())]);
    let refused = RefusedRow {
        n: 3,
        record: RECORD,
        facts: vec![fact(3, "cancelled")],
        code: "not_your_role".to_owned(),
        params: params.clone(),
        refused_wall_ms: 77,
    };
    let held = PendingRow {
        state: PendingState::Held,
        code: Some("undecided".to_owned()),
        params,
        ..pending(5, RECORD)
    };
    let sent = |n, sequence| StoreWrite::PutSent {
        owner,
        row: SentRow {
            n,
            record: RECORD,
            facts: vec![fact(n, "sent")],
            accepted_at: seen(sequence),
        },
    };
    vec![
        StoreWrite::PutIdentity(identity(owner)),
        StoreWrite::PutSession(own_session(owner)),
        put_record(owner, RECORD),
        insert_accepted(owner, RECORD, 2),
        insert_accepted(owner, RECORD, 1),
        StoreWrite::PutPair { owner, record: RECORD, audience: OFFICE },
        StoreWrite::PutPair { owner, record: RECORD, audience: USER },
        StoreWrite::PutPair { owner, record: RECORD, audience: USER },
        StoreWrite::PutPending { owner, row: held },
        StoreWrite::PutPending { owner, row: pending(4, RECORD) },
        StoreWrite::PutPending { owner, row: pending(6, OTHER) },
        StoreWrite::PutRefused { owner, row: refused },
        sent(1, 100),
        sent(2, 101),
        put_list(owner, RECORD, "{\"unit\":\"3-2-1501\"}"),
        StoreWrite::PutHighestNumber { owner, n: 6 },
        StoreWrite::PutCursor { owner, audience: USER, seen: seen(100) },
        StoreWrite::PutReceiptsAfter { owner, receipts_after: 12 },
        StoreWrite::PutReference { owner, version: 3, json: "{\"people\":{}}".to_owned() },
        StoreWrite::PutEpoch { owner, epoch: 1 },
        StoreWrite::PutBackedUp { owner, seen: Some(seen(90)) },
        StoreWrite::PutRetry { owner, json: Some("{\"tries\":2}".to_owned()) },
        StoreWrite::PutSigning { owner, record: RECORD, json: "{\"strokes\":[]}".to_owned() },
        StoreWrite::PutRepair { owner, record: OTHER },
        StoreWrite::PutReEnrol { owner, re_enrol: true },
        StoreWrite::PutParked { owner, record: OTHER, parked: parked() },
        StoreWrite::PutCaseAnswer { owner, question: 12, text: "三楼的阀门".to_owned() },
    ]
}

fn parked() -> Parked {
    Parked { n: 6, code: "malformed".to_owned(), app_version: "1.4.0".to_owned() }
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let folder = folder();
    let store = open(&folder).await;
    apply(&store, &everything(WANG)).await;
    store.close().await;

    let store = open(&folder).await;
    assert_eq!(store.identities().await.expect("reads"), [identity(WANG)]);
    assert_eq!(store.own_sessions(WANG).await.expect("reads"), [own_session(WANG)]);
    assert_eq!(store.records(WANG).await.expect("reads"), [RECORD]);
    let record = store.record(WANG, RECORD).await.expect("reads").expect("is there");
    assert_eq!(record.site, SITE);
    assert!(record.present);
    assert_eq!(record.audiences, BTreeSet::from([OFFICE, USER]));
    assert_eq!(record.attestation, Some([5; 16]));
    assert_eq!(record.accepted, [change(2), change(1)], "in the order of insertion");
    assert_eq!(record.pending.iter().map(|row| row.n).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(record.pending[0], pending(4, RECORD));
    assert_eq!(record.pending[1].state, PendingState::Held);
    assert_eq!(record.pending[1].code.as_deref(), Some("undecided"));
    assert_eq!(record.pending[1].params["role"], "technician");
    assert_eq!(record.pending[1].stored_change(), {
        header(5).with_facts(vec![fact(5, "shut the valve")])
    });

    let all: Vec<u64> =
        store.pending(WANG, None).await.expect("reads").iter().map(|row| row.n).collect();
    assert_eq!(all, [4, 5, 6]);
    assert_eq!(store.pending(WANG, Some(OTHER)).await.expect("reads"), [pending(6, OTHER)]);
    let refused = store.refused(WANG).await.expect("reads");
    assert_eq!((refused[0].n, refused[0].code.as_str()), (3, "not_your_role"));
    assert_eq!(refused[0].facts, [fact(3, "cancelled")]);
    assert_eq!(refused[0].params["role"], "technician");
    assert_eq!(refused[0].refused_wall_ms, 77);
    let sent = store.sent(WANG).await.expect("reads");
    assert_eq!(sent.iter().map(|row| row.accepted_at).collect::<Vec<_>>(), [seen(100), seen(101)]);
    let list = store.list(WANG).await.expect("reads");
    assert_eq!(list, [ListRow { record: RECORD, json: "{\"unit\":\"3-2-1501\"}".to_owned() }]);

    let expected = SyncState {
        epoch: 1,
        cursors: vec![(USER, seen(100))],
        receipts_after: 12,
        reference_version: 3,
        reference_json: Some("{\"people\":{}}".to_owned()),
        highest_number: 6,
        anchors: BTreeMap::new(),
        backed_up: Some(seen(90)),
        retry_json: Some("{\"tries\":2}".to_owned()),
        repairs: vec![OTHER],
        re_enrol: true,
        parked: BTreeMap::from([(OTHER, parked())]),
        case_answers: BTreeMap::from([(12, "三楼的阀门".to_owned())]),
    };
    assert!(store.sync_state(WANG).await.expect("reads") == expected);
    store.close().await;
}

#[tokio::test]
async fn another_persons_rows_are_never_served() {
    let folder = folder();
    let store = open(&folder).await;
    apply(&store, &everything(WANG)).await;
    assert!(store.sync_state(LI).await.expect("reads") == SyncState::default());
    assert_eq!(store.own_sessions(LI).await.expect("reads"), []);
    assert_eq!(store.records(LI).await.expect("reads"), []);
    assert_eq!(store.record(LI, RECORD).await.expect("reads"), None);
    assert_eq!(store.pending(LI, None).await.expect("reads"), []);
    assert_eq!(store.pending(LI, Some(RECORD)).await.expect("reads"), []);
    assert_eq!(store.pending_summary(LI).await.expect("reads"), []);
    assert_eq!(store.list(LI).await.expect("reads"), []);
    assert_eq!(store.refused(LI).await.expect("reads"), []);
    assert_eq!(store.sent(LI).await.expect("reads"), []);

    // The same record and the same numbers for another person are rows of their own.
    apply(&store, &everything(LI)).await;
    apply(&store, &deletions(LI)).await;
    assert_eq!(store.pending(LI, None).await.expect("reads"), []);
    assert_eq!(store.pending(WANG, None).await.expect("reads").len(), 3);
    let record = store.record(WANG, RECORD).await.expect("reads").expect("is there");
    assert_eq!((record.accepted.len(), record.audiences.len()), (2, 2));
    assert_eq!(store.list(WANG).await.expect("reads").len(), 1);
    assert_eq!(store.sent(WANG).await.expect("reads").len(), 2);
    assert_eq!(store.refused(WANG).await.expect("reads").len(), 1);
    assert_eq!(store.sync_state(WANG).await.expect("reads").cursors.len(), 1);
    store.close().await;
}

/// The counterpart of [`everything`].
fn deletions(owner: PersonId) -> Vec<StoreWrite> {
    vec![
        StoreWrite::SessionRegistered(own_session(owner).session),
        StoreWrite::DeletePair { owner, record: RECORD, audience: OFFICE },
        StoreWrite::DeletePending { owner, n: 4 },
        StoreWrite::DeletePending { owner, n: 5 },
        StoreWrite::DeletePending { owner, n: 6 },
        StoreWrite::DeleteRefused { owner, n: 3 },
        StoreWrite::DeleteSentUpTo { owner, seen: seen(100) },
        StoreWrite::DeleteList { owner, record: RECORD },
        StoreWrite::DeleteCursor { owner, audience: USER },
        StoreWrite::DeleteRepair { owner, record: OTHER },
        StoreWrite::PutBackedUp { owner, seen: None },
        StoreWrite::PutRetry { owner, json: None },
        StoreWrite::DeleteSigning { owner, record: RECORD },
        StoreWrite::PutReEnrol { owner, re_enrol: false },
        StoreWrite::DeleteParked { owner, record: OTHER },
        StoreWrite::DeleteCaseAnswer { owner, question: 12 },
    ]
}

#[tokio::test]
async fn what_was_deleted_is_gone_and_the_rest_stays() {
    let folder = folder();
    let store = open(&folder).await;
    apply(&store, &everything(WANG)).await;
    apply(&store, &deletions(WANG)).await;
    assert!(store.own_sessions(WANG).await.expect("reads")[0].registered);
    let record = store.record(WANG, RECORD).await.expect("reads").expect("is there");
    assert_eq!(record.audiences, BTreeSet::from([USER]));
    assert_eq!(record.accepted.len(), 2);
    assert_eq!(record.pending, []);
    assert_eq!(store.refused(WANG).await.expect("reads"), []);
    assert_eq!(store.signing(WANG).await.expect("reads"), None);
    assert_eq!(store.list(WANG).await.expect("reads"), []);
    let sent = store.sent(WANG).await.expect("reads");
    assert_eq!(sent.iter().map(|row| row.n).collect::<Vec<_>>(), [2]);
    let state = store.sync_state(WANG).await.expect("reads");
    assert_eq!((state.cursors.len(), state.repairs.len()), (0, 0));
    assert_eq!((state.backed_up, state.retry_json.is_none()), (None, true));
    assert!(!state.re_enrol);
    assert!(state.parked.is_empty() && state.case_answers.is_empty());
    assert_eq!((state.highest_number, state.receipts_after, state.epoch), (6, 12, 1));
    store.close().await;
}

#[tokio::test]
async fn a_later_epoch_is_later_than_any_sequence() {
    let folder = folder();
    let store = open(&folder).await;
    let later = Seen { epoch: 2, sequence: 1 };
    let row = SentRow { n: 1, record: RECORD, facts: vec![fact(1, "sent")], accepted_at: later };
    apply(&store, &[StoreWrite::PutSent { owner: WANG, row }]).await;
    apply(&store, &[StoreWrite::DeleteSentUpTo { owner: WANG, seen: seen(1_000) }]).await;
    assert_eq!(store.sent(WANG).await.expect("reads").len(), 1);
    apply(&store, &[StoreWrite::DeleteSentUpTo { owner: WANG, seen: later }]).await;
    assert_eq!(store.sent(WANG).await.expect("reads"), []);
    store.close().await;
}

#[tokio::test]
async fn session_rows_and_anchors_are_final() {
    let folder = folder();
    let store = open(&folder).await;
    let anchor = Anchor { server_ms: 1_000, monotonic_ms: 5 };
    let first = SessionRow {
        session: SESSION,
        person: LI,
        device: DeviceId(9),
        origin: Origin::Office,
        boot: BOOT,
        opened_wall_ms: 1,
        opened_monotonic_ms: 2,
        anchor: None,
    };
    let second = SessionRow { origin: Origin::Phone, anchor: Some(anchor), ..first.clone() };
    let phone = SessionRow { session: SessionId([9; 8]), ..second.clone() };
    let moved = Anchor { server_ms: 2_000, monotonic_ms: 6 };
    apply(
        &store,
        &[
            StoreWrite::PutForeignSession(first.clone()),
            StoreWrite::PutForeignSession(second),
            StoreWrite::PutForeignSession(phone.clone()),
            StoreWrite::PutAnchor { boot: BOOT, anchor },
            StoreWrite::PutAnchor { boot: BOOT, anchor: moved },
        ],
    )
    .await;
    let unknown = SessionId([8; 8]);
    let asked = [SESSION, unknown, phone.session];
    let rows = store.sessions(&asked).await.expect("reads");
    assert_eq!(rows, BTreeMap::from([(SESSION, first), (phone.session, phone)]));
    let anchors = store.sync_state(WANG).await.expect("reads").anchors;
    assert_eq!(anchors, BTreeMap::from([(BOOT, anchor)]));
    store.close().await;
}

#[tokio::test]
async fn a_session_is_opened_once() {
    let folder = folder();
    let store = open(&folder).await;
    let session = StoreWrite::PutSession(own_session(WANG));
    apply(&store, std::slice::from_ref(&session)).await;
    let again = store.apply("test", &[put_list(WANG, RECORD, "{}"), session]).await;
    assert!(matches!(again, Err(StoreError::Database(_))), "{again:?}");
    assert_eq!(store.list(WANG).await.expect("reads"), [], "the whole transaction is undone");
    store.close().await;
}

#[tokio::test]
async fn a_command_number_is_never_lowered() {
    let folder = folder();
    let store = open(&folder).await;
    for n in [5, 3] {
        apply(&store, &[StoreWrite::PutHighestNumber { owner: WANG, n }]).await;
    }
    assert_eq!(store.sync_state(WANG).await.expect("reads").highest_number, 5);
    store.close().await;
}

#[tokio::test]
async fn many_accepted_changes_keep_their_order_and_a_repeated_one_its_place() {
    let folder = folder();
    let store = open(&folder).await;
    // 64 + 64 + 16 + 4 + 1 rows an insert, another write between them.
    let mut writes = vec![put_record(WANG, RECORD)];
    writes.extend((1..=149).map(|n| insert_accepted(WANG, RECORD, n)));
    writes.push(put_record(WANG, OTHER));
    writes.push(insert_accepted(WANG, OTHER, 1));
    apply(&store, &writes).await;
    let more: Vec<_> = (140..=152).map(|n| insert_accepted(WANG, RECORD, n)).collect();
    apply(&store, &more).await;
    let record = store.record(WANG, RECORD).await.expect("reads").expect("is there");
    assert_eq!(record.accepted, (1..=152).map(change).collect::<Vec<_>>());
    let other = store.record(WANG, OTHER).await.expect("reads").expect("is there");
    assert_eq!(other.accepted, [change(1)]);
    store.close().await;
}

#[tokio::test]
async fn a_summary_opens_nothing_and_tells_the_size() {
    let folder = folder();
    let store = open(&folder).await;
    let mut large = pending(2, OTHER);
    large.facts = vec![fact(2, &"x".repeat(1_000))];
    large.state = PendingState::NotStored;
    for row in [large, pending(1, RECORD)] {
        apply(&store, &[StoreWrite::PutPending { owner: WANG, row }]).await;
    }
    // Nothing opens any more, the summary is the same.
    let before = store.pending_summary(WANG).await.expect("reads");
    sql(&store, "update pending set sealed = zeroblob(length(sealed))").await;
    let summary = store.pending_summary(WANG).await.expect("reads");
    assert_eq!(summary, before);
    assert_eq!((summary[0].n, summary[0].record), (1, RECORD));
    assert_eq!((summary[1].n, summary[1].state), (2, PendingState::NotStored));
    assert!((1_000..1_200).contains(&summary[1].bytes), "{}", summary[1].bytes);
    store.close().await;
}

#[tokio::test]
async fn a_range_of_pending_commands_changes_its_state_without_being_opened() {
    let folder = folder();
    let store = open(&folder).await;
    for owner in [WANG, LI] {
        for n in 1..=4 {
            apply(&store, &command(owner, RECORD, n)).await;
        }
    }
    let code = Some("quota".to_owned());
    let state = PendingState::NotStored;
    let range = StoreWrite::PutPendingState { owner: WANG, from: 2, to: 3, state, code };
    apply(&store, &[range]).await;
    let rows = store.pending(WANG, None).await.expect("reads");
    let changed: Vec<_> = rows.iter().filter(|row| row.state == state).map(|row| row.n).collect();
    assert_eq!(changed, [2, 3]);
    assert_eq!(rows[1].code.as_deref(), Some("quota"));
    assert_eq!(rows[1].facts, pending(2, RECORD).facts);
    let others = store.pending(LI, None).await.expect("reads");
    assert!(others.iter().all(|row| row.state == PendingState::Unsent));
    store.close().await;
}

/// A replica is driven from any thread.
#[test]
fn every_call_can_move_between_threads() {
    fn assert_send<T: Send>(_: &T) {}
    fn calls(store: &Store) {
        assert_send(&store.apply("test", &[]));
        assert_send(&store.record(WANG, RECORD));
        assert_send(&store.sync_state(WANG));
        assert_send(&store.identities());
        assert_send(&store.sessions(&[]));
        assert_send(&store.rotate(StoreKey::new([0; 32])));
        assert_send(&store.damaged());
    }
    fn opening(options: OpenOptions) {
        assert_send(&Store::open(options));
    }
    let _ = (calls as fn(&Store), opening as fn(OpenOptions));
}

#[tokio::test]
async fn a_number_the_database_cannot_hold_is_refused_before_the_transaction() {
    let folder = folder();
    let store = open(&folder).await;
    let write = StoreWrite::PutReceiptsAfter { owner: WANG, receipts_after: u64::MAX };
    let refused = store.apply("test", &[put_list(WANG, RECORD, "{}"), write]).await;
    assert!(matches!(refused, Err(StoreError::NumberTooLarge)), "{refused:?}");
    assert_eq!(store.list(WANG).await.expect("reads"), []);
    store.close().await;
}

#[tokio::test]
async fn no_content_is_in_the_clear_and_none_is_printed() {
    let folder = folder();
    let store = open(&folder).await;
    let writes = everything(WANG);
    apply(&store, &writes).await;
    let secrets = ["王师傅", "厨房水管漏水", "shut the valve", "1501", "people", "technician"];
    let printed = format!(
        "{writes:?} {:?} {:?} {:?} {:?} {:?} {:?} {store:?}",
        store.identities().await,
        store.record(WANG, RECORD).await,
        store.refused(WANG).await,
        store.list(WANG).await,
        store.sync_state(WANG).await,
        store.sent(WANG).await,
    );
    // The log holds what is committed until the store is closed, then the file does.
    let log = std::fs::read(folder.path().join("store.db-wal")).expect("reads");
    store.close().await;
    let file = std::fs::read(path(&folder)).expect("reads");
    for secret in secrets {
        let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|at| at == secret.as_bytes());
        assert!(!holds(&file) && !holds(&log), "{secret} is in the clear");
        assert!(!printed.contains(secret), "{secret} is printed: {printed}");
    }
    let signing_key = [6; 32];
    assert!(!file.windows(32).any(|at| at == signing_key));
    assert!(!printed.contains("6, 6, 6"));
}
