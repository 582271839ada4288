//! A checkpoint or savepoint that is under way.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use flott_core::{
    AttemptNumber, CheckpointId, JobGraph, MonoTime, SubtaskId,
    checkpoint::{Barrier, CheckpointMetadata, StateFile, SubtaskSnapshot},
};

use super::{AfterSavepoint, StoredMetadata};
use crate::protocol::CallId;

/// Why a checkpoint is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Its time has come.
    Periodic,
    /// A subtask can't end without one.
    Awaited,
    /// The job is to go on from it with other numbers of subtasks.
    Rescale,
    /// A user wants it.
    Requested { call: CallId, then: AfterSavepoint },
}

impl Reason {
    /// Whether the job is to end with it.
    pub(super) fn ends_job(self) -> bool {
        matches!(self, Self::Requested { then: AfterSavepoint::Cancel | AfterSavepoint::Stop(_), .. })
    }
}

/// ```text
/// Acknowledging → Storing → Stored → Pointing → (completed)
///        └───────────┴────────┴─────────┴─────→ (aborted)
/// ```
/// Savepoints that the job does not recover from are completed when they are stored. While it is `Pointing`, one is aborted
/// only by the end of the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Acknowledging,
    /// Its metadata is being written.
    Storing {
        metadata: Arc<CheckpointMetadata>,
    },
    /// It waits until that of an earlier one is durable.
    Stored {
        metadata: Arc<CheckpointMetadata>,
        stored: StoredMetadata,
    },
    /// It is being made durable that the job recovers from it.
    Pointing {
        metadata: Arc<CheckpointMetadata>,
        stored: StoredMetadata,
    },
}

#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) barrier: Barrier,
    pub(super) reason: Reason,
    pub(super) deadline: MonoTime,
    pub(super) phase: Phase,
    /// Whether the call that waits for it was answered.
    pub(super) is_answered: bool,
    /// The attempts that have still to acknowledge it.
    pub(super) missing: BTreeMap<SubtaskId, AttemptNumber>,
    pub(super) acknowledged: BTreeMap<SubtaskId, SubtaskSnapshot>,
    /// The subtasks that were told to begin with it.
    pub(super) begun_at: BTreeSet<SubtaskId>,
}

impl Pending {
    pub(super) fn id(&self) -> CheckpointId {
        self.barrier.id
    }

    pub(super) fn is_acknowledging(&self) -> bool {
        self.phase == Phase::Acknowledging
    }

    /// The call that waits for it.
    pub(super) fn call(&self) -> Option<CallId> {
        match self.reason {
            Reason::Requested { call, .. } if !self.is_answered => Some(call),
            Reason::Requested { .. } | Reason::Periodic | Reason::Awaited | Reason::Rescale => None,
        }
    }

    /// Takes in what a subtask hands in. Says no if it was not waited for.
    pub(super) fn acknowledge(
        &mut self,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        snapshot: SubtaskSnapshot,
    ) -> bool {
        if self.missing.get(&subtask) != Some(&attempt) {
            return false;
        }
        self.missing.remove(&subtask);
        self.acknowledged.insert(subtask, snapshot);
        true
    }

    /// The files that it refers to so far.
    pub(super) fn files(&self) -> impl Iterator<Item = &StateFile> {
        self.acknowledged.values().flat_map(SubtaskSnapshot::files)
    }

    /// Which subtasks have not answered, for people.
    pub(super) fn missing_in_words(&self, graph: &JobGraph) -> String {
        /// So many vertices are named.
        const NAMED: usize = 3;
        let mut by_vertex = BTreeMap::<_, usize>::new();
        for subtask in self.missing.keys() {
            *by_vertex.entry(subtask.vertex).or_default() += 1;
        }
        let mut parts: Vec<_> = by_vertex
            .iter()
            .take(NAMED)
            .map(|(vertex, count)| {
                let vertex = graph.vertex(*vertex);
                format!("{count} of {} subtasks of \"{}\"", vertex.parallelism, vertex.name)
            })
            .collect();
        let others: usize = by_vertex.values().skip(NAMED).sum();
        if others > 0 {
            parts.push(format!("{others} subtasks of others"));
        }
        format!("{} have not answered", parts.join(", "))
    }
}
