//! The first change of every record: its id and an empty `facts` map, a pure function of the
//! record's id. It is never sent; every side makes it. Its bytes are frozen for ever.

use super::chunk::{self, Column};
use crate::model::id::{ChangeHash, RecordId};

/// The actor of every genesis: 16 bytes, so that no session can be it.
pub const GENESIS_ACTOR: [u8; 16] = [0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The number of operations in a genesis, hence its largest operation number.
pub const GENESIS_MAX_OP: u64 = 2;

/// The operation number that names the `facts` map: the second of the genesis.
pub(super) const FACTS_OP: u64 = 2;

/// A record's genesis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    /// What the change is called.
    pub hash: ChangeHash,
    /// Its Automerge chunk.
    pub chunk: Vec<u8>,
}

/// The genesis of `record`.
pub fn genesis(record: RecordId) -> Genesis {
    let (hash, chunk) = chunk::wrap(&body(record));
    Genesis { hash, chunk }
}

/// The hash of [`genesis`], without keeping its bytes.
pub fn genesis_hash(record: RecordId) -> ChangeHash {
    chunk::hash(&body(record))
}

/// No dependencies, the fixed actor, seq 1, first operation 1, time 0, no message, no other
/// actors; then put `id` and make the map `facts`, both on the root.
fn body(record: RecordId) -> Vec<u8> {
    let id = record.to_string();
    let mut body = Vec::with_capacity(96);
    body.push(0);
    body.push(16);
    body.extend(GENESIS_ACTOR);
    body.extend([1, 1, 0, 0, 0]);
    chunk::write_columns(
        &mut body,
        &[
            (Column::KeyText, b"\x7e\x02id\x05facts".to_vec()),
            (Column::Insert, vec![2]),
            (Column::Action, vec![0x7e, 1, 0]),
            // 22 bytes of text: 22 << 4 | 6 = 358, then null.
            (Column::ValueMeta, vec![0x7e, 0xe6, 0x02, 0]),
            (Column::Value, id.into_bytes()),
            (Column::PredCount, vec![2, 0]),
        ],
    );
    body
}

#[cfg(test)]
mod tests {
    use automerge::transaction::{CommitOptions, Transactable};
    use automerge::{ActorId, AutoCommit, ObjType, ROOT};
    use data_encoding::HEXLOWER;
    use proptest::prelude::*;

    use super::*;

    fn by_automerge(record: RecordId) -> automerge::Change {
        let mut document = AutoCommit::new().with_actor(ActorId::from(&GENESIS_ACTOR[..]));
        document.put(ROOT, "id", record.to_string()).expect("the root takes a put");
        document.put_object(ROOT, "facts", ObjType::Map).expect("the root takes a map");
        document.commit_with(CommitOptions::default().with_time(0));
        document.get_last_local_change().expect("one change")
    }

    #[test]
    fn the_bytes_are_frozen() {
        let genesis = genesis(RecordId(*b"fieldbook record"));
        assert_eq!(
            HEXLOWER.encode(&genesis.chunk),
            concat!(
                "856f4a8342bd6130014e0010ff000000000000000000000000000000010100000006150a34014203",
                "5604571670027e026964056661637473027e01007ee602005a6d6c6c624752696232397249484a6c",
                "593239795a410200"
            )
        );
    }

    proptest! {
        #[test]
        fn automerge_itself_writes_these_bytes(record in any::<[u8; 16]>()) {
            let ours = genesis(RecordId(record));
            let theirs = by_automerge(RecordId(record));
            prop_assert_eq!(&ours.chunk[..], theirs.raw_bytes());
            prop_assert_eq!(ours.hash.0, theirs.hash().0);
            prop_assert_eq!(genesis_hash(RecordId(record)), ours.hash);
            prop_assert_eq!(theirs.max_op(), GENESIS_MAX_OP);
        }
    }
}
