//! A customer's signing, point by point. What was drawn is on the disk when a call returns, so
//! there is nothing to do when a call comes in or the app is killed: the signing is taken up again
//! where it was, and only `sign` makes a signature of it.

use serde_json::json;
use sync_core::model::id::{FactKey, RecordId};
use sync_core::texts::Language;

use crate::error::bad_json;
use crate::phone::{Phone, parse};
use crate::record::json;
use crate::{ApiError, Performed, Statement};

/// A signing that has begun and not ended.
#[derive(Clone, PartialEq, Eq, uniffi::Record)]
pub struct Signing {
    /// The order.
    pub record: String,
    /// The visit.
    pub visit: String,
    /// The language of the text, `zh-CN` or `en`.
    pub language: String,
    /// The canvas's width, in the unit of the points.
    pub width: u32,
    /// The canvas's height.
    pub height: u32,
    /// What has been drawn: JSON of a list of strokes, each a list of points `[x, y]`.
    pub strokes_json: String,
    /// What is to be shown now.
    pub statement: Statement,
    /// The text is another than the one under which was drawn: that drawing is gone, the customer
    /// has to see the new text and draw again.
    pub changed: bool,
    /// When it was last saved, by the phone's own wall clock, in milliseconds.
    pub saved_wall_ms: i64,
}

#[uniffi::export(async_runtime = "tokio")]
impl Phone {
    /// Begins a signing of a visit on a canvas of `width` by `height`; one that was begun before
    /// ends. Answers what the customer is shown, in `zh-CN` or `en`.
    pub async fn begin_signing(
        &self,
        record: String,
        visit: String,
        language: String,
        width: u32,
        height: u32,
    ) -> Result<Statement, ApiError> {
        let visit = (parse::<RecordId>(&record)?, parse::<FactKey>(&visit)?);
        let language: Language = parse(&language)?;
        let replica = self.replica().await?;
        Ok(replica.begin_signing(visit, language, (width, height)).await?.into())
    }

    /// Saves strokes that were drawn: JSON of a list of strokes, each a list of points `[x, y]`
    /// from the upper left corner of the canvas. When it returns, they outlive the process.
    pub async fn add_strokes(&self, strokes_json: String) -> Result<(), ApiError> {
        let strokes = serde_json::from_str(&strokes_json).map_err(|error| bad_json(&error))?;
        Ok(self.replica().await?.add_strokes(strokes).await?)
    }

    /// The signing that has begun, to be shown and gone on with; none if none has, or its visit is
    /// gone.
    pub async fn resume_signing(&self) -> Result<Option<Signing>, ApiError> {
        let resumed = self.replica().await?.resume_signing().await?;
        let signing = resumed.map(|resumed| {
            let signing = resumed.signing;
            Ok(Signing {
                record: signing.record.to_string(),
                visit: signing.visit.to_string(),
                language: signing.language.to_string(),
                width: signing.strokes.width,
                height: signing.strokes.height,
                strokes_json: json(&signing.strokes.strokes)?,
                statement: resumed.statement.into(),
                changed: resumed.changed,
                saved_wall_ms: signing.saved_wall_ms,
            })
        });
        signing.transpose()
    }

    /// Signs what was shown by what has been drawn, and ends the signing. `relation` is `owner`,
    /// `tenant`, `family` or `other`; `ratings_json` has `quality`, `attitude` and `conduct`, 1 to
    /// 5 each.
    #[uniffi::method(default(contact = None))]
    pub async fn sign(
        &self,
        relation: String,
        ratings_json: String,
        contact: Option<String>,
    ) -> Result<Performed, ApiError> {
        let relation = serde_json::from_value(json!(relation)).map_err(|error| bad_json(&error))?;
        let ratings = serde_json::from_str(&ratings_json).map_err(|error| bad_json(&error))?;
        let contact = contact.as_deref().map(parse::<RecordId>).transpose()?;
        Ok(self.replica().await?.sign(relation, contact, ratings).await?.into())
    }

    /// Ends the signing without a signature.
    pub async fn drop_signing(&self) -> Result<(), ApiError> {
        Ok(self.replica().await?.drop_signing().await?)
    }
}
