//! Sites, their buildings, units and policies.

use serde_json::{Value, json};
use sqlx::SqliteConnection;
use sync_core::model::id::SiteId;
use sync_core::model::place::Building;
use sync_core::model::policy::SlaPolicy;
use sync_core::protocol::problem::ProblemCode;

use super::{Act, audit, checked_name, exists_already, reference_changed};
use crate::{Error, Result};

/// Adds a site with the default policy; `site` numbers it, or the database does.
///
/// # Errors
/// If the number is taken or the name empty or too long.
pub async fn add_site(
    conn: &mut SqliteConnection,
    act: Act,
    site: Option<SiteId>,
    name: &str,
) -> Result<SiteId> {
    let number: u32 =
        sqlx::query_scalar("insert into site (site, name) values (?, ?) returning site")
            .bind(site.map(|site| site.0))
            .bind(checked_name(name)?)
            .fetch_one(&mut *conn)
            .await
            .map_err(exists_already)?;
    let site = SiteId(number);
    insert_policy(conn, site, &SlaPolicy::default()).await?;
    audit::append(conn, act, "site_added", &json!({ "site": site })).await?;
    reference_changed(conn).await?;
    Ok(site)
}

/// Every site with its name.
///
/// # Errors
/// If the database does not answer.
pub async fn sites(conn: &mut SqliteConnection) -> Result<Vec<(SiteId, String)>> {
    let rows: Vec<(u32, String)> =
        sqlx::query_as("select site, name from site order by site").fetch_all(conn).await?;
    Ok(rows.into_iter().map(|(site, name)| (SiteId(site), name)).collect())
}

/// Adds a unit, e.g. `3-2-1501` in building `3`.
///
/// # Errors
/// If it is there already, or there is no such site.
pub async fn add_unit(
    conn: &mut SqliteConnection,
    act: Act,
    site: SiteId,
    unit: &str,
    building: &str,
) -> Result<()> {
    site_exists(conn, site).await?;
    let unit = checked_name(unit)?;
    let code = checked_name(building)?.to_owned();
    if !buildings(conn, site).await?.iter().any(|known| known.code == code) {
        let new = Building { name: code.clone(), code, group: None };
        put_building(conn, site, &new).await?;
        reference_changed(conn).await?;
    }
    sqlx::query("insert into unit (site, unit, building) values (?, ?, ?)")
        .bind(site.0)
        .bind(unit)
        .bind(checked_name(building)?)
        .execute(&mut *conn)
        .await
        .map_err(exists_already)?;
    audit::append(conn, act, "unit_added", &json!({ "site": site, "unit": unit })).await
}

/// A site's buildings, by code.
///
/// # Errors
/// If the database does not answer.
pub async fn buildings(conn: &mut SqliteConnection, site: SiteId) -> Result<Vec<Building>> {
    let rows: Vec<(String, String, Option<u32>)> =
        sqlx::query_as("select building, name, grp from building where site = ? order by building")
            .bind(site.0)
            .fetch_all(conn)
            .await?;
    let building = |(code, name, group)| Building { code, name, group };
    Ok(rows.into_iter().map(building).collect())
}

/// Writes a building as it is from now on; who tells phones is the caller.
///
/// # Errors
/// If the database does not answer.
pub async fn put_building(
    conn: &mut SqliteConnection,
    site: SiteId,
    building: &Building,
) -> Result<()> {
    sqlx::query(
        "insert into building (site, building, name, grp) values (?, ?, ?, ?)
         on conflict (site, building) do update set name = excluded.name, grp = excluded.grp",
    )
    .bind(site.0)
    .bind(&building.code)
    .bind(&building.name)
    .bind(building.group)
    .execute(conn)
    .await?;
    Ok(())
}

/// A site's units with their buildings.
///
/// # Errors
/// If the database does not answer.
pub async fn units(conn: &mut SqliteConnection, site: SiteId) -> Result<Vec<(String, String)>> {
    let rows = sqlx::query_as("select unit, building from unit where site = ? order by unit")
        .bind(site.0)
        .fetch_all(conn)
        .await?;
    Ok(rows)
}

/// The policy that judges records created from now on.
///
/// # Errors
/// If there is no such site.
pub async fn policy(conn: &mut SqliteConnection, site: SiteId) -> Result<SlaPolicy> {
    let json: Option<String> =
        sqlx::query_scalar("select json from policy where site = ? order by version desc limit 1")
            .bind(site.0)
            .fetch_optional(conn)
            .await?;
    let json = json.ok_or(Error::problem(ProblemCode::NotFound))?;
    serde_json::from_str(&json).map_err(|_| Error::Broken("a policy that does not read"))
}

/// Makes a new version of a site's policy in which these members have other values, in force from
/// now on. Answers it (R0.8).
///
/// # Errors
/// If there is no such site or member, or a value is none for it.
pub async fn change_policy(
    conn: &mut SqliteConnection,
    act: Act,
    site: SiteId,
    changes: &[(String, Value)],
) -> Result<SlaPolicy> {
    let before = policy(conn, site).await?;
    let mut members =
        serde_json::to_value(&before).map_err(|_| Error::Broken("a policy does not write"))?;
    for (name, value) in changes {
        let fixed = matches!(name.as_str(), "version" | "from_ms");
        match members.get_mut(name) {
            Some(member) if !fixed => *member = value.clone(),
            _ => return Err(Error::malformed(name)),
        }
    }
    let mut after: SlaPolicy =
        serde_json::from_value(members).map_err(|_| Error::malformed("policy"))?;
    after.version = before.version + 1;
    after.from_ms = act.at_ms;
    check(&after)?;
    insert_policy(conn, site, &after).await?;
    // How long things are kept may have changed: retention looks at all of the site again.
    for look in [
        "update contact_card set look_ms = min(look_ms, 0) - 1 where site = ?",
        "update violation set look_ms = min(look_ms, 0) - 1 where site = ?",
    ] {
        sqlx::query(look).bind(site.0).execute(&mut *conn).await?;
    }
    let detail = json!({ "site": site, "version": after.version });
    audit::append(conn, act, "policy_changed", &detail).await?;
    reference_changed(conn).await?;
    Ok(after)
}

// R0.7
fn check(policy: &SlaPolicy) -> Result<()> {
    if policy.time_zone.parse::<chrono_tz::Tz>().is_err() {
        return Err(Error::malformed("time_zone"));
    }
    if !(1..=5).contains(&policy.service_grade) {
        return Err(Error::malformed("service_grade"));
    }
    let members = serde_json::to_value(policy).unwrap_or_default();
    let negative = members
        .as_object()
        .and_then(|members| members.iter().find(|(_, v)| v.as_i64().is_some_and(|n| n < 0)));
    match negative {
        Some((name, _)) => Err(Error::malformed(name)),
        None => Ok(()),
    }
}

async fn insert_policy(
    conn: &mut SqliteConnection,
    site: SiteId,
    policy: &SlaPolicy,
) -> Result<()> {
    let json =
        serde_json::to_string(policy).map_err(|_| Error::Broken("a policy does not write"))?;
    sqlx::query("insert into policy (site, version, json) values (?, ?, ?)")
        .bind(site.0)
        .bind(policy.version)
        .bind(json)
        .execute(conn)
        .await?;
    Ok(())
}

async fn site_exists(conn: &mut SqliteConnection, site: SiteId) -> Result<()> {
    let found: Option<u32> = sqlx::query_scalar("select site from site where site = ?")
        .bind(site.0)
        .fetch_optional(conn)
        .await?;
    found.map(|_| ()).ok_or(Error::problem(ProblemCode::NotFound))
}
