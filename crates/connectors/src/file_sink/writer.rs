use std::{collections::HashMap, marker::PhantomData, mem, path::PathBuf, sync::Arc};

use flott_core::{CheckpointId, JobId};
use flott_runtime::{Batch, BoxError, ProcessingClock, RuntimeContext, SinkWriter, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    bucket::{self, BucketAssigner, BucketContext},
    error::Error,
    names::{PartNames, Restored},
    part::{InProgress, PendingPart, make_directory},
    rolling::RollingPolicy,
};
use crate::format::{RowEncoder, RowFormat};

/// Parts that a subtask may have open: processes may open 1,024 files on many systems.
const MAX_OPEN: usize = 128;

/// Writes for a [`FileSink`](super::FileSink).
pub struct FileWriter<T, R: RowFormat<T>, B> {
    directory: PathBuf,
    names: PartNames,
    rolling: RollingPolicy,
    /// Whether parts of other runs are no hindrance.
    append: bool,
    /// Whether parts wait for checkpoints.
    staged: bool,
    format: Arc<R>,
    buckets: B,
    clock: ProcessingClock,
    watermark: Timestamp,
    /// Number of the next part, over all buckets.
    number: u64,
    /// Open parts by their buckets.
    parts: HashMap<String, Part<R::Encoder>>,
    /// The bucket of the last record; its part, if open, is `current` and not in `parts`.
    bucket: String,
    current: Option<Part<R::Encoder>>,
    /// Complete since the last checkpoint.
    complete: Vec<PendingPart>,
    /// Of all records so far.
    bytes: u64,
    /// Memory for the name of a bucket.
    id: String,
    record: PhantomData<fn(T)>,
}

/// What a writer leaves in a checkpoint: parts that were begun behind it are nobody's if the job goes on from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWriterState {
    pub(super) job: JobId,
    pub(super) subtask: u32,
    pub(super) attempt: u32,
    pub(super) checkpoint: CheckpointId,
}

/// Where a writer writes, and what it may find there.
pub(super) struct Target {
    pub(super) directory: PathBuf,
    pub(super) names: PartNames,
    /// Whether parts of other runs are no hindrance.
    pub(super) append: bool,
    /// Whether the job begins without a checkpoint.
    pub(super) begins_anew: bool,
}

struct Part<E> {
    file: InProgress,
    encoder: E,
}

impl<T, R: RowFormat<T>, B: BucketAssigner<T>> FileWriter<T, R, B> {
    pub(super) fn open(
        target: Target,
        rolling: RollingPolicy,
        format: Arc<R>,
        buckets: B,
        context: &RuntimeContext,
        restored: &[FileWriterState],
    ) -> Result<Self, BoxError> {
        let Target { directory, mut names, append, begins_anew } = target;
        make_directory(&directory)?;
        // What was there at the checkpoint belongs to this run, whatever job has taken it.
        let append = append || !begins_anew;
        if !append {
            names.check_directory(&directory)?;
        }
        let staged = context.task.takes_checkpoints;
        if staged {
            names = names.with_staging(&directory, context);
            let is_of_other = restored.iter().any(|state| state.job != context.job_id());
            names.remove_leftovers(match begins_anew || is_of_other {
                true => Restored::NothingOfThisJob,
                false => Restored::States(restored),
            })?;
        }
        Ok(Self {
            directory,
            names,
            rolling,
            append,
            staged,
            format,
            buckets,
            clock: context.clock().clone(),
            watermark: Timestamp::MIN,
            number: 0,
            parts: HashMap::new(),
            bucket: String::new(),
            current: None,
            complete: Vec::new(),
            bytes: 0,
            id: String::new(),
            record: PhantomData,
        })
    }

    fn write_record(&mut self, record: &T, timestamp: Timestamp, now: Timestamp) -> Result<(), BoxError> {
        let context = BucketContext {
            timestamp: (!timestamp.is_none()).then_some(timestamp),
            watermark: self.watermark,
            processing_time: now,
        };
        self.id.clear();
        self.buckets.assign(record, &context, &mut self.id)?;
        if self.id != self.bucket {
            self.change_bucket();
        }
        let part = match &mut self.current {
            Some(part) if !self.rolling.is_full(part.file.len()) => part,
            _ => self.begin_part(now)?,
        };
        let before = part.file.buffer.len();
        part.encoder.encode(record, &mut part.file.buffer)?;
        let written = (part.file.buffer.len() - before) as u64;
        part.file.updated = now;
        part.file.write_if_full()?;
        self.bytes += written;
        Ok(())
    }

    /// Makes the bucket in `id` the current one.
    fn change_bucket(&mut self) {
        let last = mem::replace(&mut self.bucket, self.id.clone());
        if let Some(part) = self.current.take() {
            self.parts.insert(last, part);
        }
        self.current = self.parts.remove(&self.bucket);
    }

    /// Begins a part of the current bucket, after completing the one that is open.
    fn begin_part(&mut self, now: Timestamp) -> Result<&mut Part<R::Encoder>, Error> {
        if let Some(full) = self.current.take() {
            self.complete(full)?;
        } else if self.parts.len() >= MAX_OPEN {
            self.complete_oldest()?;
        }
        let mut directory = self.directory.clone();
        if !self.bucket.is_empty() {
            bucket::check(&self.bucket)?;
            directory.push(&self.bucket);
            make_directory(&directory)?;
            if !self.append {
                self.names.check_directory(&directory)?;
            }
        }
        let file = InProgress::create(&directory, &self.names, self.number, now)?;
        self.number += 1;
        if let Some(due) = self.rolling.due(now, now) {
            self.clock.wake_at(due);
        }
        Ok(self.current.insert(Part { file, encoder: self.format.encoder() }))
    }

    /// Completes the part that was not written to for the longest time.
    fn complete_oldest(&mut self) -> Result<(), Error> {
        let oldest = self.parts.iter().min_by_key(|(_, part)| part.file.updated);
        let Some(bucket) = oldest.map(|(bucket, _)| bucket.clone()) else { return Ok(()) };
        self.parts.remove(&bucket).map_or(Ok(()), |part| self.complete(part))
    }

    /// Completes a part, which is visible then unless it has to wait for a checkpoint.
    fn complete(&mut self, part: Part<R::Encoder>) -> Result<(), Error> {
        let pending = part.file.close()?;
        if self.staged {
            self.complete.push(pending);
            return Ok(());
        }
        pending.finish()
    }

    /// Completes all parts. They are not visible yet.
    fn complete_all(&mut self) -> Result<Vec<PendingPart>, Error> {
        for part in self.parts.drain().map(|(_, part)| part).chain(self.current.take()) {
            self.complete.push(part.file.close()?);
        }
        Ok(mem::take(&mut self.complete))
    }
}

impl<T, R: RowFormat<T>, B: BucketAssigner<T>> SinkWriter<T> for FileWriter<T, R, B> {
    type Committable = PendingPart;
    type State = FileWriterState;

    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        let now = self.clock.now();
        batch.drain().try_for_each(|(record, timestamp)| self.write_record(&record, timestamp, now))
    }

    fn bytes_written(&self) -> u64 {
        self.bytes
    }

    fn on_watermark(&mut self, watermark: Timestamp) -> Result<(), BoxError> {
        self.watermark = watermark;
        Ok(())
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<(), BoxError> {
        let mut next = None;
        let rolling = self.rolling;
        let mut is_due = |part: &Part<R::Encoder>| {
            let due = rolling.due(part.file.created, part.file.updated);
            let is_due = due.is_some_and(|due| due <= now);
            if !is_due {
                next = next.into_iter().chain(due).min();
            }
            is_due
        };
        let of_others: Vec<_> = self.parts.extract_if(|_, part| is_due(part)).map(|(_, part)| part).collect();
        let current = self.current.take_if(|part| is_due(part));
        for part in of_others.into_iter().chain(current) {
            self.complete(part)?;
        }
        if let Some(next) = next {
            self.clock.wake_at(next);
        }
        Ok(())
    }

    /// Nothing can be seen of a part before it is complete.
    fn flush(&mut self) -> Result<(), BoxError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), BoxError> {
        if self.staged {
            return Ok(());
        }
        // Names are given when nothing can fail any more for want of space.
        self.complete_all()?.iter().try_for_each(PendingPart::finish)?;
        Ok(())
    }

    fn prepare_commit(&mut self) -> Result<Vec<PendingPart>, BoxError> {
        let parts = self.complete_all()?;
        if !parts.is_empty() {
            self.names.sync_staging()?;
        }
        Ok(parts)
    }

    fn snapshot(&mut self, id: CheckpointId) -> Result<Vec<FileWriterState>, BoxError> {
        Ok(vec![self.names.on_checkpoint(id)])
    }
}
