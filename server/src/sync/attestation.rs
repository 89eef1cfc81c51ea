//! What a phone shows after a restore of the server: that this server once served these heads.

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use sync_core::document::genesis_hash;
use sync_core::model::id::{ChangeHash, RecordId};

/// The accepted heads as a document names them: no change yet is the genesis alone.
pub fn document_heads(record: RecordId, heads: &[ChangeHash]) -> Vec<ChangeHash> {
    if heads.is_empty() {
        return vec![genesis_hash(record)];
    }
    let mut heads = heads.to_vec();
    heads.sort_unstable();
    heads
}

/// HMAC-SHA-256 over domain, record id and sorted heads, its first 16 bytes.
pub fn attestation(key: &[u8; 32], record: RecordId, heads: &[ChangeHash]) -> [u8; 16] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("an HMAC takes any key");
    mac.update(b"fieldbook/attestation/1");
    mac.update(&record.0);
    for head in document_heads(record, heads) {
        mac.update(&head.0);
    }
    let bytes = mac.finalize().into_bytes();
    bytes[..16].try_into().expect("a SHA-256 has 32 bytes")
}

/// The first 8 bytes of SHA-256 over the sorted heads.
pub fn heads_digest(record: RecordId, heads: &[ChangeHash]) -> [u8; 8] {
    let mut hasher = Sha256::new();
    for head in document_heads(record, heads) {
        hasher.update(head.0);
    }
    hasher.finalize()[..8].try_into().expect("a SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_frozen() {
        let record = RecordId(*b"fieldbook record");
        let heads = [ChangeHash([2; 32]), ChangeHash([1; 32])];
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        assert_eq!(hex(&attestation(&[7; 32], record, &heads)), "e77ce9321a1b0fbd1a479ac2e70aaab7");
        assert_eq!(hex(&heads_digest(record, &heads)), "f818afd37a6dc3bc");
        let sorted = [heads[1], heads[0]];
        assert_eq!(heads_digest(record, &heads), heads_digest(record, &sorted));
    }
}
