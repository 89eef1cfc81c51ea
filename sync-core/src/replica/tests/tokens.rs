//! Tokens and versions: what is tried once more, what pauses, and that the queue is kept.

use super::scene::{PHONE, Scene, notes, order, save, snapshot};
use super::script::Reply;
use crate::Error;
use crate::engine::schedule::Pause;
use crate::protocol::problem::ProblemCode;
use crate::replica::transport::{HttpResponse, accept};

fn no(code: ProblemCode) -> Reply {
    Reply::Problem(code, Vec::new(), None)
}

#[tokio::test]
async fn an_expired_token_is_replaced_once_and_the_same_request_sent_again() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "已到现场").await;
    scene.server.next([no(ProblemCode::TokenExpired)]);
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 1);
    let [first, second] = &scene.server.sent()[..] else { panic!("two requests") };
    assert_eq!(first.bearer.as_deref(), Some("token 1"));
    assert_eq!(second.bearer.as_deref(), Some("token 2"));
    assert_eq!(first.request, second.request);
    assert_eq!(phone.account().await.expect("reads").accepted, 1);
    assert_eq!(phone.paused().await, None);
    phone.close().await;
}

#[tokio::test]
async fn credentials_that_are_not_accepted_pause_the_queue_and_keep_all_of_it() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    let before = snapshot(&phone).await;
    scene.server.next([no(ProblemCode::NotSignedIn), no(ProblemCode::DeviceRevoked)]);
    let answered = phone.sync_once().await;
    let Err(Error::SignInAgain { code }) = answered else { panic!("{answered:?}") };
    assert_eq!(code, "device_revoked");
    assert_eq!(snapshot(&phone).await, before);
    assert_eq!(phone.paused().await, Some(Pause::SignInAgain));
    assert_eq!(phone.next_sync_ms().await, None);

    save(&phone, order(0), "二").await;
    assert!(phone.sync_once().await.is_err());
    assert_eq!(phone.sync_if_due().await.expect("not due"), None);
    assert_eq!(scene.server.sent().len(), 2, "nothing is sent meanwhile");
    assert_eq!(phone.account().await.expect("reads").on_phone, 2);

    phone.enrol("new code", "电话", None).await.expect("enrols anew");
    assert_eq!(phone.paused().await, None);
    scene.server.answers_as_it_should(1);
    // What the former device had not sent goes as it was signed, before anything of the new one.
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 0);
    assert_eq!(phone.account().await.expect("reads").accepted, 2);
    save(&phone, order(0), "三").await;
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 1);
    let request = scene.server.sent().pop().expect("sent").request;
    assert_eq!((request.device.0, request.state.numbers_after), (PHONE.0 + 1, Some(2)));
    assert_eq!(request.state.highest_number, 3);
    assert_eq!(phone.account().await.expect("reads").accepted, 3);
    assert_eq!(notes(&phone, order(0)).await, ["一", "二", "三"]);
    phone.close().await;
}

#[tokio::test]
async fn a_no_to_the_nonce_pauses_as_well() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    let phone = scene.reopen(phone).await;
    *scene.server.nonce_problem.lock().expect("not poisoned") = Some(ProblemCode::AccountDisabled);
    let answered = phone.sync_once().await;
    assert!(matches!(answered, Err(Error::SignInAgain { .. })), "{answered:?}");
    assert_eq!(phone.paused().await, Some(Pause::SignInAgain));
    assert!(scene.server.sent().is_empty());

    // Another start of the app asks again: the account may be enabled by then.
    *scene.server.nonce_problem.lock().expect("not poisoned") = None;
    let phone = scene.reopen(phone).await;
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_if_due().await.expect("syncs").expect("is due").pushed, 1);
    phone.close().await;
}

#[tokio::test]
async fn a_nonce_that_is_refused_for_a_time_is_asked_for_again_after_it_and_nothing_is_lost() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    let phone = scene.reopen(phone).await;
    *scene.server.nonce_problem.lock().expect("not poisoned") = Some(ProblemCode::TooManyRequests);
    let answered = phone.sync_once().await;
    assert!(matches!(answered, Err(Error::RetryAfter { delay_ms: 7_000 })), "{answered:?}");
    assert_eq!(phone.paused().await, None);
    *scene.server.nonce_problem.lock().expect("not poisoned") = None;
    scene.clock.advance_ms(6_999);
    assert_eq!(phone.sync_if_due().await.expect("not due"), None);
    scene.clock.advance_ms(1);
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_if_due().await.expect("syncs").expect("is due").pushed, 1);
    phone.close().await;
}

#[test]
fn a_wait_of_ages_is_a_number_that_fits() {
    let answer = |retry_after_s| HttpResponse {
        status: 429,
        retry_after_s,
        body: br#"{"type":"x","code":"too_many_requests","status":429,"title":""}"#.to_vec(),
    };
    for (asked_s, delay_ms) in [(None, 60_000), (Some(3), 3_000), (Some(u64::MAX), i64::MAX)] {
        let refused = accept(answer(asked_s));
        let told = matches!(refused, Err(Error::RetryAfter { delay_ms: told }) if told == delay_ms);
        assert!(told, "{refused:?}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_no_version_of_ours_waits_for_an_update_of_the_app() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    let before = snapshot(&phone).await;
    let versions = vec![("min", "3"), ("max", "5")];
    scene.server.next([Reply::Problem(ProblemCode::VersionNotSpoken, versions, None)]);
    let answered = phone.sync_once().await;
    assert!(matches!(answered, Err(Error::UpdateApp { min: 3, max: 5 })), "{answered:?}");
    assert_eq!(phone.paused().await, Some(Pause::UpdateApp));
    assert!(phone.sync_once().await.is_err());
    assert_eq!(scene.server.sent().len(), 1);
    assert_eq!(snapshot(&phone).await, before);

    // The updated app opens the same store.
    let phone = scene.reopen(phone).await;
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_once().await.expect("syncs").pushed, 1);
    phone.close().await;
}

#[tokio::test]
async fn the_person_may_ask_again_but_not_past_airplane_mode() {
    let scene = Scene::new();
    let phone = scene.ready(1).await;
    save(&phone, order(0), "一").await;
    scene.server.next([no(ProblemCode::NotSignedIn), no(ProblemCode::AccountDisabled)]);
    assert!(phone.sync_once().await.is_err());
    phone.try_again().await;
    assert_eq!(phone.paused().await, None);
    phone.set_airplane(true).await;
    phone.try_again().await;
    assert_eq!(phone.paused().await, Some(Pause::Airplane));
    phone.set_airplane(false).await;
    scene.server.answers_as_it_should(1);
    assert_eq!(phone.sync_if_due().await.expect("syncs").expect("is due").pushed, 1);
    phone.close().await;
}

#[tokio::test]
async fn an_enrolment_whose_answer_was_lost_is_tried_again_with_the_same_key() {
    let scene = Scene::new();
    let phone = scene.open().await;
    scene.server.enrolments.lock().expect("not poisoned").0 = 1;
    assert!(phone.enrol("code", "电话", None).await.is_err());
    phone.enrol("code", "电话", None).await.expect("enrols");
    phone.enrol("another code", "电话", None).await.expect("enrols anew");
    let keys = scene.server.enrolments.lock().expect("not poisoned").1.clone();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);
    phone.close().await;
}
