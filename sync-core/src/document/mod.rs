//! Records as Automerge documents: genesis, the one builder of change bytes, packs and guards.
//! The only folder that names automerge.

pub mod change;
mod chunk;
pub mod chunk_guard;
#[expect(clippy::module_inception, reason = "the record as a document, in the folder about them")]
pub mod document;
pub mod forge;
pub mod genesis;
#[cfg(test)]
mod golden;
pub mod guard;
pub mod log;
pub mod pack;
#[cfg(test)]
mod traps;
mod wire;

pub use change::{
    BuildError, CHANGE_BYTES_MAX, CHANGE_FACTS_MAX, Change, ChangeHead, START_OP_MAX,
};
pub use chunk_guard::{ChunkError, ChunkGuard, read_chunk, split_chunks};
pub use document::{Document, DocumentError, heads_after};
pub use genesis::{GENESIS_ACTOR, GENESIS_MAX_OP, Genesis, genesis, genesis_hash};
pub use guard::{Check, Guard, GuardError, Guarded, GuardedChange, RECORD_FACTS_MAX};
pub use log::{MemoryLog, RecordLog};
pub use pack::{
    Built, Deps, InvalidChange, PACK_BYTES_MAX, PACK_FACTS_MAX, PackError, PackedChange,
    RecordPack, Stop,
};
pub use wire::ReadError;
