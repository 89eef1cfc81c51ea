//! The catalogue of paid services (有偿服务项目及收费标准): records of kind price item. An item
//! that is not there is opened and its price proposed; one whose price differs gets a proposal.
//! Approving is the general manager's and no sheet's (五 3.1). An item is known by its name and what
//! it is priced per; nothing is ended or renamed, which is for the record itself.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use sqlx::SqliteConnection;
use sync_core::model::id::{DeviceId, RecordId, SessionId};
use sync_core::model::person::Principal;
use sync_core::model::price_item::{KIND, PriceItemCreated, PriceItemFact, Priced, ServiceKind};
use sync_core::model::time::Seen;
use sync_core::rules::price_item::Price;
use sync_core::rules::{self, Command, DenialCode, Details, Moment, Review};

use super::{Changes, Reading};
use crate::import::{Cell, Column, Columns, Line, Plan, Rows, Scope, hundredths_text};
use crate::people::roster::local;
use crate::people::{NAME_CHARACTERS_MAX, grant};
use crate::sync::{Sync, Target};
use crate::{Error, Result};

/// The columns of its sheets.
pub const COLUMNS: Columns = Columns(&[
    Column::needed("item", &["服务项目", "项目名称", "收费项目"]),
    Column::needed("unit", &["单位", "计价单位", "计量单位"]),
    Column::needed("price", &["价格", "单价", "收费标准", "价格（元）", "单价（元）"]),
    Column::optional("service", &["类别", "服务类别"]),
    Column::optional("from", &["生效日期", "开始", "开始日期", "执行日期"]),
]);
const ITEM: usize = 0;
const UNIT: usize = 1;
const PRICE: usize = 2;
const SERVICE: usize = 3;
const FROM: usize = 4;

/// The largest price, fen, as the rules have it.
const PRICE_FEN_MAX: i64 = 10_000_000_000;
/// Items that one sheet opens or prices: they are written in one transaction.
const WRITTEN_MAX: usize = 2_000;

/// What makes two rows the same item: its name, and what its price is for one of.
type Key = (String, String);

/// A row of a sheet.
struct Listed {
    key: Key,
    amount_fen: i64,
    service: Option<ServiceKind>,
    from: Option<NaiveDate>,
}

/// An item that is sold.
struct Item {
    record: RecordId,
    service: ServiceKind,
    /// The price proposed last, and the one proposed last that was not turned down.
    proposed: Option<Price>,
    stands: Option<Price>,
}

impl Item {
    fn of(record: RecordId, review: &Review) -> Option<(Key, Self)> {
        let Some(Details::PriceItem(item)) = &review.details else { return None };
        if item.ended_at_ms.is_some() {
            return None;
        }
        let service = review.text("service").and_then(service_of)?;
        let key = (review.text("name")?.to_owned(), review.text("measure")?.to_owned());
        let stands = |price: &&Price| price.verdicts.is_empty() || price.approved;
        let (proposed, stands) = (item.prices.last(), item.prices.iter().rfind(stands));
        let item = Self { record, service, proposed: proposed.cloned(), stands: stands.cloned() };
        Some((key, item))
    }

    /// Whether it has the price of a row. One that was turned down is not proposed again by the
    /// same sheet; a row without a day says nothing of it.
    fn has(&self, row: &Listed) -> bool {
        let mut prices = self.proposed.iter().chain(&self.stands);
        prices.any(|price| {
            let same_day = row.from.is_none_or(|from| from.to_string() == price.from_date);
            price.amount_fen == row.amount_fen && same_day
        })
    }
}

/// What a sheet would open and propose (R6.11).
///
/// # Errors
/// If the database does not answer.
pub async fn plan(
    conn: &mut SqliteConnection,
    scope: &Scope,
    rows: Rows,
    sync: &Sync,
) -> Result<Plan> {
    let mut reading = Reading::new(COLUMNS, rows);
    let lines = reading.lines(listed);
    let items = existing(conn, scope, sync).await?;
    let by = scope.act.by.ok_or(Error::Broken("commands of nobody"))?;
    let principal = grant::principal(conn, by).await?;
    let today = local::date(scope.zone, scope.act.at_ms, 0);
    let mut seen = BTreeMap::new();
    let mut commands = Vec::new();
    let mut written = 0;
    for (row, line) in lines {
        if !reading.is_first(&mut seen, line.key.clone(), (row, ITEM)) {
            continue;
        }
        let item = items.get(&line.key);
        let Some(service) = line.service.or(item.map(|item| item.service)) else {
            reading.tell(row, SERVICE, "missing");
            continue;
        };
        if item.is_some_and(|item| item.service != service) {
            // Who prices an item follows from it: it is what the item was opened with.
            reading.tell(row, SERVICE, "differs");
            continue;
        }
        let there = item.is_some_and(|item| item.has(&line));
        if !reading.counts(item.map(|_| &there), &true) {
            continue;
        }
        let from_date = line.from.unwrap_or(today).to_string();
        let (name, measure) = line.key;
        let opens = open(scope, PriceItemCreated { name, service, measure });
        if !may(&principal, scope, &opens) {
            reading.tell(row, SERVICE, "not_yours");
        }
        if written == WRITTEN_MAX {
            reading.tell(row, ITEM, "too_many");
        }
        written += 1;
        if written > WRITTEN_MAX {
            continue;
        }
        let priced = Priced { amount_fen: line.amount_fen, from_date };
        let priced = Command::step(PriceItemFact::Priced(priced));
        match item {
            Some(item) => commands.push((Target::Record(item.record), priced)),
            None => commands.extend([(Target::New, opens), (Target::Opened, priced)]),
        }
    }
    Ok(reading.done(Changes::Commands(commands)))
}

fn listed(line: &mut Line<'_>) -> Option<Listed> {
    let name = line.text(ITEM, NAME_CHARACTERS_MAX);
    let measure = line.text(UNIT, NAME_CHARACTERS_MAX);
    let price = |cell: &Cell| cell.hundredths().filter(|fen| *fen <= PRICE_FEN_MAX);
    let amount_fen = line.needed(PRICE, "bad_number", price);
    let service = line.optional(SERVICE, "unknown_kind", |cell| service_of(cell.as_text()?));
    let from = line.optional(FROM, "bad_date", Cell::date);
    Some(Listed { key: (name?, measure?), amount_fen: amount_fen?, service, from })
}

fn service_of(name: &str) -> Option<ServiceKind> {
    Some(match name {
        "household" | "家政服务" | "家政" => ServiceKind::Household,
        "home_repair" | "家庭零修" | "零修" => ServiceKind::HomeRepair,
        "business" | "商务服务" | "商务" => ServiceKind::Business,
        _ => return None,
    })
}

fn code_of(service: ServiceKind) -> &'static str {
    match service {
        ServiceKind::Household => "household",
        ServiceKind::HomeRepair => "home_repair",
        ServiceKind::Business => "business",
    }
}

fn open(scope: &Scope, content: PriceItemCreated) -> Command {
    Command::Open { site: scope.site, content: content.into() }
}

/// Whether the rules let the person open such an item: whoever may also prices it (R6.1).
fn may(principal: &Principal, scope: &Scope, opens: &Command) -> bool {
    let moment = Moment {
        wall_ms: scope.act.at_ms,
        monotonic_ms: None,
        now_ms: scope.act.at_ms,
        seen: Seen { epoch: 0, sequence: 0 },
        session: SessionId([0; 8]),
        n: 1,
        device: DeviceId(0),
    };
    let done = rules::perform(opens, principal, None, &moment);
    !done.is_err_and(|denial| denial.code == DenialCode::NotYourRole)
}

/// The items that are sold at the site; of several with one key the one that was opened first.
async fn existing(
    conn: &mut SqliteConnection,
    scope: &Scope,
    sync: &Sync,
) -> Result<BTreeMap<Key, Item>> {
    let records: Vec<Vec<u8>> = sqlx::query_scalar(
        "select record from record_card where site = ? and kind = ? and closed_at_ms is null
         order by created_at_ms, record",
    )
    .bind(scope.site.0)
    .bind(KIND)
    .fetch_all(&mut *conn)
    .await?;
    let mut items = BTreeMap::new();
    for record in records {
        let record = RecordId(record.try_into().map_err(|_| Error::Broken("a record id"))?);
        let Some((_, _, review)) = sync.read_on(conn, record).await? else { continue };
        if let Some((key, item)) = Item::of(record, &review) {
            items.entry(key).or_insert(item);
        }
    }
    Ok(items)
}

/// The rows of its sheet, by item: the price that stands, approved or not yet. An item without one
/// has no row.
///
/// # Errors
/// If the database does not answer.
pub async fn export(
    conn: &mut SqliteConnection,
    scope: &Scope,
    sync: &Sync,
) -> Result<Vec<Vec<String>>> {
    let items = existing(conn, scope, sync).await?.into_iter();
    let rows = items.filter_map(|((name, measure), item)| {
        let price = item.stands?;
        let service = code_of(item.service).to_owned();
        Some(vec![name, measure, hundredths_text(price.amount_fen), service, price.from_date])
    });
    Ok(rows.collect())
}
