//! A signing on the screen: what was shown and what has been drawn so far outlive a call that comes
//! in, an empty battery and a restart. Only the command `sign` makes a signature of it, and the
//! transaction that saves that command ends it.

use serde::{Deserialize, Serialize};

use super::{Inner, Performed, Replica};
use crate::Result;
use crate::model::id::{FactKey, RecordId};
use crate::model::time::WallMs;
use crate::model::work_order::{Ratings, Relation};
use crate::rules::signature::Strokes;
use crate::rules::statement::{Language, Statement};
use crate::rules::{Command, Denial, DenialCode};
use crate::store::StoreWrite;

/// A signing that has begun and not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    /// The order.
    pub record: RecordId,
    /// The visit.
    pub visit: FactKey,
    /// The language of the text.
    pub language: Language,
    /// SHA-256 of the text that is shown, lower-case hex: what `sign` is given.
    pub text_sha256: String,
    /// What has been drawn.
    pub strokes: Strokes,
    /// When it was last saved, by the device's wall clock.
    pub saved_wall_ms: WallMs,
}

/// A signing taken up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// The signing as it goes on.
    pub signing: Signing,
    /// What is to be shown.
    pub statement: Statement,
    /// The text is another than the one under which was drawn: that drawing is gone.
    pub changed: bool,
}

impl Replica {
    /// Begins a signing of a visit on a canvas of `width` by `height`; one that was begun before
    /// ends. Answers what the customer is shown.
    ///
    /// # Errors
    /// If the record or the visit is not here, or the store does not take it.
    pub async fn begin_signing(
        &self,
        (record, visit): (RecordId, FactKey),
        language: Language,
        (width, height): (u32, u32),
    ) -> Result<Statement> {
        let statement = self.statement(record, visit, language).await?;
        let strokes = Strokes { width, height, strokes: Vec::new() };
        let text_sha256 = statement.text_sha256.clone();
        let saved_wall_ms = self.clock.wall_ms();
        let signing = Signing { record, visit, language, text_sha256, strokes, saved_wall_ms };
        let inner = self.inner().await?;
        self.put_signing(&inner, &signing).await?;
        Ok(statement)
    }

    /// Saves strokes that were drawn; when it returns, they outlive a restart.
    ///
    /// # Errors
    /// `no_such_fact` if no signing has begun, `not_a_drawing` for a point outside the canvas or
    /// more than 16 KiB; nothing is saved then.
    pub async fn add_strokes(&self, strokes: Vec<Vec<(u32, u32)>>) -> Result<()> {
        let inner = self.inner().await?;
        let begun = self.begun(&inner).await?;
        let mut signing =
            begun.ok_or(Denial::new(DenialCode::NoSuchFact).with("fact", "signing"))?;
        signing.strokes.strokes.extend(strokes);
        let drawn = &signing.strokes;
        let mut points = drawn.strokes.iter().flatten();
        let inside = points.all(|(x, y)| *x <= drawn.width && *y <= drawn.height);
        if !inside || drawn.encode().is_err() {
            return Err(Denial::new(DenialCode::NotADrawing).into());
        }
        signing.saved_wall_ms = self.clock.wall_ms();
        self.put_signing(&inner, &signing).await
    }

    /// The signing that has begun, with what is to be shown now. Where the text has changed
    /// meanwhile, the customer has to see it and draw again (R4.36).
    ///
    /// # Errors
    /// If the store does not answer. `None`: none has begun, or its visit is gone.
    pub async fn resume_signing(&self) -> Result<Option<Resumed>> {
        let inner = self.inner().await?;
        let begun = self.begun(&inner).await?;
        drop(inner);
        let Some(mut signing) = begun else { return Ok(None) };
        let now = self.statement(signing.record, signing.visit, signing.language).await;
        let statement = match now {
            Ok(statement) => statement,
            Err(crate::Error::Denied(_)) => {
                self.drop_signing().await?;
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let changed = statement.text_sha256 != signing.text_sha256;
        if changed {
            signing.text_sha256.clone_from(&statement.text_sha256);
            signing.strokes.strokes.clear();
            let inner = self.inner().await?;
            self.put_signing(&inner, &signing).await?;
        }
        Ok(Some(Resumed { signing, statement, changed }))
    }

    /// Signs what was shown by what has been drawn, and ends the signing.
    ///
    /// # Errors
    /// `no_such_fact` if no signing has begun, `statement_differs` if the text is another than the
    /// one under which was drawn (nothing is drawn then), otherwise as [`Self::perform`]: the
    /// drawing stays.
    pub async fn sign(
        &self,
        relation: Relation,
        contact: Option<RecordId>,
        ratings: Ratings,
    ) -> Result<Performed> {
        let resumed = self.resume_signing().await?;
        let Resumed { signing, changed, .. } =
            resumed.ok_or(Denial::new(DenialCode::NoSuchFact).with("fact", "signing"))?;
        if changed {
            return Err(Denial::new(DenialCode::StatementDiffers).into());
        }
        let command = Command::Sign {
            visit: signing.visit,
            language: signing.language,
            text_sha256: Some(signing.text_sha256),
            strokes: signing.strokes,
            relation,
            contact,
            ratings,
        };
        self.perform(&command, Some(signing.record)).await
    }

    /// Ends the signing without a signature.
    ///
    /// # Errors
    /// If the store does not take it.
    pub async fn drop_signing(&self) -> Result<()> {
        let inner = self.inner().await?;
        let owner = inner.owner()?;
        let Some(signing) = self.begun(&inner).await? else { return Ok(()) };
        let write = StoreWrite::DeleteSigning { owner, record: signing.record };
        Ok(self.store.apply("signing", &[write]).await?)
    }

    async fn begun(&self, inner: &Inner) -> Result<Option<Signing>> {
        let json = self.store.signing(inner.owner()?).await?;
        // One of another app version is begun anew.
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    async fn put_signing(&self, inner: &Inner, signing: &Signing) -> Result<()> {
        let json = serde_json::to_string(signing).map_err(|error| crate::Error::Malformed {
            what: "signing",
            detail: error.to_string(),
        })?;
        let (owner, record) = (inner.owner()?, signing.record);
        Ok(self.store.apply("signing", &[StoreWrite::PutSigning { owner, record, json }]).await?)
    }
}
