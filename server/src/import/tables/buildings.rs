//! Buildings and their groups (组团). A building that a sheet leaves out stays.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use sync_core::model::id::SiteId;
use sync_core::model::place::Building;

use super::{Changes, Reading, check_site};
use crate::Result;
use crate::import::{Cell, Column, Columns, Plan, Rows, Scope};
use crate::people::{NAME_CHARACTERS_MAX, place};

/// The columns of its sheets.
pub const COLUMNS: Columns = Columns(&[
    Column::optional("site", &["项目", "项目编号"]),
    Column::needed("code", &["楼栋", "楼号", "楼栋编号", "building"]),
    Column::needed("name", &["名称", "楼栋名称"]),
    Column::optional("group", &["组团", "组团编号"]),
]);
const SITE: usize = 0;
const CODE: usize = 1;
const NAME: usize = 2;
const GROUP: usize = 3;

/// Buildings of a site: phones hold all of them.
pub const BUILDINGS_MAX: usize = 1_000;

/// A building as it will be.
pub struct BuildingChange(Building);

/// What a sheet would change.
///
/// # Errors
/// If the database does not answer.
pub async fn plan(conn: &mut SqliteConnection, scope: &Scope, rows: Rows) -> Result<Plan> {
    let mut reading = Reading::new(COLUMNS, rows);
    let mut before: BTreeMap<String, Building> = of_site(conn, scope.site).await?;
    let lines = reading.lines(|line| {
        check_site(line, SITE, scope);
        let code = line.text(CODE, NAME_CHARACTERS_MAX);
        let name = line.text(NAME, NAME_CHARACTERS_MAX);
        let group = line.optional(GROUP, "bad_number", Cell::number);
        Some(Building { code: code?, name: name?, group })
    });
    let has_group = reading.has(GROUP);
    let mut seen = BTreeMap::new();
    let mut changes = Vec::new();
    for (row, mut building) in lines {
        if !reading.is_first(&mut seen, building.code.clone(), (row, CODE)) {
            continue;
        }
        let was = before.get(&building.code);
        if !has_group {
            building.group = was.and_then(|was| was.group);
        }
        if reading.counts(was, &building) {
            before.insert(building.code.clone(), building.clone());
            if before.len() > BUILDINGS_MAX {
                reading.tell(row, CODE, "too_many");
            }
            changes.push(BuildingChange(building));
        }
    }
    Ok(reading.done(Changes::Buildings(changes)))
}

/// Writes them.
///
/// # Errors
/// If the database does not answer.
pub async fn apply(
    conn: &mut SqliteConnection,
    scope: &Scope,
    changes: &[BuildingChange],
) -> Result<()> {
    for BuildingChange(building) in changes {
        place::put_building(conn, scope.site, building).await?;
    }
    Ok(())
}

/// The rows of its sheet, by code.
///
/// # Errors
/// If the database does not answer.
pub async fn export(conn: &mut SqliteConnection, scope: &Scope) -> Result<Vec<Vec<String>>> {
    let buildings = place::buildings(conn, scope.site).await?;
    let row = |building: Building| {
        let group = building.group.map(|group| group.to_string()).unwrap_or_default();
        vec![scope.site.to_string(), building.code, building.name, group]
    };
    Ok(buildings.into_iter().map(row).collect())
}

async fn of_site(conn: &mut SqliteConnection, site: SiteId) -> Result<BTreeMap<String, Building>> {
    let buildings = place::buildings(conn, site).await?;
    Ok(buildings.into_iter().map(|building| (building.code.clone(), building)).collect())
}
