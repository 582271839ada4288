//! Hands the splits of one source out to its subtasks.
//!
//! The first subtask that asks is told to enumerate the splits, for only task hosts run user code. It reports them all at
//! once or bit by bit, as a source that watches a directory does. Each split goes to one request, in the order in which
//! they were reported; a request that finds none waits, until more are reported or the enumerator says that those were
//! all. The same request always gets the same answer, so that a subtask may repeat it when the answer was lost.

use std::collections::{BTreeMap, VecDeque};

use flott_core::{AttemptNumber, SubtaskIndex, deployment::SplitAnswer};

/// Who asked what. The parts of a request that tell it from any other of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SplitRequest {
    pub(super) subtask: SubtaskIndex,
    pub(super) attempt: AttemptNumber,
    pub(super) request_id: u64,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Answer(SplitAnswer),
    /// The answer follows when there is a split, or when there will be none.
    Wait,
    /// The subtask has asked again since.
    Stale,
}

/// What a report of splits comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reported {
    /// Those that have waited get this.
    Answers(Vec<(SplitRequest, SplitAnswer)>),
    /// It was taken before.
    Repeated,
    /// The one before it has not come, though it must have been acknowledged.
    Missing { report_id: u64 },
}

/// ```text
/// NotBegun → Underway → Complete
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
enum Enumeration {
    NotBegun,
    Underway { by: (SubtaskIndex, AttemptNumber), last_report: u64 },
    Complete,
}

#[derive(Clone, Debug)]
pub(super) struct SplitQueue {
    enumeration: Enumeration,
    /// Reported and not handed out. Empty if anyone waits.
    remaining: VecDeque<Vec<u8>>,
    /// At most one a subtask; who has waited longest comes first.
    waiting: VecDeque<SplitRequest>,
    /// The last answer that each subtask got.
    answered: BTreeMap<SubtaskIndex, (SplitRequest, SplitAnswer)>,
}

impl SplitQueue {
    pub(super) fn new() -> Self {
        Self {
            enumeration: Enumeration::NotBegun,
            remaining: VecDeque::new(),
            waiting: VecDeque::new(),
            answered: BTreeMap::new(),
        }
    }

    pub(super) fn request(&mut self, request: SplitRequest) -> Decision {
        if let Some((last, answer)) = self.answered.get(&request.subtask) {
            if *last == request {
                return Decision::Answer(answer.clone());
            }
            if (last.attempt, last.request_id) > (request.attempt, request.request_id) {
                return Decision::Stale;
            }
        }
        if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.subtask == request.subtask) {
            if *waiting > request {
                return Decision::Stale;
            }
            *waiting = request;
            return Decision::Wait;
        }
        if self.enumeration == Enumeration::NotBegun {
            let by = (request.subtask, request.attempt);
            self.enumeration = Enumeration::Underway { by, last_report: 0 };
            return Decision::Answer(self.answer(request, SplitAnswer::Enumerate { resume: None }));
        }
        match self.next() {
            Some(next) => Decision::Answer(self.answer(request, next)),
            None => {
                self.waiting.push_back(request);
                Decision::Wait
            }
        }
    }

    /// Whether this attempt is the one that was told to enumerate and has not told all.
    pub(super) fn is_enumerating(&self, subtask: SubtaskIndex, attempt: AttemptNumber) -> bool {
        matches!(&self.enumeration, Enumeration::Underway { by, .. } if *by == (subtask, attempt))
    }

    /// Takes in what the enumerator has found, and whether that completes it.
    pub(super) fn reported(&mut self, report_id: u64, splits: Vec<Vec<u8>>, complete: bool) -> Reported {
        let Enumeration::Underway { last_report, .. } = &mut self.enumeration else {
            return Reported::Repeated;
        };
        if report_id <= *last_report {
            return Reported::Repeated;
        }
        if report_id > *last_report + 1 {
            return Reported::Missing { report_id: *last_report + 1 };
        }
        *last_report = report_id;
        if complete {
            self.enumeration = Enumeration::Complete;
        }
        self.remaining.extend(splits);
        let mut answers = Vec::new();
        while !self.waiting.is_empty()
            && let Some(next) = self.next()
            && let Some(request) = self.waiting.pop_front()
        {
            answers.push((request, self.answer(request, next)));
        }
        Reported::Answers(answers)
    }

    /// Returns the requests that wait, which will not be answered.
    pub(super) fn stop_waiting(&mut self) -> Vec<SplitRequest> {
        std::mem::take(&mut self.waiting).into()
    }

    /// The answer for who asks now, if there is one yet.
    fn next(&mut self) -> Option<SplitAnswer> {
        match self.remaining.pop_front() {
            Some(split) => Some(SplitAnswer::Split(split)),
            None => (self.enumeration == Enumeration::Complete).then_some(SplitAnswer::NoMoreSplits),
        }
    }

    /// Remembers the answer.
    fn answer(&mut self, request: SplitRequest, answer: SplitAnswer) -> SplitAnswer {
        self.answered.insert(request.subtask, (request, answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests;
