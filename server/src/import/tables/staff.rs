//! Who a row of people speaks of: by number, else by login, else by a name that one person of the
//! site has; else somebody new. Rows with one name are one person unless their logins differ.

use std::collections::BTreeMap;

use sqlx::SqliteConnection;
use sync_core::model::id::PersonId;

use super::Scope;
use crate::Result;
use crate::people::directory;

/// Somebody who is there, or whom the sheet adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// By number.
    Known(PersonId),
    /// By its place among those who are added.
    New(usize),
}

/// How a row names somebody.
pub struct Named {
    /// The number.
    pub number: Option<u32>,
    /// The name.
    pub name: String,
    /// What it signs in with.
    pub login: Option<String>,
}

/// What becomes of a person.
pub enum Change {
    /// Somebody new.
    Add {
        /// The name.
        name: String,
        /// What it signs in with.
        login: Option<String>,
    },
    /// Another name or login.
    Edit {
        /// Whose.
        person: PersonId,
        /// As it will be.
        name: String,
        /// As it will be.
        login: Option<String>,
    },
}

/// Which column is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The number.
    Number,
    /// The name.
    Name,
    /// The login.
    Login,
}

impl Part {
    /// Its place among the columns.
    pub fn place(self, number: usize, name: usize, login: usize) -> usize {
        match self {
            Self::Number => number,
            Self::Name => name,
            Self::Login => login,
        }
    }
}

struct Known {
    name: String,
    login: Option<String>,
    is_disabled: bool,
    /// Has a role at another site that is not ended.
    is_elsewhere: bool,
}

struct Draft {
    name: String,
    login: Option<String>,
}

/// Everyone, and what the sheet says of them so far.
pub struct Staff {
    /// Somebody at the machine may change anybody.
    at_the_machine: bool,
    known: BTreeMap<PersonId, Known>,
    logins: BTreeMap<String, Who>,
    names: BTreeMap<String, Vec<PersonId>>,
    new: Vec<Draft>,
    new_names: BTreeMap<String, Vec<usize>>,
    drafts: BTreeMap<PersonId, Draft>,
}

impl Staff {
    /// Everyone as they are. By name are found those who have or had a role at the site, or none
    /// anywhere.
    ///
    /// # Errors
    /// If the database does not answer.
    pub async fn read(conn: &mut SqliteConnection, scope: &Scope) -> Result<Self> {
        let grants: Vec<(u32, u32, bool)> =
            sqlx::query_as("select person, site, ended_epoch is null from role_grant")
                .fetch_all(&mut *conn)
                .await?;
        let mut staff = Self {
            at_the_machine: scope.act.by.is_none(),
            known: BTreeMap::new(),
            logins: BTreeMap::new(),
            names: BTreeMap::new(),
            new: Vec::new(),
            new_names: BTreeMap::new(),
            drafts: BTreeMap::new(),
        };
        let mut places: BTreeMap<u32, (bool, bool)> = BTreeMap::new();
        for (person, site, is_standing) in grants {
            let (here, elsewhere) = places.entry(person).or_default();
            *here |= site == scope.site.0;
            *elsewhere |= site != scope.site.0 && is_standing;
        }
        for person in directory::list(conn).await? {
            let place = places.get(&person.person.0).copied();
            if place.is_none_or(|(here, _)| here) {
                staff.names.entry(person.name.clone()).or_default().push(person.person);
            }
            if let Some(login) = &person.login {
                staff.logins.insert(login.clone(), Who::Known(person.person));
            }
            let known = Known {
                name: person.name,
                login: person.login,
                is_disabled: person.disabled_ms.is_some(),
                is_elsewhere: place.is_some_and(|(_, elsewhere)| elsewhere),
            };
            staff.known.insert(person.person, known);
        }
        Ok(staff)
    }

    /// Whether somebody may come in no more.
    pub fn is_disabled(&self, who: Who) -> bool {
        match who {
            Who::Known(person) => self.known.get(&person).is_none_or(|known| known.is_disabled),
            Who::New(_) => false,
        }
    }

    /// Who is named, adding nobody.
    ///
    /// # Errors
    /// The code of what is wrong.
    pub fn find(&self, named: &Named) -> Result<Who, &'static str> {
        if let Some(number) = named.number {
            let person = PersonId(number);
            let is_known = self.known.contains_key(&person);
            return if is_known { Ok(Who::Known(person)) } else { Err("person_unknown") };
        }
        if let Some(who) = named.login.as_ref().and_then(|login| self.logins.get(login)) {
            return Ok(*who);
        }
        let found = self.by_name(named)?;
        found.ok_or("person_unknown")
    }

    /// Who has a name; with a login, nobody with another one.
    fn by_name(&self, named: &Named) -> Result<Option<Who>, &'static str> {
        let of_login = |login: Option<&String>| {
            named.login.is_none() || login.is_none() || login == named.login.as_ref()
        };
        let here = self.names.get(&named.name).map_or(&[][..], Vec::as_slice);
        let here: Vec<PersonId> = here
            .iter()
            .copied()
            .filter(|person| of_login(self.known[person].login.as_ref()))
            .collect();
        // Of two with one name, the one who still comes in.
        let active: Vec<PersonId> =
            here.iter().copied().filter(|person| !self.known[person].is_disabled).collect();
        let new = self.new_names.get(&named.name).map_or(&[][..], Vec::as_slice);
        let new = new.iter().filter(|index| of_login(self.new[**index].login.as_ref()));
        let mut found: Vec<Who> =
            if active.is_empty() { here } else { active }.into_iter().map(Who::Known).collect();
        found.extend(new.map(|index| Who::New(*index)));
        match found[..] {
            [] => Ok(None),
            [who] => Ok(Some(who)),
            _ => Err("person_ambiguous"),
        }
    }

    /// Who is named, or somebody new of that name; and whether the sheet changes name or login.
    ///
    /// # Errors
    /// What is wrong, and with which part of the name.
    pub fn draft(&mut self, named: &Named) -> Result<(Who, bool), (Part, &'static str)> {
        let part = if named.number.is_some() { Part::Number } else { Part::Name };
        let who = match self.find(named) {
            Ok(who) => who,
            Err("person_unknown") if named.number.is_none() => {
                let draft = Draft { name: named.name.clone(), login: None };
                let index = self.new.len();
                self.new.push(draft);
                self.new_names.entry(named.name.clone()).or_default().push(index);
                Who::New(index)
            }
            Err(code) => return Err((part, code)),
        };
        self.take_login(who, named)?;
        match who {
            Who::New(index) => {
                if self.new[index].name != named.name {
                    return Err((Part::Name, "differs"));
                }
                Ok((who, false))
            }
            Who::Known(person) => self.edit(person, named).map(|changed| (who, changed)),
        }
    }

    /// Gives somebody the login of the row, if it is free and no other was given before.
    fn take_login(&mut self, who: Who, named: &Named) -> Result<(), (Part, &'static str)> {
        let Some(login) = &named.login else { return Ok(()) };
        match self.logins.get(login) {
            Some(other) if *other != who => return Err((Part::Login, "login_taken")),
            _ => self.logins.insert(login.clone(), who),
        };
        if let Who::New(index) = who {
            let draft = &mut self.new[index];
            if draft.login.as_ref().is_some_and(|was| was != login) {
                return Err((Part::Login, "differs"));
            }
            draft.login = Some(login.clone());
        }
        Ok(())
    }

    fn edit(&mut self, person: PersonId, named: &Named) -> Result<bool, (Part, &'static str)> {
        let known = &self.known[&person];
        let unchanged = || Draft { name: named.name.clone(), login: None };
        let draft = self.drafts.entry(person).or_insert_with(unchanged);
        if draft.name != named.name {
            return Err((Part::Name, "differs"));
        }
        if let Some(login) = &named.login {
            if draft.login.as_ref().is_some_and(|was| was != login) {
                return Err((Part::Login, "differs"));
            }
            draft.login = Some(login.clone());
        }
        let renamed = known.name != named.name;
        let signs_in_otherwise = named.login.is_some() && named.login != known.login;
        if (renamed || signs_in_otherwise) && known.is_elsewhere && !self.at_the_machine {
            let part = if renamed { Part::Name } else { Part::Login };
            return Err((part, "person_elsewhere"));
        }
        Ok(renamed || signs_in_otherwise)
    }

    /// Everything that becomes of people, those who are added in the order of their places.
    pub fn changes(self) -> Vec<Change> {
        let Self { known, new, drafts, .. } = self;
        let added = new.into_iter().map(|Draft { name, login }| Change::Add { name, login });
        let edited = drafts.into_iter().filter_map(|(person, Draft { name, login })| {
            let was = known.get(&person)?;
            let login = login.or_else(|| was.login.clone());
            let is_changed = was.name != name || was.login != login;
            is_changed.then_some(Change::Edit { person, name, login })
        });
        added.chain(edited).collect()
    }
}
