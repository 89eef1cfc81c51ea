//! The buttons beside a phone.

use axum::http::Method;

use super::after;
use crate::http::tests::Site;

#[tokio::test]
async fn an_administrator_locks_and_finds_a_phone_by_its_buttons_and_nobody_else_has_any() {
    let site = Site::new().await;
    let phone = site.phone(site.wang, 1).await;
    let (desk, root) = (site.desk("chen").await, site.desk("root").await);
    let page = site.open(&desk, "/office/phones").await;
    assert!(page.contains("王建国") && !page.contains("data-action="), "{page}");
    for (action, words, badge) in [
        ("lock", "锁定", "已锁定"),
        ("unlock", "解锁", ""),
        ("lost", "报失", "已报失"),
        ("found", "已找到", ""),
    ] {
        let page = site.open(&root, "/office/phones?site=7").await;
        let url = format!("/office/phones/{}/{action}", phone.device);
        let form = page.split_once(&format!("action=\"{url}\"")).expect("the form").1;
        assert!(form.split("</form>").next().expect("a form").contains(words), "{form}");
        let press = [
            ("csrf", after(form, "name=\"csrf\" value=\"")),
            ("key", after(form, "name=\"key\" value=\"")),
            ("site", "7"),
        ];
        let mut foreign = press;
        foreign[0].1 = &desk.csrf;
        assert_eq!(site.submit(&root, &url, &foreign).await.status, 403);
        let answer = site.submit(&root, &url, &press).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/office/phones?site=7"));
        let page = site.open(&root, "/office/phones").await;
        assert_eq!(page.contains("badge bad"), !badge.is_empty(), "{action}: {page}");
        assert!(page.contains(badge), "{page}");
    }
    // A button that is not there, pressed all the same.
    let url = format!("/office/phones/{}/lock", phone.device);
    let press = [("csrf", desk.csrf.as_str()), ("key", "k"), ("site", "7")];
    let answer = site.submit(&desk, &url, &press).await;
    assert_eq!(answer.status, 403);
    assert!(answer.page().contains("没有权限"), "{}", answer.page());
    let url = format!("/office/phones/{}/explode", phone.device);
    assert_eq!(site.submit(&root, &url, &press).await.status, 403, "the token is asked first");
    let press = [("csrf", root.csrf.as_str()), ("key", "k"), ("site", "7")];
    assert_eq!(site.submit(&root, &url, &press).await.status, 404);
    let read = super::request(Method::GET, &url, &root.reads(), axum::body::Body::empty());
    assert_eq!(site.send(read).await.header("location"), "/office/phones");
}
