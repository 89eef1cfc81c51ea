//! Signed work of devices that the phone no longer is, as the store answers it.

use super::column::Columns;
use super::read::fetch;
use super::row::HandOverId;
use super::statement::Statement;
use super::{Store, StoreError};
use crate::model::id::{DeviceId, PersonId};

impl Store {
    /// Signed work that waits to be handed in, of everyone, in the order in which it was signed.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn hand_overs(&self) -> Result<Vec<HandOverId>, StoreError> {
        let mut inner = self.lock().await?;
        let rows = fetch(inner.parts().0, Statement::new(HAND_OVERS)).await?;
        rows.iter()
            .map(|row| {
                let columns = Columns::new("hand_over", row);
                Ok(HandOverId {
                    person: PersonId(columns.number("person")?),
                    device: DeviceId(columns.number("device")?),
                    n: columns.number("n")?,
                })
            })
            .collect()
    }

    /// The signed message; `None` if it is not there any more.
    ///
    /// # Errors
    /// If the row is damaged or the database fails.
    pub async fn hand_over(&self, id: HandOverId) -> Result<Option<Vec<u8>>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, sealer) = inner.parts();
        let rows = fetch(connection, Statement::new(HAND_OVER).hand_over(id)?).await?;
        let message = rows.first().map(|row| Columns::new("hand_over", row).unsealed(sealer));
        Ok(message.transpose()?.map(|message| message.to_vec()))
    }

    /// What the server has said of a signed message, as it was put; `None` if nothing.
    ///
    /// # Errors
    /// If the row is damaged or the database fails.
    pub async fn hand_over_told(&self, id: HandOverId) -> Result<Option<String>, StoreError> {
        let mut inner = self.lock().await?;
        let (connection, _) = inner.parts();
        let rows = fetch(connection, Statement::new(HAND_OVER_TOLD).hand_over(id)?).await?;
        let told = rows.first().map(|row| Columns::new("hand_over", row).optional_text("told"));
        Ok(told.transpose()?.flatten())
    }
}

const HAND_OVERS: &str = "select person, device, n, person || '/' || device || '/' || n as name \
     from hand_over order by position";
const HAND_OVER: &str = "select sealed, person || '/' || device || '/' || n as name from hand_over \
     where person = ? and device = ? and n = ?";
const HAND_OVER_TOLD: &str = "select told, person || '/' || device || '/' || n as name \
     from hand_over where person = ? and device = ? and n = ?";
