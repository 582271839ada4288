use std::{sync::Arc, time::Instant};

use flott_core::{FailureCause, FailureKind, deployment::SplitAnswer};
use flott_exchange::BATCH_RECORDS;

use super::{SplitProvider, Step, TaskInput, drive_head};
use crate::{
    BoxError, BoxOutput, OperatorContext, ReadStatus, Record, Result, Source, SourceReader, TaskEnd,
    operators::sink_failure as contract_failure, scope,
};

/// ```text
/// NeedsSplit → Asked → Reading → NeedsSplit      (the split has ended)
///                ↓ ↑
///                ↓ (told to enumerate: report, ask again)
///              Ended                             (there are no more splits)
/// ```
enum State {
    NeedsSplit,
    Asked,
    Reading,
    Ended,
}

/// Feeds a chain with what a source reads.
pub struct SourceInput<S: Source> {
    context: OperatorContext,
    source: Arc<S>,
    reader: S::Reader,
    splits: Box<dyn SplitProvider>,
    state: State,
    bytes_counted: u64,
    batch: Vec<S::Record>,
    head: BoxOutput<S::Record>,
}

impl<S: Source> SourceInput<S> {
    /// Opens a reader of `source` that feeds `head`.
    ///
    /// # Errors
    /// If the reader can't be made.
    pub fn new(
        context: OperatorContext,
        source: Arc<S>,
        splits: Box<dyn SplitProvider>,
        head: BoxOutput<S::Record>,
    ) -> Result<Self> {
        let reader = source.reader(&context).map_err(|error| contract_failure(&context, error))?;
        Ok(Self {
            context,
            source,
            reader,
            splits,
            state: State::NeedsSplit,
            bytes_counted: 0,
            batch: Vec::with_capacity(BATCH_RECORDS),
            head,
        })
    }

    fn failed(&self, error: BoxError) -> TaskEnd {
        contract_failure(&self.context, error)
    }

    fn on_answer(&mut self, answer: SplitAnswer) -> Result<State> {
        match answer {
            SplitAnswer::Enumerate => {
                let splits = self.enumerate();
                self.splits.report(splits.clone());
                splits?;
                Ok(State::NeedsSplit)
            }
            SplitAnswer::Split(bytes) => {
                let split = postcard::from_bytes(&bytes).map_err(|error| {
                    TaskEnd::failed(FailureKind::Internal, format!("cannot read a source split: {error}"))
                })?;
                self.reader.start(split).map_err(|error| self.failed(error))?;
                Ok(State::Reading)
            }
            SplitAnswer::NoMoreSplits => Ok(State::Ended),
        }
    }

    fn enumerate(&self) -> Result<Vec<Vec<u8>>, FailureCause> {
        let failed = |error: BoxError| match self.failed(error) {
            TaskEnd::Failed(cause) => *cause,
            TaskEnd::Canceled => FailureCause::new(FailureKind::Internal, "canceled while listing splits"),
        };
        let splits = self.source.enumerate(&self.context).map_err(failed)?;
        splits
            .iter()
            .map(|split| postcard::to_stdvec(split).map_err(|error| failed(Box::new(error))))
            .collect()
    }

    fn read(&mut self) -> Result<Step> {
        let status = self.reader.read(&mut self.batch).map_err(|error| self.failed(error))?;
        let bytes = self.reader.bytes_read();
        self.context.task.counters.received(self.batch.len(), (bytes - self.bytes_counted) as usize);
        self.bytes_counted = bytes;
        if !self.batch.is_empty() {
            self.head.emit(&mut self.batch)?;
        }
        Ok(match status {
            ReadStatus::More => Step::Worked,
            ReadStatus::WaitUntil(time) => Step::Idle(Some(time)),
            ReadStatus::SplitEnded => {
                self.state = State::NeedsSplit;
                Step::Worked
            }
        })
    }
}

impl<S: Source> TaskInput for SourceInput<S>
where
    S::Record: Record,
{
    fn step(&mut self) -> Result<Step> {
        let _scope = scope::enter(self.context.position);
        match self.state {
            State::NeedsSplit => {
                self.splits.request();
                self.state = State::Asked;
                Ok(Step::Worked)
            }
            State::Asked => match self.splits.take_answer() {
                Some(answer) => {
                    self.state = self.on_answer(answer)?;
                    Ok(Step::Worked)
                }
                None => Ok(Step::Idle(None::<Instant>)),
            },
            State::Reading => self.read(),
            State::Ended => Ok(Step::Ended),
        }
    }

    drive_head!();
}
