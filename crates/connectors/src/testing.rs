//! Surroundings for sources and sinks under test.

use std::sync::Arc;

use flott_core::{AttemptNumber, JobId, SubtaskIndex, job_config::RuntimeMode};
use flott_runtime::{
    Batch, BoxError, ProcessingClock, ReadStatus, RuntimeContext, Source, SourceReader, TaskContext,
    Timestamp,
};

use crate::{FileFormat, FormatReader, RowEncoder, RowFormat, file_source::split::cut};

/// The first attempt of the only subtask of a job.
pub(crate) fn operator() -> RuntimeContext {
    operator_of(1, 0)
}

/// An attempt of a job whose id consists of this byte.
pub(crate) fn operator_of(job: u8, attempt: u32) -> RuntimeContext {
    let task = TaskContext {
        job_id: JobId::from_bytes([job; 16]),
        job_name: "test".into(),
        job_parameters: Arc::default(),
        task_name: "task".into(),
        subtask: SubtaskIndex(0),
        parallelism: 1,
        max_parallelism: 128,
        attempt: AttemptNumber(attempt),
        runtime_mode: RuntimeMode::Batch,
        auto_watermark_interval: std::time::Duration::from_millis(200),
        clock: ProcessingClock::manual(Timestamp::EPOCH),
        takes_checkpoints: false,
        restored: Arc::default(),
        counters: Arc::default(),
        signals: Arc::default(),
    };
    RuntimeContext::new(task, "operator", "operator", 0)
}

/// All records of a source whose splits are known at once.
pub(crate) fn read_all<S: Source>(source: &S) -> Result<Vec<S::Record>, String> {
    let read = || {
        let context = operator();
        let mut reader = source.reader(&context)?;
        let mut all = Vec::new();
        for split in source.enumerator(&context, None)?.discover()?.splits {
            reader.start(split)?;
            loop {
                let mut batch = Batch::new();
                let status = reader.read(&mut batch)?;
                all.extend(batch.records);
                if status == ReadStatus::SplitEnded {
                    break;
                }
            }
        }
        Ok(all)
    };
    read().map_err(|error: BoxError| error.to_string())
}

/// All records of a file with this content.
pub(crate) fn read_file<F: FileFormat>(format: F, content: &[u8]) -> Result<Vec<F::Record>, String> {
    read_file_in_splits(format, content, u64::MAX)
}

/// All records of a file with this content that is cut into splits of this length.
pub(crate) fn read_file_in_splits<F: FileFormat>(
    format: F,
    content: &[u8],
    split_length: u64,
) -> Result<Vec<F::Record>, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let read = || {
        let mut all = Vec::new();
        for split in cut(file.path(), content.len() as u64, split_length) {
            let mut reader = format.open(split, &operator())?;
            loop {
                let mut batch = Batch::new();
                let status = reader.read(&mut batch)?;
                all.extend(batch.records);
                if status == ReadStatus::SplitEnded {
                    break;
                }
            }
        }
        Ok(all)
    };
    read().map_err(|error: BoxError| error.to_string())
}

/// The bytes of a file with these records.
pub(crate) fn encode<T, R: RowFormat<T>>(format: &R, records: &[T]) -> Vec<u8> {
    let (mut encoder, mut out) = (format.encoder(), Vec::new());
    for record in records {
        encoder.encode(record, &mut out).unwrap();
    }
    out
}

/// Waits until the subtask is woken.
pub(crate) fn wait_for_wake(context: &RuntimeContext) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(context.task.signals.wake.notified());
}
