//! One damaged row is named and hurts nobody else; a repair heals it.

use super::*;
use crate::model::audience::Audience;

async fn two_records(folder: &TempDir) -> Store {
    let store = open(folder).await;
    let mut writes = vec![StoreWrite::PutIdentity(identity(WANG))];
    for (record, n) in [(RECORD, 1), (OTHER, 2)] {
        writes.push(put_record(WANG, record));
        writes.push(insert_accepted(WANG, record, 10 + n));
        writes.extend(command(WANG, record, n));
    }
    apply(&store, &writes).await;
    store
}

fn assert_damaged<T: std::fmt::Debug>(read: Result<T, StoreError>, table: &str, row: &str) {
    match read {
        Err(StoreError::Damaged { table: found, row: name }) => {
            assert_eq!((found, name.as_str()), (table, row));
        }
        other => panic!("expected damage in {row} of {table}, found {other:?}"),
    }
}

#[tokio::test]
async fn one_damaged_record_is_named_and_all_others_are_read() {
    let folder = folder();
    let store = two_records(&folder).await;
    sql(&store, "update accepted set sealed = sealed || x'00' where seq = 11").await;
    let row = format!("31/{RECORD}/{}", hash(11));
    assert_damaged(store.record(WANG, RECORD).await, "accepted", &row);
    let other = store.record(WANG, OTHER).await.expect("reads").expect("is there");
    assert_eq!(other.accepted, [change(12)]);
    // Its own pending command is readable too.
    let pending_rows = store.pending(WANG, Some(RECORD)).await.expect("reads");
    assert_eq!(pending_rows, [pending(1, RECORD)]);
    assert_eq!(store.records(WANG).await.expect("reads"), [RECORD, OTHER]);
    let damaged = store.damaged().await.expect("reads");
    assert_eq!(damaged, [DamagedRow { table: "accepted", row }]);

    // The record arrives whole once more.
    apply(&store, &[insert_accepted(WANG, RECORD, 11)]).await;
    let healed = store.record(WANG, RECORD).await.expect("reads").expect("is there");
    assert_eq!(healed.accepted, [change(11)]);
    store.close().await;
}

#[tokio::test]
async fn damage_in_each_table_is_named_and_never_an_empty_list() {
    let folder = folder();
    let store = two_records(&folder).await;
    let owner = WANG;
    let refused = RefusedRow {
        n: 7,
        record: RECORD,
        facts: vec![fact(7, "refused")],
        code: "not_your_role".to_owned(),
        params: BTreeMap::new(),
        refused_wall_ms: 1,
    };
    let row = SentRow { n: 8, record: RECORD, facts: vec![fact(8, "s")], accepted_at: seen(1) };
    let audience = Audience::Office(SITE);
    apply(
        &store,
        &[
            StoreWrite::PutRefused { owner, row: refused },
            StoreWrite::PutSent { owner, row },
            StoreWrite::PutCursor { owner, audience, seen: seen(1) },
            StoreWrite::PutReference { owner, version: 1, json: "{}".to_owned() },
        ],
    )
    .await;
    for text in [
        "update identity set sealed = x''",
        "update pending set sealed = zeroblob(60) where n = 1",
        "update refused set sealed = zeroblob(60)",
        "update sent set sealed = zeroblob(60)",
        "update list set sealed = substr(sealed, 1, 30)",
        "update record set sealed = zeroblob(60)",
        "update cursor set audience = 'everyone'",
    ] {
        sql(&store, text).await;
    }
    assert_damaged(store.identities().await, "identity", "31");
    assert_damaged(store.pending(WANG, None).await, "pending", &format!("31/{RECORD}/1"));
    assert_eq!(store.pending(WANG, Some(OTHER)).await.expect("reads"), [pending(2, OTHER)]);
    assert_damaged(store.refused(WANG).await, "refused", &format!("31/{RECORD}/7"));
    assert_damaged(store.sent(WANG).await, "sent", &format!("31/{RECORD}/8"));
    assert_damaged(store.list(WANG).await, "list", &format!("31/{RECORD}"));
    assert_damaged(store.record(WANG, RECORD).await, "record", &format!("31/{RECORD}"));
    assert_damaged(store.sync_state(WANG).await, "cursor", "31/everyone");
    assert_eq!(store.damaged().await.expect("reads").len(), 8);
    store.close().await;
}

#[tokio::test]
async fn a_sealed_row_does_not_open_in_another_rows_place() {
    let folder = folder();
    let store = two_records(&folder).await;
    // Someone with the file and without the key puts one row's content into another.
    let copy = "update list set sealed = (select sealed from list as other \
                where other.record <> list.record) \
                where record = (select min(record) from list)";
    sql(&store, copy).await;
    assert_eq!(store.damaged().await.expect("reads").len(), 1);
    assert_damaged(store.list(WANG).await, "list", &format!("31/{RECORD}"));
    // And gives one person's row to another.
    sql(&store, "update pending set owner = 32 where n = 1").await;
    assert_damaged(store.pending(LI, None).await, "pending", &format!("32/{RECORD}/1"));
    store.close().await;
}

#[tokio::test]
async fn rotation_leaves_a_damaged_row_as_it_is_and_names_it() {
    let folder = folder();
    let store = two_records(&folder).await;
    sql(&store, "update accepted set sealed = sealed || x'00' where seq = 11").await;
    let damaged = store.rotate(StoreKey::new([8; 32])).await.expect("rotates");
    assert_eq!(damaged.len(), 1);
    assert_eq!(store.damaged().await.expect("reads"), damaged);
    // The store goes on under the new key without being opened again.
    apply(&store, &command(WANG, OTHER, 3)).await;
    store.close().await;
    let store = Store::open(options(&folder, 8)).await.expect("opens");
    assert_eq!(store.pending(WANG, None).await.expect("reads").len(), 3);
    assert_eq!(store.identities().await.expect("reads"), [identity(WANG)]);
    store.close().await;
}

#[tokio::test]
async fn a_page_damaged_inside_is_told_from_a_damaged_row() {
    let folder = folder();
    let store = open(&folder).await;
    for n in 1..=100 {
        apply(&store, &command(WANG, RECORD, n)).await;
    }
    store.close().await;
    let mut file = std::fs::read(path(&folder)).expect("reads");
    // Every page but the first, which holds the header and the schema.
    file[4096..].fill(0xff);
    std::fs::write(path(&folder), &file).expect("writes");
    let broken = Store::open(options(&folder, 7)).await;
    assert!(matches!(broken, Err(StoreError::Broken(_))), "{broken:?}");
}

#[tokio::test]
async fn a_lost_command_with_a_state_that_is_none_is_lost_as_unsent() {
    let folder = folder();
    let store = two_records(&folder).await;
    let park = StoreWrite::ParkPending { owner: WANG, n: 1, found_wall_ms: 1 };
    apply(&store, &[park]).await;
    sql(&store, "pragma ignore_check_constraints = on; update lost set state = 'unsemt'").await;
    let lost = store.lost(WANG).await.expect("reads");
    assert_eq!(
        lost.iter().map(|row| (row.n, row.state)).collect::<Vec<_>>(),
        [(1, PendingState::Unsent)]
    );
    store.close().await;
}
