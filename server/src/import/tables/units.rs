//! Units (户) of a site's buildings. A unit that a sheet leaves out stays.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

use super::{Changes, Reading, check_site};
use crate::Result;
use crate::import::{Cell, Column, Columns, Plan, Rows, Scope, hundredths_text, yes_no_text};
use crate::people::{NAME_CHARACTERS_MAX, place};

/// The columns of its sheets.
pub const COLUMNS: Columns = Columns(&[
    Column::optional("site", &["项目", "项目编号"]),
    Column::needed("building", &["楼栋", "楼号", "楼栋编号"]),
    Column::needed("code", &["房号", "单元房号", "户号", "unit"]),
    Column::optional("area", &["面积", "建筑面积"]),
    Column::optional("kind", &["类型", "用途"]),
    Column::optional("vacant", &["空置", "是否空置"]),
]);
const SITE: usize = 0;
const BUILDING: usize = 1;
const CODE: usize = 2;
const AREA: usize = 3;
const KIND: usize = 4;
const VACANT: usize = 5;

/// A million square metres.
const AREA_DM2_MAX: i64 = 100_000_000;
/// The kinds of a unit with their names in sheets.
const KINDS: [(&str, &[&str]); 3] =
    [("home", &["住宅", "住房"]), ("shop", &["商铺", "店铺"]), ("other", &["其他", "其它"])];
/// Rows of one statement.
const BATCH: usize = 500;

/// A unit as it will be.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct UnitChange {
    unit: String,
    building: String,
    area_dm2: Option<i64>,
    kind: String,
    vacant: bool,
}

/// What a sheet would change.
///
/// # Errors
/// If the database does not answer.
pub async fn plan(conn: &mut SqliteConnection, scope: &Scope, rows: Rows) -> Result<Plan> {
    let mut reading = Reading::new(COLUMNS, rows);
    let buildings = place::buildings(conn, scope.site).await?;
    let buildings: BTreeSet<String> = buildings.into_iter().map(|one| one.code).collect();
    let before = of_site(conn, scope).await?;
    let before: BTreeMap<String, UnitChange> =
        before.into_iter().map(|unit| (unit.unit.clone(), unit)).collect();
    let lines = reading.lines(|line| {
        check_site(line, SITE, scope);
        let building = line.text(BUILDING, NAME_CHARACTERS_MAX);
        if building.as_ref().is_some_and(|building| !buildings.contains(building)) {
            line.tell(BUILDING, "building_unknown");
        }
        let unit = line.text(CODE, NAME_CHARACTERS_MAX);
        let fits = |area: &i64| (1..=AREA_DM2_MAX).contains(area);
        let area_dm2 = line.optional(AREA, "bad_area", |cell| cell.hundredths().filter(fits));
        let kind = line.optional(KIND, "unknown_kind", kind_of).unwrap_or("home").to_owned();
        let vacant = line.optional(VACANT, "bad_yes_no", Cell::yes_no).unwrap_or(false);
        Some(UnitChange { unit: unit?, building: building?, area_dm2, kind, vacant })
    });
    let [has_area, has_kind, has_vacant] = [AREA, KIND, VACANT].map(|place| reading.has(place));
    let mut seen = BTreeMap::new();
    let mut changes = Vec::new();
    for (row, mut unit) in lines {
        if !reading.is_first(&mut seen, unit.unit.clone(), (row, CODE)) {
            continue;
        }
        let was = before.get(&unit.unit);
        if let Some(was) = was {
            if !has_area {
                unit.area_dm2 = was.area_dm2;
            }
            if !has_kind {
                unit.kind.clone_from(&was.kind);
            }
            if !has_vacant {
                unit.vacant = was.vacant;
            }
        }
        if reading.counts(was, &unit) {
            changes.push(unit);
        }
    }
    Ok(reading.done(Changes::Units(changes)))
}

fn kind_of(cell: &Cell) -> Option<&'static str> {
    let text = cell.as_text()?.to_lowercase();
    let mut kinds = KINDS.iter();
    let found = kinds.find(|(code, names)| *code == text || names.contains(&text.as_str()));
    found.map(|(code, _)| *code)
}

/// Writes them.
///
/// # Errors
/// If the database does not answer.
pub async fn apply(
    conn: &mut SqliteConnection,
    scope: &Scope,
    changes: &[UnitChange],
) -> Result<()> {
    for batch in changes.chunks(BATCH) {
        let mut query = QueryBuilder::<Sqlite>::new(
            "insert into unit (site, unit, building, area_dm2, kind, vacant) ",
        );
        query.push_values(batch, |mut row, unit| {
            row.push_bind(scope.site.0)
                .push_bind(&unit.unit)
                .push_bind(&unit.building)
                .push_bind(unit.area_dm2)
                .push_bind(&unit.kind)
                .push_bind(unit.vacant);
        });
        query.push(
            " on conflict (site, unit) do update set building = excluded.building,
               area_dm2 = excluded.area_dm2, kind = excluded.kind, vacant = excluded.vacant",
        );
        query.build().execute(&mut *conn).await?;
    }
    Ok(())
}

/// The rows of its sheet, by building and code.
///
/// # Errors
/// If the database does not answer.
pub async fn export(conn: &mut SqliteConnection, scope: &Scope) -> Result<Vec<Vec<String>>> {
    let row = |unit: UnitChange| {
        let area = unit.area_dm2.map(hundredths_text).unwrap_or_default();
        let site = scope.site.to_string();
        vec![site, unit.building, unit.unit, area, unit.kind, yes_no_text(unit.vacant)]
    };
    Ok(of_site(conn, scope).await?.into_iter().map(row).collect())
}

async fn of_site(conn: &mut SqliteConnection, scope: &Scope) -> Result<Vec<UnitChange>> {
    let units = sqlx::query_as(
        "select unit, building, area_dm2, kind, vacant from unit where site = ?
         order by building, unit",
    )
    .bind(scope.site.0)
    .fetch_all(conn)
    .await?;
    Ok(units)
}
