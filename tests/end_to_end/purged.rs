//! Erasing a person: nothing of the contact is left on the server or on any phone, what was saved
//! for it meanwhile is told apart and lost to nobody, and the work it was for goes on.

use fieldbook_server::people::Act;
use fieldbook_server::sync::{PurgeWhy, Purged};
use serde_json::json;
use sync_core::model::id::RecordId;

use super::phone::Phone;
use super::stage::{SITE, Stage, notes};

async fn holds(phone: &Phone, record: RecordId) -> bool {
    let listed = phone.replica.list().await.iter().any(|item| item.record == record);
    let reviewed = phone.replica.review(record).await.expect("reads").is_some();
    assert_eq!(listed, reviewed);
    listed
}

#[tokio::test]
async fn an_erased_contact_leaves_server_and_phones_and_late_work_for_it_is_listed_as_refused() {
    let stage = Stage::new().await;
    let mut office = stage.office("sun").await;
    let body = json!({ "site": SITE, "name": "欧阳女士", "phones": ["13900000001"],
        "unit": "2-1-302" });
    let answer = office.must("/v1/contacts", body).await;
    let contact: RecordId = answer["record"].as_str().expect("a text").parse().expect("an id");
    let order = json!({ "site": SITE, "category": "household", "unit": "2-1-302",
        "description": "厨房漏水", "priority": "urgent", "contact": contact });
    let answer = office.must("/v1/work-orders", order).await;
    let order: RecordId = answer["record"].as_str().expect("a text").parse().expect("an id");
    office.order(order, "dispatch", json!({})).await;
    office.order(order, "assign", json!({ "person": stage.wang })).await;
    let wang = stage.phone(stage.wang).await;
    let chen = stage.phone(stage.chen).await;
    assert!(holds(&wang, contact).await && holds(&chen, contact).await);

    // Wang has no signal and writes to both.
    wang.note(contact, "住户不在家").await;
    wang.note(order, "敲门三次").await;
    let why = PurgeWhy::Asked { reason: "住户书面要求".to_owned(), while_needed: true };
    let act = Act::at_the_machine(stage.now_ms());
    assert_eq!(stage.app.sync.purge(contact, why, act).await.expect("purges"), Purged::Done);

    let report = wang.sync().await;
    assert_eq!((report.pushed, report.refused), (2, 1));
    chen.sync().await;
    for phone in [&wang, &chen] {
        assert!(!holds(phone, contact).await && holds(phone, order).await);
        assert!(phone.replica.accepted_changes(contact).await.expect("reads").is_empty());
    }
    let refused = wang.replica.refused().await.expect("reads");
    let [row] = &refused[..] else { panic!("{refused:?}") };
    assert_eq!((row.record, row.code.as_str()), (contact, "record_purged"));
    assert!(row.facts[0].json.contains("住户不在家"));
    assert_eq!(wang.account().await, [2, 1, 0, 1, 0]);
    let device = wang.device.to_string().parse().expect("a number");
    let account = stage.app.sync.account(device).await.expect("reads");
    assert_eq!((account.saved, account.accepted, account.refused), (2, 1, 1));
    assert_eq!(office.get(&format!("/v1/contacts/{contact}")).await.0, 404);
    let (_, list) = office.get(&format!("/v1/contacts?site={SITE}&unit=2-1-302")).await;
    assert!(!list.to_string().contains("欧阳"), "{list}");

    // The order it was for goes on, and nothing comes back with it.
    let wang = wang.reopen().await;
    wang.note(order, "已修好").await;
    wang.sync().await;
    office.order(order, "assign", json!({ "person": stage.li })).await;
    let li = stage.phone(stage.li).await;
    assert!(!holds(&li, contact).await && !holds(&wang, contact).await);
    assert_eq!(notes(&li.review(order).await), ["敲门三次", "已修好"]);
    let checked = stage.app.sync.check().await.expect("checks");
    assert_eq!(checked.mismatches, []);
}
