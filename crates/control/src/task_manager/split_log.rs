//! What sources were told of their splits and have told since the last checkpoint that is complete: with that the next
//! leader finds out which splits are left.
//!
//! What is not in here when the TaskManager asks to register, the source has not got: later answers of the old leader are
//! not handed on.

use std::collections::VecDeque;

use flott_core::{
    AttemptNumber, CheckpointId, SubtaskId,
    checkpoint::SourceProgress,
    deployment::{EnumeratedSplits, SplitAnswer},
};

use crate::protocol::{SplitLog, SplitMark};

/// So many bytes of splits are kept of a subtask. If it has got more since the last checkpoint, the oldest are forgotten,
/// and its source restarts when its leader is lost. All logs together have to fit into one message.
const MAX_BYTES: usize = 1024 * 1024;
/// What an entry counts beside its splits, for entries without any take room too.
const ENTRY_BYTES: usize = 32;
/// So many checkpoints are remembered that it has acknowledged and of which no end was heard.
const MAX_MARKS: usize = 256;

/// The log of one attempt of a subtask. Empty for one that is no source.
#[derive(Clone, Debug, Default)]
pub(super) struct LocalSplits {
    answers: VecDeque<(u64, SplitAnswer)>,
    reports: VecDeque<EnumeratedSplits>,
    marks: VecDeque<SplitMark>,
    bytes: usize,
    /// The last answer and the last report that had to be forgotten; 0 for none.
    forgotten: (u64, u64),
}

impl LocalSplits {
    pub(super) fn answered(&mut self, request_id: u64, answer: SplitAnswer) {
        if self.answers.back().is_none_or(|(last, _)| *last < request_id) {
            self.bytes += size_of_answer(&answer);
            self.answers.push_back((request_id, answer));
            self.shrink();
        }
    }

    pub(super) fn reported(&mut self, report: EnumeratedSplits) {
        if report.result.is_ok() && self.reports.back().is_none_or(|last| last.report_id < report.report_id) {
            self.bytes += size_of_report(&report);
            self.reports.push_back(report);
            self.shrink();
        }
    }

    /// Its part of a checkpoint is durable.
    pub(super) fn acknowledged(&mut self, checkpoint_id: CheckpointId, progress: &SourceProgress) {
        // Parts of checkpoints may become durable in another order than they were taken in.
        let Err(position) = self.marks.binary_search_by_key(&checkpoint_id, |mark| mark.checkpoint_id) else {
            return;
        };
        let mark = SplitMark {
            checkpoint_id,
            last_answered: progress.last_answered,
            last_report: progress.enumerator.as_ref().map(|(last_report, _)| *last_report),
        };
        self.marks.insert(position, mark);
        if self.marks.len() > MAX_MARKS {
            // The first is the one that may be complete.
            self.marks.remove(1);
        }
    }

    /// The job recovers from this checkpoint at least.
    pub(super) fn completed(&mut self, id: CheckpointId) {
        while self.marks.front().is_some_and(|mark| mark.checkpoint_id < id) {
            self.marks.pop_front();
        }
        let Some(mark) = self.marks.front().filter(|mark| mark.checkpoint_id == id).copied() else { return };
        while self.answers.front().is_some_and(|(request_id, _)| *request_id <= mark.last_answered) {
            self.forget_answer();
        }
        // One that has found all by then has no reports that anybody needs.
        let needed_from = mark.last_report.map_or(u64::MAX, |last| last + 1);
        let has_enumerated = mark.last_report.is_some() || !self.enumerates_since(mark.last_answered);
        while has_enumerated && self.reports.front().is_some_and(|report| report.report_id < needed_from) {
            self.forget_report();
        }
        let (answer, report) = &mut self.forgotten;
        *answer = if *answer <= mark.last_answered { 0 } else { *answer };
        *report = if has_enumerated && *report < needed_from { 0 } else { *report };
    }

    pub(super) fn aborted(&mut self, id: CheckpointId) {
        self.marks.retain(|mark| mark.checkpoint_id != id);
    }

    pub(super) fn report(&self, subtask: SubtaskId, attempt: AttemptNumber) -> Option<SplitLog> {
        let is_empty = self.answers.is_empty() && self.reports.is_empty() && self.marks.is_empty();
        (!is_empty).then(|| SplitLog {
            subtask,
            attempt,
            answers: self.answers.iter().cloned().collect(),
            reports: self.reports.iter().cloned().collect(),
            marks: self.marks.iter().copied().collect(),
            is_cut: self.forgotten != (0, 0),
        })
    }

    /// Whether it was told to enumerate after that answer.
    fn enumerates_since(&self, last_answered: u64) -> bool {
        let told = |(id, answer): &(u64, SplitAnswer)| {
            *id > last_answered && matches!(answer, SplitAnswer::Enumerate { .. })
        };
        self.answers.iter().any(told)
    }

    fn shrink(&mut self) {
        while self.bytes > MAX_BYTES && self.answers.len() > 1 {
            self.forgotten.0 = self.answers[0].0;
            self.forget_answer();
        }
        while self.bytes > MAX_BYTES && self.reports.len() > 1 {
            self.forgotten.1 = self.reports[0].report_id;
            self.forget_report();
        }
    }

    fn forget_answer(&mut self) {
        if let Some((_, answer)) = self.answers.pop_front() {
            self.bytes -= size_of_answer(&answer);
        }
    }

    fn forget_report(&mut self) {
        if let Some(report) = self.reports.pop_front() {
            self.bytes -= size_of_report(&report);
        }
    }
}

fn size_of_answer(answer: &SplitAnswer) -> usize {
    let splits = match answer {
        SplitAnswer::Split(bytes) | SplitAnswer::Enumerate { resume: Some(bytes) } => bytes.len(),
        SplitAnswer::Enumerate { resume: None } | SplitAnswer::NoMoreSplits => 0,
    };
    ENTRY_BYTES + splits
}

fn size_of_report(report: &EnumeratedSplits) -> usize {
    let splits = report.result.iter().flatten().map(|split| ENTRY_BYTES + split.len());
    ENTRY_BYTES + splits.sum::<usize>()
}
