//! Hands the splits of one source out to its subtasks.
//!
//! The first subtask that asks is told to enumerate the splits, for only task hosts run user code. It reports them all at
//! once or bit by bit, as a source that watches a directory does. Each split goes to one request, in the order in which
//! they were reported; a request that finds none waits, until more are reported or the enumerator says that those were
//! all. The same request always gets the same answer, so that a subtask may repeat it when the answer was lost.
//!
//! The queue is part of each checkpoint, see [`snapshot`]. What was handed out since the last one is remembered, so that
//! it can be handed out again when its reader restarts.

mod adopt;
mod snapshot;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use flott_core::{
    AttemptNumber, CheckpointId, SubtaskIndex, checkpoint::EnumerationState, deployment::SplitAnswer,
};

pub(super) use adopt::Reader;
use snapshot::Pending;
pub(super) use snapshot::{Progress, QueueSnapshot, Taken};

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
    /// `resume`: where an earlier enumerator was in a checkpoint.
    NotBegun {
        resume: Option<Vec<u8>>,
    },
    Underway {
        origin: Origin,
        last_report: u64,
    },
    /// `origin`: who has told all, unless that is part of every checkpoint to come anyway. `born`: the newest checkpoint
    /// when the last report came.
    Complete {
        origin: Option<Origin>,
        last_report: u64,
        born: CheckpointId,
    },
}

/// How an enumeration began.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Origin {
    /// The request that was answered with it.
    request: SplitRequest,
    resume: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Split {
    /// In the order in which they are handed out.
    number: u64,
    /// The report that it came in; 0 if it was there before.
    report: u64,
    /// The newest checkpoint when it came.
    born: CheckpointId,
    bytes: Vec<u8>,
}

#[derive(Clone, Debug)]
pub(super) struct SplitQueue {
    enumeration: Enumeration,
    /// Reported and not handed out, by number.
    remaining: VecDeque<Split>,
    /// Handed out and not in a reader's part of the last checkpoint, by number.
    handed: BTreeMap<u64, (SplitRequest, Split)>,
    next_number: u64,
    /// At most one a subtask; who has waited longest comes first.
    waiting: VecDeque<SplitRequest>,
    /// The last answer that each subtask got.
    answered: BTreeMap<SubtaskIndex, (SplitRequest, SplitAnswer)>,
    /// As the last checkpoint has it.
    base: QueueSnapshot,
    /// The checkpoints that are under way.
    pending: BTreeMap<CheckpointId, Pending>,
    /// The last one that began.
    newest: CheckpointId,
}

impl SplitQueue {
    /// One that knows nothing but what a snapshot says.
    pub(super) fn new(base: QueueSnapshot) -> Self {
        let mut queue = Self {
            enumeration: Enumeration::NotBegun { resume: None },
            remaining: VecDeque::new(),
            handed: BTreeMap::new(),
            next_number: 0,
            waiting: VecDeque::new(),
            answered: BTreeMap::new(),
            base,
            pending: BTreeMap::new(),
            newest: CheckpointId(0),
        };
        queue.restore_base();
        queue
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
        if let Enumeration::NotBegun { resume } = &mut self.enumeration {
            let resume = resume.take();
            let origin = Origin { request, resume: resume.clone() };
            self.enumeration = Enumeration::Underway { origin, last_report: 0 };
            return Decision::Answer(self.answer(request, SplitAnswer::Enumerate { resume }));
        }
        match self.next(request) {
            Some(next) => Decision::Answer(self.answer(request, next)),
            None => {
                self.waiting.push_back(request);
                Decision::Wait
            }
        }
    }

    /// Whether this attempt is the one that was told to enumerate and has not told all.
    pub(super) fn is_enumerating(&self, subtask: SubtaskIndex, attempt: AttemptNumber) -> bool {
        self.enumerator().is_some_and(|by| (by.subtask, by.attempt) == (subtask, attempt))
    }

    /// Whether all subtasks must restart when these do, since nobody else knows what their enumerator has found.
    pub(super) fn needs_all(&self, restarted: &BTreeSet<SubtaskIndex>) -> bool {
        self.enumerator().is_some_and(|by| restarted.contains(&by.subtask))
    }

    /// Takes in what the enumerator has found, and whether that completes it.
    pub(super) fn reported(&mut self, report_id: u64, splits: Vec<Vec<u8>>, complete: bool) -> Reported {
        let Enumeration::Underway { last_report, origin } = &mut self.enumeration else {
            return Reported::Repeated;
        };
        if report_id <= *last_report {
            return Reported::Repeated;
        }
        if report_id > *last_report + 1 {
            return Reported::Missing { report_id: *last_report + 1 };
        }
        *last_report = report_id;
        let born = self.newest;
        if complete {
            let origin = Some(origin.clone());
            self.enumeration = Enumeration::Complete { origin, last_report: report_id, born };
        }
        self.add(splits, report_id, born);
        Reported::Answers(self.serve())
    }

    /// What those get that wait, if there is something for them now.
    pub(super) fn serve(&mut self) -> Vec<(SplitRequest, SplitAnswer)> {
        let mut answers = Vec::new();
        for request in std::mem::take(&mut self.waiting) {
            match self.next(request) {
                Some(next) => answers.push((request, self.answer(request, next))),
                None => self.waiting.push_back(request),
            }
        }
        answers
    }

    /// Returns the requests of these subtasks that wait. They will not be answered.
    pub(super) fn stop_waiting(&mut self, stops: impl Fn(SubtaskIndex) -> bool) -> Vec<SplitRequest> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (stopped, waiting): (VecDeque<_>, _) = waiting.partition(|request| stops(request.subtask));
        self.waiting = waiting;
        stopped.into()
    }

    /// These subtasks start again from the last checkpoint: what was handed to them since is there again. No checkpoint
    /// is under way.
    pub(super) fn restore(&mut self, restarted: &BTreeSet<SubtaskIndex>) {
        let from_base = self.needs_all(restarted);
        self.pending.clear();
        self.waiting.retain(|request| !restarted.contains(&request.subtask));
        self.answered.retain(|subtask, _| !restarted.contains(subtask));
        if from_base {
            return self.restore_base();
        }
        let (returned, kept): (BTreeMap<_, _>, _) = std::mem::take(&mut self.handed)
            .into_iter()
            .partition(|(_, (request, _))| restarted.contains(&request.subtask));
        self.handed = kept;
        self.remaining.extend(returned.into_values().map(|(_, split)| split));
        self.remaining.make_contiguous().sort_by_key(|split| split.number);
        if let Enumeration::Complete { origin, .. } = &mut self.enumeration
            && origin.as_ref().is_some_and(|it| restarted.contains(&it.request.subtask))
        {
            // The next attempt knows nothing of it, nor need it.
            *origin = None;
        }
    }

    /// All subtasks start again, maybe others than before. No checkpoint is under way. Nothing is kept that the checkpoint does
    /// not have, so that whoever leads next finds the same.
    pub(super) fn restore_all(&mut self) {
        self.pending.clear();
        self.waiting.clear();
        self.answered.clear();
        self.restore_base();
    }

    fn restore_base(&mut self) {
        self.remaining.clear();
        self.handed.clear();
        self.enumeration = match &self.base.enumeration {
            EnumerationState::NotBegun => Enumeration::NotBegun { resume: None },
            EnumerationState::Underway(state) => Enumeration::NotBegun { resume: Some(state.clone()) },
            EnumerationState::Complete => {
                Enumeration::Complete { origin: None, last_report: 0, born: CheckpointId(0) }
            }
        };
        self.add(self.base.remaining.clone(), 0, CheckpointId(0));
    }

    fn add(&mut self, splits: Vec<Vec<u8>>, report: u64, born: CheckpointId) {
        for bytes in splits {
            self.remaining.push_back(Split { number: self.next_number, report, born, bytes });
            self.next_number += 1;
        }
    }

    fn enumerator(&self) -> Option<SplitRequest> {
        match &self.enumeration {
            Enumeration::Underway { origin, .. } => Some(origin.request),
            Enumeration::NotBegun { .. } | Enumeration::Complete { .. } => None,
        }
    }

    /// The answer for who asks now, if there is one yet.
    fn next(&mut self, request: SplitRequest) -> Option<SplitAnswer> {
        // Those behind the first are not older, so nobody could have one of them and not the first.
        let Some(first) = self.remaining.front() else {
            let Enumeration::Complete { last_report, born, .. } = self.enumeration else { return None };
            return (!self.is_held_back(request.subtask, last_report, born))
                .then_some(SplitAnswer::NoMoreSplits);
        };
        if self.is_held_back(request.subtask, first.report, first.born) {
            return None;
        }
        let split = self.remaining.pop_front()?;
        let bytes = split.bytes.clone();
        self.handed.insert(split.number, (request, split));
        Some(SplitAnswer::Split(bytes))
    }

    /// Remembers the answer.
    fn answer(&mut self, request: SplitRequest, answer: SplitAnswer) -> SplitAnswer {
        self.answered.insert(request.subtask, (request, answer.clone()));
        answer
    }
}

#[cfg(test)]
mod tests;
