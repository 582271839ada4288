mod discovering;
mod idle_time;
mod side_readers;

use std::{sync::Arc, time::Instant};

#[cfg(feature = "sabotage")]
use flott_core::sabotage::{Sabotage, is};
use flott_core::{
    CheckpointId, FailureKind,
    checkpoint::{Barrier, SourceProgress, StopMode},
    deployment::SplitAnswer,
    time::Timestamp,
};
use flott_exchange::BATCH_RECORDS;

use self::{
    discovering::Discovering,
    idle_time::IdleTime,
    side_readers::{SideRead, SideReaders},
};

use super::{AlignmentStats, SplitProvider, Step, TaskInput, drive_head};
use crate::{
    Batch, BoxError, BoxOutput, CheckpointEvent, EventKind, Mark, ReadStatus, Record, Redistribution, Result,
    RuntimeContext, Source, SourceReader, TaskEnd, alignment::WatermarkAlignment, latency::LatencyTicker,
    metrics::Gauge, operators::author_failure, scope,
};

/// ```text
/// NeedsSplit → Asked → Reading → NeedsSplit      (the split has ended)
///                ↓ ↑
///                ↓ (told to enumerate: report, ask again)
///              Ended                             (there are no more splits, or it had ended before a restore)
/// ```
/// A savepoint with which the job stops lets it wait in whatever state it is, until it is `Ended` or may go on.
#[derive(PartialEq, Eq)]
enum State {
    NeedsSplit,
    Asked,
    Reading,
    Ended,
}

/// Feeds a chain with what a source reads.
pub struct SourceInput<S: Source> {
    context: RuntimeContext,
    idle_time: IdleTime,
    /// How many records are left to read, if the reader knows.
    pending: Option<Gauge>,
    /// Set if the job measures latency.
    latency: Option<LatencyTicker>,
    source: Arc<S>,
    reader: S::Reader,
    splits: Box<dyn SplitProvider>,
    /// Set in the one subtask that looks for splits, while it does.
    discovering: Option<Discovering<S::Split>>,
    /// Whom this source waits for; known once the chain has been built.
    alignments: Option<Vec<WatermarkAlignment>>,
    state: State,
    /// The first split of a checkpoint, until it is read on.
    restored: Option<S::Split>,
    /// The others.
    sides: SideReaders<S::Reader>,
    /// Whether they are the next to be read.
    sides_are_next: bool,
    /// A checkpoint that is to begin here.
    triggered: Option<Arc<Barrier>>,
    /// Set while the fate of a savepoint is open with which the job stops: nothing is read behind its barrier.
    stopping_with: Option<CheckpointId>,
    bytes_counted: u64,
    batch: Batch<S::Record>,
    head: BoxOutput<S::Record>,
}

impl<S: Source> SourceInput<S> {
    /// Opens a reader of `source` that feeds `head`.
    ///
    /// # Errors
    /// If the reader can't be made.
    pub fn new(
        context: RuntimeContext,
        source: Arc<S>,
        splits: Box<dyn SplitProvider>,
        head: BoxOutput<S::Record>,
    ) -> Result<Self> {
        let reader = source.reader(&context).map_err(|error| author_failure(&context, error))?;
        let restored = context.restored().list_in_parts("splits")?.into_iter();
        let mut restored = restored.filter_map(|(split, part)| source.divide(split, part.number, part.of));
        let first = restored.next();
        let make = || source.reader(&context);
        let sides = SideReaders::open(restored, make).map_err(|error| author_failure(&context, error))?;
        context.task.signals.lanes.open(1 + sides.len() as u32);
        Ok(Self {
            idle_time: IdleTime::new(&context),
            pending: None,
            context,
            latency: None,
            source,
            reader,
            splits,
            restored: first,
            sides,
            sides_are_next: false,
            triggered: None,
            stopping_with: None,
            discovering: None,
            alignments: None,
            state: State::NeedsSplit,
            bytes_counted: 0,
            batch: Batch::with_capacity(BATCH_RECORDS),
            head,
        })
    }

    /// Lets marks of latency flow with the records.
    #[must_use]
    pub fn with_latency(mut self, latency: Option<LatencyTicker>) -> Self {
        self.latency = latency;
        self
    }

    fn failed(&self, error: BoxError) -> TaskEnd {
        author_failure(&self.context, error)
    }

    fn on_answer(&mut self, answer: SplitAnswer) -> Result<State> {
        match answer {
            SplitAnswer::Enumerate { resume } => {
                let enumerator = self.source.enumerator(&self.context, resume.as_deref());
                let enumerator = enumerator.map_err(|error| {
                    let end = self.failed(error);
                    discovering::report_failure(&mut *self.splits, &end);
                    end
                })?;
                self.discovering = Some(Discovering::new(enumerator));
                self.discover()?;
                Ok(State::NeedsSplit)
            }
            SplitAnswer::Split(bytes) => {
                let split = postcard::from_bytes(&bytes).map_err(|error| {
                    TaskEnd::failed(FailureKind::Internal, format!("cannot read a source split: {error}"))
                })?;
                self.reader.start(split).map_err(|error| self.failed(error))?;
                Ok(State::Reading)
            }
            SplitAnswer::NoMoreSplits => {
                self.end_main()?;
                Ok(State::Ended)
            }
        }
    }

    /// There are no more splits but those that are read beside the main one.
    fn end_main(&mut self) -> Result<()> {
        self.context.task.signals.lanes.close(0);
        if self.sides.is_empty() {
            self.head.mark(Mark::Watermark(Timestamp::MAX))?;
        }
        Ok(())
    }

    /// Looks for splits if it is time to.
    fn discover(&mut self) -> Result<()> {
        let Some(discovering) = &mut self.discovering else { return Ok(()) };
        let more = discovering.discover(&self.context, &mut *self.splits)?;
        if !more {
            self.discovering = None;
        }
        Ok(())
    }

    /// Begins with the next split, if there is one at hand.
    fn next_split(&mut self) -> Result<()> {
        match self.restored.take() {
            Some(split) => {
                self.reader.start(split).map_err(|error| self.failed(error))?;
                self.state = State::Reading;
            }
            // What it got now it would read, but the chain is not told of its end again.
            None if self.context.task.restored.is_finished() => {
                self.end_main()?;
                self.state = State::Ended;
            }
            None => {
                self.splits.request();
                self.state = State::Asked;
            }
        }
        Ok(())
    }

    /// All that was read is in front of this barrier, all that will be read behind it.
    fn reach(&mut self, barrier: Arc<Barrier>) -> Result<Step> {
        if let Some(stop) = barrier.stop() {
            self.stopping_with = Some(barrier.id);
            if stop == StopMode::Drain && self.state != State::Ended {
                self.head.mark(Mark::Watermark(Timestamp::MAX))?;
            }
        }
        Ok(Step::Barrier(barrier, AlignmentStats::default()))
    }

    /// What the snapshot needs to know of the splits.
    fn progress(&self) -> Result<SourceProgress> {
        let enumerator = match &self.discovering {
            Some(discovering) => {
                let state = discovering.snapshot().map_err(|error| self.failed(error))?;
                Some((self.splits.last_report(), state))
            }
            None => None,
        };
        Ok(SourceProgress { last_answered: self.splits.last_answered(), enumerator })
    }

    /// Nothing is to be done before `until`, or before it is time to look for splits.
    fn idle(&self, until: Option<Instant>) -> Step {
        let look = self.discovering.as_ref().map(Discovering::due);
        Step::Idle(match (until, look) {
            (Some(until), Some(look)) => Some(until.min(look)),
            (until, look) => until.or(look),
        })
    }

    /// Whether the source is too far ahead of others.
    fn is_paused(&mut self) -> bool {
        let counters = &self.context.task.counters;
        let alignments = self.alignments.get_or_insert_with(|| WatermarkAlignment::of_subtask(counters));
        alignments.iter().any(WatermarkAlignment::is_paused)
    }

    /// Reads some of the splits that are read beside the main one.
    fn read_sides(&mut self) -> Result<Step> {
        let read = self.sides.read(&mut self.batch).map_err(|error| self.failed(error))?;
        let (lane, ended) = match read {
            SideRead::Waiting(until) => return Ok(self.idle(until)),
            SideRead::Worked { lane, ended } => (lane, ended),
        };
        let lanes = &self.context.task.signals.lanes;
        lanes.enter(lane);
        if !self.batch.is_empty() {
            self.context.task.counters.received(self.batch.len(), 0);
            self.head.emit(&mut self.batch)?;
        }
        let lanes = &self.context.task.signals.lanes;
        lanes.enter(0);
        if ended {
            lanes.close(lane);
            if self.sides.is_empty() && self.state == State::Ended {
                self.head.mark(Mark::Watermark(Timestamp::MAX))?;
            }
        }
        Ok(Step::Worked)
    }

    /// Goes on with the main split, or with getting one.
    fn step_main(&mut self) -> Result<Step> {
        match self.state {
            State::NeedsSplit => {
                self.next_split()?;
                Ok(Step::Worked)
            }
            State::Asked => match self.splits.take_answer() {
                Some(answer) => {
                    self.state = self.on_answer(answer)?;
                    Ok(Step::Worked)
                }
                None => Ok(self.idle(None)),
            },
            State::Reading => self.read(),
            State::Ended => Ok(Step::Ended),
        }
    }

    fn read(&mut self) -> Result<Step> {
        let status = self.reader.read(&mut self.batch).map_err(|error| self.failed(error))?;
        let bytes = self.reader.bytes_read();
        self.context
            .task
            .counters
            .received(self.batch.len(), bytes.saturating_sub(self.bytes_counted) as usize);
        self.bytes_counted = bytes;
        if let Some(records) = self.reader.pending_records() {
            let context = &self.context;
            self.pending.get_or_insert_with(|| context.metrics().gauge("pendingRecords")).set(records);
        }
        if !self.batch.is_empty() {
            self.head.emit(&mut self.batch)?;
        }
        Ok(match status {
            ReadStatus::More => Step::Worked,
            ReadStatus::WaitUntil(time) => self.idle(Some(time)),
            ReadStatus::Waiting => self.idle(None),
            ReadStatus::SplitEnded => {
                self.state = State::NeedsSplit;
                Step::Worked
            }
        })
    }
}

impl<S: Source> SourceInput<S>
where
    S::Record: Record,
{
    /// Does what is next.
    fn read_on(&mut self) -> Result<Step> {
        let _scope = scope::enter(self.context.position);
        if let Some(barrier) = self.triggered.take() {
            return self.reach(barrier);
        }
        if self.stopping_with.is_some() {
            return Ok(Step::Idle(None));
        }
        self.discover()?;
        if matches!(self.state, State::Reading | State::Ended) && self.is_paused() {
            return Ok(if self.state == State::Ended && self.sides.is_empty() {
                Step::Ended
            } else {
                self.idle(None)
            });
        }
        if self.sides.is_empty() {
            return self.step_main();
        }
        self.sides_are_next = !self.sides_are_next;
        let first = if self.sides_are_next { self.read_sides()? } else { self.step_main()? };
        if first == Step::Worked {
            return Ok(first);
        }
        let second = if self.sides_are_next { self.step_main()? } else { self.read_sides()? };
        Ok(match (first, second) {
            (_, Step::Worked) => Step::Worked,
            (Step::Idle(Some(first)), Step::Idle(Some(second))) => Step::Idle(Some(first.min(second))),
            (Step::Idle(first), Step::Idle(second)) => Step::Idle(first.or(second)),
            // As long as there are others, the end of the main one is not the end.
            (Step::Ended, other) | (other, _) if !self.sides.is_empty() => other,
            _ => Step::Worked,
        })
    }
}

impl<S: Source> TaskInput for SourceInput<S>
where
    S::Record: Record,
{
    fn step(&mut self) -> Result<Step> {
        let step = self.read_on()?;
        match step {
            Step::Idle(_) | Step::Ended => self.idle_time.set(true),
            Step::Worked => self.idle_time.set(false),
            Step::Barrier(..) => {}
        }
        Ok(step)
    }

    fn trigger(&mut self, barrier: Arc<Barrier>) {
        self.triggered = Some(barrier);
    }

    /// What could not be sent yet is in front of the barrier and stays there.
    fn urgent_barrier(&mut self) -> Result<Option<Step>> {
        let _scope = scope::enter(self.context.position);
        self.triggered.take().map(|barrier| self.reach(barrier)).transpose()
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        let _scope = scope::enter(self.context.position);
        match event.kind() {
            EventKind::Barrier(_) => {
                #[cfg(feature = "sabotage")]
                if is(Sabotage::LateSourcePosition) && self.state == State::Reading {
                    self.reader.read(&mut self.batch).map_err(|error| self.failed(error))?;
                }
                let current = match self.state {
                    State::Reading => self.reader.snapshot().map_err(|error| self.failed(error))?,
                    _ => None,
                };
                let sides = self.sides.snapshot().map_err(|error| author_failure(&self.context, error))?;
                let splits = || current.iter().chain(&self.restored).chain(&sides);
                event.operator(&self.context).list::<S::Split, _>("splits", Redistribution::Split, splits)?;
                event.source_progress(|| self.progress())?;
            }
            EventKind::Completed(id) if self.stopping_with == Some(id) => {
                self.stopping_with = None;
                // What it would find is for the job that goes on from the savepoint.
                self.discovering = None;
                self.sides = SideReaders::none();
                self.state = State::Ended;
            }
            EventKind::Aborted(id) => {
                self.triggered.take_if(|barrier| barrier.id == id);
                self.stopping_with.take_if(|stop| *stop == id);
            }
            EventKind::Continue | EventKind::Completed(_) => {}
        }
        self.head.checkpoint(event)?;
        #[cfg(feature = "sabotage")]
        if !self.batch.is_empty() {
            self.head.emit(&mut self.batch)?;
        }
        Ok(())
    }

    fn on_processing_time(&mut self, now: Timestamp) -> Result<()> {
        if let Some(mark) = self.latency.as_mut().and_then(|latency| latency.take_due(now)) {
            self.head.mark(mark)?;
        }
        self.head.on_processing_time(now)
    }

    drive_head!();
}

#[cfg(test)]
mod tests {
    use std::{
        collections::VecDeque,
        sync::{Mutex, PoisonError},
        time::Duration,
    };

    use flott_core::{
        FailureCause,
        checkpoint::{Alignment, SavepointFormat, SnapshotKind},
    };

    use super::*;
    use crate::{
        Boundedness, Discovery, RestoredTask, SplitEnumerator, all_splits,
        testing::{Collected, Event, operator},
    };

    /// Each split is a number, which is emitted as often as it says, one a batch.
    #[derive(Default)]
    struct Numbers {
        /// How often it has looked for splits; set if it goes on for ever.
        looks: Option<Looks>,
    }

    /// Finds nothing, again and again.
    #[derive(Clone, Default)]
    struct Looks(Arc<Mutex<u32>>);

    impl SplitEnumerator<u64> for Looks {
        fn discover(&mut self) -> std::result::Result<Discovery<u64>, BoxError> {
            *self.0.lock().unwrap() += 1;
            Ok(Discovery { splits: Vec::new(), again_in: Some(Duration::ZERO) })
        }
    }

    struct NumbersReader {
        split: u64,
        left: u64,
    }

    impl Source for Numbers {
        type Record = u64;
        type Split = u64;
        type Reader = NumbersReader;

        fn boundedness(&self) -> Boundedness {
            Boundedness::Bounded
        }

        fn enumerator(
            &self,
            _: &RuntimeContext,
            _: Option<&[u8]>,
        ) -> std::result::Result<Box<dyn SplitEnumerator<u64>>, BoxError> {
            Ok(match &self.looks {
                Some(looks) => Box::new(looks.clone()),
                None => all_splits(vec![2, 0]),
            })
        }

        fn reader(&self, _: &RuntimeContext) -> std::result::Result<NumbersReader, BoxError> {
            Ok(NumbersReader { split: 0, left: 0 })
        }
    }

    impl SourceReader for NumbersReader {
        type Record = u64;
        type Split = u64;

        fn start(&mut self, split: u64) -> std::result::Result<(), BoxError> {
            if split == 13 {
                return Err("split 13 is gone".into());
            }
            (self.split, self.left) = (split, split);
            Ok(())
        }

        fn read(&mut self, batch: &mut Batch<u64>) -> std::result::Result<ReadStatus, BoxError> {
            if self.left == 0 {
                return Ok(ReadStatus::SplitEnded);
            }
            self.left -= 1;
            batch.push(self.split, Timestamp::MIN);
            Ok(ReadStatus::More)
        }

        fn snapshot(&mut self) -> std::result::Result<Option<u64>, BoxError> {
            Ok(Some(self.left))
        }

        fn pending_records(&self) -> Option<u64> {
            Some(self.left)
        }

        fn bytes_read(&self) -> u64 {
            // Falls, which no reader should do.
            self.left
        }
    }

    #[derive(Clone, Default)]
    struct Queue {
        answers: Arc<Mutex<VecDeque<SplitAnswer>>>,
        reports: Arc<Mutex<Vec<usize>>>,
        asked: Arc<Mutex<u32>>,
        answered: u64,
    }

    impl SplitProvider for Queue {
        fn request(&mut self) {
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        }

        fn take_answer(&mut self) -> Option<SplitAnswer> {
            let answer = self.answers.lock().unwrap().pop_front();
            self.answered += u64::from(answer.is_some());
            answer
        }

        fn last_answered(&self) -> u64 {
            self.answered
        }

        fn last_report(&self) -> u64 {
            self.reports.lock().unwrap().len() as u64
        }

        fn report(&mut self, splits: Result<Vec<Vec<u8>>, FailureCause>, complete: bool) {
            assert!(complete, "it lists them once");
            self.reports.lock().unwrap().push(splits.unwrap().len());
        }
    }

    fn split(number: u64) -> SplitAnswer {
        SplitAnswer::Split(postcard::to_stdvec(&number).unwrap())
    }

    fn input(queue: &Queue, output: &Collected<u64>) -> SourceInput<Numbers> {
        let (source, splits) = (Arc::new(Numbers::default()), Box::new(queue.clone()));
        SourceInput::new(operator("Source: numbers"), source, splits, Box::new(output.clone())).unwrap()
    }

    #[test]
    fn a_source_lists_splits_when_told_and_reads_until_there_are_no_more() {
        let (queue, output) = (Queue::default(), Collected::default());
        let mut input = input(&queue, &output);
        assert_eq!(input.step().unwrap(), Step::Worked);
        assert_eq!(input.step().unwrap(), Step::Idle(None), "the answer has not come");
        let enumerate = SplitAnswer::Enumerate { resume: None };
        let answers = [enumerate, split(2), split(0), split(1), SplitAnswer::NoMoreSplits];
        queue.answers.lock().unwrap().extend(answers);
        while input.step().unwrap() == Step::Worked {}
        assert_eq!(input.step().unwrap(), Step::Ended, "it stays ended");
        assert_eq!(output.records(), [2, 2, 1]);
        assert_eq!(*queue.reports.lock().unwrap(), [2]);
        assert_eq!(*queue.asked.lock().unwrap(), 5, "once for each answer");
    }

    #[test]
    fn what_is_left_and_for_how_long_nothing_came_is_shown() {
        let (queue, output) = (Queue::default(), Collected::default());
        queue.answers.lock().unwrap().extend([split(2)]);
        let context = operator("Source: numbers");
        let (source, splits) = (Arc::new(Numbers::default()), Box::new(queue));
        let mut input = SourceInput::new(context.clone(), source, splits, Box::new(output.clone())).unwrap();
        let shown = |name: &str| {
            let metrics = context.task.counters.read_operators();
            metrics.iter().find(|metric| &*metric.name == name).map(|metric| metric.value)
        };
        let integer = |value| Some(flott_core::metrics::MetricValue::Integer(value));
        assert_eq!((shown("pendingRecords"), shown("sourceIdleTime")), (None, integer(0)));
        while output.records().is_empty() {
            input.step().unwrap();
        }
        assert_eq!(shown("pendingRecords"), integer(1));
        while input.step().unwrap() == Step::Worked {}
        context.clock().set(Timestamp::from_millis(250));
        assert_eq!((shown("pendingRecords"), shown("sourceIdleTime")), (integer(0), integer(250)));
    }

    #[test]
    fn a_source_that_had_finished_asks_for_nothing() {
        let (queue, output) = (Queue::default(), Collected::default());
        queue.answers.lock().unwrap().push_back(split(2));
        let mut context = operator("Source: numbers");
        context.task.restored = Arc::new(RestoredTask::of_finished());
        let (source, splits) = (Arc::new(Numbers::default()), Box::new(queue.clone()));
        let mut input = SourceInput::new(context, source, splits, Box::new(output.clone())).unwrap();
        while input.step().unwrap() == Step::Worked {}
        assert_eq!(input.step().unwrap(), Step::Ended);
        assert_eq!(*queue.asked.lock().unwrap(), 0);
        assert_eq!(
            output.events(),
            [Event::Mark(Mark::Watermark(Timestamp::MAX))],
            "others may not have it yet"
        );
    }

    #[test]
    fn a_stopped_source_does_not_look_for_splits_any_more() {
        let (queue, looks) = (Queue::default(), Looks::default());
        queue.answers.lock().unwrap().push_back(SplitAnswer::Enumerate { resume: None });
        let source = Arc::new(Numbers { looks: Some(looks.clone()) });
        let (splits, output) = (Box::new(queue.clone()), Box::<Collected<u64>>::default());
        let mut input = SourceInput::new(operator("Source: numbers"), source, splits, output).unwrap();
        for _ in 0..3 {
            input.step().unwrap();
        }
        let looked = *looks.0.lock().unwrap();
        assert!(looked > 0);
        let (directory, format) = ("file:///savepoints/1".to_owned(), SavepointFormat::Canonical);
        let stop = Some(StopMode::Suspend);
        input.trigger(Arc::new(Barrier {
            id: CheckpointId(1),
            triggered_at: 0,
            kind: SnapshotKind::Savepoint { directory, format, stop },
            alignment: Alignment::Aligned { timeout_ms: None },
        }));
        assert!(matches!(input.step().unwrap(), Step::Barrier(..)));
        input.checkpoint(&mut CheckpointEvent::of(EventKind::Completed(CheckpointId(1)))).unwrap();
        assert_eq!(input.step().unwrap(), Step::Ended);
        assert_eq!(*looks.0.lock().unwrap(), looked);
    }

    #[test]
    fn a_split_that_cannot_be_opened_fails_the_task_and_names_the_source() {
        let (queue, output) = (Queue::default(), Collected::default());
        queue.answers.lock().unwrap().push_back(split(13));
        let mut input = input(&queue, &output);
        input.step().unwrap();
        let Err(TaskEnd::Failed(cause)) = input.step() else { panic!("it must fail") };
        assert_eq!(cause.message, "split 13 is gone");
        assert_eq!(cause.operator.as_deref(), Some("Source: numbers"));
    }

    #[test]
    fn a_damaged_split_fails_the_task() {
        let (queue, output) = (Queue::default(), Collected::default());
        queue.answers.lock().unwrap().push_back(SplitAnswer::Split(Vec::new()));
        let mut input = input(&queue, &output);
        input.step().unwrap();
        assert!(matches!(input.step(), Err(TaskEnd::Failed(cause)) if cause.message.contains("split")));
    }
}
