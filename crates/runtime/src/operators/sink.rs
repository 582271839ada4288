//! The end of a chain that writes to the outside, in two phases if the sink can.
//!
//! ```text
//! written → prepared (at the barrier of checkpoint n) → committed (n is complete)
//!                        └─ in the snapshots until then ─┘
//! ```
//! After a failure what the checkpoint holds is committed before the first record is written: it may have been
//! committed before, or not.

mod commits;

#[cfg(feature = "sabotage")]
use flott_core::sabotage::{Sabotage, is};
use flott_core::{CheckpointId, FailureKind, checkpoint::Barrier, time::Timestamp};

use self::commits::Commits;
use crate::{
    Batch, CheckpointEvent, EventKind, Mark, Output, Redistribution, Result, RuntimeContext, Sink,
    SinkWriter, TaskEnd, metrics::Counter, output::Flush, scope,
};

/// Names of its state.
const COMMITTABLES: &str = "committables";
const WRITER: &str = "writer";

/// The end of a chain that writes to the outside.
pub struct SinkOperator<T, W: SinkWriter<T>> {
    context: RuntimeContext,
    writer: W,
    commits: Commits<W::Committable>,
    records_sent: Counter,
    /// Known once the writer has told of any.
    bytes_sent: Option<Counter>,
    bytes_counted: u64,
    /// Whether the writer has written all that it will ever write.
    finished: bool,
    /// Whether a checkpoint was asked for that will commit the rest.
    awaits_checkpoint: bool,
}

impl<T, W: SinkWriter<T>> SinkOperator<T, W> {
    /// Begins where the checkpoint has ended from which the subtask was restored, if it was.
    ///
    /// # Errors
    /// If the sink can't be opened, or what the checkpoint has prepared can't be committed.
    pub fn open<S: Sink<T, Writer = W>>(context: RuntimeContext, sink: &S) -> Result<Self> {
        let failed = |error| author_failure(&context, error);
        let restored = context.restored();
        let committer = sink.committer(&context).map_err(failed)?;
        let mut commits = Commits::new(committer, restored.list(COMMITTABLES)?);
        commits.commit_restored(&context).map_err(failed)?;
        let writer = sink.writer(&context, restored.list(WRITER)?).map_err(failed)?;
        let records_sent = context.metrics().counter("numRecordsSend");
        Ok(Self {
            context,
            writer,
            commits,
            records_sent,
            bytes_sent: None,
            bytes_counted: 0,
            finished: false,
            awaits_checkpoint: false,
        })
    }

    fn failed(&self, error: crate::BoxError) -> TaskEnd {
        author_failure(&self.context, error)
    }

    #[inline]
    fn count_bytes(&mut self) {
        let written = self.writer.bytes_written();
        if written > self.bytes_counted {
            let context = &self.context;
            let counter = self.bytes_sent.get_or_insert_with(|| context.metrics().counter("numBytesSend"));
            counter.inc_by(written - self.bytes_counted);
            self.bytes_counted = written;
        }
    }

    /// Prepares what is to be committed with this checkpoint.
    fn prepare(&mut self, barrier: &Barrier) -> std::result::Result<Vec<W::State>, crate::BoxError> {
        if !self.finished {
            self.writer.flush()?;
            let prepared = self.writer.prepare_commit()?;
            self.commits.prepared(prepared)?;
        }
        self.commits.assign(barrier.id);
        if barrier.is_savepoint() {
            self.commits.retain()?;
        }
        self.writer.snapshot(barrier.id)
    }

    /// Whether nothing that was prepared can ever be written again, so that it needs no checkpoint to be visible.
    fn commits_at_once(&self) -> bool {
        #[cfg(feature = "sabotage")]
        if is(Sabotage::CommitAtBarrier) {
            return true;
        }
        !self.context.task.takes_checkpoints
    }
}

/// The failure of a task whose source, sink or function returned an error. One of a canceled task is mostly the echo of
/// that.
pub(crate) fn author_failure(context: &RuntimeContext, error: crate::BoxError) -> TaskEnd {
    if context.task.signals.is_canceled() {
        return TaskEnd::Canceled;
    }
    match TaskEnd::from_user(FailureKind::External, error.as_ref()) {
        TaskEnd::Failed(cause) => cause.in_operator(&*context.name).into(),
        end @ TaskEnd::Canceled => end,
    }
}

impl<T, W: SinkWriter<T>> Output<T> for SinkOperator<T, W> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        let records = batch.len();
        self.context.task.counters.sent(records);
        self.writer.write(batch).map_err(|error| self.failed(error))?;
        self.records_sent.inc_by(records as u64);
        self.count_bytes();
        batch.clear();
        Ok(())
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        let Mark::Watermark(watermark) = mark else { return Ok(()) };
        let _scope = scope::enter(self.context.position);
        self.writer.on_watermark(watermark).map_err(|error| self.failed(error))
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        self.commits.try_again(&self.context, now).map_err(|error| self.failed(error))?;
        if self.finished {
            return Ok(());
        }
        self.writer.on_processing_time(now).map_err(|error| self.failed(error))
    }

    fn end(&mut self) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        self.finished = true;
        let prepared = self.writer.finish().and_then(|()| self.writer.prepare_commit());
        prepared.and_then(|prepared| self.commits.prepared(prepared)).map_err(|error| self.failed(error))
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        if flush == Flush::Held || self.finished {
            return Ok(());
        }
        let _scope = scope::enter(self.context.position);
        self.writer.flush().map_err(|error| self.failed(error))?;
        self.count_bytes();
        Ok(())
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        let mut states = Vec::new();
        match event.kind() {
            EventKind::Barrier(barrier) => {
                states = self.prepare(barrier).map_err(|error| self.failed(error))?;
            }
            EventKind::Completed(id) => {
                let committed = self.commits.completed(id, &self.context, self.finished);
                committed.map_err(|error| self.failed(error))?;
            }
            // What was prepared for it goes with the next one, which has to be asked for again.
            EventKind::Aborted(_) => {
                self.awaits_checkpoint = false;
                if self.commits_at_once() {
                    self.commits.commit_all(&self.context).map_err(|error| self.failed(error))?;
                }
            }
            EventKind::Continue => {}
        }
        let mut part = event.operator(&self.context);
        // Most sinks have neither.
        if !self.commits.is_empty() {
            part.list::<(CheckpointId, W::Committable), _>(COMMITTABLES, Redistribution::Split, || {
                self.commits.iter()
            })?;
        }
        if !states.is_empty() {
            part.list::<W::State, _>(WRITER, Redistribution::Split, || states)?;
        }
        match event.kind() {
            EventKind::Barrier(barrier) if self.commits_at_once() && barrier.stop().is_none() => {
                self.commits.commit_all(&self.context).map_err(|error| self.failed(error))
            }
            _ => Ok(()),
        }
    }

    fn close(&mut self) -> Result<bool> {
        if self.commits.is_empty() {
            return Ok(true);
        }
        if !self.finished || self.commits_at_once() {
            let _scope = scope::enter(self.context.position);
            let committed = match self.finished {
                true => self.commits.commit_all(&self.context),
                // Stopped with a savepoint, which is complete.
                false => self.commits.commit_completed(&self.context),
            };
            return committed.map(|()| true).map_err(|error| self.failed(error));
        }
        if !self.awaits_checkpoint {
            self.awaits_checkpoint = true;
            self.context.task.signals.await_checkpoint();
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
