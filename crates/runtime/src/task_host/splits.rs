use std::sync::{Arc, Mutex, PoisonError};

use flott_core::{AttemptNumber, FailureCause, SubtaskId, deployment::SplitAnswer};
use flott_rpc::{SplitRequest, SplitsReport, TaskHostMessage};

use super::connection::MessageSender;
use crate::input::SplitProvider;

/// The answer to the last request, until it is taken.
pub(super) type Mailbox = Arc<Mutex<Option<(u64, SplitAnswer)>>>;

/// A subtask's way to the split queue in the JobMaster.
pub(super) struct RemoteSplits {
    pub(super) subtask: SubtaskId,
    pub(super) attempt: AttemptNumber,
    /// Number of the last request.
    pub(super) last_request: u64,
    pub(super) messages: MessageSender,
    pub(super) mailbox: Mailbox,
}

impl SplitProvider for RemoteSplits {
    fn request(&mut self) {
        self.last_request += 1;
        let request =
            SplitRequest { subtask: self.subtask, attempt: self.attempt, request_id: self.last_request };
        let _ = self.messages.send(TaskHostMessage::SplitRequest(request));
    }

    fn take_answer(&mut self) -> Option<SplitAnswer> {
        let mut mailbox = self.mailbox.lock().unwrap_or_else(PoisonError::into_inner);
        // An answer that was repeated may belong to an earlier request.
        mailbox.take().filter(|(request, _)| *request == self.last_request).map(|(_, answer)| answer)
    }

    fn report(&mut self, splits: Result<Vec<Vec<u8>>, FailureCause>, complete: bool) {
        debug_assert!(complete || splits.is_err(), "the JobMaster takes one report");
        let report = SplitsReport { subtask: self.subtask, attempt: self.attempt, result: splits };
        let _ = self.messages.send(TaskHostMessage::SplitsReport(report));
    }
}
