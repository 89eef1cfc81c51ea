//! Writing: a plan is one transaction, with a hook before, between and after its statements.

use sqlx::{Sqlite, Transaction};

use super::read::{IdentitySecret, seal_content};
use super::rows::{PendingRow, StoreWrite, StoredChange};
use super::{Store, StoreError};
use crate::environment::{HookPlace, HookPoint};
use crate::model::fact::StoredFact;
use crate::model::id::{ChangeHash, PersonId, RecordId};
use crate::model::session::Origin;

type Tx = Transaction<'static, Sqlite>;

/// Row ids as associated data.
pub(super) fn number_row(number: u64) -> Vec<u8> {
    number.to_be_bytes().to_vec()
}

pub(super) fn owned_row(owner: PersonId, number: u64) -> Vec<u8> {
    [&owner.0.to_be_bytes()[..], &number.to_be_bytes()].concat()
}

pub(super) fn owned_text(owner: PersonId, id: impl AsRef<[u8]>) -> Vec<u8> {
    [&owner.0.to_be_bytes()[..], id.as_ref()].concat()
}

pub(super) fn progress_row(owner: PersonId) -> Vec<u8> {
    owned_text(owner, b"reference")
}

pub(super) fn pack_facts(facts: &[StoredFact]) -> Vec<(String, String)> {
    facts.iter().map(|fact| (fact.key.to_string(), fact.json.clone())).collect()
}

impl AsRef<[u8]> for ChangeHash {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// SQLite's integers are signed; ours never come near the difference.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn deps(change: &StoredChange) -> Vec<u8> {
    change.deps.iter().flat_map(|hash| hash.0).collect()
}

impl Store {
    /// Performs all writes in one transaction, or none.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] and whatever else stops it; everything is as it was before.
    pub async fn apply(
        &self,
        operation: &'static str,
        writes: &[StoreWrite],
    ) -> Result<(), StoreError> {
        let at = |place| self.hooks.at(HookPoint { operation, place });
        at(HookPlace::Before).await?;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let mut statements = 0;
        at(HookPlace::Inside(statements)).await?;
        for write in writes {
            self.write(&mut transaction, write).await?;
            statements += 1;
            at(HookPlace::Inside(statements)).await?;
        }
        transaction.commit().await?;
        at(HookPlace::After).await?;
        Ok(())
    }

    async fn write(&self, tx: &mut Tx, write: &StoreWrite) -> Result<(), StoreError> {
        match write {
            StoreWrite::InsertAccepted { owner, record, change } => {
                self.insert_accepted(tx, *owner, *record, change).await
            }
            StoreWrite::PutPending { owner, row } => self.put_pending(tx, *owner, row).await,
            StoreWrite::PutRecord { .. }
            | StoreWrite::DeleteAccepted { .. }
            | StoreWrite::PutPairs { .. }
            | StoreWrite::DeletePending { .. }
            | StoreWrite::PutRefused { .. }
            | StoreWrite::DeleteRefused { .. }
            | StoreWrite::PutSent { .. }
            | StoreWrite::DeleteSentUpTo { .. }
            | StoreWrite::PutList { .. } => self.write_record(tx, write).await,
            StoreWrite::PutIdentity(_)
            | StoreWrite::PutSession(_)
            | StoreWrite::SessionRegistered(_)
            | StoreWrite::PutForeignSession(_)
            | StoreWrite::PutAnchor { .. } => self.write_identity(tx, write).await,
            _ => self.write_progress(tx, write).await,
        }
    }

    async fn insert_accepted(
        &self,
        tx: &mut Tx,
        owner: PersonId,
        record: RecordId,
        change: &StoredChange,
    ) -> Result<(), StoreError> {
        let content = seal_content(&change.facts, &Default::default());
        let sealed = self.seal("accepted", &owned_text(owner, change.hash), &content);
        sqlx::query("insert into accepted (owner, record, hash, actor, seq, start_op, deps, sealed) values (?, ?, ?, ?, ?, ?, ?, ?) on conflict (owner, record, hash) do nothing")
            .bind(owner.0)
            .bind(record.0.to_vec())
            .bind(change.hash.0.to_vec())
            .bind(change.actor.0.to_vec())
            .bind(signed(change.seq))
            .bind(signed(change.start_op))
            .bind(deps(change))
            .bind(sealed)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    async fn put_pending(
        &self,
        tx: &mut Tx,
        owner: PersonId,
        row: &PendingRow,
    ) -> Result<(), StoreError> {
        let change = &row.change;
        let bytes: usize = change.facts.iter().map(|fact| fact.json.len()).sum();
        let content = seal_content(&change.facts, &row.params);
        let sealed = self.seal("pending", &owned_row(owner, row.n), &content);
        sqlx::query("insert into pending (owner, n, record, saved_wall_ms, state, code, bytes, actor, seq, start_op, deps, hash, sealed) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (owner, n) do update set state = excluded.state, code = excluded.code, actor = excluded.actor, seq = excluded.seq, start_op = excluded.start_op, deps = excluded.deps, hash = excluded.hash, sealed = excluded.sealed")
            .bind(owner.0)
            .bind(signed(row.n))
            .bind(row.record.0.to_vec())
            .bind(row.saved_wall_ms)
            .bind(row.state.code())
            .bind(row.code.clone())
            .bind(signed(bytes as u64))
            .bind(change.actor.0.to_vec())
            .bind(signed(change.seq))
            .bind(signed(change.start_op))
            .bind(deps(change))
            .bind(change.hash.0.to_vec())
            .bind(sealed)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    async fn write_record(&self, tx: &mut Tx, write: &StoreWrite) -> Result<(), StoreError> {
        let query = match write {
            StoreWrite::PutRecord { owner, record, site, present, attestation, parked } => {
                sqlx::query("insert into record (owner, record, site, present, attestation, parked) values (?, ?, ?, ?, ?, ?) on conflict (owner, record) do update set site = excluded.site, present = excluded.present, attestation = excluded.attestation, parked = excluded.parked")
                    .bind(owner.0)
                    .bind(record.0.to_vec())
                    .bind(site.0)
                    .bind(*present)
                    .bind(attestation.map(|bytes| bytes.to_vec()))
                    .bind(parked.clone())
            }
            StoreWrite::DeleteAccepted { owner, record, hash } => {
                sqlx::query("delete from accepted where owner = ? and record = ? and hash = ?")
                    .bind(owner.0)
                    .bind(record.0.to_vec())
                    .bind(hash.0.to_vec())
            }
            StoreWrite::PutPairs { owner, record, audiences } => {
                sqlx::query("delete from pair where owner = ? and record = ?")
                    .bind(owner.0)
                    .bind(record.0.to_vec())
                    .execute(&mut **tx)
                    .await?;
                for audience in audiences {
                    sqlx::query("insert into pair (owner, record, audience) values (?, ?, ?)")
                        .bind(owner.0)
                        .bind(record.0.to_vec())
                        .bind(audience.to_string())
                        .execute(&mut **tx)
                        .await?;
                }
                return Ok(());
            }
            StoreWrite::DeletePending { owner, n } => {
                sqlx::query("delete from pending where owner = ? and n = ?").bind(owner.0).bind(signed(*n))
            }
            StoreWrite::PutRefused { owner, row } => {
                let content = seal_content(&row.facts, &row.params);
                let sealed = self.seal("refused", &owned_row(*owner, row.n), &content);
                sqlx::query("insert into refused (owner, n, record, code, refused_wall_ms, sealed) values (?, ?, ?, ?, ?, ?) on conflict (owner, n) do update set code = excluded.code, sealed = excluded.sealed")
                    .bind(owner.0)
                    .bind(signed(row.n))
                    .bind(row.record.0.to_vec())
                    .bind(row.code.clone())
                    .bind(row.refused_wall_ms)
                    .bind(sealed)
            }
            StoreWrite::DeleteRefused { owner, n } => {
                sqlx::query("delete from refused where owner = ? and n = ?").bind(owner.0).bind(signed(*n))
            }
            StoreWrite::PutSent { owner, row } => {
                let content = seal_content(&row.facts, &Default::default());
                let sealed = self.seal("sent", &owned_row(*owner, row.n), &content);
                sqlx::query("insert into sent (owner, n, record, epoch, sequence, sealed) values (?, ?, ?, ?, ?, ?) on conflict (owner, n) do update set epoch = excluded.epoch, sequence = excluded.sequence, sealed = excluded.sealed")
                    .bind(owner.0)
                    .bind(signed(row.n))
                    .bind(row.record.0.to_vec())
                    .bind(row.accepted_at.epoch)
                    .bind(signed(row.accepted_at.sequence))
                    .bind(sealed)
            }
            StoreWrite::DeleteSentUpTo { owner, seen } => {
                sqlx::query("delete from sent where owner = ? and (epoch < ? or (epoch = ? and sequence <= ?))")
                    .bind(owner.0)
                    .bind(seen.epoch)
                    .bind(seen.epoch)
                    .bind(signed(seen.sequence))
            }
            StoreWrite::PutList { owner, record, json } => {
                let sealed = self.seal("list", &owned_text(*owner, record.0), json.as_bytes());
                sqlx::query("insert into list (owner, record, sealed) values (?, ?, ?) on conflict (owner, record) do update set sealed = excluded.sealed")
                    .bind(owner.0)
                    .bind(record.0.to_vec())
                    .bind(sealed)
            }
            _ => unreachable!("sorted by `write`"),
        };
        query.execute(&mut **tx).await?;
        Ok(())
    }

    async fn write_identity(&self, tx: &mut Tx, write: &StoreWrite) -> Result<(), StoreError> {
        let query = match write {
            StoreWrite::PutIdentity(identity) => {
                let secret = IdentitySecret {
                    name: identity.person_name.clone(),
                    key: identity.signing_key,
                    certificate: identity.certificate_json.clone(),
                    installation: identity.installation_key,
                };
                let plain = zeroize::Zeroizing::new(
                    serde_json::to_vec(&secret).expect("texts and numbers are JSON"),
                );
                let id = number_row(u64::from(identity.person.0));
                let sealed = self.seal("identity", &id, &plain);
                sqlx::query("insert into identity (person, device, enrolled_wall_ms, sealed) values (?, ?, ?, ?) on conflict (person) do update set device = excluded.device, enrolled_wall_ms = excluded.enrolled_wall_ms, sealed = excluded.sealed")
                    .bind(identity.person.0)
                    .bind(identity.device.0)
                    .bind(identity.enrolled_wall_ms)
                    .bind(sealed)
            }
            StoreWrite::PutSession(session) => {
                sqlx::query("insert into session (session, person, office, boot, opened_wall_ms, opened_monotonic_ms, registered) values (?, ?, 0, ?, ?, ?, ?)")
                    .bind(session.session.0.to_vec())
                    .bind(session.person.0)
                    .bind(session.boot.0.to_vec())
                    .bind(session.opened_wall_ms)
                    .bind(session.opened_monotonic_ms)
                    .bind(session.registered)
            }
            StoreWrite::SessionRegistered(session) => {
                sqlx::query("update session set registered = 1 where session = ?").bind(session.0.to_vec())
            }
            StoreWrite::PutForeignSession(row) => {
                // An own session stays as it is: its row follows from the boot's anchor.
                sqlx::query("insert into session (session, person, device, office, boot, opened_wall_ms, opened_monotonic_ms, anchor_server_ms, anchor_monotonic_ms, registered) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 1) on conflict (session) do nothing")
                    .bind(row.session.0.to_vec())
                    .bind(row.person.0)
                    .bind(row.device.0)
                    .bind(row.origin == Origin::Office)
                    .bind(row.boot.0.to_vec())
                    .bind(row.opened_wall_ms)
                    .bind(row.opened_monotonic_ms)
                    .bind(row.anchor.map(|anchor| anchor.server_ms))
                    .bind(row.anchor.map(|anchor| anchor.monotonic_ms))
            }
            StoreWrite::PutAnchor { boot, anchor } => {
                sqlx::query("insert into boot_anchor (boot, server_ms, monotonic_ms) values (?, ?, ?) on conflict (boot) do nothing")
                    .bind(boot.0.to_vec())
                    .bind(anchor.server_ms)
                    .bind(anchor.monotonic_ms)
            }
            _ => unreachable!("sorted by `write`"),
        };
        query.execute(&mut **tx).await?;
        Ok(())
    }

    async fn write_progress(&self, tx: &mut Tx, write: &StoreWrite) -> Result<(), StoreError> {
        let query = match write {
            StoreWrite::PutHighestNumber { owner, n } => {
                sqlx::query("insert into progress (owner, highest_number) values (?, ?) on conflict (owner) do update set highest_number = excluded.highest_number")
                    .bind(owner.0)
                    .bind(signed(*n))
            }
            StoreWrite::PutReceiptsAfter { owner, receipts_after } => {
                sqlx::query("insert into progress (owner, receipts_after) values (?, ?) on conflict (owner) do update set receipts_after = excluded.receipts_after")
                    .bind(owner.0)
                    .bind(signed(*receipts_after))
            }
            StoreWrite::PutEpoch { owner, epoch } => {
                sqlx::query("insert into progress (owner, epoch) values (?, ?) on conflict (owner) do update set epoch = excluded.epoch")
                    .bind(owner.0)
                    .bind(*epoch)
            }
            StoreWrite::PutReference { owner, version, json } => {
                let sealed = self.seal("progress", &progress_row(*owner), json.as_bytes());
                sqlx::query("insert into progress (owner, reference_version, reference_sealed) values (?, ?, ?) on conflict (owner) do update set reference_version = excluded.reference_version, reference_sealed = excluded.reference_sealed")
                    .bind(owner.0)
                    .bind(signed(*version))
                    .bind(sealed)
            }
            StoreWrite::PutBackedUp { owner, seen } => {
                sqlx::query("insert into progress (owner, backed_up_epoch, backed_up_sequence) values (?, ?, ?) on conflict (owner) do update set backed_up_epoch = excluded.backed_up_epoch, backed_up_sequence = excluded.backed_up_sequence")
                    .bind(owner.0)
                    .bind(seen.epoch)
                    .bind(signed(seen.sequence))
            }
            StoreWrite::PutRetry { owner, json } => {
                sqlx::query("insert into progress (owner, retry_json) values (?, ?) on conflict (owner) do update set retry_json = excluded.retry_json")
                    .bind(owner.0)
                    .bind(json.clone())
            }
            StoreWrite::PutReEnrol { owner, re_enrol } => {
                sqlx::query("insert into progress (owner, re_enrol) values (?, ?) on conflict (owner) do update set re_enrol = excluded.re_enrol")
                    .bind(owner.0)
                    .bind(*re_enrol)
            }
            StoreWrite::PutCursor { owner, audience, seen } => {
                sqlx::query("insert into cursor (owner, audience, epoch, sequence) values (?, ?, ?, ?) on conflict (owner, audience) do update set epoch = excluded.epoch, sequence = excluded.sequence")
                    .bind(owner.0)
                    .bind(audience.to_string())
                    .bind(seen.epoch)
                    .bind(signed(seen.sequence))
            }
            StoreWrite::DeleteCursor { owner, audience } => {
                sqlx::query("delete from cursor where owner = ? and audience = ?")
                    .bind(owner.0)
                    .bind(audience.to_string())
            }
            StoreWrite::PutRepair { owner, record } => {
                sqlx::query("insert into repair (owner, record) values (?, ?) on conflict (owner, record) do nothing")
                    .bind(owner.0)
                    .bind(record.0.to_vec())
            }
            StoreWrite::DeleteRepair { owner, record } => {
                sqlx::query("delete from repair where owner = ? and record = ?")
                    .bind(owner.0)
                    .bind(record.0.to_vec())
            }
            _ => unreachable!("sorted by `write`"),
        };
        query.execute(&mut **tx).await?;
        Ok(())
    }
}
