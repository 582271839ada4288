//! Calls of subtasks that wait for a split.

use std::collections::BTreeMap;

use flott_core::{AttemptNumber, SubtaskId, deployment::SplitAnswer};
use tokio::sync::oneshot;

use super::CallError;

type Reply = oneshot::Sender<Result<SplitAnswer, CallError>>;

/// A request may be sent again while an earlier copy waits; each copy gets the answer.
#[derive(Debug, Default)]
pub(super) struct WaitingSplits {
    calls: BTreeMap<(SubtaskId, AttemptNumber, u64), Vec<Reply>>,
}

impl WaitingSplits {
    pub(super) fn add(&mut self, subtask: SubtaskId, attempt: AttemptNumber, request_id: u64, reply: Reply) {
        let replies = self.calls.entry((subtask, attempt, request_id)).or_default();
        // Callers that have given up would pile up if a split is long in coming.
        replies.retain(|reply| !reply.is_closed());
        replies.push(reply);
    }

    pub(super) fn answer(
        &mut self,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        request_id: u64,
        answer: Result<SplitAnswer, CallError>,
    ) {
        for reply in self.calls.remove(&(subtask, attempt, request_id)).unwrap_or_default() {
            // A caller that has gone away asks again with the same number and gets the same answer.
            let _ = reply.send(answer.clone());
        }
    }
}
