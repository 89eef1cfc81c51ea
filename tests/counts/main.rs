//! What is counted: processes killed around a transaction, syncs of the disk per command, forged
//! packs and chunks. Every count is printed, and none that matters may be zero.
//!
//! The children are this very executable, called again with the name of one test.

mod child;
#[expect(dead_code, reason = "shared with the simulation, which schedules and crashes by it")]
#[path = "../simulation/environment.rs"]
mod environment;
mod forged;
mod fsync;
mod full;
mod idle;
mod inspect;
mod journal;
mod kill;
#[expect(dead_code, reason = "shared with the simulation, which has faults on the way")]
#[path = "../simulation/network.rs"]
mod network;
mod saved;
mod site;
mod work;
