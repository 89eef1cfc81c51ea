//! Who looks at a page: the session by its cookie, the person's name, the language, and the key
//! that its forms will carry.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use data_encoding::BASE64URL_NOPAD;
use maud::{Markup, html};
use sync_core::model::id::SiteId;
use sync_core::protocol::problem::ProblemCode;
use sync_core::texts::Language;

use super::words::Words;
use crate::http::extract::OfficeUser;
use crate::{App, Error, Result};

/// What the page's script sends when it reads the page again by itself.
pub const LIVE_HEADER: &str = "x-fieldbook-live";

/// Someone at the desk.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The session and its grants.
    pub user: OfficeUser,
    /// The person's name.
    pub name: String,
    /// The page's language.
    pub words: Words,
    /// The key of the page's forms.
    pub key: String,
}

impl Desk {
    /// Whoever sent a request.
    ///
    /// # Errors
    /// `not_signed_in`, `account_disabled`.
    pub async fn of(parts: &Parts, app: &App) -> Result<Self> {
        let counts = !parts.headers.contains_key(LIVE_HEADER);
        let user = OfficeUser::of_cookie(&parts.headers, app, counts).await?;
        let name: String = sqlx::query_scalar("select name from person where person = ?")
            .bind(user.person().0)
            .fetch_one(app.db.reader())
            .await?;
        let mut key = [0; 16];
        app.randomness.fill(&mut key);
        let words = words_of(parts);
        Ok(Self { user, name, words, key: BASE64URL_NOPAD.encode(&key) })
    }

    /// What every form that writes carries.
    pub fn guard(&self) -> Markup {
        html! {
            input type="hidden" name="csrf" value=(self.user.session.csrf);
            input type="hidden" name="key" value=(self.key);
        }
    }

    /// The site to show: the wanted one, else the first of the person's offices.
    ///
    /// # Errors
    /// `not_found` for a site that is not the person's, `forbidden` to whom no office is.
    pub fn site(&self, wanted: Option<SiteId>) -> Result<SiteId> {
        let sites = self.user.office_sites();
        match wanted {
            Some(site) if sites.contains(&site) => Ok(site),
            Some(_) => Err(Error::problem(ProblemCode::NotFound)),
            None => sites.first().copied().ok_or(Error::problem(ProblemCode::Forbidden)),
        }
    }
}

/// The language that the router found for a request.
pub fn words_of(parts: &Parts) -> Words {
    Words(parts.extensions.get::<Language>().copied().unwrap_or_default())
}

impl FromRequestParts<App> for Desk {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Self::of(parts, app).await
    }
}

/// The language of someone who need not be signed in.
#[derive(Debug, Clone, Copy)]
pub struct Guest(pub Words);

impl FromRequestParts<App> for Guest {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Self::Rejection> {
        Ok(Self(words_of(parts)))
    }
}
