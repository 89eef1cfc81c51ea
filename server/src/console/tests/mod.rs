//! The pages by status and body, in process: refusals first, then what the forms write.

mod cases;
mod inbox;
mod kinds;
mod phones;
mod records;
mod rounds;

use axum::body::Body;
use axum::http::{Method, header};
use serde_json::{Value, json};
use sync_core::model::id::RecordId;

use crate::http::tests::{Answer, Desk, SITE, Site, request};
use crate::people::{directory, office, place};
use crate::sync::Bearer;
use crate::sync::testing::{Phone, set};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn coded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let code =
        |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(code).collect()
}

fn fields(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs.iter().map(|(name, value)| format!("{}={}", coded(name), coded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

impl Answer {
    fn page(&self) -> String {
        String::from_utf8(self.bytes.clone()).expect("a text")
    }
}

/// The value that follows `before` in a page.
fn after<'a>(page: &'a str, before: &str) -> &'a str {
    let (_, rest) = page.split_once(before).unwrap_or_else(|| panic!("{before} is in {page}"));
    rest.split('"').next().expect("a value")
}

impl Site {
    async fn token(&self, life_ms: i64) -> String {
        let mut conn = self.world.write().await;
        let (act, randomness) = (self.world.app.act(), self.world.app.randomness.as_ref());
        let token = office::sign_in_link(&mut conn, act, self.chen, life_ms, randomness).await;
        conn.commit().await.expect("commits");
        token.expect("a token")
    }

    async fn open(&self, desk: &Desk, path: &str) -> String {
        let answer = self.get(path, &desk.reads()).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.page());
        answer.page()
    }

    async fn submit(&self, desk: &Desk, path: &str, pairs: &[(&str, &str)]) -> Answer {
        let headers = [(header::COOKIE.as_str(), desk.cookie.as_str()), FORM];
        let body = Body::from(fields(pairs));
        self.send(request(Method::POST, path, &headers, body)).await
    }

    async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.world.app.db.reader()).await.expect("counts")
    }

    /// An order of Chen's, given to Wang, dispatched.
    async fn order(&self, desk: &Desk, description: &str) -> RecordId {
        let order = json!({
            "site": 7, "category": "household", "unit": "3-2-1501", "priority": "urgent",
            "description": description,
        });
        let opened = self.post("/v1/work-orders", &desk.writes("open"), &order).await;
        let record = opened.json()["record"].as_str().expect("a record").to_owned();
        let path = format!("/v1/work-orders/{record}/assign");
        let assign = json!({ "person": self.wang });
        let answer = self.post(&path, &desk.writes("assign"), &assign).await;
        assert_eq!(answer.status, 200, "{:?}", answer.json());
        record.parse().expect("a record")
    }

    async fn settle(&self, phone: &mut Phone) {
        loop {
            let who = Bearer { person: phone.person, device: phone.device };
            let answer = self.world.app.sync.handle(who, phone.request()).await.expect("answers");
            phone.take(&answer);
            if !answer.more {
                return;
            }
        }
    }

    /// Wang's phone, and an order whose appointment he and Chen have set apart from each other.
    async fn conflict(&self) -> (Phone, Desk, RecordId) {
        let enrolled = self.phone(self.wang, 1).await;
        let mut phone = Phone::new(self.wang, enrolled.device.0);
        assert_eq!(phone.key, enrolled.key);
        let desk = self.desk("chen").await;
        let record = self.order(&desk, "厨房水管漏水").await;
        self.settle(&mut phone).await;
        phone.rebase();
        let appointment = json!({ "field": "appointment", "value": "2026-09-22T14:00:00+08:00" });
        let path = format!("/v1/work-orders/{record}/set");
        self.post(&path, &desk.writes("appointment"), &appointment).await;
        let (fact_type, content) = set("appointment", json!("2026-09-22T10:00:00+08:00"));
        phone.write(record, fact_type, content);
        self.settle(&mut phone).await;
        (phone, desk, record)
    }
}

#[tokio::test]
async fn a_sign_in_link_signs_in_once_and_only_when_its_button_is_pressed() {
    let site = Site::new().await;
    let token = site.token(office::LINK_LIFE_MS).await;
    assert!(token.len() >= 22, "128 random bits and more");
    let path = format!("/office/link/{token}");
    // A preview looks as often as it likes.
    for _ in 0..2 {
        let answer = site.get(&path, &[]).await;
        assert_eq!(answer.status, 200);
        assert!(answer.page().contains("id=\"sign-in\""), "{}", answer.page());
        assert_eq!(answer.headers.get("set-cookie"), None);
    }
    assert_eq!(site.count("select count(*) from office_session").await, 0);
    let used = site.send(request(Method::POST, &path, &[FORM], Body::empty())).await;
    assert_eq!((used.status, used.header("location")), (303, "/office"));
    let cookie = used.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let home = site.get("/office", &[("cookie", &cookie)]).await;
    assert!(home.page().contains("陈静"));
    for method in [Method::GET, Method::POST] {
        let again = site.send(request(method, &path, &[FORM], Body::empty())).await;
        assert_eq!((again.status, again.headers.get("set-cookie")), (410, None));
        assert!(again.page().contains("登录链接已用过或已过期"));
    }
    let unknown = site.get("/office/link/AAAAAAAAAAAAAAAAAAAAAA", &[]).await;
    assert_eq!(unknown.status, 404);
    let stored =
        site.count("select count(*) from sign_in_link where length(token_hash) = 32").await;
    assert_eq!(stored, 1, "only its hash is kept");
}

#[tokio::test]
async fn a_sign_in_link_ends_after_ten_minutes_and_with_the_account() {
    let site = Site::new().await;
    let (early, late) = (site.token(600_000).await, site.token(600_001).await);
    site.world.clock.pass_ms(600_000);
    let post = |token: &str| {
        request(Method::POST, &format!("/office/link/{token}"), &[FORM], Body::empty())
    };
    assert_eq!(site.send(post(&early)).await.status, 410);
    let mut conn = site.world.write().await;
    directory::disable(&mut conn, site.world.app.act(), site.chen).await.expect("disabled");
    conn.commit().await.expect("commits");
    let answer = site.send(post(&late)).await;
    assert_eq!((answer.status, answer.headers.get("set-cookie")), (401, None));
    assert!(answer.page().contains("账号已停用"), "{}", answer.page());
}

#[tokio::test]
async fn another_sites_form_signs_nobody_in() {
    let site = Site::new().await;
    let token = site.token(office::LINK_LIFE_MS).await;
    let headers = [FORM, ("sec-fetch-site", "cross-site")];
    for path in [format!("/office/link/{token}"), "/office/sign-in".to_owned()] {
        let body = Body::from(fields(&[("login", "chen"), ("password", "correct horse")]));
        let answer = site.send(request(Method::POST, &path, &headers, body)).await;
        assert_eq!((answer.status, answer.headers.get("set-cookie")), (403, None));
    }
    assert_eq!(site.count("select count(*) from office_session").await, 0);
}

#[tokio::test]
async fn a_wrong_password_keeps_the_name_and_a_right_one_signs_in() {
    let site = Site::new().await;
    let post = |password: &str| {
        let body = fields(&[("login", "chen"), ("password", password)]);
        request(Method::POST, "/office/sign-in", &[FORM], Body::from(body))
    };
    let wrong = site.send(post("battery staple")).await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.page().contains("用户名或密码不对") && wrong.page().contains("value=\"chen\""));
    assert!(!wrong.page().contains("battery"));
    let right = site.send(post("correct horse")).await;
    assert_eq!((right.status, right.header("location")), (303, "/office"));
    let cookie = right.header("set-cookie").split(';').next().expect("a cookie").to_owned();
    let desk = Desk { cookie, csrf: String::new() };
    let page = site.open(&desk, "/office").await;
    let guard = [("csrf", after(&page, "name=\"csrf\" value=\"")), ("key", "k")];
    let out = site.submit(&desk, "/office/sign-out", &guard).await;
    assert_eq!((out.status, out.header("location")), (303, "/office/sign-in"));
    let gone = site.get("/office", &desk.reads()).await;
    assert_eq!((gone.status, gone.header("location")), (303, "/office/sign-in"));
}

#[tokio::test]
async fn a_form_without_the_sessions_token_is_refused_and_changes_nothing() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let record = site.order(&desk, "x").await;
    let before = site.count("select count(*) from change").await;
    let path = format!("/office/orders/{record}/note");
    for csrf in ["", "x", &desk.csrf[1..]] {
        let answer =
            site.submit(&desk, &path, &[("csrf", csrf), ("key", "k"), ("text", "y")]).await;
        assert_eq!(answer.status, 403);
        assert!(answer.page().contains("请求来源不对"), "{}", answer.page());
    }
    let without_key = site.submit(&desk, &path, &[("csrf", &desk.csrf), ("text", "y")]).await;
    assert_eq!(without_key.status, 400);
    assert_eq!(site.count("select count(*) from change").await, before);
    let good = [("csrf", desk.csrf.as_str()), ("key", "k"), ("text", "y")];
    assert_eq!(site.submit(&desk, &path, &good).await.status, 303);
    assert_eq!(site.count("select count(*) from change").await, before + 1);
    let nobody = Desk { cookie: "fieldbook=x".into(), csrf: desk.csrf.clone() };
    assert_eq!(site.submit(&nobody, &path, &good).await.status, 401);
}

#[tokio::test]
async fn a_conflicts_button_decides_it_once_and_the_phone_agrees_after_its_next_sync() {
    let site = Site::new().await;
    let (mut phone, desk, record) = site.conflict().await;
    let path = format!("/office/orders/{record}");
    let page = site.open(&desk, &path).await;
    assert_eq!(page.matches("data-case=\"field_conflict\"").count(), 1, "{page}");
    assert!(page.contains("09-22 14:00") && page.contains("09-22 10:00"), "{page}");
    let form = page.split_once("data-case=\"field_conflict\"").expect("the form").1;
    let press = [
        ("csrf", after(form, "name=\"csrf\" value=\"")),
        ("key", after(form, "name=\"key\" value=\"")),
        ("form", "conflict-appointment"),
        ("field", "appointment"),
        ("rests_on", after(form, "name=\"rests_on\" value=\"")),
        ("reason", "客户要上午"),
        ("value", "\"2026-09-22T10:00:00+08:00\""),
    ];
    let resolve = format!("{path}/resolve");
    for _ in 0..2 {
        let answer = site.submit(&desk, &resolve, &press).await;
        assert_eq!((answer.status, answer.header("location")), (303, path.as_str()));
    }
    let read = site.world.app.sync.read(record).await.expect("reads").expect("there");
    let resolves = read.2.timeline.iter().filter(|entry| entry.fact_type == "resolve").count();
    assert_eq!(resolves, 1, "a double click writes once");
    assert_eq!(read.2.text("appointment"), Some("2026-09-22T10:00:00+08:00"));
    assert_eq!(read.2.open_cases().count(), 0);
    let page = site.open(&desk, &path).await;
    assert!(!page.contains("data-case=") && page.contains("客户要上午"), "{page}");
    site.settle(&mut phone).await;
    let facts = phone.copy(record).facts();
    assert!(facts.values().any(|json| json.contains("\"resolve\"")), "the phone has it");
}

#[tokio::test]
async fn whoever_has_not_seen_all_values_decides_nothing_and_keeps_what_was_typed() {
    let site = Site::new().await;
    let (_, desk, record) = site.conflict().await;
    let path = format!("/office/orders/{record}/resolve");
    let press = |reason: &'static str, rests_on: &'static str| {
        [
            ("csrf", desk.csrf.clone()),
            ("key", "k".to_owned()),
            ("form", "conflict-appointment".to_owned()),
            ("field", "appointment".to_owned()),
            ("rests_on", rests_on.to_owned()),
            ("reason", reason.to_owned()),
            ("value", "\"2026-09-22T10:00:00+08:00\"".to_owned()),
        ]
    };
    let pressed = press("想好的原因", "");
    let pairs: Vec<(&str, &str)> = pressed.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let answer = site.submit(&desk, &path, &pairs).await;
    assert_eq!(answer.status, 409);
    assert!(answer.page().contains("value=\"想好的原因\""), "{}", answer.page());
    assert!(answer.page().contains("role=\"alert\""));
    let read = site.world.app.sync.read(record).await.expect("reads").expect("there");
    assert_eq!(read.2.open_cases().count(), 1);
}

#[tokio::test]
async fn a_rules_no_brings_the_page_back_with_its_words_and_what_was_typed() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let record = site.order(&desk, "x").await;
    let path = format!("/office/orders/{record}/note");
    let long = "长".repeat(1_001);
    let pairs =
        [("csrf", desk.csrf.as_str()), ("key", "1"), ("form", "note"), ("text", long.as_str())];
    let answer = site.submit(&desk, &path, &pairs).await;
    assert_eq!(answer.status, 422);
    assert!(answer.page().contains("文字太长，最多 1000 个字"), "{}", answer.page());
    assert!(answer.page().contains(&long));
    // The administrator may look, and is offered no button that the rules refuse.
    let root = site.desk("root").await;
    let page = site.open(&root, &format!("/office/orders/{record}")).await;
    assert!(!page.contains("id=\"cancel\"") && !page.contains("id=\"assign\""), "{page}");
    let pairs =
        [("csrf", root.csrf.as_str()), ("key", "1"), ("form", "cancel"), ("reason", "试试")];
    let answer = site.submit(&root, &format!("/office/orders/{record}/cancel"), &pairs).await;
    assert_eq!(answer.status, 422);
    assert!(answer.page().contains("您的岗位不能做这一步"), "{}", answer.page());
}

#[tokio::test]
async fn a_refused_command_is_accepted_after_all_by_its_button() {
    let site = Site::new().await;
    let (mut phone, desk, record) = site.conflict().await;
    phone.rebase();
    phone.has_read();
    phone.write(record, "cancelled", json!({ "reason": "customer_withdrew" }));
    site.settle(&mut phone).await;
    let home = site.open(&desk, "/office").await;
    assert!(home.contains("data-case=\"refused\"") && home.contains("customer_withdrew"), "{home}");
    let form = home.split_once("data-case=\"refused\"").expect("the form").1;
    let case = site.count("select id from desk_case").await;
    let export = site.open(&desk, &format!("/v1/office/desk-cases/{case}/export")).await;
    assert!(export.contains("customer_withdrew"), "{export}");
    let exports = "select count(*) from audit where act = 'desk_case_exported'";
    assert_eq!(site.count(exports).await, 1);
    let word = [
        ("csrf", desk.csrf.as_str()),
        ("key", after(form, "name=\"key\" value=\"")),
        ("reason", "客户来电确认"),
        ("decision", "accept_after_all"),
        ("back", &record.to_string()),
    ];
    for _ in 0..2 {
        let answer = site.submit(&desk, &format!("/office/desk-cases/{case}"), &word).await;
        let to = format!("/office/orders/{record}");
        assert_eq!((answer.status, answer.header("location")), (303, to.as_str()));
    }
    assert_eq!(site.count("select count(*) from desk_case_action").await, 1);
    let read = site.world.app.sync.read(record).await.expect("reads").expect("there");
    assert_eq!(read.2.status.code(), "cancelled");
}

#[tokio::test]
async fn another_offices_record_and_site_are_not_there() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let record = site.order(&desk, "x").await;
    let mut conn = site.world.write().await;
    let act = site.world.app.act();
    place::add_site(&mut conn, act, Some(sync_core::model::id::SiteId(8)), "别处")
        .await
        .expect("y");
    sqlx::query("update record set site = 8").execute(&mut *conn).await.expect("moves");
    conn.commit().await.expect("commits");
    let paths = [
        format!("/office/orders/{record}"),
        "/office/orders/x".to_owned(),
        "/office?site=8".to_owned(),
        "/office/phones?site=8".to_owned(),
        "/office/nothing/here".to_owned(),
    ];
    for path in paths {
        let answer = site.get(&path, &desk.reads()).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.page().contains("<html lang=\"zh-CN\">"), "an error is a page too");
    }
    let note = [("csrf", desk.csrf.as_str()), ("key", "k"), ("text", "y")];
    let answer = site.submit(&desk, &format!("/office/orders/{record}/note"), &note).await;
    assert_eq!(answer.status, 404);
    assert_eq!(SITE.0, 7);
}

#[tokio::test]
async fn what_people_write_is_text_and_never_markup() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let evil = "<script>alert(1)</script>\" onload=\"x";
    let record = site.order(&desk, evil).await;
    let note = [("csrf", desk.csrf.as_str()), ("key", "k"), ("text", evil)];
    let path = format!("/office/orders/{record}");
    assert_eq!(site.submit(&desk, &format!("{path}/note"), &note).await.status, 303);
    for path in ["/office", path.as_str()] {
        let page = site.open(&desk, path).await;
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload"), "{page}");
        assert!(!page.contains("<script>") && !page.contains("\" onload=\"x"), "{page}");
    }
}

/// Ids of texts that would show that a text is missing.
fn bare_ids(page: &str) -> Vec<String> {
    let text = page.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text);
    let groups = [
        "office-",
        "fact-",
        "case-",
        "status-",
        "field-",
        "deadline-",
        "wait-",
        "problem-",
        "denial-",
        "deviation-",
        "rating-",
    ];
    let words = text.flat_map(str::split_whitespace);
    words
        .filter(|word| groups.iter().any(|group| word.starts_with(group)))
        .map(Into::into)
        .collect()
}

#[tokio::test]
async fn every_page_is_whole_in_both_languages() {
    let site = Site::new().await;
    let (mut phone, desk, record) = site.conflict().await;
    phone.rebase();
    phone.write(record, "cancelled", json!({ "reason": "customer_withdrew" }));
    phone.write(record, "note", json!({ "text": "来自新版应用" }));
    site.settle(&mut phone).await;
    let token = site.token(office::LINK_LIFE_MS).await;
    let paths = [
        "/office".to_owned(),
        format!("/office/orders/{record}"),
        "/office/phones".to_owned(),
        "/office/cash".to_owned(),
        "/office/sign-in".to_owned(),
        format!("/office/link/{token}"),
        "/office/link/none".to_owned(),
        "/office/none".to_owned(),
    ];
    for path in &paths {
        let mut pages = Vec::new();
        for (language, other) in [("zh-CN", "English"), ("en", "中文")] {
            let answer = site.get(&format!("{path}?lang={language}"), &desk.reads()).await;
            let page = answer.page();
            assert!(page.contains(&format!("<html lang=\"{language}\">")), "{path}");
            assert!(page.contains(other), "{path} offers the other language");
            assert!(answer.header("set-cookie").starts_with("fieldbook-language="), "{path}");
            assert_eq!(bare_ids(&page), Vec::<String>::new(), "{path}");
            pages.push(page);
        }
        assert_ne!(pages[0], pages[1]);
    }
    let english = format!("{}; fieldbook-language=en", desk.cookie);
    let headers = [("cookie", english.as_str()), ("accept-language", "zh-CN")];
    assert!(site.get("/office", &headers).await.page().contains("<html lang=\"en\">"));
    assert!(bare_ids("<p>office-none x</p>").len() == 1, "the check can fail");
}

#[tokio::test]
async fn every_answer_says_what_a_page_may_do_and_only_assets_are_kept() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let home = site.get("/office", &desk.reads()).await;
    let style = after(&home.page(), "rel=\"stylesheet\" href=\"").to_owned();
    let script = after(&home.page(), "<script src=\"").to_owned();
    for (path, kept) in [
        ("/office", "no-store"),
        ("/office/sign-in", "no-store"),
        ("/office/link/x", "no-store"),
        (style.as_str(), "public, max-age=31536000, immutable"),
        (script.as_str(), "public, max-age=31536000, immutable"),
    ] {
        let answer = site.get(path, &desk.reads()).await;
        assert_eq!(answer.header("cache-control"), kept, "{path}");
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
             connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
    }
    let tag = site.get(&style, &[]).await.header("etag").to_owned();
    let again = site.get(&style, &[("if-none-match", &tag)]).await;
    assert_eq!((again.status, again.bytes.len()), (304, 0));
    assert_eq!(site.get("/office/assets/office.css", &[]).await.status, 404);
    assert!(!home.page().contains(" style=") && !home.page().contains("<style"));
}

#[tokio::test]
async fn a_page_listens_by_its_cookie_and_its_version_tells_whether_it_changed() {
    use futures_util::StreamExt as _;
    let site = Site::new().await;
    let (mut phone, desk, record) = site.conflict().await;
    let path = format!("/office/orders/{record}");
    let version = |page: &str| after(page, "data-version=\"").to_owned();
    let first = version(&site.open(&desk, &path).await);
    assert_eq!(version(&site.open(&desk, &path).await), first, "keys of forms do not count");
    let listen = request(Method::GET, "/v1/poke", &desk.reads(), Body::empty());
    let response = tower::ServiceExt::oneshot(site.router.clone(), listen).await.expect("answers");
    assert_eq!(response.status(), 200);
    let mut events = response.into_body().into_data_stream();
    phone.rebase();
    phone.write(record, "note", json!({ "text": "到门口了" }));
    site.settle(&mut phone).await;
    let event = events.next().await.expect("an event").expect("bytes");
    assert_eq!(event, "event: poke\ndata: something for you\n\n");
    assert_ne!(version(&site.open(&desk, &path).await), first);
    let nobody = site.get("/v1/poke", &[("cookie", "fieldbook=x")]).await;
    assert_eq!((nobody.status, nobody.json()["code"].clone()), (401, Value::from("not_signed_in")));
}

#[tokio::test]
async fn what_a_page_reads_by_itself_keeps_no_session_alive() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let live = [("cookie", desk.cookie.as_str()), ("x-fieldbook-live", "1")];
    site.world.clock.pass_ms(office::IDLE_MS - 1);
    assert_eq!(site.get("/office", &live).await.status, 200);
    site.world.clock.pass_ms(1);
    assert_eq!(site.get("/office", &live).await.status, 303);
    let desk = site.desk("chen").await;
    site.world.clock.pass_ms(office::IDLE_MS - 1);
    site.open(&desk, "/office").await;
    site.world.clock.pass_ms(1);
    site.open(&desk, "/office").await;
}
