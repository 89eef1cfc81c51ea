//! Accepted commands that cannot enter as they are: their facts go into changes of the server's
//! own.

use sync_core::document::{
    CHANGE_BYTES_MAX, CHANGE_FACTS_MAX, Change, ChangeHead, GENESIS_MAX_OP, RecordLog as _,
    genesis_hash,
};
use sync_core::model::fact::StoredFact;
use sync_core::model::id::ChangeHash;

use super::judge::Work;
use crate::sync::log::RowState;

impl Work<'_> {
    /// The facts of accepted commands that cannot enter, in changes of the server's own.
    pub(super) fn write_server_changes(&mut self) {
        let facts = std::mem::take(&mut self.rewritten);
        let mut rest = facts.as_slice();
        while !rest.is_empty() {
            let (taken, after) = rest.split_at(fitting(rest));
            rest = after;
            let deps: Vec<_> = self.heads.iter().copied().collect();
            // A panic holds the push undecided; a fact told accepted and stored nowhere would be
            // worse. Each fact was in a change that was built, and one head is room enough.
            let change = self.server_change(deps, taken).expect("its facts stood in a change");
            self.enter(&change);
            self.store(super::row(&change, None, RowState::Accepted, None));
        }
    }

    fn server_change(&self, deps: Vec<ChangeHash>, facts: &[StoredFact]) -> Option<Change> {
        let genesis = genesis_hash(self.deciding.state.record);
        let max_op = |hash: &ChangeHash| {
            let stored = self.log.max_op(hash);
            stored.or((*hash == genesis).then_some(GENESIS_MAX_OP))
        };
        let actor = self.deciding.server;
        let seq = self.log.last_seq(actor) + 1;
        let build = |deps: Vec<ChangeHash>| {
            let start_op = 1 + deps.iter().filter_map(max_op).max().unwrap_or_default();
            Change::build(ChangeHead { actor, seq, start_op, deps }, facts.to_vec()).ok()
        };
        let own_last = self.log.last_hash(actor);
        let single = own_last.or_else(|| deps.iter().copied().max_by_key(max_op));
        build(deps).or_else(|| build(vec![single?]))
    }
}

/// How many of `facts` fit into one change with room for its head.
fn fitting(facts: &[StoredFact]) -> usize {
    const ROOM_BYTES: usize = 4 << 10;
    const FACT_BYTES: usize = 64;
    let mut bytes = ROOM_BYTES;
    let fit = facts.iter().take(CHANGE_FACTS_MAX).take_while(|fact| {
        bytes += fact.json.len() + FACT_BYTES;
        bytes <= CHANGE_BYTES_MAX
    });
    fit.count().max(1)
}
