//! The whole stack at once: a real server on a loopback port, real phones over real HTTP, the
//! office by its JSON API; only clocks, randomness and the place where an answer is cut are told.

mod access;
mod alarm;
mod arrival;
mod clocks;
mod copied;
mod cut;
mod desk;
mod device_life;
mod handed_in;
mod line;
mod moved;
mod parked;
mod patrol;
mod phone;
mod purged;
mod reassigned;
mod refused;
mod restored;
mod salvage;
mod stage;
mod text;
