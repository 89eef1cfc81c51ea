//! Behaviour of a replica on a real store, before a scripted server: what each answer, each
//! failure and each stop leaves behind.

mod account;
mod answers;
mod damage;
mod dropped;
mod failures;
mod hand_over;
mod lost;
mod offline;
mod older;
mod parked;
mod purged;
mod salvage;
mod scene;
mod script;
mod signing;
mod storage;
mod tokens;
