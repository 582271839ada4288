use std::sync::{Arc, Mutex, PoisonError};

use flott_core::{
    AttemptNumber, FailureCause, SubtaskId,
    deployment::{EnumeratedSplits, SplitAnswer},
};
use flott_rpc::{SplitRequest, SplitsReport, TaskHostMessage};

use super::connection::MessageSender;
use crate::input::SplitProvider;

/// Bytes of splits in one report; the source's own report is cut into as many as it takes. A message has a limit, and
/// those who wait shall not do so for the last of a million splits.
const REPORT_BYTES: usize = 1024 * 1024;

/// The answer to the last request, until it is taken.
pub(super) type Mailbox = Arc<Mutex<Option<(u64, SplitAnswer)>>>;

/// A subtask's way to the split queue in the JobMaster.
pub(super) struct RemoteSplits {
    subtask: SubtaskId,
    attempt: AttemptNumber,
    /// Number of the last request.
    last_request: u64,
    /// Number of the last request whose answer was taken.
    last_answered: u64,
    /// Number of the last report.
    last_report: u64,
    messages: MessageSender,
    mailbox: Mailbox,
}

impl RemoteSplits {
    pub(super) fn new(
        subtask: SubtaskId,
        attempt: AttemptNumber,
        messages: MessageSender,
        mailbox: Mailbox,
    ) -> Self {
        Self { subtask, attempt, last_request: 0, last_answered: 0, last_report: 0, messages, mailbox }
    }

    fn send(&mut self, result: Result<Vec<Vec<u8>>, FailureCause>, complete: bool) {
        self.last_report += 1;
        let splits = EnumeratedSplits { report_id: self.last_report, result, complete };
        let report = SplitsReport { subtask: self.subtask, attempt: self.attempt, splits };
        let _ = self.messages.send(TaskHostMessage::SplitsReport(report));
    }
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
        let (request, answer) = mailbox.take().filter(|(request, _)| *request == self.last_request)?;
        self.last_answered = request;
        Some(answer)
    }

    fn last_answered(&self) -> u64 {
        self.last_answered
    }

    fn last_report(&self) -> u64 {
        self.last_report
    }

    fn report(&mut self, splits: Result<Vec<Vec<u8>>, FailureCause>, complete: bool) {
        let splits = match splits {
            Ok(splits) => splits,
            Err(cause) => return self.send(Err(cause), complete),
        };
        let mut part = Vec::new();
        let mut bytes = 0;
        for split in splits {
            if bytes + split.len() > REPORT_BYTES && !part.is_empty() {
                self.send(Ok(std::mem::take(&mut part)), false);
                bytes = 0;
            }
            bytes += split.len();
            part.push(split);
        }
        // That nothing was found is no news.
        if complete || !part.is_empty() {
            self.send(Ok(part), complete);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::UnboundedReceiver;

    use super::*;
    use crate::task_host::connection::message_queue;

    fn provider() -> (RemoteSplits, Mailbox, UnboundedReceiver<TaskHostMessage>) {
        let (messages, sent) = message_queue();
        let mailbox = Mailbox::default();
        let provider = RemoteSplits::new(SubtaskId::new(0, 1), AttemptNumber(2), messages, mailbox.clone());
        (provider, mailbox, sent)
    }

    /// Number, splits and completeness of each report.
    fn reports(sent: &mut UnboundedReceiver<TaskHostMessage>) -> Vec<(u64, usize, bool)> {
        std::iter::from_fn(|| sent.try_recv().ok())
            .map(|message| {
                let TaskHostMessage::SplitsReport(report) = message else { panic!("not a report") };
                let EnumeratedSplits { report_id, result, complete } = report.splits;
                (report_id, result.unwrap().len(), complete)
            })
            .collect()
    }

    #[test]
    fn reports_are_numbered_and_those_without_news_left_out() {
        let (mut provider, _, mut sent) = provider();
        provider.report(Ok(vec![vec![1]]), false);
        provider.report(Ok(Vec::new()), false);
        provider.report(Ok(vec![vec![2], vec![3]]), false);
        provider.report(Ok(Vec::new()), true);
        assert_eq!(reports(&mut sent), [(1, 1, false), (2, 2, false), (3, 0, true)]);
    }

    #[test]
    fn a_large_report_is_cut_and_only_its_last_part_is_complete() {
        let (mut provider, _, mut sent) = provider();
        let half = vec![0; REPORT_BYTES / 2];
        let huge = vec![0; 2 * REPORT_BYTES];
        provider.report(Ok(vec![half.clone(), half.clone(), half, huge, vec![1]]), true);
        let expected = [(1, 2, false), (2, 1, false), (3, 1, false), (4, 1, true)];
        assert_eq!(reports(&mut sent), expected);
    }

    #[test]
    fn an_answer_to_an_earlier_request_is_dropped() {
        let (mut provider, mailbox, _sent) = provider();
        provider.request();
        provider.request();
        *mailbox.lock().unwrap() = Some((1, SplitAnswer::NoMoreSplits));
        assert_eq!(provider.take_answer(), None);
        *mailbox.lock().unwrap() = Some((2, SplitAnswer::NoMoreSplits));
        assert_eq!(provider.take_answer(), Some(SplitAnswer::NoMoreSplits));
    }
}
