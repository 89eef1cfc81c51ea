//! The inbox of somebody at the desk.

use sync_core::model::person::Role;
use sync_core::rules::Command;

use super::*;
use crate::people::grant::{self, NewGrant};
use crate::sync::OfficeWrite;
use crate::testing::START_MS;

/// Somebody else at the desk asks Chen about an order.
async fn asked(site: &Site, record: RecordId) {
    let mut conn = site.world.write().await;
    let act = site.world.app.act();
    let person = directory::add(&mut conn, act, "孙悦", None).await.expect("added");
    let (role, from_ms, to_ms, on_behalf_of) = (Role::FrontDesk, START_MS, None, None);
    let new = NewGrant { person, role, site: SITE, from_ms, to_ms, on_behalf_of };
    grant::grant(&mut conn, act, &new).await.expect("granted");
    let randomness = site.world.app.randomness.as_ref();
    let (opened, _) = office::open(&mut conn, START_MS, person, randomness).await.expect("opens");
    conn.commit().await.expect("commits");
    let command = Command::Ask { person: site.chen, text: "客户几点在家？".to_owned() };
    let (device, session, record) = (opened.device, opened.session, Some(record));
    let write = OfficeWrite { person, device, session, record, command };
    site.world.app.sync.office(write).await.expect("written");
}

/// R0.14
#[tokio::test]
async fn a_question_stands_in_the_inbox_until_it_is_answered_once() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let record = site.order(&desk, "厨房水管漏水").await;
    assert!(site.open(&desk, "/office/inbox").await.contains("没有需要您处理的"));
    asked(&site, record).await;
    let page = site.open(&desk, "/office/inbox").await;
    assert!(page.contains("data-inbox=\"question\"") && page.contains("客户几点在家？"), "{page}");
    let csrf = after(&page, "name=\"csrf\" value=\"").to_owned();
    let of = after(&page, "name=\"of\" value=\"").to_owned();
    let path = format!("/office/inbox/{record}/answer");
    let empty = [("csrf", csrf.as_str()), ("key", "k0"), ("of", &of), ("text", " ")];
    let refused = site.submit(&desk, &path, &empty).await;
    assert_eq!(refused.status, 422, "an empty answer is none");
    for _ in 0..2 {
        let pairs = [("csrf", csrf.as_str()), ("key", "k1"), ("of", &of), ("text", "下午三点")];
        let answer = site.submit(&desk, &path, &pairs).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/office/inbox"));
    }
    let page = site.open(&desk, "/office/inbox").await;
    assert!(page.contains("data-done=\"true\"") && page.contains("已处理"), "{page}");
    let (_, _, review) = site.world.app.sync.read(record).await.expect("reads").expect("is there");
    let answers = review.timeline.iter().filter(|entry| entry.fact_type == "answered");
    assert_eq!(answers.count(), 1);
    let forged = [("csrf", "wrong"), ("key", "k2"), ("of", &of), ("text", "x")];
    assert_eq!(site.submit(&desk, &path, &forged).await.status, 403);
}
