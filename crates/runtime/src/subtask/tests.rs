//! How a subtask ends, beside checkpoints and savepoints.

use std::sync::{Mutex, PoisonError};

use flott_core::checkpoint::{
    Alignment, Barrier, CheckpointSettings, SavepointFormat, SnapshotKind, SubtaskSnapshot,
};
use flott_rpc::protocol::CheckpointNotice;
use tokio::{
    runtime::Handle,
    sync::Semaphore,
    task::{JoinSet, yield_now},
};

use super::*;
use crate::{
    Batch, BoxError, BoxOutput, CommitOutcome, Committer, RuntimeContext, Sink, SinkWriter, TaskContext,
    checkpoint::CheckpointStorage,
    functions::AsyncClosure,
    input::{ManualFeed, ManualInput},
    operators::{AsyncOptions, AsyncWait, OutputOrder, SinkOperator},
    testing::task,
};

type BoxResult<T> = std::result::Result<T, BoxError>;

/// A sink that writes in two phases into a list.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Vec<u64>>>);

struct LedgerWriter(Vec<u64>);

impl Sink<u64> for Ledger {
    type Writer = LedgerWriter;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> BoxResult<LedgerWriter> {
        Ok(LedgerWriter(Vec::new()))
    }

    fn committer(&self, _: &RuntimeContext) -> BoxResult<Option<Box<dyn Committer<u64>>>> {
        Ok(Some(Box::new(self.clone())))
    }
}

impl SinkWriter<u64> for LedgerWriter {
    type Committable = u64;
    type State = ();

    fn write(&mut self, batch: &mut Batch<u64>) -> BoxResult<()> {
        self.0.append(&mut batch.records);
        Ok(())
    }

    fn prepare_commit(&mut self) -> BoxResult<Vec<u64>> {
        Ok(std::mem::take(&mut self.0))
    }
}

impl Committer<u64> for Ledger {
    fn commit(&mut self, committables: Vec<u64>) -> BoxResult<CommitOutcome<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(committables);
        Ok(CommitOutcome::Done)
    }
}

/// What the subtask tells its JobMaster.
#[derive(Default)]
struct Told {
    acknowledged: Mutex<Vec<(u64, SubtaskSnapshot)>>,
    awaits_checkpoint: Mutex<u32>,
}

impl TaskListener for Told {
    fn on_state(&self, _: ExecutionState, _: Option<FailureCause>) {}

    fn on_checkpoint(&self, id: CheckpointId, outcome: CheckpointOutcome) {
        let CheckpointOutcome::Acknowledged { snapshot, .. } = outcome else { panic!("{outcome:?}") };
        self.acknowledged.lock().unwrap().push((id.0, *snapshot));
    }

    fn on_awaits_checkpoint(&self) {
        *self.awaits_checkpoint.lock().unwrap() += 1;
    }
}

/// A subtask that ends in a sink.
struct Bench {
    feed: ManualFeed<u64>,
    task: TaskContext,
    told: Arc<Told>,
    ledger: Ledger,
    running: JoinSet<Result<()>>,
}

impl Bench {
    /// With what `chain` puts before the sink.
    fn start(chain: impl FnOnce(&TaskContext, BoxOutput<u64>) -> BoxOutput<u64>) -> Self {
        let task = TaskContext { takes_checkpoints: true, ..task(0, 1) };
        let (feed, told, ledger) = (ManualFeed::default(), Arc::<Told>::default(), Ledger::default());
        let context = RuntimeContext::new(task.clone(), "Sink: ledger", "sink", 0);
        let sink = SinkOperator::open(context, &ledger).unwrap();
        let input = ManualInput::new(feed.clone(), chain(&task, Box::new(sink)));
        // All that there is to write is kept in the metadata.
        let directory = "file:///nowhere".parse().unwrap();
        let storage =
            CheckpointStorage::local(directory, CheckpointSettings::default(), None, Handle::current());
        let parts = Loop {
            input: Box::new(input),
            operators: Vec::new(),
            signals: task.signals.clone(),
            counters: task.counters.clone(),
            clock: task.clock.clone(),
            is_batch: false,
            buffer_timeout: Duration::from_secs(1),
            checkpoints: TaskCheckpoints::new(storage, told.clone(), task.signals.clone()),
            listener: told.clone(),
            end: End::Whole,
            has_ended: false,
        };
        let mut running = JoinSet::new();
        running.spawn(parts.run(Timestamp::MIN));
        Self { feed, task, told, ledger, running }
    }

    fn push(&self, record: u64) {
        self.feed.push(record, Timestamp::MIN);
        self.task.signals.wake.notify_one();
    }

    /// Ends the input without a last watermark.
    fn end_input(&self) {
        self.feed.close();
        self.task.signals.wake.notify_one();
    }

    async fn order(&self, command: TaskCommand) {
        self.task.signals.command(command);
        settle().await;
    }

    async fn trigger(&self, id: u64, kind: SnapshotKind) {
        let alignment = Alignment::Aligned { timeout_ms: None };
        let barrier = Barrier { id: CheckpointId(id), triggered_at: 0, kind, alignment };
        self.order(TaskCommand::Trigger(Arc::new(barrier))).await;
    }

    async fn checkpoint(&self, id: u64) {
        self.trigger(id, SnapshotKind::Checkpoint { full: false }).await;
    }

    async fn stop(&self, id: u64, mode: StopMode) {
        let (directory, format) = ("file:///nowhere/1".to_owned(), SavepointFormat::Canonical);
        self.trigger(id, SnapshotKind::Savepoint { directory, format, stop: Some(mode) }).await;
    }

    async fn complete(&self, id: u64) {
        self.order(TaskCommand::Notice(CheckpointNotice::Completed(CheckpointId(id)))).await;
    }

    async fn abort(&self, id: u64) {
        self.order(TaskCommand::Notice(CheckpointNotice::Aborted(CheckpointId(id)))).await;
    }

    /// The checkpoints that are acknowledged, and whether the subtask had finished by then.
    fn acknowledged(&self) -> Vec<(u64, bool)> {
        let acknowledged = self.told.acknowledged.lock().unwrap();
        acknowledged.iter().map(|(id, snapshot)| (*id, snapshot.finished)).collect()
    }

    fn committed(&self) -> Vec<u64> {
        self.ledger.0.lock().unwrap().clone()
    }

    fn awaits_checkpoint(&self) -> bool {
        *self.told.awaits_checkpoint.lock().unwrap() > 0
    }

    /// Whether the subtask has finished.
    fn has_finished(&mut self) -> bool {
        match self.running.try_join_next() {
            Some(end) => {
                end.unwrap().unwrap();
                true
            }
            None => false,
        }
    }
}

/// Lets everything happen that can.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

fn nothing(_: &TaskContext, sink: BoxOutput<u64>) -> BoxOutput<u64> {
    sink
}

#[tokio::test]
async fn a_stopped_subtask_does_not_end_before_it_hears_that_the_savepoint_is_complete() {
    let mut bench = Bench::start(nothing);
    bench.push(1);
    bench.stop(1, StopMode::Suspend).await;
    assert_eq!(bench.acknowledged(), [(1, false)]);
    // Its producers have heard of it earlier, and have ended.
    bench.end_input();
    settle().await;
    assert!(!bench.has_finished(), "what it has prepared is not committed");
    bench.complete(1).await;
    assert!(bench.has_finished());
    assert_eq!(bench.committed(), [1]);
}

#[tokio::test]
async fn a_stopped_subtask_ends_as_ever_if_it_hears_of_the_failure_after_its_input_has_ended() {
    let mut bench = Bench::start(nothing);
    bench.push(1);
    bench.stop(1, StopMode::Suspend).await;
    // Its producers have heard of the failure earlier, and have gone on to their end.
    bench.push(2);
    bench.end_input();
    settle().await;
    assert!(!bench.has_finished());
    bench.abort(1).await;
    assert!(!bench.has_finished());
    assert!(bench.awaits_checkpoint(), "the end of the input brings something to commit");
    bench.checkpoint(2).await;
    assert_eq!(bench.acknowledged(), [(1, false), (2, true)]);
    bench.complete(2).await;
    assert!(bench.has_finished());
    assert_eq!(bench.committed(), [1, 2]);
}

#[tokio::test]
async fn a_subtask_that_waits_for_the_fate_of_a_savepoint_can_be_canceled() {
    let mut bench = Bench::start(nothing);
    bench.stop(1, StopMode::Suspend).await;
    bench.end_input();
    settle().await;
    bench.task.signals.cancel();
    settle().await;
    assert!(matches!(bench.running.try_join_next(), Some(Ok(Err(TaskEnd::Canceled)))));
}

/// Requests that are answered, each with its record, as far as there are permits.
fn requests(answers: &Arc<Semaphore>) -> impl FnOnce(&TaskContext, BoxOutput<u64>) -> BoxOutput<u64> + use<> {
    let answers = answers.clone();
    let function = AsyncClosure::new(move |record: u64| {
        let answers = answers.clone();
        async move {
            answers.acquire().await?.forget();
            Ok([record])
        }
    });
    move |task, sink| {
        let context = RuntimeContext::new(task.clone(), "ask", "ask", 0);
        let options = AsyncOptions::new(Duration::ZERO);
        Box::new(AsyncWait::new(context, OutputOrder::Ordered, options, function, sink).unwrap())
    }
}

#[tokio::test]
async fn a_subtask_has_not_finished_before_the_end_of_its_input_has_passed_all_of_its_chain() {
    let answers = Arc::new(Semaphore::new(0));
    let mut bench = Bench::start(requests(&answers));
    bench.push(1);
    bench.end_input();
    settle().await;
    bench.checkpoint(1).await;
    bench.complete(1).await;
    answers.add_permits(1);
    settle().await;
    bench.checkpoint(2).await;
    assert_eq!(bench.acknowledged(), [(1, false), (2, true)], "the sink had not heard of the end");
    bench.complete(2).await;
    assert!(bench.has_finished());
    assert_eq!(bench.committed(), [1]);
}

#[tokio::test]
async fn a_drained_subtask_takes_the_barrier_when_its_requests_are_answered() {
    let answers = Arc::new(Semaphore::new(0));
    let mut bench = Bench::start(requests(&answers));
    bench.push(1);
    settle().await;
    bench.stop(1, StopMode::Drain).await;
    assert_eq!(bench.acknowledged(), [], "what comes of the record would be behind the barrier");
    // Orders are repeated.
    bench.stop(1, StopMode::Drain).await;
    answers.add_permits(1);
    settle().await;
    assert_eq!(bench.acknowledged(), [(1, false)]);
    bench.end_input();
    bench.complete(1).await;
    assert!(bench.has_finished());
    assert_eq!(bench.committed(), [1]);
}

#[tokio::test]
async fn a_subtask_whose_input_has_ended_is_part_of_a_savepoint_as_a_whole() {
    let answers = Arc::new(Semaphore::new(0));
    for mode in [StopMode::Suspend, StopMode::Drain] {
        let mut bench = Bench::start(requests(&answers));
        bench.push(1);
        bench.end_input();
        settle().await;
        bench.stop(1, mode).await;
        assert_eq!(bench.acknowledged(), []);
        answers.add_permits(1);
        settle().await;
        assert_eq!(bench.acknowledged(), [(1, true)]);
        bench.complete(1).await;
        assert!(bench.has_finished(), "{mode:?}");
        assert_eq!(bench.committed(), [1]);
    }
}

#[tokio::test]
async fn a_drained_subtask_that_waits_for_requests_can_be_canceled() {
    let mut bench = Bench::start(requests(&Arc::new(Semaphore::new(0))));
    bench.push(1);
    settle().await;
    bench.stop(1, StopMode::Drain).await;
    bench.task.signals.cancel();
    settle().await;
    assert!(matches!(bench.running.try_join_next(), Some(Ok(Err(TaskEnd::Canceled)))));
}
