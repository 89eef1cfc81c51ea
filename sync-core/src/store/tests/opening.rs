//! Each way in which opening can fail is told apart and leaves the file as it is.

use super::*;

#[tokio::test]
async fn a_store_without_a_key_is_not_touched() {
    let folder = folder();
    let none = Store::open(OpenOptions { key: None, ..options(&folder, 7) }).await;
    assert!(matches!(none, Err(StoreError::KeyUnavailable)), "{none:?}");
    assert!(!path(&folder).exists());
}

#[tokio::test]
async fn a_wrong_key_is_told_and_the_right_one_still_opens() {
    let folder = folder();
    let store = open(&folder).await;
    apply(&store, &command(WANG, RECORD, 1)).await;
    store.close().await;
    let before = std::fs::read(path(&folder)).expect("reads");
    let wrong = Store::open(options(&folder, 8)).await;
    assert!(matches!(wrong, Err(StoreError::WrongKey)), "{wrong:?}");
    assert_eq!(std::fs::read(path(&folder)).expect("reads"), before);
    let store = open(&folder).await;
    assert_eq!(store.pending(WANG, None).await.expect("reads"), [pending(1, RECORD)]);
    store.close().await;
}

#[tokio::test]
async fn a_second_opening_is_locked_out_until_the_first_is_closed() {
    let folder = folder();
    let store = open(&folder).await;
    let second = Store::open(options(&folder, 7)).await;
    assert!(matches!(second, Err(StoreError::Locked)), "{second:?}");
    let salvaged = salvage(salvage_options(&folder, 7)).await;
    assert!(matches!(salvaged, Err(StoreError::Locked)), "{salvaged:?}");
    store.close().await;
    open(&folder).await.close().await;
    // A failed opening frees the lock too.
    assert!(Store::open(options(&folder, 8)).await.is_err());
    open(&folder).await.close().await;
}

#[tokio::test]
async fn a_store_that_was_dropped_opens_again() {
    let folder = folder();
    for n in 1..=5 {
        let store = open(&folder).await;
        apply(&store, &command(WANG, RECORD, n)).await;
        drop(store);
    }
    let store = open(&folder).await;
    assert_eq!(store.pending_summary(WANG).await.expect("reads").len(), 5);
    store.close().await;
}

#[tokio::test]
async fn saved_means_on_the_disk_and_deleted_means_overwritten() {
    let folder = folder();
    let store = open(&folder).await;
    let mut inner = store.lock().await.expect("usable");
    assert_eq!(inner.pragma("synchronous").await.expect("reads"), "2", "FULL");
    assert_eq!(inner.pragma("journal_mode").await.expect("reads"), "wal");
    assert_eq!(inner.pragma("secure_delete").await.expect("reads"), "1");
    assert_eq!(inner.pragma("user_version").await.expect("reads"), open::SCHEMA.to_string());
    drop(inner);
    store.close().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let folder = folder();
    let store = open(&folder).await;
    apply(&store, &command(WANG, RECORD, 1)).await;
    sql(&store, "pragma user_version = 9").await;
    store.close().await;
    let before = std::fs::read(path(&folder)).expect("reads");
    let newer = Store::open(options(&folder, 7)).await;
    assert!(matches!(newer, Err(StoreError::Newer { version: 9 })), "{newer:?}");
    assert_eq!(std::fs::read(path(&folder)).expect("reads"), before);
}

#[tokio::test]
async fn a_newer_schema_that_stands_in_the_log_is_refused_and_the_log_untouched() {
    let folder = folder();
    let store = open(&folder).await;
    apply(&store, &command(WANG, RECORD, 1)).await;
    sql(&store, "pragma user_version = 9").await;
    let copy = tempfile::tempdir().expect("a temporary folder");
    let names = ["store.db", "store.db-wal", "store.db.lock"];
    for name in names {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).expect("copies");
    }
    store.close().await;
    let bytes = || names.map(|name| std::fs::read(copy.path().join(name)).expect("is there"));
    let before = bytes();
    assert!(!before[1].is_empty());
    let newer = Store::open(options(&copy, 7)).await;
    assert!(matches!(newer, Err(StoreError::Newer { version: 9 })), "{newer:?}");
    assert_eq!(newer.map(|_| ()).expect_err("refused").code(), "store_newer");
    assert!(bytes() == before, "neither file nor log");
}

#[tokio::test]
async fn a_damaged_row_that_was_to_tell_the_key_is_put_right_by_the_right_key() {
    for harm in ["update key_check set sealed = zeroblob(60)", "delete from key_check"] {
        let folder = folder();
        let store = open(&folder).await;
        apply(&store, &command(WANG, RECORD, 1)).await;
        sql(&store, harm).await;
        store.close().await;
        let wrong = Store::open(options(&folder, 8)).await;
        assert!(matches!(wrong, Err(StoreError::WrongKey)), "{wrong:?}");
        let store = open(&folder).await;
        assert_eq!(store.pending(WANG, None).await.expect("reads"), [pending(1, RECORD)]);
        sql(&store, "delete from pending; delete from list").await;
        store.close().await;
        // Nothing else is left that the key could open.
        open(&folder).await.close().await;
    }
}

#[tokio::test]
async fn another_file_is_not_a_store_and_is_left_alone() {
    let folder = folder();
    let other_database = {
        let options = sqlx::sqlite::SqliteConnectOptions::new();
        let options = options.filename(folder.path().join("other.db")).create_if_missing(true);
        let mut connection =
            sqlx::SqliteConnection::connect_with(&options).await.expect("connects");
        let create = sqlx::query("create table note (text text)");
        create.execute(&mut connection).await.expect("creates");
        connection.close().await.expect("closes");
        std::fs::read(folder.path().join("other.db")).expect("reads")
    };
    let mut garbage = b"SQLite format 3\0".to_vec();
    garbage.resize(8192, 0xab);
    for content in [b"%PDF-1.7 not a database".to_vec(), b"x".to_vec(), other_database] {
        std::fs::write(path(&folder), &content).expect("writes");
        let refused = Store::open(options(&folder, 7)).await;
        assert!(matches!(refused, Err(StoreError::NotAStore)), "{refused:?}");
        assert_eq!(std::fs::read(path(&folder)).expect("reads"), content);
    }
    std::fs::write(path(&folder), &garbage).expect("writes");
    assert!(Store::open(options(&folder, 7)).await.is_err());
    assert_eq!(std::fs::read(path(&folder)).expect("reads"), garbage);
}

#[tokio::test]
async fn a_file_cut_short_is_told_from_a_new_one() {
    let folder = folder();
    let store = open(&folder).await;
    for n in 1..=100 {
        apply(&store, &command(WANG, RECORD, n)).await;
    }
    store.close().await;
    let whole = std::fs::read(path(&folder)).expect("reads");
    for length in [0, 7, 99, 100, 4096, whole.len() / 2, whole.len() - 4096, whole.len() - 1] {
        std::fs::write(path(&folder), &whole[..length]).expect("writes");
        let cut = Store::open(options(&folder, 7)).await;
        assert!(matches!(cut, Err(StoreError::Truncated)), "{length} bytes: {cut:?}");
        assert_eq!(std::fs::read(path(&folder)).expect("reads"), whole[..length]);
    }
    std::fs::write(path(&folder), &whole).expect("writes");
    open(&folder).await.close().await;
}

/// Copies a store as a power cut leaves it: its log was copied back and is still there, then
/// `later` commands were written; its file is cut to half.
async fn cut_with_log(folder: &TempDir, later: u64) -> TempDir {
    let store = open(folder).await;
    for n in 1..=100 {
        apply(&store, &command(WANG, RECORD, n)).await;
    }
    sql(&store, "pragma wal_checkpoint(passive)").await;
    for n in 101..101 + later {
        apply(&store, &command(WANG, RECORD, n)).await;
    }
    let copy = tempfile::tempdir().expect("a temporary folder");
    for name in ["store.db", "store.db-wal", "store.db.lock"] {
        std::fs::copy(folder.path().join(name), copy.path().join(name)).expect("copies");
    }
    store.close().await;
    let file = std::fs::File::options().write(true).open(path(&copy)).expect("opens");
    let length = file.metadata().expect("is there").len();
    assert!(length > 16 * 4096, "{length} bytes are too few to show anything");
    file.set_len(length / 2).expect("cuts");
    copy
}

#[tokio::test]
async fn a_short_file_is_whole_with_a_log_that_has_the_rest() {
    let folder = folder();
    let copy = cut_with_log(&folder, 0).await;
    let store = Store::open(options(&copy, 7)).await.expect("opens");
    assert_eq!(store.pending(WANG, None).await.expect("reads").len(), 100);
    store.close().await;
    open(&copy).await.close().await;
}

#[tokio::test]
async fn a_short_file_with_a_log_that_lacks_the_rest_is_cut_short() {
    let folder = folder();
    // The later command began the log anew; the frames behind it count no longer.
    let copy = cut_with_log(&folder, 1).await;
    let cut = Store::open(options(&copy, 7)).await;
    assert!(matches!(cut, Err(StoreError::Truncated)), "{cut:?}");
}
