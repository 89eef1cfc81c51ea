//! What can be read of a damaged store: every row that opens under its key, the newest state of
//! each, and the names of those that do not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::super::StoreError;
use super::super::content::{Command, Content as _, IdentityCopy};
use super::super::pages::{Image, Kind, Page, Value};
use super::super::row::{DamagedRow, PendingState};
use super::super::seal::{OVERHEAD_BYTES, Sealer};
use super::tables::{
    IDENTITY, LOST, OWN_SESSION, PENDING, PROGRESS, Table, is_pending_entry, of_serials,
};
use crate::model::id::{RecordId, SessionId};

/// A command as its row or an index names it: owner and number.
pub(super) type CommandName = (i64, i64);

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// Rows by table and by their names.
    pub(super) rows: BTreeMap<&'static str, BTreeMap<String, Vec<Value>>>,
    /// Pending rows that do not open, with what stands in the clear.
    pub(super) unopened: BTreeMap<CommandName, Vec<Value>>,
    /// Pending rows that an index names.
    pub(super) named: BTreeMap<CommandName, RecordId>,
    /// Rows of other tables that do not open.
    pub(super) damaged: BTreeSet<DamagedRow>,
    /// Pages of which something does not read.
    pub(super) damaged_pages: u64,
    /// Sealed rows that were seen, and those that opened.
    sealed: u64,
    opened: u64,
}

impl Found {
    /// Reads every page.
    ///
    /// # Errors
    /// [`StoreError::WrongKey`] if the key opens nothing of what is there; otherwise if the files
    /// cannot be read.
    pub(super) fn of(path: &Path, copies: &[u8], sealer: &Sealer) -> Result<Self, StoreError> {
        let mut found = Self::default();
        let mut image = Image::open(path)?;
        for number in image.numbers() {
            found.page(&mut image, number, sealer)?;
        }
        found.take_copies(copies, sealer);
        if found.sealed > 0 && found.opened == 0 {
            return Err(StoreError::WrongKey);
        }
        found.forget_what_was_found();
        Ok(found)
    }

    /// The rows of a table.
    pub(super) fn of_table(&self, table: &Table) -> impl Iterator<Item = &Vec<Value>> {
        self.rows.get(table.name).into_iter().flat_map(BTreeMap::values)
    }

    /// The newest state of a page, and older ones where that does not read whole. Of an older one
    /// only sealed rows are believed: others may have been changed since.
    fn page(&mut self, image: &mut Image, number: u32, sealer: &Sealer) -> Result<(), StoreError> {
        let mut damaged = false;
        for (age, page) in image.states(number)?.into_iter().enumerate() {
            let whole = self.state(image, &page, age > 0, sealer)?;
            damaged |= age == 0 && !whole;
            if whole {
                break;
            }
        }
        self.damaged_pages += u64::from(damaged);
        Ok(())
    }

    /// Whether every row of it was read.
    fn state(
        &mut self,
        image: &mut Image,
        page: &Page,
        is_old: bool,
        sealer: &Sealer,
    ) -> Result<bool, StoreError> {
        let mut whole = page.whole && !page.is_nonsense();
        if let Some((kind, places)) = page.rows() {
            for at in places {
                whole &= match kind {
                    Kind::Table => self.row(image, page, at, (is_old, false), sealer)?,
                    Kind::Index | Kind::IndexAbove if is_old => true,
                    Kind::Index | Kind::IndexAbove => self.entry(image, page, (kind, at))?,
                };
            }
        }
        if !whole {
            // The pointers to its rows may be what was damaged.
            for at in 0..page.bytes.len() {
                self.row(image, page, at, (is_old, true), sealer)?;
            }
        }
        Ok(whole)
    }

    /// Takes the row of a table that begins at `at`; false if there is one and it does not read.
    /// `guessed`: nothing says that a row begins there.
    fn row(
        &mut self,
        image: &mut Image,
        page: &Page,
        at: usize,
        (is_old, guessed): (bool, bool),
        sealer: &Sealer,
    ) -> Result<bool, StoreError> {
        let mut table = None;
        let mut columns = 0;
        let row = image.row(page, (Kind::Table, at), |serials| {
            table = of_serials(serials);
            columns = serials.len();
            table.is_some_and(|table| table.sealed.is_some() || !(is_old || guessed))
        })?;
        let (Some(table), Some(row)) = (table, row) else {
            // A row of a table that is fetched again, or of none.
            return Ok(columns > 0 && table.is_none_or(|table| table.sealed.is_none()));
        };
        let values = table.values(row);
        let Some(sealed) = table.sealed.and_then(|column| values.get(column)) else {
            return Ok(self.take_plain(table, values));
        };
        let Value::Blob(sealed) = sealed else { return Ok(false) };
        if sealed.len() < OVERHEAD_BYTES {
            return Ok(false);
        }
        let name = table.row_name(&values);
        let opens = match sealer.open(table.name, &name, sealed) {
            Ok(content) if *table == PENDING => {
                Command::from_bytes(&content).and_then(Command::into_parts).is_some()
            }
            Ok(_) => true,
            Err(_) => false,
        };
        // A retry schedule has the columns of an enrolment.
        let is_other = !opens && table.name == "enrolling";
        if guessed && !opens || is_other {
            return Ok(is_other);
        }
        self.sealed += 1;
        self.opened += u64::from(opens);
        if opens {
            self.rows.entry(table.name).or_default().entry(name).or_insert(values);
        } else if !is_old {
            self.take_unopened(table, name, values);
        }
        Ok(opens)
    }

    fn take_plain(&mut self, table: &'static Table, values: Vec<Value>) -> bool {
        let sound = match (&values[..], table) {
            ([_, Value::Text(session), Value::Int(_), Value::Blob(boot), ..], table)
                if *table == OWN_SESSION =>
            {
                session.parse::<SessionId>().is_ok() && boot.len() == 16
            }
            (
                [Value::Int(owner), Value::Int(epoch), Value::Int(after), Value::Int(n), ..],
                table,
            ) if *table == PROGRESS => [owner, epoch, after, n].iter().all(|number| **number >= 0),
            ([Value::Int(_), Value::Int(_), _, _, Value::Text(state), ..], table)
                if *table == LOST =>
            {
                PendingState::from_code(state).is_some()
            }
            _ => false,
        };
        if sound {
            let name = table.row_name(&values);
            self.rows.entry(table.name).or_default().entry(name).or_insert(values);
        }
        sound
    }

    fn take_unopened(&mut self, table: &'static Table, row: String, values: Vec<Value>) {
        match values[..] {
            [Value::Int(owner), Value::Int(n), ..] if *table == PENDING => {
                self.unopened.insert((owner, n), values);
            }
            _ => {
                self.damaged.insert(DamagedRow { table: table.name, row });
            }
        }
    }

    /// Takes an entry of an index; false if it does not read.
    fn entry(
        &mut self,
        image: &mut Image,
        page: &Page,
        place: (Kind, usize),
    ) -> Result<bool, StoreError> {
        let mut reads = false;
        let row = image.row(page, place, |serials| {
            reads = true;
            is_pending_entry(serials)
        })?;
        let values = row.map(|row| row.values).unwrap_or_default();
        if let [Value::Int(owner), Value::Text(record), Value::Int(n), _] = &values[..]
            && let Ok(record) = record.parse()
        {
            self.named.insert((*owner, *n), record);
        }
        Ok(reads)
    }

    /// The second copies of the identities stand for rows that are gone.
    fn take_copies(&mut self, copies: &[u8], sealer: &Sealer) {
        let rows = self.rows.entry(IDENTITY.name).or_default();
        for copy in IdentityCopy::read(copies) {
            if !rows.contains_key(&copy.person.to_string()) && copy.opens(sealer) {
                self.opened += 1;
                let [person, device, wall_ms, first] =
                    [copy.person, copy.device, copy.enrolled_wall_ms, copy.first_number]
                        .map(Value::Int);
                let from = Value::Int(copy.account_from.unwrap_or(0));
                let values = vec![person, device, wall_ms, Value::Blob(copy.sealed), first, from];
                rows.insert(copy.person.to_string(), values);
            }
        }
    }

    /// What does not open in one state of a page may have opened in another.
    fn forget_what_was_found(&mut self) {
        let found: BTreeSet<CommandName> =
            self.of_table(&PENDING).filter_map(|v| name(v)).collect();
        self.unopened.retain(|name, _| !found.contains(name));
        self.named.retain(|name, _| !found.contains(name));
        let rows = &self.rows;
        self.damaged.retain(|damaged| {
            rows.get(damaged.table).is_none_or(|rows| !rows.contains_key(&damaged.row))
        });
    }
}

/// Owner and number of a row that begins with them.
pub(super) fn name(values: &[Value]) -> Option<CommandName> {
    match values {
        [Value::Int(owner), Value::Int(n), ..] => Some((*owner, *n)),
        _ => None,
    }
}
