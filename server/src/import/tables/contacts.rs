//! Occupants and callers: records of kind contact, opened by ordinary commands of the importing
//! session. A row whose unit, name and phones a contact has is there already; nothing is changed or
//! removed, which is for the record itself. What stands in the rows is in no problem and no log.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;
use sqlx::SqliteConnection;
use sync_core::environment::Randomness;
use sync_core::model::contact::ContactCreated;
use sync_core::model::id::RecordId;
use sync_core::rules::{Command, Review};

use super::{Changes, Reading};
use crate::import::{Column, Columns, Line, Plan, Rows, Scope};
use crate::people::{NAME_CHARACTERS_MAX, place};
use crate::sync::{Sync, Target};
use crate::{Error, Result};

/// The columns of its sheets.
pub const COLUMNS: Columns = Columns(&[
    Column::needed("unit", &["房号", "单元房号", "户号"]),
    Column::needed("name", &["姓名", "业主姓名", "联系人"]),
    Column::optional("phones", &["电话", "手机", "联系电话", "phone"]),
    Column::optional("relation", &["关系", "与房屋关系"]),
]);
const UNIT: usize = 0;
const NAME: usize = 1;
const PHONES: usize = 2;
const RELATION: usize = 3;

/// Phones of a contact.
const PHONES_MAX: usize = 10;
/// Contacts that one sheet opens: they are written in one transaction, which phones wait for.
pub const NEW_MAX: usize = 5_000;

/// What makes two rows the same contact: unit, name, and the phones' digits.
type Content = (String, String, BTreeSet<String>);

struct Contact {
    unit: String,
    name: String,
    phones: Vec<String>,
    relation: Option<String>,
}

impl Contact {
    fn content(&self) -> Content {
        let phones = self.phones.iter().map(|phone| digits(phone)).collect();
        (self.unit.clone(), self.name.clone(), phones)
    }

    fn of(review: &Review) -> Option<Self> {
        let phones = review.fields.get("phones").map(|field| &field.value);
        let phones = phones.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Some(Self {
            unit: review.text("unit")?.to_owned(),
            name: review.text("name")?.to_owned(),
            phones: phones.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            relation: review.text("relation").map(str::to_owned),
        })
    }
}

/// What a sheet would open.
///
/// # Errors
/// If the database does not answer.
pub async fn plan(
    conn: &mut SqliteConnection,
    scope: &Scope,
    rows: Rows,
    (sync, randomness): (&Sync, &dyn Randomness),
) -> Result<Plan> {
    let mut reading = Reading::new(COLUMNS, rows);
    let lines = reading.lines(contact);
    let units = place::units(conn, scope.site).await?;
    let units: BTreeSet<String> = units.into_iter().map(|(unit, _)| unit).collect();
    let named = lines.iter().map(|(_, one)| (one.unit.as_str(), one.name.as_str())).collect();
    let before = existing(conn, sync, scope, &named).await?;
    let mut seen = BTreeMap::new();
    let mut commands = Vec::new();
    for (row, contact) in lines {
        let content = contact.content();
        if !reading.is_first(&mut seen, content.clone(), (row, UNIT)) {
            continue;
        }
        if !reading.counts(before.contains(&content).then_some(&()), &()) {
            continue;
        }
        if !units.contains(&contact.unit) {
            reading.tell(row, UNIT, "unit_unknown");
        }
        if commands.len() == NEW_MAX {
            reading.tell(row, UNIT, "too_many");
        }
        if commands.len() <= NEW_MAX {
            commands.push((Target::New, open(scope, contact, randomness)));
        }
    }
    Ok(reading.done(Changes::Commands(commands)))
}

fn contact(line: &mut Line<'_>) -> Option<Contact> {
    let unit = line.text(UNIT, NAME_CHARACTERS_MAX);
    let name = line.text(NAME, NAME_CHARACTERS_MAX);
    let phones = phones(line);
    let relation = line.optional_text(RELATION, NAME_CHARACTERS_MAX);
    Some(Contact { unit: unit?, name: name?, phones, relation })
}

fn phones(line: &mut Line<'_>) -> Vec<String> {
    let text = line.optional_text(PHONES, PHONES_MAX * NAME_CHARACTERS_MAX).unwrap_or_default();
    let between = |c: char| matches!(c, ';' | '；' | ',' | '，' | '、' | '/' | '|');
    let phones = text.split(between).map(str::trim).filter(|phone| !phone.is_empty());
    let phones: Vec<String> = phones.map(str::to_owned).collect();
    if phones.len() > PHONES_MAX {
        line.tell(PHONES, "too_many");
    }
    let usual = |c: char| c.is_ascii_digit() || " +-()#*".contains(c);
    let is_one = |phone: &String| phone.chars().all(usual) && digits(phone).len() >= 3;
    if !phones.iter().all(is_one) {
        line.tell(PHONES, "bad_phone");
    }
    phones
}

fn digits(phone: &str) -> String {
    phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect()
}

fn open(scope: &Scope, contact: Contact, randomness: &dyn Randomness) -> Command {
    let mut salt = [0; 16];
    randomness.fill(&mut salt);
    let Contact { unit, name, phones, relation } = contact;
    let salt = BASE64URL_NOPAD.encode(&salt);
    let contact = ContactCreated { unit: Some(unit), name, phones, relation, salt };
    Command::CreateContact { site: scope.site, contact }
}

/// The contacts there are with one of these units and names.
async fn existing(
    conn: &mut SqliteConnection,
    sync: &Sync,
    scope: &Scope,
    named: &BTreeSet<(&str, &str)>,
) -> Result<BTreeSet<Content>> {
    let mut found = BTreeSet::new();
    for (record, unit, name) in cards(conn, scope).await? {
        if named.contains(&(unit.as_str(), name.as_str()))
            && let Some((_, _, review)) = sync.read_on(conn, record).await?
        {
            found.extend(Contact::of(&review).map(|contact| contact.content()));
        }
    }
    Ok(found)
}

/// The rows of its sheet, by unit and name. Contacts of no unit have no row.
///
/// # Errors
/// If the database does not answer.
pub async fn export(
    conn: &mut SqliteConnection,
    scope: &Scope,
    sync: &Sync,
) -> Result<Vec<Vec<String>>> {
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    for (record, ..) in cards(conn, scope).await? {
        let Some((_, _, review)) = sync.read_on(conn, record).await? else { continue };
        let Some(contact) = Contact::of(&review) else { continue };
        // Two records of one content are one row: else the sheet would name it twice.
        if seen.insert(contact.content()) {
            let Contact { unit, name, phones, relation } = contact;
            rows.push(vec![unit, name, phones.join("; "), relation.unwrap_or_default()]);
        }
    }
    Ok(rows)
}

async fn cards(
    conn: &mut SqliteConnection,
    scope: &Scope,
) -> Result<Vec<(RecordId, String, String)>> {
    let rows: Vec<(Vec<u8>, String, String)> = sqlx::query_as(
        "select record, unit, title from contact_card where site = ? and unit is not null
         order by unit, title, record",
    )
    .bind(scope.site.0)
    .fetch_all(conn)
    .await?;
    let card = |(record, unit, name): (Vec<u8>, String, String)| {
        let record = record.try_into().map_err(|_| Error::Broken("a record id"))?;
        Ok((RecordId(record), unit, name))
    };
    rows.into_iter().map(card).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::Cell;

    #[test]
    fn a_phone_is_the_same_however_it_is_spaced() {
        assert_eq!(digits("+86 138-0000 0001"), "+8613800000001");
        assert_eq!(Cell::Number(13_800_000_001.0).whole(), Some(13_800_000_001));
    }
}
