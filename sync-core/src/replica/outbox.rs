//! What is only on the phone so far: read for the person and for support, never changed here.

use std::collections::BTreeSet;

use super::Replica;
use crate::Result;
use crate::model::id::SessionId;
use crate::store::{OwnSession, PendingRow, PendingState};

/// The commands that are only on the phone, or not known to have arrived, and the sessions that
/// they were written in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outbox {
    /// The sessions, in the order in which they were opened.
    pub sessions: Vec<OwnSession>,
    /// The commands by number: those that the account counts as `on_phone`, but for lost ones.
    pub commands: Vec<PendingRow>,
}

/// The code of what is not sent since it stands on a command that the server refuses requests for.
pub const PARKED: &str = "rests_on_parked";

impl Replica {
    /// The commands that the server has and cannot decide yet, with what each waits for, by number.
    ///
    /// # Errors
    /// If the store does not answer, or before anybody enrolled.
    pub async fn waiting(&self) -> Result<Vec<PendingRow>> {
        let owner = self.inner().await?.owner()?;
        let mut commands = self.store.pending_apart(owner).await?.0;
        commands.retain(|command| command.state == PendingState::Held);
        commands.sort_unstable_by_key(|command| command.n);
        Ok(commands)
    }

    /// What has not arrived yet.
    ///
    /// # Errors
    /// If the store does not answer, or before anybody enrolled.
    pub async fn outbox(&self) -> Result<Outbox> {
        let inner = self.inner().await?;
        let owner = inner.owner()?;
        // Those that do not read are lost ones: [`Self::lost`].
        let mut commands = self.store.pending_apart(owner).await?.0;
        commands.retain(|command| match command.state {
            PendingState::Unsent | PendingState::Sent | PendingState::NotStored => true,
            PendingState::Held | PendingState::Accepted => false,
        });
        commands.sort_unstable_by_key(|command| command.n);
        for command in commands.iter_mut().filter(|c| inner.is_parked(c.record, c.n)) {
            let parked = &inner.state.parked[&command.record];
            command.code =
                Some(if parked.n == command.n { &parked.code } else { PARKED }.to_owned());
        }
        let keys = commands.iter().flat_map(|command| &command.facts).map(|fact| fact.key);
        let mut wanted: BTreeSet<SessionId> = keys.filter_map(|key| key.session()).collect();
        wanted.extend(commands.iter().map(|command| command.change.actor));
        let mut sessions = self.store.own_sessions(owner).await?;
        sessions.retain(|session| wanted.contains(&session.session));
        sessions.sort_by_key(|session| (session.opened_wall_ms, session.session));
        Ok(Outbox { sessions, commands })
    }
}
