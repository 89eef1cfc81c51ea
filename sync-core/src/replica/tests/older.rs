//! A store that the first version of the app wrote. Its file stands in `store-1.sql` as that
//! version left it, rows sealed: it must open for ever.

use super::scene::{Scene, WANG, notes, order, save};
use crate::environment::HookPlace;
use crate::store::Store;

/// Four notes of Wang's that were not sent: three on the first order, one on the second.
const FIRST_VERSION: &str = include_str!("store-1.sql");

async fn of_the_first_version() -> Scene {
    let scene = Scene::later();
    scene.server.office_opens(0);
    scene.server.office_opens(1);
    Store::make_file(&scene.path(), FIRST_VERSION).await;
    scene
}

#[tokio::test]
async fn a_store_of_the_first_version_is_brought_up_and_its_commands_arrive() {
    let scene = of_the_first_version().await;
    let phone = scene.open().await;
    assert_eq!(phone.identity().await.expect("one").0, WANG);
    let account = phone.account().await.expect("reads");
    assert_eq!((account.saved, account.on_phone), (4, 4));
    assert_eq!(notes(&phone, order(0)).await, ["一", "二", "三"]);
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 4);
    assert_eq!(phone.account().await.expect("reads").accepted, 4);
    assert_eq!(save(&phone, order(1), "五").await.n, 5);
    let phone = scene.reopen(phone).await;
    assert_eq!(notes(&phone, order(1)).await, ["四", "五"]);
    phone.close().await;
}

#[tokio::test]
async fn an_upgrade_that_is_killed_anywhere_leaves_the_commands_and_is_done_again() {
    for place in [HookPlace::Before, HookPlace::Inside(1), HookPlace::Inside(3), HookPlace::After] {
        let scene = of_the_first_version().await;
        scene.hooks.at_point("open", place);
        tokio::select! {
            _ = scene.open() => panic!("it hangs"),
            () = scene.hooks.arrived.notified() => {}
        }
        let phone = scene.open().await;
        assert_eq!(phone.account().await.expect("reads").on_phone, 4, "{place:?}");
        phone.close().await;
    }
}
