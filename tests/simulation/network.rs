//! The network between simulated phones and the server: the server's real routes, called in the
//! process, with messages lost, doubled, late, out of order and cut off.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use sync_core::replica::{HttpRequest, HttpResponse, Method, Transport};
use sync_core::{Error, Result};
use tower::ServiceExt as _;

use super::environment::{Dice, Gate};

/// How often, in a thousand requests, each fault happens.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The request never arrives.
    pub lost_request: usize,
    /// The server acts, its answer never arrives.
    pub lost_answer: usize,
    /// The request arrives twice.
    pub doubled: usize,
    /// The answer is cut off in the middle.
    pub cut: usize,
    /// The request arrives again after later ones.
    pub replayed_later: usize,
}

/// The server's address: its routes while it is up.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<Option<Router>>>);

impl Server {
    /// Up with these routes, or down.
    pub fn set(&self, router: Option<Router>) {
        *self.0.lock().expect("not poisoned") = router;
    }

    /// Calls the server; `None` while it is down or when it crashes meanwhile.
    pub async fn call(&self, request: &HttpRequest) -> Option<HttpResponse> {
        let router = self.0.lock().expect("not poisoned").clone()?;
        let method = match request.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let path = request.url.trim_start_matches("sim:");
        let mut builder = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", request.content_type);
        if let Some(token) = &request.bearer {
            builder = builder.header("authorization", format!("Bearer {token}"));
        }
        let request = builder.body(Body::from(request.body.clone())).expect("a valid request");
        let response = router.oneshot(request).await.expect("infallible");
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.ok()?.to_vec();
        // A stopped server process answers nothing; what its handler made of it stays inside.
        (status != 500).then_some(HttpResponse { status, retry_after_s: None, body })
    }
}

/// One phone's way to the server.
pub struct SimulatedTransport {
    server: Server,
    dice: Dice,
    faults: Mutex<Faults>,
    gate: Mutex<Option<Gate>>,
    late: Mutex<Option<HttpRequest>>,
    /// What happened on the way, for the report.
    pub counts: Mutex<Counts>,
}

/// Faults that happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Requests that the phone sent.
    pub sent: u64,
    /// Requests or answers lost.
    pub lost: u64,
    /// Requests that arrived twice.
    pub doubled: u64,
    /// Answers cut off.
    pub cut: u64,
    /// Requests that arrived again after later ones.
    pub replayed: u64,
}

impl SimulatedTransport {
    /// A way without faults.
    pub fn new(server: Server, dice: Dice) -> Self {
        Self {
            server,
            dice,
            faults: Mutex::default(),
            gate: Mutex::default(),
            late: Mutex::default(),
            counts: Mutex::default(),
        }
    }

    /// From now on with these faults.
    pub fn set_faults(&self, faults: Faults) {
        *self.faults.lock().expect("not poisoned") = faults;
        if faults.replayed_later == 0 {
            *self.late.lock().expect("not poisoned") = None;
        }
    }

    /// Joins a scheduler, or leaves it.
    pub fn set_gate(&self, gate: Option<Gate>) {
        *self.gate.lock().expect("not poisoned") = gate;
    }

    async fn pass(&self) {
        let gate = self.gate.lock().expect("not poisoned").clone();
        if let Some(gate) = gate {
            gate.pass().await;
        }
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.counts.lock().expect("not poisoned"));
    }
}

fn offline(detail: &str) -> Error {
    Error::Offline { detail: detail.to_owned() }
}

#[async_trait]
impl Transport for SimulatedTransport {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        self.pass().await;
        let faults = *self.faults.lock().expect("not poisoned");
        self.count(|counts| counts.sent += 1);
        let late = self.late.lock().expect("not poisoned").take();
        if self.dice.happens(faults.lost_request) {
            self.count(|counts| counts.lost += 1);
            return Err(offline("lost on the way there"));
        }
        if self.dice.happens(faults.replayed_later) {
            *self.late.lock().expect("not poisoned") = Some(request.clone());
        }
        if self.dice.happens(faults.doubled) {
            self.count(|counts| counts.doubled += 1);
            self.server.call(&request).await;
            self.pass().await;
        }
        let answer = self.server.call(&request).await;
        if let Some(late) = late {
            self.count(|counts| counts.replayed += 1);
            self.server.call(&late).await;
        }
        self.pass().await;
        if self.dice.happens(faults.lost_answer) {
            self.count(|counts| counts.lost += 1);
            return Err(offline("lost on the way back"));
        }
        let mut answer = answer.ok_or_else(|| offline("the server is down"))?;
        if self.dice.happens(faults.cut) && !answer.body.is_empty() {
            self.count(|counts| counts.cut += 1);
            answer.body.truncate(self.dice.below(answer.body.len()));
        }
        Ok(answer)
    }
}
