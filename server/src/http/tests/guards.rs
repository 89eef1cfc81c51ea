//! What every address has, whatever it does: tokens against other sites' forms, headers, cookies.
//! The addresses come from the router itself, so that a new one is asked too.

use axum::body::Body;
use axum::http::Method;
use serde_json::json;
use tower::ServiceExt as _;

use super::{Answer, Desk, Site, request};
use crate::config::Config;
use crate::http::{openapi, router};
use crate::people::office;
use crate::testing::World;

const FORM: &str = "application/x-www-form-urlencoded";

/// Every path of the router, as it is written there.
fn paths(site: &Site) -> Vec<String> {
    let text = format!("{:?}", router(site.world.app.clone()));
    let mut paths: Vec<String> = text
        .split('"')
        .filter(|part| part.starts_with("/v1/") || part.starts_with("/office"))
        .map(str::to_owned)
        .collect();
    paths.sort_unstable();
    paths.dedup();
    assert!(paths.len() >= 60, "the router tells its paths: {paths:?}");
    paths
}

/// A path with something in the place of every parameter.
fn filled(path: &str) -> String {
    let mut url = path.to_owned();
    for (name, value) in [
        ("{record}", "AAAAAAAAAAAAAAAAAAAAAA"),
        ("{action}", "note"),
        ("{case}", "1"),
        ("{day}", "2026-11-25"),
        ("{device}", "1"),
        ("{swap}", "1"),
        ("{table}", "units"),
        ("{token}", "x"),
        ("{name}", "office.css"),
        ("{*rest}", "nothing"),
    ] {
        url = url.replace(name, value);
    }
    assert!(!url.contains('{'), "a parameter that this test does not know: {path}");
    url + "?site=7"
}

/// What is reached without the office's session, and so without its token, and why that is safe.
const WITHOUT_SESSION: [(&str, &str); 8] = [
    ("/v1/enrol", "the code is in the body, no cookie counts"),
    ("/v1/nonce", "gives what is nobody's"),
    ("/v1/token", "the signature is in the body, no cookie counts"),
    ("/v1/sync", "a bearer token, which no form sends"),
    ("/v1/hand-in", "a bearer token, which no form sends"),
    ("/v1/office/sign-in", "only JSON, which no form sends"),
    ("/office/sign-in", "forms of another site are refused by what the browser says of them"),
    ("/office/link/{token}", "the same"),
];

async fn write(site: &Site, desk: &Desk, method: Method, path: &str) -> Answer {
    let (kind, body) =
        if path.starts_with("/office") { (FORM, "key=k") } else { ("application/json", "{}") };
    let headers =
        [("cookie", desk.cookie.as_str()), ("content-type", kind), ("idempotency-key", "k")];
    site.send(request(method, &filled(path), &headers, Body::from(body))).await
}

#[tokio::test]
async fn every_state_changing_route_refuses_without_the_sessions_token() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let mut asked = 0;
    for path in paths(&site) {
        if WITHOUT_SESSION.iter().any(|(known, _)| *known == path) {
            continue;
        }
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let answer = write(&site, &desk, method.clone(), &path).await;
            let text = String::from_utf8_lossy(&answer.bytes).into_owned();
            if answer.status == 405 {
                continue;
            }
            asked += 1;
            assert_eq!(answer.status, 403, "{method} {path}: {text}");
            assert!(text.contains("cross_site") || text.contains("请求来源不对"), "{path}: {text}");
        }
    }
    assert!(asked >= 30, "{asked}");
    // It is the token that was missing: with it the same request is judged.
    let answer = site.post("/v1/office/sign-out", &desk.writes("1"), &json!({})).await;
    assert_eq!(answer.status, 204);
}

#[tokio::test]
async fn what_needs_no_token_of_a_session_gives_a_foreign_form_nothing() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let known = paths(&site);
    for (path, why) in WITHOUT_SESSION {
        assert!(known.iter().any(|known| known == path), "{path} is gone");
        let headers = [
            ("cookie", desk.cookie.as_str()),
            ("content-type", FORM),
            ("sec-fetch-site", "cross-site"),
            ("origin", "https://elsewhere.example"),
        ];
        let body = Body::from("login=chen&password=correct+horse");
        let answer = site.send(request(Method::POST, &filled(path), &headers, body)).await;
        assert!(!answer.headers.contains_key("set-cookie"), "{path}");
        let nothing = matches!(answer.status, 400 | 401 | 403) || path == "/v1/nonce";
        assert!(nothing, "{path} {} although: {why}", answer.status);
    }
}

/// Status and headers: the body of a stream has no end.
async fn head(site: &Site, path: &str, headers: &[(&str, &str)]) -> Answer {
    let get = request(Method::GET, path, headers, Body::empty());
    let response = site.router.clone().oneshot(get).await.expect("never fails");
    let (parts, _) = response.into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, bytes: Vec::new() }
}

#[tokio::test]
async fn every_answer_of_every_address_says_what_a_browser_may_do_with_it() {
    let site = Site::new().await;
    let desk = site.desk("chen").await;
    let mut paths = paths(&site);
    paths.extend(["/nothing".to_owned(), "/v1/nothing".to_owned(), "/healthz".to_owned()]);
    for path in paths {
        for headers in [&desk.reads()[..], &[]] {
            let answer = head(&site, &filled(&path), headers).await;
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; "), "{path}: {policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
            let kept = answer.header("cache-control");
            let may_be_kept = path.starts_with("/office/assets/") && answer.status == 200;
            assert!(may_be_kept || kept.contains("no-"), "{path}: {kept}");
        }
    }
}

#[tokio::test]
async fn every_path_of_the_api_stands_in_its_description() {
    let site = Site::new().await;
    let described = openapi().paths.paths;
    for path in paths(&site).iter().filter(|path| path.starts_with("/v1/")) {
        assert!(described.contains_key(path), "{path} is not described");
    }
}

#[tokio::test]
async fn every_cookie_is_out_of_scripts_reach_and_bound_to_this_host() {
    for (public_url, secure) in
        [("https://fieldbook.example", true), ("http://127.0.0.1:8080", false)]
    {
        let config = Config { public_url: public_url.to_owned(), ..Config::default() };
        let site = Site::of(World::with_config(config).await).await;
        let mut cookies = Vec::new();
        let mut keep = |answer: &Answer| {
            let found = answer.headers.get_all("set-cookie").iter();
            let before = cookies.len();
            cookies.extend(found.map(|value| value.to_str().expect("a text").to_owned()));
            assert!(cookies.len() > before, "no cookie: {}", answer.status);
        };
        let login = json!({ "login": "chen", "password": super::PASSWORD });
        keep(&site.post("/v1/office/sign-in", &[], &login).await);
        let desk = site.desk("chen").await;
        keep(&site.post("/v1/office/sign-out", &desk.writes("1"), &json!({})).await);
        let form = [("content-type", FORM)];
        let body = Body::from("login=chen&password=correct+horse");
        keep(&site.send(request(Method::POST, "/office/sign-in", &form, body)).await);
        let mut conn = site.world.write().await;
        let (act, randomness) = (site.world.app.act(), site.world.app.randomness.as_ref());
        let token = office::sign_in_link(&mut conn, act, site.chen, 600_000, randomness).await;
        conn.commit().await.expect("commits");
        let link = format!("/office/link/{}", token.expect("a token"));
        keep(&site.send(request(Method::POST, &link, &form, Body::empty())).await);
        keep(&site.get("/office/sign-in?lang=en", &[]).await);
        let desk = site.desk("chen").await;
        let headers = [("cookie", desk.cookie.as_str()), ("content-type", FORM)];
        let body = Body::from(format!("key=k&csrf={}", desk.csrf));
        keep(&site.send(request(Method::POST, "/office/sign-out", &headers, body)).await);

        for cookie in cookies {
            let attributes: Vec<&str> = cookie.split("; ").skip(1).collect();
            let has = |name: &str| attributes.contains(&name);
            assert!(has("HttpOnly"), "{cookie}");
            assert!(!cookie.contains("Domain"), "{cookie}");
            assert_eq!(has("Secure"), secure, "{cookie}");
            if cookie.starts_with("fieldbook-language=") {
                // Says nothing of anybody; read on the way here from elsewhere too.
                assert!(has("SameSite=Lax") && has("Path=/office"), "{cookie}");
            } else {
                assert!(has("SameSite=Strict") && has("Path=/"), "{cookie}");
                assert_eq!(cookie.starts_with("__Host-fieldbook="), secure, "{cookie}");
                assert!(secure || cookie.starts_with("fieldbook="), "{cookie}");
            }
        }
    }
}
