//! The HTTP interface by exact status and body, in process; one test over a real socket.

mod account_days;
mod audited;
mod cash;
mod devices;
mod edges;
mod enrol;
mod evidence;
mod gates;
mod guards;
mod imports;
mod merge;
mod office;
mod prices;
mod records;
mod roster;
mod socket;
mod sync;
mod work_orders;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, header};
use data_encoding::BASE64URL_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::model::person::Role;
use sync_core::protocol::enrolment::EnrolResponse;
use sync_core::protocol::identity::nonce_statement;
use tower::ServiceExt as _;

use crate::captured;
use crate::http::router;
use crate::people::grant::NewGrant;
use crate::people::{directory, enrolment, grant, password, place};
use crate::testing::{START_MS, Seeded, World};

/// The site of every test.
pub const SITE: SiteId = SiteId(7);
/// What office people of the tests sign in with.
pub const PASSWORD: &str = "correct horse";

/// A server with people, and how to talk to it.
pub struct Site {
    pub world: World,
    pub router: Router,
    /// Wang, a technician.
    pub wang: PersonId,
    /// Chen of the desk, who signs in as `chen`.
    pub chen: PersonId,
    /// The administrator, who signs in as `root`.
    pub root: PersonId,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("a JSON body")
    }

    /// Status and body, for one comparison.
    pub fn told(&self) -> (u16, Value) {
        (self.status, self.json())
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("a text")
    }
}

/// A problem as it is told in Chinese.
pub fn problem(status: u16, code: &str, title: &str) -> (u16, Value) {
    let body = json!({
        "type": format!("urn:fieldbook:problem:{code}"), "code": code, "status": status,
        "title": title,
    });
    (status, body)
}

/// A problem with parameters.
pub fn problem_with(status: u16, code: &str, title: &str, params: Value) -> (u16, Value) {
    let (status, mut body) = problem(status, code, title);
    body["params"] = params;
    (status, body)
}

impl Site {
    pub async fn new() -> Self {
        Self::of(World::new().await).await
    }

    pub async fn of(world: World) -> Self {
        let act = world.app.act();
        let mut conn = world.write().await;
        place::add_site(&mut conn, act, Some(SITE), "云栖花园").await.expect("added");
        place::add_unit(&mut conn, act, SITE, "3-2-1501", "3").await.expect("added");
        let hash = password::hash(PASSWORD.to_owned(), &Seeded::new(9)).await.expect("hashed");
        let mut people = Vec::new();
        for (name, login, role) in [
            ("王建国", None, Role::Technician),
            ("陈静", Some("chen"), Role::FrontDesk),
            ("管理员", Some("root"), Role::Admin),
        ] {
            let person = directory::add(&mut conn, act, name, login).await.expect("added");
            captured::secret(name);
            let new = NewGrant {
                person,
                role,
                site: SITE,
                from_ms: START_MS,
                to_ms: None,
                on_behalf_of: None,
            };
            grant::grant(&mut conn, act, &new).await.expect("granted");
            if login.is_some() {
                directory::set_password(&mut conn, act, person, &hash).await.expect("set");
            }
            people.push(person);
        }
        captured::secret(PASSWORD);
        conn.commit().await.expect("commits");
        let router = router(world.app.clone());
        Self { world, router, wang: people[0], chen: people[1], root: people[2] }
    }

    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("never fails");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.expect("reads").to_vec();
        Answer { status: parts.status.as_u16(), headers: parts.headers, bytes }
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send(request(Method::GET, path, headers, Body::empty())).await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend_from_slice(headers);
        self.send(request(Method::POST, path, &all, Body::from(body.to_string()))).await
    }

    /// A code for a person's next phone.
    pub async fn code(&self, person: PersonId) -> String {
        let mut conn = self.world.write().await;
        let act = self.world.app.act();
        let randomness = self.world.app.randomness.as_ref();
        let code = enrolment::invite(&mut conn, act, person, 3_600_000, randomness).await;
        conn.commit().await.expect("commits");
        let code = code.expect("a code").shown();
        captured::secret(&code);
        code
    }

    /// An enrolled phone of a person.
    pub async fn phone(&self, person: PersonId, seed: u8) -> Phone {
        let code = self.code(person).await;
        let key = SigningKey::from_bytes(&[seed; 32]);
        let body = enrol_body(&code, &key);
        let answer = self.post("/v1/enrol", &[], &body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.json());
        let enrolled: EnrolResponse = serde_json::from_slice(&answer.bytes).expect("reads");
        Phone { person, device: enrolled.certificate.device, key }
    }

    pub async fn nonce(&self) -> String {
        let answer = self.post("/v1/nonce", &[], &json!({})).await;
        assert_eq!(answer.status, 200);
        let nonce = answer.json()["nonce"].as_str().expect("a nonce").to_owned();
        captured::secret(&nonce);
        nonce
    }

    /// A phone's `Authorization` header.
    pub async fn bearer(&self, phone: &Phone) -> String {
        let body = phone.token_body(&self.nonce().await);
        let answer = self.post("/v1/token", &[], &body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.json());
        let token = answer.json()["access_token"].as_str().expect("a token").to_owned();
        captured::secret(&token);
        format!("Bearer {token}")
    }

    /// Signs in to the office.
    pub async fn desk(&self, login: &str) -> Desk {
        let body = json!({ "login": login, "password": PASSWORD });
        let answer = self.post("/v1/office/sign-in", &[], &body).await;
        assert_eq!(answer.status, 200, "{:?}", answer.json());
        let cookie = answer.header("set-cookie").split(';').next().expect("a cookie").to_owned();
        let csrf = answer.json()["csrf_token"].as_str().expect("a token").to_owned();
        captured::secret(cookie.split('=').nth(1).expect("a secret"));
        captured::secret(&csrf);
        Desk { cookie, csrf }
    }
}

pub fn request(method: Method, path: &str, headers: &[(&str, &str)], body: Body) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(body).expect("a request")
}

pub fn enrol_body(code: &str, key: &SigningKey) -> Value {
    json!({
        "code": code,
        "public_key": BASE64URL_NOPAD.encode(key.verifying_key().as_bytes()),
        "device_name": "Redmi",
    })
}

/// Someone at the desk.
pub struct Desk {
    pub cookie: String,
    pub csrf: String,
}

impl Desk {
    /// The headers of a read.
    pub fn reads(&self) -> [(&str, &str); 1] {
        [(header::COOKIE.as_str(), &self.cookie)]
    }

    /// The headers of a write.
    pub fn writes<'a>(&'a self, key: &'a str) -> [(&'a str, &'a str); 3] {
        [
            (header::COOKIE.as_str(), &self.cookie),
            ("x-csrf-token", &self.csrf),
            ("idempotency-key", key),
        ]
    }
}

/// A phone's key.
pub struct Phone {
    pub person: PersonId,
    pub device: DeviceId,
    pub key: SigningKey,
}

impl Phone {
    pub fn token_body(&self, nonce: &str) -> Value {
        let bytes = BASE64URL_NOPAD.decode(nonce.as_bytes()).expect("decodes");
        let statement = nonce_statement(self.person, self.device, &bytes);
        json!({
            "person": self.person, "device": self.device, "nonce": nonce,
            "signature": BASE64URL_NOPAD.encode(&self.key.sign(&statement).to_bytes()),
        })
    }
}
