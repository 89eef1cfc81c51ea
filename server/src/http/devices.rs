//! Phones and their accounts: saved = accepted + held + refused + still on the phone, known up to
//! the phone's last word and unknown since. An administrator locks, unlocks and revokes them, and
//! notes that one is lost or found.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sqlx::SqliteConnection;
use std::collections::BTreeSet;
use sync_core::model::id::{DeviceId, PersonId, SiteId};
use sync_core::protocol::problem::ProblemCode;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::extract::{OfficeUser, PathId, QueryOf};
use super::idempotency::{OfficePost, once};
use super::schema;
use super::time::rfc3339;
use super::work_orders::Nothing;
use crate::idempotency::RequestName;
use crate::people::device::{self, Befalls};
use crate::{App, Error, Result, idempotency};

/// The routes.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(revoke))
        .routes(routes!(lock))
        .routes(routes!(unlock))
        .routes(routes!(lost))
        .routes(routes!(found))
        .routes(routes!(account))
}

/// Which site's.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfSite {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
}

/// A site's phones.
#[derive(Serialize, ToSchema)]
struct Devices {
    /// By number.
    items: Vec<Phone>,
}

/// A phone.
#[derive(Serialize, ToSchema)]
struct Phone {
    /// The device's number.
    device: u32,
    /// What its person calls it.
    name: String,
    /// Since when it is known.
    enrolled_at: String,
    /// Since when it may no longer come in.
    revoked_at: Option<String>,
    /// Since when it is locked.
    locked_at: Option<String>,
    /// Since when it is lost.
    lost_at: Option<String>,
    /// Its app's version.
    app_version: Option<String>,
    /// When the oldest command that it had not sent was saved, by its own clock.
    oldest_unsent_at: Option<String>,
    /// The account.
    #[serde(flatten)]
    account: AccountRow,
}

/// What became of everything a person saved on a device.
#[derive(Serialize, ToSchema)]
struct AccountRow {
    /// The person.
    person: u32,
    /// Its name.
    person_name: String,
    /// Saved, as far as known: accepted + held + refused + on_phone.
    saved: u64,
    /// Accepted.
    accepted: u64,
    /// Stored, not decided.
    held: u64,
    /// Refused, parked or discarded.
    refused: u64,
    /// Still on the phone.
    on_phone: u64,
    /// When the phone last told of its work; what it saved since is unknown.
    known_at: Option<String>,
}

/// List the phones of a site's staff, each with its account.
#[utoipa::path(
    get, path = "/v1/devices", tag = "devices", params(OfSite),
    responses(
        (status = 200, body = Devices),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn list(
    State(app): State<App>,
    user: OfficeUser,
    QueryOf(of): QueryOf<OfSite>,
) -> Result<Json<Devices>> {
    user.in_office_of(of.site)?;
    let mut items = Vec::new();
    for phone in phones_of(&app, of.site).await? {
        items.push(Phone {
            device: phone.device,
            enrolled_at: rfc3339(phone.enrolled_ms),
            revoked_at: phone.revoked_ms.map(rfc3339),
            locked_at: phone.locked_ms.map(rfc3339),
            lost_at: phone.lost_ms.map(rfc3339),
            app_version: phone.app_version.clone(),
            oldest_unsent_at: phone.oldest_unsent_wall_ms.map(rfc3339),
            name: phone.name.clone(),
            account: account_of(&app, &phone).await?,
        });
    }
    Ok(Json(Devices { items }))
}

/// Phones of everyone who has or had a role at a site.
async fn phones_of(app: &App, site: SiteId) -> Result<Vec<device::Device>> {
    let mut conn = app.db.reader().acquire().await?;
    let staff: Vec<u32> =
        sqlx::query_scalar("select distinct person from role_grant where site = ?")
            .bind(site.0)
            .fetch_all(&mut *conn)
            .await?;
    let staff: BTreeSet<u32> = staff.into_iter().collect();
    let mut phones = device::phones(&mut conn).await?;
    phones.retain(|phone| staff.contains(&phone.person));
    Ok(phones)
}

async fn account_of(app: &App, phone: &device::Device) -> Result<AccountRow> {
    let account = app.sync.account(DeviceId(phone.device)).await?;
    Ok(AccountRow {
        person: phone.person,
        person_name: phone.person_name.clone(),
        // A command is here before the phone has told its number: what is here was saved.
        saved: account.saved.max(account.accepted + account.held + account.refused),
        accepted: account.accepted,
        held: account.held,
        refused: account.refused,
        on_phone: account.on_phone(),
        known_at: account.contact_ms.map(rfc3339),
    })
}

/// Whose account.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OfPerson {
    /// The site.
    #[param(value_type = u32)]
    site: SiteId,
    /// Of this person only.
    #[param(value_type = Option<u32>)]
    person: Option<PersonId>,
}

/// The account of a site's staff.
#[derive(Serialize, ToSchema)]
struct Accounts {
    /// One for each (person, device).
    items: Vec<DeviceAccount>,
    /// The time as of which it was made.
    as_of: String,
}

/// The account of a (person, device).
#[derive(Serialize, ToSchema)]
struct DeviceAccount {
    /// The device.
    device: u32,
    /// The account.
    #[serde(flatten)]
    account: AccountRow,
}

/// Account for every command of a site's staff.
#[utoipa::path(
    get, path = "/v1/account", tag = "devices", params(OfPerson),
    responses(
        (status = 200, body = Accounts),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn account(
    State(app): State<App>,
    user: OfficeUser,
    QueryOf(of): QueryOf<OfPerson>,
) -> Result<Json<Accounts>> {
    user.in_office_of(of.site)?;
    let mut items = Vec::new();
    for phone in phones_of(&app, of.site).await? {
        if of.person.is_none_or(|person| person.0 == phone.person) {
            let account = account_of(&app, &phone).await?;
            items.push(DeviceAccount { device: phone.device, account });
        }
    }
    Ok(Json(Accounts { items, as_of: rfc3339(user.now_ms) }))
}

/// A device that comes in no more.
#[derive(Serialize, ToSchema)]
struct Revoked {
    /// The device.
    #[schema(value_type = u32)]
    device: DeviceId,
    /// When it was revoked.
    revoked_at: String,
}

/// Let a device come in no more, from its next request on.
#[utoipa::path(
    post, path = "/v1/devices/{device}/revoke", tag = "devices", request_body = Nothing,
    params(("device" = u32, Path, description = "The device"), schema::IdempotencyKey),
    responses(
        (status = 200, body = Revoked),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn revoke(
    State(app): State<App>,
    PathId(device): PathId<DeviceId>,
    post: OfficePost<Nothing>,
) -> Result<Response> {
    may_manage(&app, &post.user, device).await?;
    let act = post.user.act();
    let body = Revoked { device, revoked_at: rfc3339(act.at_ms) };
    let body = serde_json::to_vec(&body).map_err(|_| Error::Broken("an answer"))?;
    once(&app, &post.name, async || {
        let mut transaction = app.db.begin_write().await?;
        device::revoke(&mut transaction, act, device).await?;
        idempotency::keep(&mut transaction, &post.name, (200, &body), act.at_ms).await?;
        app.sync.settle(&mut transaction).await?;
        transaction.commit().await?;
        Ok((200, body.clone()))
    })
    .await
}

/// How a device stands after somebody said what befell it.
#[derive(Serialize, ToSchema)]
struct DeviceStanding {
    /// The device.
    #[schema(value_type = u32)]
    device: DeviceId,
    /// Since when it may no longer come in.
    revoked_at: Option<String>,
    /// Since when it is locked.
    locked_at: Option<String>,
    /// Since when it is lost.
    lost_at: Option<String>,
}

/// Lock a phone: from its next request on it comes in no more until it is unlocked. It keeps what
/// it has. An administrator of a site of its person may.
#[utoipa::path(
    post, path = "/v1/devices/{device}/lock", tag = "devices", request_body = Nothing,
    params(("device" = u32, Path, description = "The device"), schema::IdempotencyKey),
    responses(
        (status = 200, body = DeviceStanding),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn lock(
    State(app): State<App>,
    PathId(device): PathId<DeviceId>,
    post: OfficePost<Nothing>,
) -> Result<Response> {
    befalls(&app, (&post.user, &post.name), device, Befalls::Locked).await
}

/// Unlock a phone: it comes in again.
#[utoipa::path(
    post, path = "/v1/devices/{device}/unlock", tag = "devices", request_body = Nothing,
    params(("device" = u32, Path, description = "The device"), schema::IdempotencyKey),
    responses(
        (status = 200, body = DeviceStanding),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn unlock(
    State(app): State<App>,
    PathId(device): PathId<DeviceId>,
    post: OfficePost<Nothing>,
) -> Result<Response> {
    befalls(&app, (&post.user, &post.name), device, Befalls::Unlocked).await
}

/// A phone is lost: from its next request on it comes in no more until it is found.
#[utoipa::path(
    post, path = "/v1/devices/{device}/lost", tag = "devices", request_body = Nothing,
    params(("device" = u32, Path, description = "The device"), schema::IdempotencyKey),
    responses(
        (status = 200, body = DeviceStanding),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn lost(
    State(app): State<App>,
    PathId(device): PathId<DeviceId>,
    post: OfficePost<Nothing>,
) -> Result<Response> {
    befalls(&app, (&post.user, &post.name), device, Befalls::Lost).await
}

/// A lost phone is found: what it has saved comes in as if nothing had been.
#[utoipa::path(
    post, path = "/v1/devices/{device}/found", tag = "devices", request_body = Nothing,
    params(("device" = u32, Path, description = "The device"), schema::IdempotencyKey),
    responses(
        (status = 200, body = DeviceStanding),
        (status = "4XX", body = schema::Problem, content_type = "application/problem+json"),
    ),
    security(("cookie" = []))
)]
async fn found(
    State(app): State<App>,
    PathId(device): PathId<DeviceId>,
    post: OfficePost<Nothing>,
) -> Result<Response> {
    befalls(&app, (&post.user, &post.name), device, Befalls::Found).await
}

/// Notes what befell a phone, with its line in the audit log, once for each name of a request.
///
/// # Errors
/// `not_found` for a device of nobody in the caller's offices, or that is no phone; `forbidden` to
/// whom no administrator's role is there.
pub(crate) async fn befalls(
    app: &App,
    (user, name): (&OfficeUser, &RequestName),
    device: DeviceId,
    what: Befalls,
) -> Result<Response> {
    may_manage(app, user, device).await?;
    let act = user.act();
    once(app, name, async || {
        let mut transaction = app.db.begin_write().await?;
        let standing = device::befalls(&mut transaction, act, device, what).await?;
        let body = DeviceStanding {
            device,
            revoked_at: standing.revoked_ms.map(rfc3339),
            locked_at: standing.locked_ms.map(rfc3339),
            lost_at: standing.lost_ms.map(rfc3339),
        };
        let body = serde_json::to_vec(&body).map_err(|_| Error::Broken("an answer"))?;
        idempotency::keep(&mut transaction, name, (200, &body), act.at_ms).await?;
        app.sync.settle(&mut transaction).await?;
        transaction.commit().await?;
        Ok((200, body))
    })
    .await
}

/// Checks that a device is of somebody in the caller's offices, and the caller an administrator
/// there.
async fn may_manage(app: &App, user: &OfficeUser, device: DeviceId) -> Result<()> {
    let mut conn = app.db.reader().acquire().await?;
    let sites = sites_of_owner(&mut conn, device).await?;
    drop(conn);
    if sites.is_disjoint(&user.office_sites()) {
        return Err(Error::problem(ProblemCode::NotFound));
    }
    user.administers(&sites)
}

/// Where the device's person has or had a role.
async fn sites_of_owner(conn: &mut SqliteConnection, device: DeviceId) -> Result<BTreeSet<SiteId>> {
    let sites: Vec<u32> = sqlx::query_scalar(
        "select distinct g.site from device d join role_grant g on g.person = d.person
         where d.device = ?",
    )
    .bind(device.0)
    .fetch_all(conn)
    .await?;
    Ok(sites.into_iter().map(SiteId).collect())
}
