//! Part files as a sink, whatever is in them.

mod bucket;
mod committer;
mod error;
mod names;
mod part;
mod rolling;
mod writer;

use std::{path::PathBuf, sync::Arc};

use flott_core::job_config::RuntimeMode;
use flott_runtime::{BoxError, Committer, RuntimeContext, Sink};

pub use self::{
    bucket::{BucketAssigner, BucketContext, DateTimeBuckets, NoBuckets},
    rolling::RollingPolicy,
    writer::FileWriter,
};

use crate::{
    format::{RowFormat, TextFormat},
    path,
};
use committer::FileCommitter;
use names::PartNames;
use part::PendingPart;
use writer::{FileWriterState, Target};

/// Writes records into part files of a directory; Flink's `FileSink`.
///
/// In a job that takes checkpoints each record is in exactly one visible part, whatever fails. A part is complete when the
/// [rolling policy](RollingPolicy) says so, and at each checkpoint; when the checkpoint is complete it gets its name,
/// `DIR/BUCKET/part-<job>-<subtask>-<writer>-<number>`. Until then it is in the hidden directory `DIR/.flott-<job>-<sink>`. Parts that
/// a checkpoint contains get their names when the job goes on from it; those behind it are removed.
///
/// In other jobs each subtask writes `DIR/BUCKET/part-<job>-<subtask>-<number>`; the beginning of the job's id keeps
/// those of different runs apart. A part is hidden until it is complete (`.part-….inprogress-…`), which it is when the
/// rolling policy says so or the input has ended. Complete parts stay when a job fails or is canceled;
/// what had not been completed then is removed.
///
/// Without a policy of its own the sink writes one part a subtask and bucket in BATCH mode, and follows
/// [`RollingPolicy::default`] in STREAMING mode.
///
/// A subtask that gets no records writes no part, and a subtask keeps at most 128 parts open: beyond that it completes
/// the one that was not written to for the longest time.
#[derive(Clone, Debug)]
pub struct FileSink<R = TextFormat, B = NoBuckets> {
    directory: String,
    format: Arc<R>,
    buckets: B,
    rolling: Option<RollingPolicy>,
    prefix: String,
    suffix: String,
    append: bool,
}

/// Writes each record as a line of text. A directory that holds parts of another run is refused, so that results never
/// mix.
pub type TextFileSink = FileSink;

impl TextFileSink {
    /// Writes to this directory, which is made if it is not there.
    pub fn new(directory: impl Into<String>) -> Self {
        Self::for_row_format(directory, TextFormat).append(false)
    }
}

impl<R> FileSink<R> {
    /// Writes in this format to this directory, which is made if it is not there, beside what it holds already.
    pub fn for_row_format(directory: impl Into<String>, format: R) -> Self {
        Self {
            directory: directory.into(),
            format: Arc::new(format),
            buckets: NoBuckets,
            rolling: None,
            prefix: "part".to_owned(),
            suffix: String::new(),
            append: true,
        }
    }
}

impl<R, B> FileSink<R, B> {
    /// Spreads records over subdirectories: [`DateTimeBuckets`], a closure that gives the name of one, or an assigner of
    /// your own.
    ///
    /// ```
    /// use flott_connectors::{BucketContext, CsvFormat, DateTimeBuckets, FileSink};
    ///
    /// FileSink::for_row_format("/data/hourly", CsvFormat::<(String, u64)>::new()).buckets(DateTimeBuckets::new());
    /// FileSink::for_row_format("/data/by-name", CsvFormat::<(String, u64)>::new())
    ///     .buckets(|record: &(String, u64), _: &BucketContext| format!("name={}", record.0));
    /// ```
    #[must_use]
    pub fn buckets<N>(self, buckets: N) -> FileSink<R, N> {
        let Self { directory, format, buckets: _, rolling, prefix, suffix, append } = self;
        FileSink { directory, format, buckets, rolling, prefix, suffix, append }
    }

    /// When to complete a part and begin another.
    #[must_use]
    pub fn rolling(mut self, policy: RollingPolicy) -> Self {
        self.rolling = Some(policy);
        self
    }

    /// What names of parts begin with; by default `part`.
    #[must_use]
    pub fn part_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// What names of parts end with: `.csv`, say.
    #[must_use]
    pub fn part_suffix(mut self, suffix: impl Into<String>) -> Self {
        self.suffix = suffix.into();
        self
    }

    /// Whether to write beside parts of other runs. If not, the job fails when it finds any.
    #[must_use]
    pub fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }
}

impl<R, B> FileSink<R, B> {
    /// Makes the writer of a subtask. `begins_anew` tells a subtask without state from one of a job that has none.
    fn open<T>(
        &self,
        context: &RuntimeContext,
        restored: &[FileWriterState],
        begins_anew: bool,
    ) -> Result<FileWriter<T, R, B>, BoxError>
    where
        R: RowFormat<T>,
        B: BucketAssigner<T>,
    {
        let rolling = match (self.rolling, context.task.runtime_mode) {
            (Some(policy), _) => policy,
            (None, RuntimeMode::Batch) => RollingPolicy::never(),
            (None, _) => RollingPolicy::default(),
        };
        rolling.check()?;
        let names = PartNames::new(&self.prefix, &self.suffix, context)?;
        let mut buckets = self.buckets.clone();
        buckets.open()?;
        let (directory, format) = (self.path()?, self.format.clone());
        let target = Target { directory, names, append: self.append, begins_anew };
        FileWriter::open(target, rolling, format, buckets, context, restored)
    }

    /// The directory, wherever the process works that goes on with the job.
    fn path(&self) -> Result<PathBuf, BoxError> {
        Ok(std::path::absolute(path::resolve(&self.directory)?)?)
    }
}

impl<T, R, B> Sink<T> for FileSink<R, B>
where
    T: 'static,
    R: RowFormat<T>,
    B: BucketAssigner<T>,
{
    type Writer = FileWriter<T, R, B>;

    fn writer(
        &self,
        context: &RuntimeContext,
        restored: Vec<FileWriterState>,
    ) -> Result<Self::Writer, BoxError> {
        let begins_anew = restored.is_empty() && context.restored().is_empty();
        self.open(context, &restored, begins_anew)
    }

    fn committer(
        &self,
        context: &RuntimeContext,
    ) -> Result<Option<Box<dyn Committer<PendingPart>>>, BoxError> {
        let directory = self.path()?;
        let staging = names::staging_directory(&directory, context);
        Ok(Some(Box::new(FileCommitter::new(directory, staging))))
    }
}

#[cfg(test)]
mod tests;
