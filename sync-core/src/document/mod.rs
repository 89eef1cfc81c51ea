//! Records as Automerge documents: genesis, the one builder of change bytes, packs and guards.
//! The only folder that names automerge.

mod change;
mod chunk;
mod genesis;
#[cfg(test)]
mod golden;
mod wire;

pub use change::{
    BuildError, CHANGE_BYTES_MAX, CHANGE_FACTS_MAX, Change, ChangeHead, START_OP_MAX,
};
pub use genesis::{GENESIS_ACTOR, GENESIS_MAX_OP, Genesis, genesis, genesis_hash};
