//! Carrying plans out inside the writer's transaction: rows of the log, feed, receipts, cases. Many
//! rows in few statements; decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};
use sync_core::document::pack::encode;
use sync_core::model::audience::Audience;
use sync_core::model::id::{DeviceId, PersonId, RecordId, SiteId};
use sync_core::model::time::{Seen, WallMs};
use sync_core::protocol::limits::LIMITS;
use sync_core::protocol::message::Outcome;

use super::account_day;
use super::audience;
use super::decide::{
    DeskCase, HeldPack, KeptDecided, QUOTA, Quarantined, RecordPlan, RowChange, Verdict,
};
use super::duplicates;
use super::load::{self, list, number};
use super::log::{DISCARDED, LogRow, RowState, Why, facts_to_cell, hashes_to_cell};
use super::projection;
use super::receipts::{self, Told};
use super::rows::pieces;
use super::strokes;
use super::waiting;
use crate::sync::stops::Stops;
use crate::{Error, Result};

/// One record's plan with what it was made on.
#[derive(Debug)]
pub struct Planned {
    /// The record.
    pub record: RecordId,
    /// The version the plan was made on.
    pub version: u64,
    /// What to write.
    pub plan: RecordPlan,
}

/// What stands for all rows of one write.
#[derive(Debug, Clone, Copy)]
pub struct WriteContext {
    /// The server's life.
    pub epoch: u32,
    /// Server time.
    pub now_ms: WallMs,
}

/// A place in a site's feed that was just taken: whoever reads the audience is poked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Poke {
    /// The audience, with its site.
    pub audience: Audience,
    /// The site's sequence.
    pub sequence: u64,
}

impl Poke {
    /// News for a site's office that has no place in the feed.
    pub fn office(site: SiteId) -> Self {
        Self { audience: Audience::Office(site), sequence: 0 }
    }
}

/// Writes the plans of one push or office command.
///
/// # Errors
/// If the database does not take them; the caller rolls back to its savepoint.
pub async fn plans(
    conn: &mut SqliteConnection,
    planned: &mut [Planned],
    context: WriteContext,
    stops: &mut Stops<'_>,
) -> Result<Vec<Poke>> {
    let mut last: BTreeMap<SiteId, u64> = BTreeMap::new();
    take_sequences(conn, planned, &mut last).await?;
    stops.inside().await?;
    records(conn, planned).await?;
    stops.inside().await?;
    changes(conn, planned, context.now_ms).await?;
    row_changes(conn, planned).await?;
    stops.inside().await?;
    let named = projection::write(conn, planned, context.now_ms).await?;
    let equal_strokes = strokes::write(conn, planned, context.now_ms).await?;
    let duplicates = duplicates::write(conn, planned, context.now_ms).await?;
    let moved = audience::write(conn, planned).await?;
    let mut pokes = moved.pokes;
    stops.inside().await?;
    let contacts = projection::contacts_to_move(&named, &moved.members);
    pokes.extend(audience::write_contacts(conn, &contacts, &mut last).await?);
    held(conn, planned, context.now_ms).await?;
    aside(conn, planned, context.now_ms).await?;
    // A case is news for the office also where nothing was accepted.
    let with_cases = planned.iter().filter(|planned| !planned.plan.desk_cases.is_empty());
    let sites = with_cases
        .filter_map(|planned| planned.plan.case_site())
        .chain(equal_strokes)
        .chain(duplicates);
    pokes.extend(sites.map(Poke::office));
    stops.inside().await?;
    receipts(conn, planned, context.epoch, &last).await?;
    pokes.extend(account_day::write(conn, planned, context.now_ms).await?);
    stops.inside().await?;
    Ok(pokes)
}

/// One sequence for each record that something is accepted in: all its changes of one write share
/// it, no two records do. So a page of the feed can be cut between any two sequences.
async fn take_sequences(
    conn: &mut SqliteConnection,
    planned: &mut [Planned],
    last: &mut BTreeMap<SiteId, u64>,
) -> Result<()> {
    let mut of_site: BTreeMap<SiteId, Vec<&mut Planned>> = BTreeMap::new();
    for planned in planned.iter_mut().filter(|planned| planned.plan.accepts_anything()) {
        let site = planned.plan.site.ok_or(Error::Broken("an accepted record without a site"))?;
        of_site.entry(site).or_default().push(planned);
    }
    for (site, planned) in of_site {
        let mut sequence = raise_sequence(conn, site, planned.len()).await?;
        last.insert(site, sequence);
        for planned in planned.into_iter().rev() {
            planned.plan.take_sequence(sequence);
            sequence -= 1;
        }
    }
    Ok(())
}

/// Takes so many of a site's sequences; answers the last.
pub(super) async fn raise_sequence(
    conn: &mut SqliteConnection,
    site: SiteId,
    count: usize,
) -> Result<u64> {
    let raised: Option<i64> = sqlx::query_scalar(
        "update site set sequence = sequence + ? where site = ? returning sequence",
    )
    .bind(number(count as u64))
    .bind(site.0)
    .fetch_optional(&mut *conn)
    .await?;
    raised.map(i64::unsigned_abs).ok_or(Error::Broken("a record of a site that is not there"))
}

async fn records(conn: &mut SqliteConnection, planned: &[Planned]) -> Result<()> {
    let written: Vec<&Planned> = planned.iter().filter(|p| p.plan.touches_record()).collect();
    for piece in pieces(&written) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into record (record, site, kind, version, heads, sequence, held) ",
        );
        query.push_values(piece, |mut row, planned| {
            row.push_bind(planned.record.0.to_vec())
                .push_bind(planned.plan.site.map(|site| site.0))
                .push_bind(planned.plan.kind.clone())
                .push_bind(number(planned.version + 1))
                .push_bind(hashes_to_cell(&planned.plan.heads))
                .push_bind(number(planned.plan.sequence.unwrap_or(0)))
                .push_bind(number(planned.plan.held_count));
        });
        query.push(
            " on conflict (record) do update set site = excluded.site, kind = excluded.kind,
               version = excluded.version, heads = excluded.heads,
               sequence = max(record.sequence, excluded.sequence), held = excluded.held",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

async fn changes(conn: &mut SqliteConnection, planned: &[Planned], now_ms: WallMs) -> Result<()> {
    let rows: Vec<(RecordId, &LogRow)> = planned
        .iter()
        .flat_map(|planned| planned.plan.rows.iter().map(|row| (planned.record, row)))
        .collect();
    for piece in pieces(&rows) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into change (record, hash, actor, seq, start_op, max_op, deps, person, device,
               number, state, code, params, sequence, facts, received_ms) ",
        );
        query.push_values(piece, |mut cells, (record, row)| {
            cells
                .push_bind(record.0.to_vec())
                .push_bind(row.hash.0.to_vec())
                .push_bind(row.actor.0.to_vec())
                .push_bind(number(row.seq))
                .push_bind(number(row.start_op))
                .push_bind(number(row.max_op))
                .push_bind(hashes_to_cell(&row.deps))
                .push_bind(row.author.map(|author| author.person.0))
                .push_bind(row.author.map(|author| author.device.0))
                .push_bind(row.author.map(|author| number(author.number)))
                .push_bind(row.state.code())
                .push_bind(row.why.as_ref().map(|why| why.code.clone()))
                .push_bind(row.why.as_ref().and_then(params))
                .push_bind(row.sequence.map(number))
                .push_bind(facts_to_cell(&row.facts))
                .push_bind(now_ms);
        });
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// Rows that were held in the log and are decided now: few.
async fn row_changes(conn: &mut SqliteConnection, planned: &[Planned]) -> Result<()> {
    for planned in planned {
        for RowChange { id, state, why } in &planned.plan.row_changes {
            let sequence = planned.plan.sequence.filter(|_| *state == RowState::Accepted);
            sqlx::query(
                "update change set state = ?, code = ?, params = ?, sequence = ?,
                   facts = case when ? then x'' else facts end
                 where id = ?",
            )
            .bind(state.code())
            .bind(why.as_ref().map(|why| why.code.clone()))
            .bind(why.as_ref().and_then(params))
            .bind(sequence.map(number))
            .bind(*state == RowState::Rewritten)
            .bind(id)
            .execute(&mut *conn)
            .await?;
        }
    }
    Ok(())
}

async fn held(conn: &mut SqliteConnection, planned: &[Planned], now_ms: WallMs) -> Result<()> {
    for planned in planned {
        for id in &planned.plan.held_gone {
            sqlx::query("delete from held_pack where id = ?").bind(id).execute(&mut *conn).await?;
        }
        for held in &planned.plan.held_new {
            let HeldPack { person, device, why, since_ms, checked, pack, .. } = held;
            let numbers = || pack.changes.iter().filter_map(super::decide::number);
            sqlx::query(
                "insert into held_pack (record, person, device, from_number, to_number, code,
                   checked, bytes, received_ms, first_ms)
                 values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(planned.record.0.to_vec())
            .bind(person.0)
            .bind(device.0)
            .bind(number(numbers().min().unwrap_or(0)))
            .bind(number(numbers().max().unwrap_or(0)))
            .bind(&why.code)
            .bind(checked)
            .bind(encode(std::slice::from_ref(pack)))
            .bind(now_ms)
            .bind(since_ms.unwrap_or(now_ms))
            .execute(&mut *conn)
            .await?;
        }
    }
    Ok(())
}

/// Quarantine, cases and what they cost the device's quota: few.
async fn aside(conn: &mut SqliteConnection, planned: &[Planned], now_ms: WallMs) -> Result<()> {
    let mut cost: BTreeMap<DeviceId, i64> = BTreeMap::new();
    for Planned { record, plan, .. } in planned {
        for Quarantined { author, why, bytes } in &plan.quarantined {
            sqlx::query(
                "insert into quarantine (at_ms, person, device, record, number, code, bytes,
                   decision) values (?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .bind(now_ms)
            .bind(author.person.0)
            .bind(author.device.0)
            .bind(record.0.to_vec())
            .bind(number(author.number))
            .bind(&why.code)
            .bind(bytes.as_slice())
            .bind((why.code == DISCARDED).then_some(DISCARDED))
            .execute(&mut *conn)
            .await?;
        }
        for KeptDecided { id, word } in &plan.kept_decided {
            sqlx::query("update quarantine set decision = ? where id = ?")
                .bind(word)
                .bind(id)
                .execute(&mut *conn)
                .await?;
        }
        if !(plan.row_changes.is_empty()
            && plan.held_gone.is_empty()
            && plan.kept_decided.is_empty())
        {
            waiting::close_decided(conn, *record, now_ms).await?;
        }
        for case in &plan.desk_cases {
            desk_case(conn, plan.case_site(), Some(*record), case, now_ms).await?;
        }
        for device in plan.devices_set_aside() {
            *cost.entry(device).or_default() += number(plan.quarantine_bytes(device));
        }
        for (device, bytes) in &plan.freed {
            *cost.entry(*device).or_default() -= number(*bytes);
        }
        if plan.cloned
            && let Some(case) = plan.desk_cases.iter().find(|case| case.kind == "clone")
        {
            sqlx::query(
                "insert into phone (device, re_enrol) values (?, true)
                 on conflict (device) do update set re_enrol = true",
            )
            .bind(case.device.0)
            .execute(&mut *conn)
            .await?;
        }
    }
    for (device, bytes) in cost {
        use_quota(conn, device, bytes, now_ms).await?;
    }
    Ok(())
}

/// Counts bytes kept of what a device sent and nobody accepted; what is given back is below zero.
pub(super) async fn use_quota(
    conn: &mut SqliteConnection,
    device: DeviceId,
    bytes: i64,
    now_ms: WallMs,
) -> Result<()> {
    sqlx::query(
        "insert into phone (device, quarantine_bytes) values (?1, max(?2, 0))
         on conflict (device) do update set
           quarantine_bytes = max(phone.quarantine_bytes + ?2, 0)",
    )
    .bind(device.0)
    .bind(bytes)
    .execute(&mut *conn)
    .await?;
    if bytes >= 0 {
        return Ok(());
    }
    // There is room again for what was not stored. R5.24.
    sqlx::query(
        "update desk_case set closed_ms = ?1 where device = ?2 and kind = ?3
           and closed_ms is null and cast(json_extract(params, '$.bytes') as integer)
             <= ?4 - (select quarantine_bytes from phone where device = ?2)",
    )
    .bind(now_ms)
    .bind(device.0)
    .bind(QUOTA)
    .bind(number(LIMITS.quarantine_bytes_max))
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// One case of a kind for two records, whichever was there first, whatever was said of it since; a
/// command of the first brings it.
pub(super) async fn pair_case(
    conn: &mut SqliteConnection,
    kind: &str,
    (site, (person, device), from): (SiteId, (PersonId, DeviceId), u64),
    (record, other): (RecordId, RecordId),
    now_ms: WallMs,
) -> Result<()> {
    let names = |other: RecordId| serde_json::json!({ "record": other }).to_string();
    sqlx::query(
        "insert into desk_case (site, kind, record, person, device, from_number, to_number,
           params, opened_ms)
         select ?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8 where not exists (
           select 1 from desk_case where kind = ?2
             and (record = ?3 and params = ?7 or record = ?9 and params = ?10))",
    )
    .bind(site.0)
    .bind(kind)
    .bind(record.0.to_vec())
    .bind(person.0)
    .bind(device.0)
    .bind(number(from))
    .bind(names(other))
    .bind(now_ms)
    .bind(other.0.to_vec())
    .bind(names(record))
    .execute(conn)
    .await?;
    Ok(())
}

/// Opens a case for the office of its site, or for every office where there is no such site.
pub(super) async fn desk_case(
    conn: &mut SqliteConnection,
    site: Option<SiteId>,
    record: Option<RecordId>,
    case: &DeskCase,
    now_ms: WallMs,
) -> Result<()> {
    sqlx::query(
        "insert into desk_case (site, kind, record, person, device, from_number, to_number, code,
           params, opened_ms)
         values ((select site from site where site = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(site.map(|site| site.0))
    .bind(case.kind)
    .bind(record.map(|record| record.0.to_vec()))
    .bind(case.person.0)
    .bind(case.device.0)
    .bind(number(case.from))
    .bind(number(case.to))
    .bind(&case.why.code)
    .bind(params(&case.why))
    .bind(now_ms)
    .execute(&mut *conn)
    .await?;
    Ok(())
}

/// What is told of the commands decided here, device by device.
async fn receipts(
    conn: &mut SqliteConnection,
    planned: &[Planned],
    epoch: u32,
    last: &BTreeMap<SiteId, u64>,
) -> Result<()> {
    let mut news: BTreeMap<(DeviceId, PersonId), BTreeMap<u64, Told>> = BTreeMap::new();
    for Planned { plan, .. } in planned {
        // The last sequence of the transaction serves all its receipts: a backup that has it has
        // every earlier one, and the ranges stay long.
        let sequence = plan.site.and_then(|site| last.get(&site)).copied();
        let accepted_at = sequence.map(|sequence| Seen { epoch, sequence });
        for verdict in plan.verdicts.iter().filter(|verdict| verdict.is_kept()) {
            let Verdict { author, outcome, why, cases, .. } = verdict.clone();
            let accepted_at = accepted_at.filter(|_| outcome.is_accepted());
            let told = Told { outcome, why, cases, accepted_at };
            news.entry((author.device, author.person)).or_default().insert(author.number, told);
        }
    }
    tell(conn, news).await
}

/// What is told of commands from now on, device by device.
pub(super) async fn tell(
    conn: &mut SqliteConnection,
    news: BTreeMap<(DeviceId, PersonId), BTreeMap<u64, Told>>,
) -> Result<()> {
    for ((device, person), news) in news {
        let bounds = (
            news.first_key_value().map_or(0, |(number, _)| *number),
            news.last_key_value().map_or(0, |(number, _)| *number),
        );
        let known = load::receipts(conn, device, bounds).await?;
        let phones = load::phones(conn, &BTreeSet::from([device])).await?;
        let last = phones.get(&device).map_or(0, |phone| phone.receipt_sequence);
        let rewrite = receipts::rewrite(&known, &news, last);
        write_ranges(conn, device, person, &rewrite).await?;
    }
    Ok(())
}

async fn write_ranges(
    conn: &mut SqliteConnection,
    device: DeviceId,
    person: PersonId,
    rewrite: &receipts::Rewrite,
) -> Result<()> {
    let Some(last) = rewrite.new.last().map(|range| range.receipt_sequence) else {
        return Ok(());
    };
    for piece in pieces(&rewrite.gone) {
        let mut query = QueryBuilder::<Sqlite>::new("delete from receipt where device = ");
        query.push_bind(device.0).push(" and from_number in ");
        list(&mut query, piece.iter().map(|from| number(*from)));
        query.build().execute(&mut *conn).await?;
    }
    for piece in pieces(&rewrite.new) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into receipt (device, from_number, to_number, person, outcome, code, params,
               cases, accepted_epoch, accepted_sequence, receipt_sequence) ",
        );
        query.push_values(piece, |mut row, range| {
            let told = &range.told;
            let cases = (!told.cases.is_empty()).then(|| serde_json::json!(told.cases).to_string());
            row.push_bind(device.0)
                .push_bind(number(range.from))
                .push_bind(number(range.to))
                .push_bind(person.0)
                .push_bind(told.outcome.code())
                .push_bind(told.why.as_ref().map(|why| why.code.clone()))
                .push_bind(told.why.as_ref().and_then(params))
                .push_bind(cases)
                .push_bind(told.accepted_at.map(|seen| seen.epoch))
                .push_bind(told.accepted_at.map(|seen| number(seen.sequence)))
                .push_bind(number(range.receipt_sequence));
        });
        query.build().execute(&mut *conn).await?;
    }
    sqlx::query(
        "insert into phone (device, receipt_sequence) values (?, ?)
         on conflict (device) do update set receipt_sequence = excluded.receipt_sequence",
    )
    .bind(device.0)
    .bind(number(last))
    .execute(&mut *conn)
    .await?;
    Ok(())
}

fn params(why: &Why) -> Option<String> {
    (!why.params.is_empty()).then(|| serde_json::json!(why.params).to_string())
}

impl Verdict {
    /// Whether a receipt of it is kept: what is not stored is still the phone's, and a clone's
    /// number keeps what its first holder was told.
    pub(super) fn is_kept(&self) -> bool {
        self.outcome != Outcome::NotStored && !self.cloned
    }
}
