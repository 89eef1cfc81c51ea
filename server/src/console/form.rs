//! Forms as browsers send them: the fields, the session's token and the key of a click.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use sync_core::protocol::problem::ProblemCode;

use super::desk::Desk;
use crate::http::extract::body;
use crate::idempotency::RequestName;
use crate::{App, Error, Result};

/// The fields of a form; of several with one name the last.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Fields(BTreeMap<String, String>);

impl std::fmt::Debug for Fields {
    // Forms hold passwords and what people write about people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fields").field("count", &self.0.len()).finish_non_exhaustive()
    }
}

impl Fields {
    /// Reads `application/x-www-form-urlencoded`; what is no text is read as far as it is one.
    pub fn read(bytes: &[u8]) -> Self {
        Self(form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// A field; empty if it is not there.
    pub fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Takes a field out.
    pub fn take(&mut self, name: &str) -> String {
        self.0.remove(name).unwrap_or_default()
    }
}

/// A form without a session: signing in.
#[derive(Debug)]
pub struct Entry(pub Fields);

impl FromRequest<App> for Entry {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        // A browser says where a form stood: another site signs nobody in.
        let foreign = is_foreign(request.headers(), app);
        if foreign {
            return Err(Error::problem(ProblemCode::CrossSite));
        }
        is_form(&request)?;
        Ok(Self(Fields::read(&body(request, app).await?)))
    }
}

/// A form of somebody signed in: its token is the session's.
#[derive(Debug)]
pub struct Post {
    /// Who.
    pub desk: Desk,
    /// What.
    pub fields: Fields,
    /// The name of the click: the second of two writes nothing.
    pub name: RequestName,
}

impl FromRequest<App> for Post {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        is_form(&request)?;
        let (parts, rest) = request.into_parts();
        let desk = Desk::of(&parts, app).await?;
        let mut hash = Sha256::new();
        hash.update(format!("{} {}\n", parts.method, parts.uri.path()));
        let bytes = body(Request::from_parts(parts, rest), app).await?;
        hash.update(&bytes);
        let mut fields = Fields::read(&bytes);
        desk.user.same_site(fields.take("csrf").as_bytes())?;
        let key = fields.take("key");
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            return Err(Error::problem(ProblemCode::IdempotencyKeyMissing));
        }
        let person = desk.user.person();
        let name = RequestName { person, key, request_hash: hash.finalize().into() };
        Ok(Self { desk, fields, name })
    }
}

const KEY_BYTES_MAX: usize = 200;

fn is_form(request: &Request) -> Result<()> {
    let named = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = named.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        Ok(())
    } else {
        Err(Error::malformed("content-type"))
    }
}

fn is_foreign(headers: &HeaderMap, app: &App) -> bool {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match header("sec-fetch-site") {
        Some(from) => !matches!(from, "same-origin" | "none"),
        // Older browsers, and any over plain http, say at least the origin.
        None => header("origin").is_some_and(|origin| origin != app.config.public_url),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_browsers_write_it() {
        let fields = Fields::read("a=1+2&b=%E6%B0%B4%2B&a=3&c&=x&d=%zz%4".as_bytes());
        assert_eq!(fields.text("a"), "3");
        assert_eq!(fields.text("b"), "水+");
        assert_eq!((fields.text("c"), fields.text("none")), ("", ""));
        assert_eq!(fields.text("d"), "%zz%4");
        assert_eq!(Fields::read(b"e=%ff").text("e"), "\u{fffd}");
    }
}
