//! Records as Automerge documents: genesis, the one builder of change bytes, packs and guards.
//! The only folder that names automerge.
