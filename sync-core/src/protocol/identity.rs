//! Statements that keys sign: domain-separated canonical CBOR. Verifying needs no database.

use super::message::SessionRegistration;
pub use crate::model::certificate::{Certificate, certificate_statement, fingerprint};
use crate::model::id::{DeviceId, PersonId};
pub(crate) use crate::model::signing::statement;
pub use crate::model::signing::{NotValid, verify};

/// The bytes a (person, device) key signs to register a session.
pub fn session_statement(
    person: PersonId,
    device: DeviceId,
    registration: &SessionRegistration,
) -> Vec<u8> {
    statement("fieldbook/session/1", 6, |e| {
        e.bytes(&registration.session.0)?
            .u32(person.0)?
            .u32(device.0)?
            .bytes(&registration.boot.0)?
            .i64(registration.opened_wall_ms)?
            .i64(registration.opened_monotonic_ms)?
            .ok()
    })
}

/// The bytes a (person, device) key signs to be given an access token for the server's `nonce`,
/// decoded from its base64url.
pub fn nonce_statement(person: PersonId, device: DeviceId, nonce: &[u8]) -> Vec<u8> {
    statement("fieldbook/nonce/1", 3, |e| e.u32(person.0)?.u32(device.0)?.bytes(nonce)?.ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::SessionId;
    use crate::model::time::BootId;

    fn hex(bytes: &[u8]) -> String {
        data_encoding::HEXLOWER.encode(bytes)
    }

    #[test]
    fn statements_are_frozen() {
        assert_eq!(
            hex(&certificate_statement(PersonId(31), DeviceId(9), &[7; 32], 1_700_000_000_000)),
            format!(
                "8577{}181f095820{}1b0000018bcfe56800",
                hex(b"fieldbook/certificate/1"),
                "07".repeat(32)
            )
        );
        assert_eq!(
            hex(&nonce_statement(PersonId(31), DeviceId(9), &[1, 2])),
            format!("8471{}181f09420102", hex(b"fieldbook/nonce/1"))
        );
        let registration = SessionRegistration {
            session: SessionId([1; 8]),
            boot: BootId([2; 16]),
            opened_wall_ms: 5,
            opened_monotonic_ms: 6,
            signature: [0; 64],
        };
        assert_eq!(
            hex(&session_statement(PersonId(31), DeviceId(9), &registration)),
            format!(
                "8773{}48{}181f0950{}0506",
                hex(b"fieldbook/session/1"),
                "01".repeat(8),
                "02".repeat(16)
            )
        );
    }
}
