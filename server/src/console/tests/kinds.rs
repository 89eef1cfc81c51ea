//! Pages of kinds that ask for more than single values: alternatives, groups, lists of lines.

use super::records::key;
use super::*;

/// Opens a record of a kind by its form; the page it leads to.
async fn submitted(site: &Site, desk: &Desk, kind: &str, typed: &[(&str, &str)]) -> Answer {
    let path = format!("/office/records/new?site=7&kind={kind}");
    let (csrf, key) = key(site, desk, &path).await;
    let guard = [("csrf", csrf.as_str()), ("key", key.as_str()), ("form", "open")];
    let pairs = [&guard[..], &[("site", "7"), ("kind", kind)], typed].concat();
    site.submit(desk, "/office/records/new", &pairs).await
}

async fn opened(site: &Site, desk: &Desk, kind: &str, typed: &[(&str, &str)]) -> String {
    let answer = submitted(site, desk, kind, typed).await;
    assert_eq!(answer.status, 303, "{}", answer.page());
    answer.header("location").to_owned()
}

async fn written(site: &Site, desk: &Desk, url: &str, typed: &[(&str, &str)]) -> Answer {
    let (csrf, key) = key(site, desk, url).await;
    let pairs = [&[("csrf", csrf.as_str()), ("key", key.as_str())], typed].concat();
    site.submit(desk, &format!("{url}/write"), &pairs).await
}

#[tokio::test]
async fn every_kind_that_is_opened_by_hand_has_a_page_that_asks_for_it() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    for kind in sync_core::rules::kinds() {
        let path = format!("/office/records/new?site=7&kind={kind}");
        let answer = site.get(&path, &desk.reads()).await;
        if kind == "periodic_task" {
            assert_eq!(answer.status, 404, "the server opens it");
            continue;
        }
        assert_eq!(answer.status, 200, "{kind}");
        let page = answer.page();
        let unknown = page.contains("未知（");
        assert!(page.contains("id=\"open-") && !unknown, "{kind}: {page}");
    }
}

#[tokio::test]
async fn a_complaint_is_taken_down_and_judged_by_its_forms() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let half = [("subject", "cleaning"), ("emergency", "fire"), ("description", "楼道没有打扫")];
    let refused = submitted(&site, &desk, "complaint", &half).await;
    assert_eq!(refused.status, 422, "an emergency that is none");
    let wang = site.wang.to_string();
    let typed = [
        ("subject", "cleaning"),
        ("description", "楼道没有打扫"),
        ("unit", "3-2-1501"),
        ("group", "2"),
        ("about", wang.as_str()),
    ];
    let url = opened(&site, &desk, "complaint", &typed).await;
    let page = site.open(&desk, &url).await;
    assert!(page.contains("楼道没有打扫") && page.contains("保洁"), "{page}");
    assert!(page.contains("王建国"), "about whom it is, by name");
    // What names a plan is not offered while there is none.
    assert!(!page.contains("data-form=\"plan_accepted\""));
    let told = [("form", "plan_told"), ("text", "明天补扫")];
    assert_eq!(written(&site, &desk, &url, &told).await.status, 303);
    let judged =
        [("form", "judgement"), ("validity", "valid"), ("severity", "minor"), ("reason", "属实")];
    assert_eq!(written(&site, &desk, &url, &judged).await.status, 303);
    let page = site.open(&desk, &url).await;
    assert!(page.contains("data-form=\"plan_accepted\""), "{page}");
    assert!(page.contains("有效投诉") && page.contains("明天补扫"), "{page}");
    let plan = after(&page, "id=\"plan_accepted-plan\" name=\"plan\" required><option value=\"");
    let accepted = [("form", "plan_accepted"), ("plan", plan)];
    assert_eq!(written(&site, &desk, &url, &accepted).await.status, 303);
}

#[tokio::test]
async fn a_reception_goes_to_a_department_or_to_a_person_and_never_to_both() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let typed = [("channel", "phone"), ("matter", "suggestion"), ("description", "想要长椅")];
    let url = opened(&site, &desk, "reception", &typed).await;
    let wang = site.wang.to_string();
    let to = |pairs: &[(&'static str, &'static str)]| {
        [&[("form", "passed_on"), ("text", "请 <尽快> 看看")], pairs].concat()
    };
    let none = written(&site, &desk, &url, &to(&[])).await;
    assert_eq!(none.status, 422);
    assert!(none.page().contains("请 &lt;尽快&gt; 看看"), "{}", none.page());
    let mut both = to(&[("department", "engineering")]);
    both.push(("person", "999"));
    assert_eq!(written(&site, &desk, &url, &both).await.status, 422);
    let one = to(&[("department", "engineering")]);
    assert_eq!(written(&site, &desk, &url, &one).await.status, 303);
    let person = [("form", "passed_on"), ("text", "请看看"), ("person", wang.as_str())];
    assert_eq!(written(&site, &desk, &url, &person).await.status, 303);
    let owner = [("form", "owner"), ("person", wang.as_str()), ("reason", "换班")];
    assert_eq!(written(&site, &desk, &url, &owner).await.status, 303);
    let page = site.open(&desk, &url).await;
    assert!(page.contains("工程部") && page.contains("人员: 王建国 · 原因: 换班"), "{page}");
}

#[tokio::test]
async fn a_paid_service_is_opened_with_lines_and_half_a_line_keeps_what_was_typed() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let page = site.open(&desk, "/office/records/new?site=7&kind=paid_service").await;
    for name in ["lines.0.item", "lines.19.unit_price_fen"] {
        assert!(page.contains(&format!("name=\"{name}\"")), "{name}: {page}");
    }
    assert!(!page.contains("name=\"lines.20.item\"") && !page.contains("<details open"));
    let order = [("unit", "3-2-1501"), ("department", "cleaning"), ("description", "日常保洁")];
    let half = [&order[..], &[("lines.5.name", "日常 <保洁>")]].concat();
    let refused = submitted(&site, &desk, "paid_service", &half).await;
    assert_eq!(refused.status, 422);
    let page = refused.page();
    assert!(page.contains("日常 &lt;保洁&gt;") && page.contains("<details open"), "{page}");
    assert!(
        page.contains("请填写内容: 收费项目（记录号） (6)"),
        "what is missing, and where: {page}"
    );
    let line = |line: usize, name: &str, quantity: &str| {
        let of = |member: &str| format!("lines.{line}.{member}");
        vec![
            (of("item"), "AAAAAAAAAAAAAAAAAAAAAA".to_owned()),
            (of("name"), name.to_owned()),
            (of("measure"), "小时".to_owned()),
            (of("quantity_milli"), quantity.to_owned()),
            (of("unit_price_fen"), "45.50".to_owned()),
        ]
    };
    let lines = [line(0, "日常保洁", "2"), line(7, "开荒保洁", "0.5")].concat();
    let lines: Vec<(&str, &str)> =
        lines.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let url = opened(&site, &desk, "paid_service", &[&order[..], &lines].concat()).await;
    let record = url.rsplit('/').next().expect("an id");
    let read = site.get(&format!("/v1/records/{record}"), &desk.reads()).await.json();
    assert_eq!(read["review"]["details"]["told_fen"], 11_375);
    let page = site.open(&desk, &url).await;
    assert!(page.contains("日常保洁 小时 2 ¥45.50; 开荒保洁 小时 0.5 ¥45.50"), "{page}");
    let notified = written(&site, &desk, &url, &[("form", "notified")]).await;
    assert_eq!(notified.status, 303, "{}", notified.page());
}
