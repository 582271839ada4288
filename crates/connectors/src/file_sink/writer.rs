use std::{
    collections::HashMap,
    marker::PhantomData,
    mem,
    path::{Path, PathBuf},
    sync::Arc,
};

use flott_core::{CheckpointId, JobId};
use flott_runtime::{Batch, BoxError, ProcessingClock, RuntimeContext, SinkWriter, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    bucket::{self, BucketAssigner, BucketContext},
    error::Error,
    names::PartNames,
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
    job: JobId,
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
    /// Memory for the name of a bucket.
    id: String,
    record: PhantomData<fn(T)>,
}

/// What a writer leaves in a checkpoint: parts that were begun behind it are nobody's if the job goes on from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWriterState {
    job: JobId,
    checkpoint: CheckpointId,
}

struct Part<E> {
    file: InProgress,
    encoder: E,
}

impl<T, R: RowFormat<T>, B: BucketAssigner<T>> FileWriter<T, R, B> {
    pub(super) fn open(
        directory: PathBuf,
        names: PartNames,
        rolling: RollingPolicy,
        append: bool,
        format: Arc<R>,
        buckets: B,
        context: &RuntimeContext,
        restored: &[FileWriterState],
    ) -> Result<Self, BoxError> {
        make_directory(&directory)?;
        let begins_anew = restored.is_empty() && context.restored().is_empty();
        // What was there at the checkpoint belongs to this run, whatever job has taken it.
        let append = append || !begins_anew;
        if !append {
            names.check_directory(&directory)?;
        }
        let staged = context.task.takes_checkpoints;
        let names = match staged {
            true => stage(names, &directory, begins_anew, context, restored)?,
            false => names,
        };
        Ok(Self {
            directory,
            names,
            rolling,
            append,
            staged,
            job: context.job_id(),
            format,
            buckets,
            clock: context.clock().clone(),
            watermark: Timestamp::MIN,
            number: 0,
            parts: HashMap::new(),
            bucket: String::new(),
            current: None,
            complete: Vec::new(),
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
        part.encoder.encode(record, &mut part.file.buffer)?;
        part.file.updated = now;
        Ok(part.file.write_if_full()?)
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

/// Lets parts wait for checkpoints, and removes those of earlier attempts that wait for none.
fn stage(
    names: PartNames,
    directory: &Path,
    begins_anew: bool,
    context: &RuntimeContext,
    restored: &[FileWriterState],
) -> Result<PartNames, Error> {
    // This job may have begun with a savepoint of another one, whose checkpoints have other numbers.
    let own = restored.iter().filter(|state| state.job == context.job_id());
    let last = own.map(|state| state.checkpoint).max();
    let names = names.with_staging(directory, last.unwrap_or_default(), context);
    // A subtask that has no state because there are more of them than before knows of no leftovers.
    if begins_anew || !restored.is_empty() {
        names.remove_leftovers()?;
    }
    Ok(names)
}

impl<T, R: RowFormat<T>, B: BucketAssigner<T>> SinkWriter<T> for FileWriter<T, R, B> {
    type Committable = PendingPart;
    type State = FileWriterState;

    fn write(&mut self, batch: &mut Batch<T>) -> Result<(), BoxError> {
        let now = self.clock.now();
        batch.drain().try_for_each(|(record, timestamp)| self.write_record(&record, timestamp, now))
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
        self.names.on_checkpoint(id);
        Ok(vec![FileWriterState { job: self.job, checkpoint: id }])
    }
}
