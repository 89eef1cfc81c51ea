//! What every test begins with: an order whose appointment two phones set differently without
//! signal, and a clerk at a browser.

use fieldbook_server::people::office::{LINK_LIFE_MS, sign_in_link};
use serde_json::{Value, json};
use sync_core::model::id::{PersonId, RecordId};

use super::browser::{Browser, Kind};
use super::patrol;
use super::phone::Phone;
use super::stage::{MINUTE_MS, Office, SITE, Stage};

pub const TEN: &str = "2026-11-26T10:00:00+08:00";
pub const TWO: &str = "2026-11-26T14:00:00+08:00";

/// Lines of the signature on the order of [`Scene::full`].
pub const STROKES: u64 = 7;

pub struct Scene {
    pub stage: Stage,
    /// The office's API, as Sun.
    pub office: Office,
    pub wang: Phone,
    pub chen: Phone,
    /// An order for Wang.
    pub order: RecordId,
    /// A round that was walked.
    pub round: Option<RecordId>,
}

impl Scene {
    /// An order that both phones have.
    pub async fn new(description: &str) -> Self {
        let stage = Stage::new().await;
        let mut office = stage.office("sun").await;
        let (wang, chen) = (stage.phone(stage.wang).await, stage.phone(stage.chen).await);
        let order = office.dispatch(stage.wang, description).await;
        wang.sync().await;
        chen.sync().await;
        Self { stage, office, wang, chen, order, round: None }
    }

    /// With a conflict of two values in it: Wang's ten o'clock, Chen's two o'clock.
    pub async fn in_conflict() -> Self {
        let scene = Self::new("厨房漏水").await;
        scene.disagree().await;
        scene
    }

    /// An order with something of everything a page can show: a visit with waits and deviations,
    /// money, a signature, a conflict, a refused command; and a few more orders beside it.
    pub async fn full() -> Self {
        let mut scene = Self::new("厨房水槽下面漏水，地柜已经泡湿").await;
        let unit = json!({ "site": SITE, "unit": "2-1-302", "name": "何先生", "phones": [] });
        let contact = scene.office.must("/v1/contacts", unit).await["record"].clone();
        let set = json!({ "field": "contact", "value": contact });
        scene.office.order(scene.order, "set", set).await;
        for (description, person) in
            [("客厅顶灯不亮", scene.stage.wang), ("卫生间地漏返味", scene.stage.li)]
        {
            scene.stage.pass_ms(MINUTE_MS);
            scene.office.dispatch(person, description).await;
        }
        scene.wang.sync().await;
        scene.visit().await;
        scene.chen.sync().await;
        scene.disagree().await;
        scene.wang.cancel_unjudged(scene.order).await;
        scene.wang.sync().await;
        scene.office.order(scene.order, "note", json!({ "text": "客户来电催过一次" })).await;
        let officer = patrol::officer(&scene.stage).await;
        let phone = scene.stage.phone(officer).await;
        let round = patrol::begun(&phone, officer).await;
        patrol::walk(&scene.stage, &phone, round).await;
        scene.round = Some(round);
        patrol::smells(&phone).await;
        scene
    }

    /// Wang at the door, too early inside, and paid and signed for at the end.
    async fn visit(&self) {
        let (wang, order) = (&self.wang, self.order);
        wang.step(order, "received", Value::Null).await;
        let visit = wang.step(order, "set_out", json!({ "grade": 2 })).await.key;
        for (step, after_ms) in
            [("ring", 9 * MINUTE_MS), ("ring", 5_400), ("introduce", 40_000), ("enter", 6_000)]
        {
            self.stage.pass_ms(after_ms);
            wang.step(order, step, json!({ "visit": visit })).await;
        }
        let items = json!([{ "name": "角阀", "amount_fen": 8_800 }]);
        self.stage.pass_ms(2 * MINUTE_MS);
        let quoted = json!({ "visit": visit, "amount_fen": 8_800, "items": items });
        let quote = wang.step(order, "quoted", quoted).await.key;
        wang.step(order, "quote_accepted", json!({ "quote": quote })).await;
        wang.step(order, "start_work", json!({ "visit": visit })).await;
        let material = json!({ "visit": visit, "name": "角阀", "quantity_milli": 1_000,
            "unit": "个", "unit_price_fen": 6_800 });
        wang.step(order, "material", material).await;
        wang.note(order, "旧角阀锈死，已换新，试水十分钟不漏").await;
        self.stage.pass_ms(31 * MINUTE_MS);
        wang.step(order, "finish_work", json!({ "visit": visit })).await;
        self.stage.pass_ms(MINUTE_MS);
        let tidy = json!({ "visit": visit, "equipment_wiped": true, "floor_clean": true,
            "tools_counted": true });
        wang.step(order, "tidy", tidy).await;
        let explained = json!({ "visit": visit, "cause": true, "care": true, "correct_use": true });
        wang.step(order, "explain", explained).await;
        let charged = json!({ "visit": visit, "amount_fen": 8_800, "method": "cash" });
        wang.step(order, "charged", charged).await;
        let drawn = json!({ "width": 1000, "height": 400, "strokes": [
            [[90, 120], [160, 90], [150, 210], [90, 320]], [[120, 200], [260, 180]],
            [[330, 90], [300, 330]], [[300, 160], [470, 140], [450, 300], [380, 330]],
            [[560, 110], [720, 100]], [[640, 60], [630, 340]], [[560, 250], [760, 330]],
        ] });
        let sign = json!({ "command": "sign", "visit": visit, "language": "zh-CN",
            "strokes": drawn, "relation": "owner",
            "ratings": { "quality": 5, "attitude": 5, "conduct": 4 } });
        wang.perform(order, sign).await;
        wang.step(order, "farewell", json!({ "visit": visit })).await;
        wang.sync().await;
    }

    /// Both set the appointment without signal, then meet.
    pub async fn disagree(&self) {
        for (phone, value) in [(&self.wang, TEN), (&self.chen, TWO)] {
            self.stage.pass_ms(1_000);
            let set = json!({ "command": "set", "field": "appointment", "value": value });
            phone.perform(self.order, set).await;
        }
        self.wang.sync().await;
        self.chen.sync().await;
    }

    /// A one-time link's address.
    pub async fn link(&self, person: PersonId, url: &str) -> String {
        let app = &self.stage.app;
        let mut transaction = app.db.begin_write().await.expect("begins");
        let randomness = app.randomness.as_ref();
        let made = sign_in_link(&mut transaction, app.act(), person, LINK_LIFE_MS, randomness);
        let token = made.await.expect("a link");
        transaction.commit().await.expect("commits");
        format!("{url}/office/link/{token}")
    }

    /// A browser in which Sun is signed in.
    pub async fn browser(&self) -> Browser {
        self.browser_over(&self.stage.url, Kind::default()).await
    }

    /// The same, of a kind and by another address of the server.
    pub async fn browser_over(&self, url: &str, kind: Kind) -> Browser {
        let browser = Browser::start(kind).await;
        browser.goto(&self.link(self.stage.sun, url).await).await;
        browser.click("#sign-in").await;
        browser.find("main#live").await;
        browser
    }

    /// The order's page.
    pub fn order_url(&self) -> String {
        format!("{}/office/orders/{}", self.stage.url, self.order)
    }

    /// Every page that someone signed in can open.
    pub fn pages(&self) -> Vec<String> {
        let url = &self.stage.url;
        let round = self.round.map(|round| format!("{url}/office/rounds/{round}"));
        let mut pages = vec![format!("{url}/office"), self.order_url()];
        pages.extend(round);
        pages.push(format!("{url}/office/phones"));
        pages.push(format!("{url}/office/account"));
        pages
    }

    /// A field's value and whether it is in conflict, as a phone sees it.
    pub async fn appointment(&self, phone: &Phone) -> (Value, bool) {
        let review = phone.review(self.order).await;
        let cases = review["cases"].as_array().expect("cases");
        let open = |case: &Value| case["kind"] == "field_conflict" && case["open"] == true;
        (review["fields"]["appointment"]["value"].clone(), cases.iter().any(open))
    }
}
