//! Somebody with a phone: time passes, a command is performed, and what was written is remembered,
//! so that the end can say where all of it is.

use serde_json::{Value, json};
use sync_core::model::id::{FactKey, RecordId};

use super::phone::Phone;
use super::phone_process::Request;
use super::stage::{Stage, step};
use crate::{Error, Result};

/// How long it takes to reach the server.
const SECOND_MS: i64 = 1_000;

/// A phone in somebody's hand.
pub(super) struct Worker<'a> {
    stage: &'a Stage,
    /// The phone's process.
    pub(super) phone: Phone,
    /// Whose it is, by the script.
    pub(super) index: usize,
    /// Everything it called saved.
    pub(super) saved: Vec<(RecordId, FactKey)>,
}

impl<'a> Worker<'a> {
    /// Enrols a phone by a one-time code; answers its device too.
    pub(super) async fn enrol(
        stage: &'a Stage,
        index: usize,
        wall_offset_ms: i64,
    ) -> Result<(Self, u32)> {
        let (phone, device) = stage.phone(index, wall_offset_ms).await?;
        Ok((Self { stage, phone, index, saved: Vec::new() }, device))
    }

    /// Lets time pass, then performs a command; answers its key.
    pub(super) async fn perform(
        &mut self,
        wait_ms: i64,
        record: RecordId,
        command: Value,
    ) -> Result<FactKey> {
        Ok(self.saves(wait_ms, request(Some(record), command)?).await?.1)
    }

    /// [`Self::perform`] of a step.
    pub(super) async fn step(
        &mut self,
        wait_ms: i64,
        record: RecordId,
        (fact_type, content): (&str, Value),
    ) -> Result<FactKey> {
        self.perform(wait_ms, record, step(fact_type, content)).await
    }

    /// Lets time pass, then opens a record.
    pub(super) async fn open(&mut self, wait_ms: i64, command: Value) -> Result<RecordId> {
        Ok(self.saves(wait_ms, request(None, command)?).await?.0)
    }

    /// Writes a fact as a phone whose rules were patched out would.
    pub(super) async fn write_unjudged(&mut self, record: RecordId, payload: Value) -> Result<()> {
        self.saves(0, Request::WriteUnjudged { record, payload }).await?;
        Ok(())
    }

    async fn saves(&mut self, wait_ms: i64, request: Request) -> Result<(RecordId, FactKey)> {
        self.stage.advance_ms(wait_ms);
        self.now().await?;
        let answer = self.phone.ask(&request).await?;
        let saved: (RecordId, FactKey) =
            serde_json::from_value(json!([answer["record"], answer["key"]]))
                .map_err(|_| Error::Broken("a phone's answer has a record and a key"))?;
        self.saved.push(saved);
        Ok(saved)
    }

    /// Tells the phone the scripted time.
    pub(super) async fn now(&mut self) -> Result<()> {
        self.phone.ask(&Request::Now { now_ms: self.stage.now_ms() }).await?;
        Ok(())
    }

    /// Syncs until neither side has more.
    pub(super) async fn sync(&mut self) -> Result<Value> {
        self.stage.advance_ms(SECOND_MS);
        self.now().await?;
        self.phone.ask(&Request::Sync).await
    }

    /// How many commands the phone has called saved.
    pub(super) async fn count(&mut self) -> Result<u64> {
        let account = self.phone.ask(&Request::Account).await?;
        account["saved"].as_u64().ok_or(Error::Broken("an account has numbers"))
    }
}

/// A command as a phone process takes it.
pub(super) fn request(record: Option<RecordId>, command: Value) -> Result<Request> {
    let command = serde_json::from_value(command)
        .map_err(|error| Error::Configuration(format!("demo script: {error}")))?;
    Ok(Request::Perform { command, record })
}
