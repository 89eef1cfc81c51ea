//! The account of a day: which day each command of a phone is of, what became of a day's commands,
//! and the closing of days. What became of a command is its receipt's to say; here stand only its
//! day, as ranges of numbers, so that a decision about it costs nothing here.

mod close;
mod late;
mod ranges;
mod read;
mod rows;

pub use self::close::{Closing, Reopening, close, closing, reopen};
pub use self::late::LATE;
pub use self::ranges::Place;
pub use self::read::{DayAccount, DeviceDay, read};
pub(super) use self::rows::{forget_told, told, write};
