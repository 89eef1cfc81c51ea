//! The pages of records of every kind: refusals, opening, steps by their forms, the list.

use super::*;

pub(super) async fn key(site: &Site, desk: &Desk, path: &str) -> (String, String) {
    let page = site.open(desk, path).await;
    let csrf = after(&page, "name=\"csrf\" value=\"").to_owned();
    (csrf, after(&page, "name=\"key\" value=\"").to_owned())
}

const NEW: &str = "/office/records/new?site=7&kind=violation";

async fn opened(site: &Site, desk: &Desk) -> String {
    let (csrf, key) = key(site, desk, NEW).await;
    let pairs = [
        ("csrf", csrf.as_str()),
        ("key", key.as_str()),
        ("form", "open"),
        ("site", "7"),
        ("kind", "violation"),
        ("violation", "sanitation"),
        ("place", "3 栋门口"),
        ("group", "2"),
        ("description", "垃圾丢在门口"),
    ];
    let answer = site.submit(desk, "/office/records/new", &pairs).await;
    assert_eq!(answer.status, 303, "{}", answer.page());
    answer.header("location").to_owned()
}

#[tokio::test]
async fn what_no_office_opens_by_hand_has_no_page_and_a_half_filled_form_keeps_its_text() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    for path in [
        "/office/records/new?site=7&kind=hologram",
        "/office/records/new?site=7",
        "/office/records/new?site=99&kind=violation",
        "/office/records/AAAAAAAAAAAAAAAAAAAAAA",
    ] {
        assert_eq!(site.get(path, &desk.reads()).await.status, 404, "{path}");
    }
    assert_eq!(site.get(NEW, &[]).await.status, 303, "to the sign-in");
    let (csrf, key) = key(&site, &desk, NEW).await;
    let pairs = [
        ("csrf", csrf.as_str()),
        ("key", key.as_str()),
        ("form", "open"),
        ("site", "7"),
        ("kind", "violation"),
        ("violation", "sanitation"),
        ("place", ""),
        ("description", "垃圾丢在 <门口>"),
    ];
    let answer = site.submit(&desk, "/office/records/new", &pairs).await;
    assert_eq!(answer.status, 422);
    let page = answer.page();
    assert!(page.contains("role=\"alert\"") && page.contains("垃圾丢在 &lt;门口&gt;"), "{page}");
    assert_eq!(site.count("select count(*) from record").await, 0);
}

#[tokio::test]
async fn a_record_is_opened_once_worked_on_by_its_forms_and_stands_in_the_list() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let url = opened(&site, &desk).await;
    let page = site.open(&desk, &url).await;
    assert!(page.contains("垃圾丢在门口") && page.contains("环境卫生"), "{page}");
    // The desk registers; what only deciders may do is not offered.
    assert!(page.contains("data-form=\"registered\""));
    assert!(!page.contains("data-form=\"violation_decided\""));
    // What names a decision is not offered while there is none.
    assert!(!page.contains("data-form=\"decision_executed\""));
    let write = format!("{url}/write");
    let (csrf, key) = key(&site, &desk, &url).await;
    let pairs = [("csrf", csrf.as_str()), ("key", key.as_str()), ("form", "registered")];
    for _ in 0..2 {
        // Clicked twice: done once.
        let answer = site.submit(&desk, &write, &pairs).await;
        assert_eq!((answer.status, answer.header("location")), (303, url.as_str()));
    }
    assert_eq!(site.count("select count(*) from change").await, 2);
    let (csrf, key) = self::key(&site, &desk, &url).await;
    let pairs = [
        ("csrf", csrf.as_str()),
        ("key", key.as_str()),
        ("form", "assessment"),
        ("loss", "true"),
        ("loss_fen", "120.50"),
        ("reason", "公共绿地受损"),
    ];
    let answer = site.submit(&desk, &write, &pairs).await;
    assert_eq!(answer.status, 303, "{}", answer.page());
    let page = site.open(&desk, &url).await;
    assert!(page.contains("重大") && page.contains("¥120.50"), "{page}");
    let list = site.open(&desk, "/office/records?site=7&kind=violation").await;
    assert!(list.contains(&format!("href=\"{url}\"")) && list.contains("已登记"), "{list}");
    let other = site.open(&desk, "/office/records?site=7&kind=hologram").await;
    assert!(!other.contains("data-record="));
}

#[tokio::test]
async fn a_form_that_is_none_of_the_kinds_is_not_there_and_a_denial_is_told_on_the_page() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let url = opened(&site, &desk).await;
    let write = format!("{url}/write");
    for (form, status) in [("hologram", 404), ("violation_decided", 422)] {
        let (csrf, key) = key(&site, &desk, &url).await;
        let pairs = [
            ("csrf", csrf.as_str()),
            ("key", key.as_str()),
            ("form", form),
            ("measure", "dissuade"),
            ("reason", "第一次"),
        ];
        let answer = site.submit(&desk, &write, &pairs).await;
        assert_eq!(answer.status, status, "{form}");
        if status == 422 {
            assert!(answer.page().contains("role=\"alert\""));
        }
    }
    // A note by the same path as on every page.
    let (csrf, key) = key(&site, &desk, &url).await;
    let pairs = [("csrf", csrf.as_str()), ("key", key.as_str()), ("text", "已电话联系")];
    let answer = site.submit(&desk, &format!("{url}/note"), &pairs).await;
    assert_eq!(answer.status, 303);
    assert!(site.open(&desk, &url).await.contains("已电话联系"));
}
