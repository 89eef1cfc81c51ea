//! Where everything that a person saved on this phone is.

use std::collections::BTreeSet;

use super::{Account, Replica};
use crate::Result;
use crate::store::PendingState;

impl Replica {
    /// Where everything this person saved on this device is.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn account(&self) -> Result<Account> {
        let inner = self.inner().await?;
        let Some(identity) = &inner.identity else {
            return Ok(Account::default());
        };
        let before = identity.account_from;
        let summary = self.store.pending_summary(identity.person).await?;
        let waits = summary.iter().filter(|row| row.state != PendingState::Accepted);
        let waits = waits.map(|row| row.n).collect();
        let (refused, unreadable) = self.store.refused_apart(identity.person).await?;
        let mut refused: BTreeSet<u64> = refused.iter().map(|row| row.n).collect();
        refused.extend(unreadable);
        // The account begins at the last sign-out; what that left undecided is still in it.
        let mut account = self.carried(identity, &refused, &waits).await?;
        let since = inner.state.highest_number.saturating_sub(before);
        account.saved = account.saved.saturating_add(since);
        account.refused = account.refused.saturating_add(refused.len() as u64);
        for waiting in summary {
            match waiting.state {
                PendingState::Unsent | PendingState::Sent | PendingState::NotStored => {
                    account.on_phone += 1;
                }
                PendingState::Held => account.held += 1,
                PendingState::Accepted => {}
            }
        }
        for lost in inner.lost.iter().filter(|lost| lost.n > before) {
            match lost.state {
                PendingState::Held => account.held += 1,
                PendingState::Accepted => {}
                _ => account.on_phone += 1,
            }
        }
        account.accepted =
            account.saved.saturating_sub(account.refused + account.held + account.on_phone);
        Ok(account)
    }
}
