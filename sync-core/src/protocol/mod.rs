//! What goes over the wire: the sync messages, their frame, the limits, the signed statements of
//! identity, and the stable error codes. `docs/protocol.md` describes the same for a reader
//! without this code.

pub mod chain;
mod codec;
pub mod enrolment;
pub mod frame;
pub mod identity;
pub mod limits;
pub mod message;
#[cfg(feature = "store")]
pub mod parcel;
pub mod problem;

pub use message::{SyncRequest, SyncResponse};

/// The newest protocol version this code speaks.
pub const VERSION: u16 = 1;

/// The oldest protocol version this code speaks.
pub const VERSION_MIN: u16 = 1;

/// The media type of a sync frame.
pub const MEDIA_TYPE: &str = "application/vnd.fieldbook.sync";
