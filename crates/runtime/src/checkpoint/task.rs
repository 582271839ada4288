//! The checkpoints of one subtask, as its loop drives them.

use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use flott_core::{
    CheckpointId, FailureCause, FailureKind,
    checkpoint::{Barrier, SnapshotKind},
    time::Timestamp,
};
use flott_rpc::protocol::{CheckpointNotice, CheckpointOutcome};
use tokio::time::timeout_at;

use super::{
    CheckpointEvent, CheckpointStorage, EventKind,
    files::{FileTable, SnapshotFiles},
    finish::finish,
    snapshot::{Schemas, TaskSnapshot},
    storage::too_slow,
};
use crate::{
    Result, TaskCommand, TaskEnd, TaskSignals,
    counters::now,
    input::{AlignmentStats, TaskInput},
    subtask::TaskListener,
};

/// How many checkpoints that were given up are remembered. Their barriers can't be further behind than as many as can be
/// under way at the same time.
const REMEMBERED_ABORTS: usize = 64;

/// What a subtask knows of the checkpoints in which it takes part.
pub(crate) struct TaskCheckpoints {
    storage: CheckpointStorage,
    listener: Arc<dyn TaskListener>,
    signals: Arc<TaskSignals>,
    /// The files that later checkpoints may refer to.
    files: FileTable,
    /// The one that is being written.
    writing: Option<TaskSnapshot>,
    /// Those that are written, while the last of it is on its way to the storage.
    finishing: Arc<Finishing>,
    schemas: Schemas,
    /// The latest one whose barrier has come.
    latest: CheckpointId,
    /// The last ones that were given up: their barriers may still be on their way.
    aborted: BTreeSet<CheckpointId>,
    stop: Stop,
}

/// How far the subtask knows a savepoint to be with which the job stops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stop {
    /// There is none, or it failed: the job goes on.
    #[default]
    None,
    /// Its barrier has come, and its fate is open.
    Pending(CheckpointId),
    /// It is complete: what is behind it is for the job that goes on from it.
    Complete,
}

/// How long after the checkpoint was triggered its first barrier came, in milliseconds.
pub(crate) fn start_delay_ms(barrier: &Barrier, alignment: AlignmentStats) -> u64 {
    let now = Timestamp::from(std::time::SystemTime::now()).as_millis();
    u64::try_from(now - barrier.triggered_at - alignment.duration.as_millis() as i64).unwrap_or(0)
}

#[derive(Default)]
struct Finishing {
    count: AtomicUsize,
    aborted: Mutex<BTreeSet<CheckpointId>>,
}

impl TaskCheckpoints {
    pub(crate) fn new(
        storage: CheckpointStorage,
        listener: Arc<dyn TaskListener>,
        signals: Arc<TaskSignals>,
    ) -> Self {
        Self {
            storage,
            listener,
            signals,
            files: FileTable::default(),
            writing: None,
            finishing: Arc::default(),
            schemas: Schemas::default(),
            latest: CheckpointId::default(),
            aborted: BTreeSet::new(),
            stop: Stop::None,
        }
    }

    /// The files that were restored become those that checkpoints may refer to.
    pub(super) fn files(&self) -> &FileTable {
        &self.files
    }

    /// Whether something is still to be written by the subtask.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Whether a checkpoint is under way of which this subtask's part is not acknowledged.
    pub(crate) fn is_busy(&self) -> bool {
        self.writing.is_some() || self.finishing.count.load(Ordering::Acquire) > 0
    }

    /// Whether an order to begin this checkpoint is news: orders are repeated, and overtaken by the end of what they ordered.
    pub(crate) fn is_news(&self, id: CheckpointId) -> bool {
        id > self.latest && !self.is_aborted(id)
    }

    /// The barrier of a checkpoint has come, which [`begin`](Self::begin)s soon.
    pub(crate) fn expect(&mut self, id: CheckpointId) {
        self.latest = id;
    }

    /// Whether a checkpoint is known to have been given up.
    pub(crate) fn is_aborted(&self, id: CheckpointId) -> bool {
        self.aborted.contains(&id)
    }

    /// Whether the job stops with a savepoint.
    pub(crate) fn stop(&self) -> Stop {
        self.stop
    }

    /// Takes the snapshot that a barrier asks for: what is small at once, the rest piece by piece with
    /// [`write`](Self::write).
    pub(crate) fn begin(
        &mut self,
        barrier: Arc<Barrier>,
        alignment: AlignmentStats,
        finished: bool,
        input: &mut dyn TaskInput,
    ) -> Result<()> {
        self.write_rest(input)?;
        self.expect(barrier.id);
        if self.is_aborted(barrier.id) {
            // Nothing is kept of it, but consumers wait for it.
            input.checkpoint(&mut CheckpointEvent::of(EventKind::Barrier(&barrier)))?;
            return input.checkpoint(&mut CheckpointEvent::of(EventKind::Aborted(barrier.id)));
        }
        if barrier.stop().is_some() {
            self.stop = Stop::Pending(barrier.id);
        }
        let settings = &self.storage.settings;
        let incremental =
            settings.incremental && matches!(barrier.kind, SnapshotKind::Checkpoint { full: false });
        let start_delay_ms = start_delay_ms(&barrier, alignment);
        let began = now();
        let mut snapshot = TaskSnapshot {
            operators: Vec::new(),
            source: None,
            watermark: Timestamp::MIN,
            files: SnapshotFiles::new(&self.storage, &self.files, &barrier, incremental),
            incremental,
            channels: Default::default(),
            channels_awaited: false,
            finished,
            start_delay_ms,
            schemas: self.schemas.clone(),
            unthrottled: false,
            began,
            deadline: self.storage.deadline(began),
            alignment,
            sync: Duration::ZERO,
            barrier: barrier.clone(),
        };
        input.checkpoint(&mut CheckpointEvent::barrier(&barrier, &mut snapshot))?;
        snapshot.sync = snapshot.began.elapsed();
        self.writing = Some(snapshot);
        self.write(input)?;
        Ok(())
    }

    /// Writes a piece of what was frozen. Returns whether there is more to write and room for it.
    pub(crate) fn write(&mut self, input: &mut dyn TaskInput) -> Result<bool> {
        let Some(snapshot) = &mut self.writing else { return Ok(false) };
        snapshot.files.begin_piece();
        if !snapshot.is_complete() {
            // Whoever still waits for some says so again.
            snapshot.channels_awaited = false;
            input.checkpoint(&mut CheckpointEvent::go_on(snapshot))?;
        }
        if let Some(cause) = snapshot.failure(now()) {
            self.give_up(cause, input)?;
            return Ok(false);
        }
        if snapshot.is_complete() {
            self.hand_over();
            return Ok(false);
        }
        Ok(!snapshot.files.is_stuffed() && !snapshot.awaits_channels())
    }

    /// Writes all that is left, however long it takes.
    fn write_rest(&mut self, input: &mut dyn TaskInput) -> Result<()> {
        while let Some(snapshot) = &mut self.writing {
            snapshot.unthrottled = true;
            self.write(input)?;
            if self.writing.as_ref().is_some_and(TaskSnapshot::awaits_channels) {
                let message = "the next barrier came before all records that this one has overtaken";
                self.give_up(FailureCause::new(FailureKind::CheckpointFailed, message), input)?;
            }
            if self.writing.as_ref().is_some_and(|snapshot| snapshot.files.is_stuffed()) {
                // Two checkpoints at a time, and a storage that is too slow for them.
                tokio::task::block_in_place(|| std::thread::sleep(Duration::from_millis(1)));
            }
        }
        Ok(())
    }

    /// Lets the rest happen beside the subtask's work.
    fn hand_over(&mut self) {
        let Some(snapshot) = self.writing.take() else { return };
        let (id, deadline) = (snapshot.barrier.id, snapshot.deadline);
        // State refers to no others from now on, and later checkpoints may forget some before this one is finished.
        let known = if snapshot.incremental {
            self.files.retain(&snapshot.files_in_use())
        } else {
            Default::default()
        };
        self.finishing.count.fetch_add(1, Ordering::AcqRel);
        let (finishing, listener, signals) =
            (self.finishing.clone(), self.listener.clone(), self.signals.clone());
        let (storage, files) = (self.storage.clone(), self.files.clone());
        self.storage.spawn(async move {
            let mut work = pin!(finish(snapshot, &storage, known, &files));
            let in_time = timeout_at(deadline.into(), &mut work).await;
            let is_late = in_time.is_err();
            let outcome = in_time.unwrap_or_else(|_| Err(too_slow().into()));
            let aborted = finishing.aborted.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            // Files of which nobody else knows.
            let mut unwanted = Vec::new();
            match outcome {
                // Nobody waits for it any more.
                Ok(finished) if aborted => unwanted = finished.written,
                Ok(finished) => {
                    let (snapshot, stats) = (Box::new(finished.snapshot), finished.stats);
                    listener.on_checkpoint(id, CheckpointOutcome::Acknowledged { snapshot, stats });
                }
                Err(failed) => {
                    if !aborted {
                        listener.on_checkpoint(id, CheckpointOutcome::Declined(failed.cause));
                        signals.command(TaskCommand::Notice(CheckpointNotice::Aborted(id)));
                    }
                    unwanted = failed.written;
                }
            }
            finishing.count.fetch_sub(1, Ordering::AcqRel);
            signals.wake.notify_one();
            // Nobody waits for that, which may take long while the storage fails.
            if is_late {
                unwanted = work.await.map_or_else(|failed| failed.written, |finished| finished.written);
            }
            storage.delete(&unwanted).await;
        });
    }

    /// The checkpoint that is being written can't be: the subtask goes on without it.
    fn give_up(&mut self, cause: FailureCause, input: &mut dyn TaskInput) -> Result<()> {
        let Some(snapshot) = self.writing.take() else { return Ok(()) };
        let id = snapshot.barrier.id;
        input.checkpoint(&mut CheckpointEvent::of(EventKind::Aborted(id)))?;
        self.listener.on_checkpoint(id, CheckpointOutcome::Declined(cause));
        Ok(())
    }

    /// Takes in how a checkpoint has ended.
    pub(crate) fn on_notice(
        &mut self,
        notice: CheckpointNotice,
        input: &mut dyn TaskInput,
    ) -> Result<(), TaskEnd> {
        let kind = match notice {
            CheckpointNotice::Completed(id) => {
                if self.stop == Stop::Pending(id) {
                    self.stop = Stop::Complete;
                }
                EventKind::Completed(id)
            }
            CheckpointNotice::Aborted(id) => {
                if self.stop == Stop::Pending(id) {
                    self.stop = Stop::None;
                }
                self.aborted.insert(id);
                if self.aborted.len() > REMEMBERED_ABORTS {
                    self.aborted.pop_first();
                }
                if self.writing.take_if(|snapshot| snapshot.barrier.id == id).is_none()
                    && self.finishing.count.load(Ordering::Acquire) > 0
                {
                    self.finishing.aborted.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
                }
                EventKind::Aborted(id)
            }
        };
        input.checkpoint(&mut CheckpointEvent::of(kind))
    }
}

#[cfg(test)]
mod tests;
