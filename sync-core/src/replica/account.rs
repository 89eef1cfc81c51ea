//! Where everything that a person saved on this phone is.

use super::{Account, Replica};
use crate::Result;
use crate::store::{Identity, PendingState};

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
        let (before, carried) = self.before_sign_out(identity).await?;
        let (refused, unreadable) = self.store.refused_apart(identity.person).await?;
        let mut account = Account {
            saved: inner.state.highest_number.saturating_sub(before).saturating_add(carried),
            on_phone: carried,
            refused: (refused.len() + unreadable.len()) as u64,
            ..Account::default()
        };
        for waiting in self.store.pending_summary(identity.person).await? {
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

    /// The last number before the person's last sign-out, where the account begins, and how many
    /// commands up to it wait on this phone to be handed in.
    async fn before_sign_out(&self, identity: &Identity) -> Result<(u64, u64)> {
        let before = identity.account_from;
        if before == 0 {
            return Ok((0, 0));
        }
        let signed = self.signed_numbers(identity.person).await?;
        Ok((before, signed.range(..=before).count() as u64))
    }
}
