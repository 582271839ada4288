//! What a sink has prepared, until it is committed.

use std::{thread, time::Duration};

use flott_core::{CheckpointId, time::Timestamp};

use crate::{BoxError, CommitOutcome, Committer, RuntimeContext};

/// How long to wait at a time, so that a canceled task ends soon.
const PATIENCE: Duration = Duration::from_millis(50);

/// Committables on their way, in the order in which they were prepared.
pub(super) struct Commits<C> {
    committer: Option<Box<dyn Committer<C>>>,
    /// Prepared since the last barrier: they belong to the next checkpoint.
    unassigned: Vec<C>,
    /// Those of checkpoints that may not be complete, by rising numbers; first those that have to be tried again.
    waiting: Vec<(CheckpointId, C)>,
    /// Number of the last checkpoint that is known to be complete: what belongs to it may be committed.
    completed: CheckpointId,
    /// When to try again, if something could not be committed yet.
    again_at: Option<Timestamp>,
}

impl<C> Commits<C> {
    /// With those of a checkpoint.
    pub(super) fn new(
        committer: Option<Box<dyn Committer<C>>>,
        mut restored: Vec<(CheckpointId, C)>,
    ) -> Self {
        // Those of several subtasks may have come together.
        restored.sort_by_key(|(id, _)| *id);
        Self {
            committer,
            unassigned: Vec::new(),
            waiting: restored,
            completed: CheckpointId(0),
            again_at: None,
        }
    }

    /// Whether all is committed.
    pub(super) fn is_empty(&self) -> bool {
        self.unassigned.is_empty() && self.waiting.is_empty()
    }

    /// What a snapshot has to hold.
    pub(super) fn iter(&self) -> impl Iterator<Item = &(CheckpointId, C)> {
        self.waiting.iter()
    }

    /// Adds what the writer has prepared.
    pub(super) fn prepared(&mut self, prepared: Vec<C>) -> Result<(), BoxError> {
        if !prepared.is_empty() && self.committer.is_none() {
            return Err("the writer of this sink prepares commits, but the sink has no committer: \
                        implement Sink::committer"
                .into());
        }
        self.unassigned.extend(prepared);
        Ok(())
    }

    /// What was prepared so far belongs to checkpoint `id`.
    pub(super) fn assign(&mut self, id: CheckpointId) {
        self.waiting.extend(self.unassigned.drain(..).map(|committable| (id, committable)));
    }

    /// A savepoint holds all that waits.
    pub(super) fn retain(&mut self) -> Result<(), BoxError> {
        match &mut self.committer {
            Some(committer) if !self.waiting.is_empty() => {
                let waiting: Vec<_> = self.waiting.iter().map(|(_, committable)| committable).collect();
                committer.retain(&waiting)
            }
            _ => Ok(()),
        }
    }

    /// Commits what the subtask was restored with, however long that takes.
    pub(super) fn commit_restored(&mut self, context: &RuntimeContext) -> Result<(), BoxError> {
        if self.committer.is_none() && !self.waiting.is_empty() {
            return Err(
                "the checkpoint holds output that is to be committed, but the sink has no committer: \
                        has it been replaced by another one without a new uid?"
                    .into(),
            );
        }
        self.commit_patiently(CheckpointId(u64::MAX), context)
    }

    /// Commits everything, however long that takes.
    pub(super) fn commit_all(&mut self, context: &RuntimeContext) -> Result<(), BoxError> {
        self.assign(self.waiting.last().map_or(self.completed, |(id, _)| *id));
        self.commit_patiently(CheckpointId(u64::MAX), context)
    }

    /// Commits what belongs to checkpoint `id` and those before it; at the end of the input however long that takes.
    pub(super) fn completed(
        &mut self,
        id: CheckpointId,
        context: &RuntimeContext,
        at_end: bool,
    ) -> Result<(), BoxError> {
        self.completed = self.completed.max(id);
        if at_end {
            return self.commit_completed(context);
        }
        // If the last try has said when to try again, it is then, with all that has come meanwhile.
        if self.again_at.is_none() { self.commit_soon(context) } else { Ok(()) }
    }

    /// Commits what belongs to checkpoints that are complete, however long that takes.
    pub(super) fn commit_completed(&mut self, context: &RuntimeContext) -> Result<(), BoxError> {
        self.commit_patiently(self.completed, context)
    }

    /// Tries again what could not be committed, if it is time to.
    pub(super) fn try_again(&mut self, context: &RuntimeContext, now: Timestamp) -> Result<(), BoxError> {
        match self.again_at {
            Some(due) if due > now => context.clock().wake_at(due),
            Some(_) => return self.commit_soon(context),
            None => {}
        }
        Ok(())
    }

    /// Commits, or notes when to try again.
    fn commit_soon(&mut self, context: &RuntimeContext) -> Result<(), BoxError> {
        self.again_at = self.commit(self.completed)?.map(|after| context.clock().now() + after);
        if let Some(due) = self.again_at {
            context.clock().wake_at(due);
        }
        Ok(())
    }

    /// Commits, and waits in between if it has to.
    fn commit_patiently(&mut self, up_to: CheckpointId, context: &RuntimeContext) -> Result<(), BoxError> {
        self.again_at = None;
        while let Some(after) = self.commit(up_to)? {
            let mut left = after;
            while !left.is_zero() {
                if context.task.signals.is_canceled() {
                    return Err("the task was canceled before its output was committed".into());
                }
                let nap = left.min(PATIENCE);
                thread::sleep(nap);
                left -= nap;
            }
        }
        Ok(())
    }

    /// Commits what belongs to checkpoints up to this one. Returns when to try again if something is left.
    fn commit(&mut self, up_to: CheckpointId) -> Result<Option<Duration>, BoxError> {
        let due = self.waiting.partition_point(|(id, _)| *id <= up_to);
        let Some(committer) = self.committer.as_mut().filter(|_| due > 0) else { return Ok(None) };
        let last = self.waiting[due - 1].0;
        let committables = self.waiting.drain(..due).map(|(_, committable)| committable).collect();
        match committer.commit(committables)? {
            CommitOutcome::Done => Ok(None),
            CommitOutcome::Retry { remaining, .. } if remaining.is_empty() => Ok(None),
            CommitOutcome::Retry { remaining, after } => {
                self.waiting.splice(..0, remaining.into_iter().map(|committable| (last, committable)));
                Ok(Some(after.max(Duration::from_millis(1))))
            }
        }
    }
}
