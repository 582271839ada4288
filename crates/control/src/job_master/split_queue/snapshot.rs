//! The queue as part of checkpoints.
//!
//! Each reader's part of checkpoint n contains the splits that it had got before its barrier, and the enumerator's part
//! says how far it was at its own barrier: it would find the later ones again. What lies between belongs to the queue:
//! the splits of all reports up to that one, without those that readers had by their barriers. All of this is known only
//! when all have acknowledged n; from the answers that were given and the reports that were taken it can be told then.
//!
//! One thing must never happen: that a reader has, before its barrier, a split that the enumerator found after its own;
//! it would be both in the reader's state and found again. Hence splits that came after n was triggered are held back
//! from readers that have not acknowledged n, until the enumerator's acknowledgment tells on which side they are.

use std::collections::BTreeMap;

#[cfg(feature = "sabotage")]
use flott_core::sabotage::{Sabotage, is};
use flott_core::{
    CheckpointId, SubtaskIndex,
    checkpoint::{EnumerationState, SourceProgress},
};

use super::{Enumeration, SplitQueue, SplitRequest};

/// What a subtask's part of a checkpoint has of the splits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Progress {
    At(SourceProgress),
    /// It has processed all that it ever got.
    Finished,
}

/// What a checkpoint keeps of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct QueueSnapshot {
    pub(in super::super) remaining: Vec<Vec<u8>>,
    pub(in super::super) enumeration: EnumerationState,
}

impl Default for QueueSnapshot {
    fn default() -> Self {
        Self { remaining: Vec::new(), enumeration: EnumerationState::NotBegun }
    }
}

/// What comes of taking a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Taken {
    Ready(QueueSnapshot),
    /// A report that it depends on is on its way.
    NotYet,
    /// A reader's part has a split that would be found again.
    Torn,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Pending {
    passed: BTreeMap<SubtaskIndex, Progress>,
    taken: Option<QueueSnapshot>,
}

impl Pending {
    /// Whether the answer to this request is in the part of its subtask.
    fn contains(&self, request: SplitRequest) -> bool {
        match self.passed.get(&request.subtask) {
            Some(Progress::At(progress)) => request.request_id <= progress.last_answered,
            Some(Progress::Finished) => true,
            None => false,
        }
    }
}

/// Where the enumeration was at a checkpoint.
enum Cut<'a> {
    /// Not known yet.
    Unknown,
    /// It had not begun, or not gone on from where it was.
    Before(Option<&'a [u8]>),
    /// After this report.
    Within(u64, &'a [u8]),
    Complete,
}

impl Cut<'_> {
    /// Whether a report came before it.
    fn contains(&self, report: u64) -> bool {
        match self {
            Self::Unknown => false,
            Self::Before(_) => report == 0,
            Self::Within(last, _) => report <= *last,
            Self::Complete => true,
        }
    }
}

impl SplitQueue {
    /// A checkpoint was triggered.
    pub(in super::super) fn begin(&mut self, id: CheckpointId) {
        self.pending.insert(id, Pending::default());
        self.newest = self.newest.max(id);
    }

    /// A subtask has acknowledged it. `serve` follows.
    pub(in super::super) fn passed(&mut self, id: CheckpointId, subtask: SubtaskIndex, progress: Progress) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.passed.insert(subtask, progress);
        }
    }

    /// It was given up, or is one that the job does not recover from. `serve` follows.
    pub(in super::super) fn forget(&mut self, id: CheckpointId) {
        self.pending.remove(&id);
    }

    /// What it is to keep, when all subtasks have acknowledged it.
    pub(in super::super) fn snapshot(&mut self, id: CheckpointId) -> Taken {
        let Some(pending) = self.pending.get(&id) else { return Taken::NotYet };
        let cut = self.cut(pending);
        let last_report = match &self.enumeration {
            Enumeration::NotBegun { .. } => 0,
            Enumeration::Underway { last_report, .. } => *last_report,
            Enumeration::Complete { .. } => u64::MAX,
        };
        let enumeration = match &cut {
            Cut::Before(None) => EnumerationState::NotBegun,
            Cut::Before(Some(state)) => EnumerationState::Underway(state.to_vec()),
            Cut::Within(last, state) if *last <= last_report => EnumerationState::Underway(state.to_vec()),
            Cut::Complete if last_report == u64::MAX => EnumerationState::Complete,
            Cut::Unknown | Cut::Within(..) | Cut::Complete => return Taken::NotYet,
        };
        let (read, unread): (Vec<_>, Vec<_>) =
            self.handed.values().partition(|(request, _)| pending.contains(*request));
        if read.iter().any(|(_, split)| !cut.contains(split.report)) {
            return Taken::Torn;
        }
        let unread = unread.into_iter().map(|(_, split)| split);
        let mut remaining: Vec<_> =
            unread.chain(&self.remaining).filter(|split| cut.contains(split.report)).collect();
        remaining.sort_by_key(|split| split.number);
        let remaining = remaining.into_iter().map(|split| split.bytes.clone()).collect();
        let snapshot = QueueSnapshot { remaining, enumeration };
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.taken = Some(snapshot.clone());
        }
        Taken::Ready(snapshot)
    }

    /// It is what the job recovers from. `serve` follows.
    pub(in super::super) fn completed(&mut self, id: CheckpointId) {
        let Some(pending) = self.pending.remove(&id) else { return };
        self.handed.retain(|_, (request, _)| !pending.contains(*request));
        if let Some(taken) = pending.taken {
            self.base = taken;
        }
    }

    /// Whether this subtask may not have what came with this report, when `born` was the newest checkpoint.
    pub(super) fn is_held_back(&self, subtask: SubtaskIndex, report: u64, born: CheckpointId) -> bool {
        #[cfg(feature = "sabotage")]
        if is(Sabotage::HandOutEarly) {
            return false;
        }
        self.pending
            .range(..=born)
            .any(|(_, pending)| !pending.passed.contains_key(&subtask) && !self.cut(pending).contains(report))
    }

    fn cut<'a>(&'a self, pending: &'a Pending) -> Cut<'a> {
        let origin = match &self.enumeration {
            Enumeration::NotBegun { resume } => return Cut::Before(resume.as_deref()),
            Enumeration::Complete { origin: None, .. } => return Cut::Complete,
            Enumeration::Underway { origin, .. } | Enumeration::Complete { origin: Some(origin), .. } => {
                origin
            }
        };
        match pending.passed.get(&origin.request.subtask) {
            None => Cut::Unknown,
            Some(Progress::Finished) => Cut::Complete,
            Some(Progress::At(progress)) => match &progress.enumerator {
                Some((last, state)) => Cut::Within(*last, state),
                None if progress.last_answered < origin.request.request_id => {
                    Cut::Before(origin.resume.as_deref())
                }
                None => Cut::Complete,
            },
        }
    }
}
