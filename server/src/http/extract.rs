//! Who asks and what for: sign-in is an argument type, so no handler can forget it. JSON, paths and
//! queries that do not parse are refused the same way everywhere.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::IntoResponse as _;
use serde::de::DeserializeOwned;
use subtle::ConstantTimeEq as _;
use sync_core::model::department::Department;
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::model::person::{Principal, Role};
use sync_core::model::time::WallMs;
use sync_core::protocol::problem::ProblemCode;

use crate::people::office::OfficeSession;
use crate::people::{Act, device, grant, office, token};
use crate::sync::Bearer;
use crate::{App, Error, Result};

/// The header that repeats the session's token against cross-site requests.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// Someone on a phone with a good access token.
#[derive(Debug, Clone, Copy)]
pub struct PhoneUser {
    /// The person.
    pub person: PersonId,
    /// The device.
    pub device: DeviceId,
}

impl PhoneUser {
    /// As sync wants it.
    pub fn bearer(self) -> Bearer {
        Bearer { person: self.person, device: self.device }
    }
}

impl FromRequestParts<App> for PhoneUser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim())
            .ok_or(Error::problem(ProblemCode::NotSignedIn))?;
        let who = token::verify(&app.keys, token, app.now_ms())?;
        let mut conn = app.db.reader().acquire().await?;
        device::admit(&mut conn, who).await?;
        super::trace::who(who);
        Ok(Self { person: who.person, device: who.device })
    }
}

/// Someone signed in to the office, with the grants that are or were theirs. A request that may
/// change something must carry the session's token against cross-site requests.
#[derive(Debug, Clone)]
pub struct OfficeUser {
    /// The session.
    pub session: OfficeSession,
    /// The person's grants.
    pub principal: Principal,
    /// When the request came.
    pub now_ms: WallMs,
}

impl OfficeUser {
    /// The person.
    pub fn person(&self) -> PersonId {
        self.session.person
    }

    /// What it does now.
    pub fn act(&self) -> Act {
        Act { at_ms: self.now_ms, by: Some(self.person()) }
    }

    /// Checks that the person works in the office of a site.
    ///
    /// # Errors
    /// `forbidden` if not.
    pub fn in_office_of(&self, site: SiteId) -> Result<()> {
        self.holds(|role, at| at == site && role.is_office())
    }

    /// The sites in whose office the person works.
    pub fn office_sites(&self) -> std::collections::BTreeSet<SiteId> {
        self.in_force().filter(|(role, _)| role.is_office()).map(|(_, site)| site).collect()
    }

    /// Checks that the person has any role at a site.
    ///
    /// # Errors
    /// `forbidden` if not.
    pub fn at_site(&self, site: SiteId) -> Result<()> {
        self.holds(|_, at| at == site)
    }

    /// Checks that the person holds one of these roles at a site.
    ///
    /// # Errors
    /// `forbidden` if not.
    pub fn holds_at(&self, site: SiteId, roles: &[Role]) -> Result<()> {
        self.holds(|role, at| at == site && roles.contains(&role))
    }

    /// Checks that the person holds one of these roles for the whole of a site: what is the whole
    /// site's is not for who holds a role for one group of buildings or one department.
    ///
    /// # Errors
    /// `forbidden` if not.
    pub fn holds_whole(&self, site: SiteId, roles: &[Role]) -> Result<()> {
        let mut grants = self.principal.grants.iter();
        let holds = grants.any(|grant| {
            grant::in_force(grant, self.now_ms)
                && grant.site == site
                && roles.contains(&grant.role)
                && grant.group.is_none()
                && grant.department.is_none()
        });
        if holds { Ok(()) } else { Err(Error::problem(ProblemCode::Forbidden)) }
    }

    /// Checks that the person holds one of these roles for the whole of a site or for customer
    /// service, whose desk it is: what is the desk's is not for who holds a role for one group of
    /// buildings or another department.
    ///
    /// # Errors
    /// `forbidden` if not.
    pub fn holds_desk(&self, site: SiteId, roles: &[Role]) -> Result<()> {
        let mut grants = self.principal.grants.iter();
        let holds = grants.any(|grant| {
            grant::in_force(grant, self.now_ms)
                && grant.site == site
                && roles.contains(&grant.role)
                && grant.group.is_none()
                && grant.department.as_ref().is_none_or(|of| *of == Department::CUSTOMER_SERVICE)
        });
        if holds { Ok(()) } else { Err(Error::problem(ProblemCode::Forbidden)) }
    }

    /// Checks that the person is an administrator of one of these sites.
    ///
    /// # Errors
    /// `forbidden` if not.
    pub fn administers(&self, sites: &std::collections::BTreeSet<SiteId>) -> Result<()> {
        self.holds(|role, at| role == Role::Admin && sites.contains(&at))
    }

    fn holds(&self, wanted: impl Fn(Role, SiteId) -> bool) -> Result<()> {
        let holds = self.in_force().any(|(role, site)| wanted(role, site));
        if holds { Ok(()) } else { Err(Error::problem(ProblemCode::Forbidden)) }
    }

    fn in_force(&self) -> impl Iterator<Item = (Role, SiteId)> {
        self.principal
            .grants
            .iter()
            .filter(|grant| grant::in_force(grant, self.now_ms))
            .map(|grant| (grant.role, grant.site))
    }
}

impl FromRequestParts<App> for OfficeUser {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let user = Self::of_cookie(&parts.headers, app, true).await?;
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            let shown = parts.headers.get(CSRF_HEADER).map_or(&[][..], |value| value.as_bytes());
            user.same_site(shown)?;
        }
        Ok(user)
    }
}

impl OfficeUser {
    /// Whose cookie it is. `counts` says whether this is somebody's doing: what a page asks for by
    /// itself keeps no session alive.
    ///
    /// # Errors
    /// `not_signed_in`, `account_disabled`.
    pub(crate) async fn of_cookie(headers: &HeaderMap, app: &App, counts: bool) -> Result<Self> {
        let secret = cookie(headers, super::office::cookie_name(&app.config))
            .ok_or(Error::problem(ProblemCode::NotSignedIn))?;
        let now_ms = app.now_ms();
        let mut conn = app.db.reader().acquire().await?;
        let (session, note_use) = office::find(&mut conn, secret, now_ms).await?;
        super::trace::who(Bearer { person: session.person, device: session.device });
        let principal = grant::principal(&mut conn, session.person).await?;
        drop(conn);
        if note_use && counts {
            let mut transaction = app.db.begin_write().await?;
            office::note_use(&mut transaction, session.session, now_ms).await?;
            transaction.commit().await?;
        }
        Ok(Self { session, principal, now_ms })
    }

    /// Checks the token that a write repeats, in constant time.
    ///
    /// # Errors
    /// `cross_site` if it is another one.
    pub(crate) fn same_site(&self, shown: &[u8]) -> Result<()> {
        if bool::from(self.session.csrf.as_bytes().ct_eq(shown)) {
            Ok(())
        } else {
            Err(Error::problem(ProblemCode::CrossSite))
        }
    }
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

/// A JSON body.
#[derive(Debug, Clone)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for JsonBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        is_json(request.headers())?;
        parse_json(&body(request, app).await?).map(Self)
    }
}

/// Checks the content type. Also what keeps a form of another site from signing anyone in: it
/// cannot send this type.
pub fn is_json(headers: &HeaderMap) -> Result<()> {
    let named = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = named.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        Err(Error::malformed("content-type"))
    }
}

/// The whole body, within the route's limit.
pub async fn body(request: Request, app: &App) -> Result<Bytes> {
    Bytes::from_request(request, app).await.map_err(|rejection| {
        if rejection.into_response().status() == StatusCode::PAYLOAD_TOO_LARGE {
            Error::problem(ProblemCode::TooLarge).with("what", "body")
        } else {
            Error::malformed("body")
        }
    })
}

/// Parses a JSON body; the caller is told where it does not parse.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::malformed("body").with("detail", error))
}

/// An id in the path.
#[derive(Debug, Clone, Copy)]
pub struct PathId<T>(pub T);

impl<T: FromStr + Send> FromRequestParts<App> for PathId<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Path(text) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| Error::problem(ProblemCode::NotFound))?;
        // What is no id is nobody's: there is nothing at this address.
        text.parse().map(Self).map_err(|_| Error::problem(ProblemCode::NotFound))
    }
}

/// A query string.
#[derive(Debug, Clone)]
pub struct QueryOf<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<App> for QueryOf<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, app).await;
        let query = query
            .map_err(|rejection| Error::malformed("query").with("detail", rejection.body_text()))?;
        Ok(Self(query.0))
    }
}
