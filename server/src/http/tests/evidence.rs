//! The evidence of a signed order as it leaves, checked by what leaves alone.

use serde_json::{Value, json};
use sync_core::document::pack;
use sync_core::model::id::{FactKey, RecordId};
use sync_core::rules::evidence::{Bundle, Evidence, verify};
use sync_core::rules::sign_fact;
use sync_core::rules::signature::Verification;
use sync_core::rules::statement::{Language, statement};

use super::sync::message;
use super::{Desk, Site, problem};
use crate::people::{audit, device};
use crate::sync::Bearer;
use crate::sync::testing::Phone;

const STROKES: &str = "AegHkAMCA8gByAHIAShQ6AIC2AS0AfABwAI";

/// An order that Wang has signed for on a phone.
struct Signed {
    site: Site,
    desk: Desk,
    phone: Phone,
    record: RecordId,
}

impl Signed {
    async fn new() -> Self {
        let site = Site::new().await;
        let desk = site.desk("chen").await;
        let order = json!({ "site": 7, "category": "household", "unit": "3-2-1501",
            "priority": "urgent", "description": "厨房水管漏水" });
        let opened = site.post("/v1/work-orders", &desk.writes("1"), &order).await;
        let record: RecordId =
            opened.json()["record"].as_str().and_then(|id| id.parse().ok()).expect("a record");
        let assign = format!("/v1/work-orders/{record}/assign");
        let assigned = site.post(&assign, &desk.writes("2"), &json!({ "person": site.wang })).await;
        assert_eq!(assigned.status, 200, "{:?}", assigned.json());
        let enrolled = site.phone(site.wang, 5).await;
        let mut phone = Phone::new(enrolled.person, 9);
        (phone.device, phone.key) = (enrolled.device, enrolled.key);
        let mut signed = Self { site, desk, phone, record };
        let visit = signed.phone.write(record, "set_out", json!({ "grade": 2 })).facts[0].key;
        signed.phone.write(record, "start_work", json!({ "visit": visit }));
        signed.phone.write(record, "finish_work", json!({ "visit": visit }));
        signed.push().await;
        signed.sign(visit).await;
        signed
    }

    async fn push(&self) {
        let mut request = message(self.phone.device);
        request.clock.boot = self.phone.boot;
        request.sessions = vec![self.phone.registration()];
        request.packs = pack::encode(&[self.phone.pack(self.record)]);
        request.state.highest_number = self.phone.number;
        let who = Bearer { person: self.phone.person, device: self.phone.device };
        let answer = self.site.world.app.sync.handle(who, request).await.expect("an answer");
        assert!(!answer.receipts.is_empty());
    }

    async fn sign(&mut self, visit: FactKey) {
        let read = self.site.world.app.sync.read(self.record).await.expect("reads");
        let (_, _, review) = read.expect("there");
        let shown = statement(&review, visit, Language::ZhCn).expect("a visit");
        let payload = json!({
            "visit": visit, "template": shown.template, "clock": shown.clock,
            "shown": shown.shown, "content_sha256": shown.content_sha256,
            "text_sha256": shown.text_sha256, "strokes": STROKES, "relation": "owner",
            "ratings": { "quality": 5, "attitude": 5, "conduct": 5 },
        });
        self.phone.number += 1;
        let n = self.phone.number;
        let key = FactKey::Written { session: self.phone.session, n, i: 0 };
        let mut fact = self.phone.fact(key, "signed", &payload).parse().expect("a fact");
        sign_fact(self.record, &mut fact, &self.phone.key).expect("signs");
        self.phone.change(self.record, vec![fact.store().expect("canonical")]);
        self.push().await;
    }

    async fn export(&self, query: &str) -> (String, Evidence) {
        let path = format!("/v1/records/{}/evidence{query}", self.record);
        let answer = self.site.get(&path, &self.desk.reads()).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"));
        let name = format!("attachment; filename=\"evidence-{}.json\"", self.record);
        assert_eq!(answer.header("content-disposition"), name);
        let text = String::from_utf8(answer.bytes).expect("text");
        let bundle = Bundle::read(&text).expect("evidence");
        let evidence = verify(&bundle, &[self.site.world.app.keys.fingerprint()]);
        (text, evidence)
    }
}

/// R8.11
#[tokio::test]
async fn an_old_revoked_devices_signature_still_verifies() {
    let signed = Signed::new().await;
    let act = signed.site.world.app.act();
    let mut conn = signed.site.world.write().await;
    device::revoke(&mut conn, act, signed.phone.device).await.expect("revoked");
    conn.commit().await.expect("commits");
    signed.site.world.clock.pass_ms(3_600_000);
    let (text, evidence) = signed.export("").await;
    assert!(text.contains(STROKES));
    assert_eq!((&evidence.file, evidence.worst()), (&Verification::Valid, Verification::Valid));
    assert_eq!(evidence.signatures.len(), 1);
    let (text, evidence) = signed.export("?strokes=false").await;
    assert!(!text.contains(STROKES));
    assert_eq!((&evidence.file, evidence.worst()), (&Verification::Valid, Verification::Erased));
    let mut conn = signed.site.world.app.db.reader().acquire().await.expect("a reader");
    let lines = audit::last(&mut conn, 10, Some("evidence_exported")).await.expect("reads");
    let told: Vec<(_, Value)> = lines
        .iter()
        .map(|line| (line.person, serde_json::from_str(&line.detail).expect("JSON")))
        .collect();
    let detail = |strokes: bool| json!({ "record": signed.record, "site": 7, "strokes": strokes });
    assert_eq!(told, [true, false].map(|strokes| (Some(signed.site.chen), detail(strokes))));
}

#[tokio::test]
async fn evidence_is_for_the_office_of_the_record_alone() {
    let signed = Signed::new().await;
    let path = format!("/v1/records/{}/evidence", signed.record);
    let answer = signed.site.get(&path, &[]).await;
    assert_eq!(answer.told(), problem(401, "not_signed_in", "请先登录"));
    let nobody = RecordId([9; 16]);
    let unknown = format!("/v1/records/{nobody}/evidence");
    let answer = signed.site.get(&unknown, &signed.desk.reads()).await;
    assert_eq!((answer.status, answer.json()["code"].clone()), (404, json!("not_found")));
    let mut conn = signed.site.world.app.db.reader().acquire().await.expect("a reader");
    let lines = audit::last(&mut conn, 10, Some("evidence_exported")).await.expect("reads");
    assert_eq!(lines, [], "what did not leave is not in the log");
}
