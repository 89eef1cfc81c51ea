//! What is recorded: facts, the kinds of records, people, places, ids and time. Sees no other
//! module of the crate and judges nothing.

pub mod alarm;
pub mod audience;
pub mod calendar;
pub mod canonical;
pub mod certificate;
pub mod complaint;
pub mod contact;
pub mod department;
pub mod fact;
pub mod follow_up;
pub mod hand_over;
pub mod id;
pub mod money;
pub mod paid_service;
pub mod patrol;
pub mod payload;
pub mod periodic;
pub mod person;
pub mod place;
pub mod policy;
pub mod price_item;
pub mod reception;
pub mod repair_notice;
pub mod roster;
pub mod session;
pub mod signing;
pub mod time;
pub mod violation;
pub mod work_order;
