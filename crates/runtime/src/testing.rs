//! Surroundings for operators under test.

use std::sync::{Arc, Mutex};

use flott_core::{AttemptNumber, JobId, SubtaskIndex, job_config::RuntimeMode, time::Timestamp};

use crate::{Batch, Mark, Output, ProcessingClock, Result, RuntimeContext, TaskContext, output::Flush};

pub(crate) fn task(subtask: u32, parallelism: u32) -> TaskContext {
    TaskContext {
        job_id: JobId::from_bytes([1; 16]),
        job_name: "test".into(),
        job_parameters: Arc::default(),
        task_name: "task".into(),
        subtask: SubtaskIndex(subtask),
        parallelism,
        max_parallelism: 128,
        attempt: AttemptNumber(0),
        runtime_mode: RuntimeMode::Streaming,
        auto_watermark_interval: std::time::Duration::from_millis(200),
        clock: ProcessingClock::manual(Timestamp::EPOCH),
        takes_checkpoints: false,
        restored: Arc::default(),
        counters: Arc::default(),
        signals: Arc::default(),
    }
}

pub(crate) fn operator(name: &str) -> RuntimeContext {
    RuntimeContext::new(task(0, 1), name, name, 0)
}

/// Notes what it is told.
pub(crate) struct Collected<T>(Arc<Mutex<Vec<Event<T>>>>);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event<T> {
    Batch(Batch<T>),
    Mark(Mark),
    Time(Timestamp),
    End,
    Flush(Flush),
    Close,
}

impl<T> Default for Collected<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T> Clone for Collected<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: Clone> Collected<T> {
    pub(crate) fn events(&self) -> Vec<Event<T>> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn records(&self) -> Vec<T> {
        let batches = self.events().into_iter().map(|event| match event {
            Event::Batch(batch) => batch.records,
            _ => Vec::new(),
        });
        batches.flatten().collect()
    }

    fn note(&self, event: Event<T>) {
        self.0.lock().unwrap().push(event);
    }
}

impl<T: Clone + Send> Output<T> for Collected<T> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        self.note(Event::Batch(std::mem::take(batch)));
        Ok(())
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.note(Event::Mark(mark));
        Ok(())
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        self.note(Event::Time(now));
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        self.note(Event::End);
        Ok(())
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.note(Event::Flush(flush));
        Ok(())
    }

    fn close(&mut self) -> Result<bool> {
        self.note(Event::Close);
        Ok(true)
    }

    fn checkpoint(&mut self, _: &mut crate::CheckpointEvent<'_>) -> Result<()> {
        Ok(())
    }
}
