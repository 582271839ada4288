use std::{collections::HashMap, marker::PhantomData, mem, path::PathBuf, sync::Arc};

use flott_runtime::{Batch, BoxError, ProcessingClock, RuntimeContext, SinkWriter, Timestamp};

use super::{
    bucket::{self, BucketAssigner, BucketContext},
    error::Error,
    part::{InProgress, PartNames, make_directory},
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
    append: bool,
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
    /// Memory for the name of a bucket.
    id: String,
    record: PhantomData<fn(T)>,
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
    ) -> Result<Self, BoxError> {
        make_directory(&directory)?;
        if !append {
            names.check_directory(&directory)?;
        }
        Ok(Self {
            directory,
            names,
            rolling,
            append,
            format,
            buckets,
            clock: context.clock().clone(),
            watermark: Timestamp::MIN,
            number: 0,
            parts: HashMap::new(),
            bucket: String::new(),
            current: None,
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
            full.file.close()?.finish()?;
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
        match self.parts.remove(&bucket) {
            Some(part) => part.file.close()?.finish(),
            None => Ok(()),
        }
    }
}

impl<T, R: RowFormat<T>, B: BucketAssigner<T>> SinkWriter<T> for FileWriter<T, R, B> {
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
        for part in of_others.into_iter().chain(self.current.take_if(|part| is_due(part))) {
            part.file.close()?.finish()?;
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
        let others = self.parts.drain().map(|(_, part)| part);
        let mut complete = Vec::new();
        for part in others.chain(self.current.take()) {
            complete.push(part.file.close()?);
        }
        // Names are given when nothing can fail any more for want of space.
        complete.into_iter().try_for_each(|part| part.finish())?;
        Ok(())
    }
}
