//! Roles by the office's API: an administrator of the site grants and ends them, deputies' too.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sync_core::model::department::Department;
use sync_core::model::id::{PersonId, SiteId};
use sync_core::model::person::Role;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::idempotency::{OfficePost, once};
use super::schema;
use super::time::parse_rfc3339;
use crate::people::grant::{self, NewGrant, Reach};
use crate::{App, Error, Result, idempotency};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(make)).routes(routes!(end))
}

/// A role to be granted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewRole {
    /// To whom.
    #[schema(value_type = u32)]
    person: PersonId,
    /// The role's code, e.g. `security`.
    #[schema(value_type = String)]
    role: Role,
    /// Where.
    #[schema(value_type = u32)]
    site: SiteId,
    /// For one group of buildings (组团) only; without it, for the whole site.
    group: Option<u32>,
    /// For one department only, e.g. `engineering`; without it, for every one.
    #[schema(value_type = Option<String>)]
    department: Option<Department>,
    /// From when; without it, from now.
    from: Option<String>,
    /// Until when, exclusive; without it, until it is ended.
    to: Option<String>,
    /// For a deputy: whose role it is.
    #[schema(value_type = Option<u32>)]
    on_behalf_of: Option<PersonId>,
}

/// A role that was granted.
#[derive(Serialize, ToSchema)]
struct Granted {
    /// Its number.
    grant: i64,
}

fn time(name: &str, text: Option<&str>) -> Result<Option<i64>> {
    text.map(|text| parse_rfc3339(text).ok_or_else(|| Error::malformed(name))).transpose()
}

/// Grant a role, for a time and on somebody's behalf where that is so. An administrator of the
/// site may.
#[utoipa::path(
    post, path = "/v1/grants", tag = "office", request_body = NewRole,
    params(schema::IdempotencyKey),
    responses(
        (status = 201, body = Granted),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn make(State(app): State<App>, post: OfficePost<NewRole>) -> Result<Response> {
    let OfficePost { user, body, name } = post;
    user.holds_at(body.site, &[Role::Admin])?;
    let act = user.act();
    let new = NewGrant {
        person: body.person,
        role: body.role,
        site: body.site,
        from_ms: time("from", body.from.as_deref())?.unwrap_or(act.at_ms),
        to_ms: time("to", body.to.as_deref())?,
        on_behalf_of: body.on_behalf_of,
    };
    let reach = Reach { group: body.group, department: body.department };
    once(&app, &name, async || {
        let mut transaction = app.db.begin_write().await?;
        let grant = grant::grant_within(&mut transaction, act, &new, &reach).await?;
        let answer =
            serde_json::to_vec(&Granted { grant }).map_err(|_| Error::Broken("an answer"))?;
        idempotency::keep(&mut transaction, &name, (201, &answer), act.at_ms).await?;
        app.sync.settle(&mut transaction).await?;
        transaction.commit().await?;
        Ok((201, answer))
    })
    .await
}

/// Roles to be ended.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Ending {
    /// Whose.
    #[schema(value_type = u32)]
    person: PersonId,
    /// The role's code.
    #[schema(value_type = String)]
    role: Role,
    /// Where.
    #[schema(value_type = u32)]
    site: SiteId,
}

/// How many grants were ended.
#[derive(Serialize, ToSchema)]
struct Ended {
    /// How many.
    ended: u64,
}

/// End a person's role at a site, from now on.
#[utoipa::path(
    post, path = "/v1/grants/end", tag = "office", request_body = Ending,
    params(schema::IdempotencyKey),
    responses(
        (status = 200, body = Ended),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn end(State(app): State<App>, post: OfficePost<Ending>) -> Result<Response> {
    let OfficePost { user, body: Ending { person, role, site }, name } = post;
    user.holds_at(site, &[Role::Admin])?;
    let act = user.act();
    once(&app, &name, async || {
        let mut transaction = app.db.begin_write().await?;
        let ended = grant::end(&mut transaction, act, person, role, site).await?;
        let answer =
            serde_json::to_vec(&Ended { ended }).map_err(|_| Error::Broken("an answer"))?;
        idempotency::keep(&mut transaction, &name, (200, &answer), act.at_ms).await?;
        app.sync.settle(&mut transaction).await?;
        transaction.commit().await?;
        Ok((200, answer))
    })
    .await
}
