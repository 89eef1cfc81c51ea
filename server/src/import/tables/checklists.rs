//! A site's own checklists of patrols, one row an item. A list that stands in a sheet becomes what
//! stands there, as a new version; a list that a sheet leaves out stays.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use sync_core::model::patrol::{ChecklistItem, SiteChecklist};

use super::{Changes, Reading, check_site};
use crate::Result;
use crate::import::{Column, Columns, Plan, Rows, Scope};
use crate::people::{NAME_CHARACTERS_MAX, checklist};

/// The columns of its sheets.
pub const COLUMNS: Columns = Columns(&[
    Column::optional("site", &["项目", "项目编号"]),
    Column::needed("code", &["清单", "清单编号", "checklist"]),
    Column::needed("name", &["清单名称", "名称"]),
    Column::needed("item", &["检查项编号", "检查项代码"]),
    Column::needed("text", &["检查项", "检查内容"]),
]);
const SITE: usize = 0;
const CODE: usize = 1;
const NAME: usize = 2;
const ITEM: usize = 3;
const TEXT: usize = 4;

/// Characters of an item's text.
const TEXT_CHARACTERS_MAX: usize = 200;
/// Items of a list: what a checkpoint may carry.
const ITEMS_MAX: usize = 100;
/// Lists of a site: phones hold all of them.
const LISTS_MAX: usize = 50;

/// A list as it will be.
pub struct ListChange(SiteChecklist);

/// What a sheet would change.
///
/// # Errors
/// If the database does not answer.
pub async fn plan(conn: &mut SqliteConnection, scope: &Scope, rows: Rows) -> Result<Plan> {
    let mut reading = Reading::new(COLUMNS, rows);
    let lines = reading.lines(|line| {
        check_site(line, SITE, scope);
        let code = line.text(CODE, NAME_CHARACTERS_MAX);
        let name = line.text(NAME, NAME_CHARACTERS_MAX);
        let item = line.text(ITEM, NAME_CHARACTERS_MAX);
        let text = line.text(TEXT, TEXT_CHARACTERS_MAX);
        Some((code?, name?, ChecklistItem { code: item?, text: text? }))
    });
    let mut lists: BTreeMap<String, (u32, SiteChecklist)> = BTreeMap::new();
    let mut seen = BTreeMap::new();
    for (row, (code, name, item)) in lines {
        if !reading.is_first(&mut seen, (code.clone(), item.code.clone()), (row, ITEM)) {
            continue;
        }
        let (_, list) = lists.entry(code.clone()).or_insert_with(|| {
            (row, SiteChecklist { code, version: 1, name: name.clone(), items: Vec::new() })
        });
        if list.name != name {
            reading.tell(row, NAME, "differs");
        }
        list.items.push(item);
        if list.items.len() == ITEMS_MAX + 1 {
            reading.tell(row, ITEM, "too_many");
        }
    }
    let before = checklist::of_site(conn, scope.site).await?;
    let before: BTreeMap<String, SiteChecklist> =
        before.into_iter().map(|list| (list.code.clone(), list)).collect();
    let mut count = before.len();
    let mut changes = Vec::new();
    for (row, mut list) in lists.into_values() {
        let was = before.get(&list.code);
        list.version = was.map_or(1, |was| was.version);
        if !reading.counts(was, &list) {
            continue;
        }
        if was.is_some() {
            list.version += 1;
        } else {
            count += 1;
            if count > LISTS_MAX {
                reading.tell(row, CODE, "too_many");
            }
        }
        changes.push(ListChange(list));
    }
    Ok(reading.done(Changes::Checklists(changes)))
}

/// Writes them.
///
/// # Errors
/// If the database does not answer.
pub async fn apply(
    conn: &mut SqliteConnection,
    scope: &Scope,
    changes: &[ListChange],
) -> Result<()> {
    for ListChange(list) in changes {
        checklist::put(conn, scope.act, scope.site, list).await?;
    }
    Ok(())
}

/// The rows of its sheet, by list, in the order of the items.
///
/// # Errors
/// If the database does not answer.
pub async fn export(conn: &mut SqliteConnection, scope: &Scope) -> Result<Vec<Vec<String>>> {
    let site = scope.site.to_string();
    let mut rows = Vec::new();
    for list in checklist::of_site(conn, scope.site).await? {
        let row = |item: ChecklistItem| {
            vec![site.clone(), list.code.clone(), list.name.clone(), item.code, item.text]
        };
        rows.extend(list.items.into_iter().map(row));
    }
    Ok(rows)
}
