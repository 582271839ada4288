//! What becomes of a subtask's files.

use std::path::PathBuf;

use flott_core::{
    ExecutionState,
    checkpoint::{Alignment, CheckpointSettings},
    hash::stable_hash,
};
use flott_state::{KeyedState, ValueState};
use flott_storage::{
    Operation, Storage, StorageOptions, StorageUri,
    testing::{Fault, Faults},
};
use tokio::{
    runtime::Handle,
    sync::mpsc::{Receiver, Sender, channel},
    task::yield_now,
    time::timeout,
};

use super::*;
use crate::{RuntimeContext, input::Step, output::Flush, testing::operator};

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(10);

/// More than there are outcomes in a test.
const OUTCOMES: usize = 16;

/// Nothing but state by key.
struct Keyed {
    context: RuntimeContext,
    state: KeyedState<u32>,
    value: ValueState<Vec<u8>>,
}

impl TaskInput for Keyed {
    fn step(&mut self) -> Result<Step> {
        Ok(Step::Idle(None))
    }

    fn trigger(&mut self, _: Arc<Barrier>) {}

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        event.operator(&self.context).keyed("state", &mut self.state)
    }

    fn restore_watermark(&mut self, _: Timestamp) -> Result<()> {
        Ok(())
    }

    fn on_processing_time(&mut self, _: Timestamp) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self, _: Flush) -> Result<()> {
        Ok(())
    }

    fn close(&mut self) -> Result<bool> {
        Ok(true)
    }
}

struct Told(Sender<(CheckpointId, CheckpointOutcome)>);

impl TaskListener for Told {
    fn on_state(&self, _: ExecutionState, _: Option<FailureCause>) {}

    fn on_checkpoint(&self, id: CheckpointId, outcome: CheckpointOutcome) {
        self.0.try_send((id, outcome)).unwrap();
    }

    fn on_awaits_checkpoint(&self) {}
}

/// A subtask whose state is written into files, however small.
struct Bench {
    directory: PathBuf,
    input: Keyed,
    checkpoints: TaskCheckpoints,
    outcomes: Receiver<(CheckpointId, CheckpointOutcome)>,
}

impl Bench {
    fn new(settings: CheckpointSettings, faults: &Faults) -> Self {
        let directory = std::env::temp_dir().join(format!("flott-checkpoints-{}", uuid::Uuid::new_v4()));
        let settings = CheckpointSettings { inline_threshold: 0, ..settings };
        let uri = StorageUri::from_local(&directory).unwrap();
        let mut storage = CheckpointStorage::local(uri, settings, None, Handle::current());
        storage.storage = Storage::open(&StorageOptions::default().with_faults(faults.clone()));
        let context = operator("keyed");
        let (sender, outcomes) = channel(OUTCOMES);
        let signals = context.task.signals.clone();
        let mut state = KeyedState::new(context.task.subtask, 1, context.task.max_parallelism);
        let value = state.value("value").unwrap();
        let checkpoints = TaskCheckpoints::new(storage, Arc::new(Told(sender)), signals);
        Self { directory, input: Keyed { context, state, value }, checkpoints, outcomes }
    }

    fn use_key(&mut self, key: u32) -> (&mut KeyedState<u32>, ValueState<Vec<u8>>) {
        self.input.state.set_key(stable_hash(&key), &key);
        (&mut self.input.state, self.input.value)
    }

    fn set(&mut self, key: u32, value: u8) {
        let (state, handle) = self.use_key(key);
        handle.set(state, vec![value]);
    }

    fn clear(&mut self, key: u32) {
        let (state, handle) = self.use_key(key);
        handle.clear(state);
    }

    /// Takes a checkpoint, so far that nothing is left for the subtask to do.
    fn checkpoint(&mut self, id: u64) {
        let barrier = Barrier {
            id: CheckpointId(id),
            triggered_at: 0,
            kind: SnapshotKind::Checkpoint { full: false },
            alignment: Alignment::Aligned { timeout_ms: None },
        };
        let Self { checkpoints, input, .. } = self;
        checkpoints.begin(Arc::new(barrier), AlignmentStats::default(), false, input).unwrap();
        while checkpoints.is_writing() {
            checkpoints.write(input).unwrap();
        }
    }

    /// What has come of the next checkpoint, and why if it was declined.
    async fn outcome(&mut self) -> (u64, Result<(), FailureCause>) {
        let outcome = timeout(PATIENCE, self.outcomes.recv()).await.expect("the subtask is silent");
        match outcome.unwrap() {
            (id, CheckpointOutcome::Acknowledged { .. }) => (id.0, Ok(())),
            (id, CheckpointOutcome::Declined(cause)) => (id.0, Err(cause)),
        }
    }

    /// Takes a checkpoint to its end.
    async fn complete(&mut self, id: u64) {
        self.checkpoint(id);
        assert_eq!(self.outcome().await, (id, Ok(())));
        let notice = CheckpointNotice::Completed(CheckpointId(id));
        self.checkpoints.on_notice(notice, &mut self.input).unwrap();
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

#[tokio::test]
async fn a_checkpoint_finds_its_files_though_a_later_one_needs_them_no_more() {
    let mut bench = Bench::new(CheckpointSettings::default(), &Faults::default());
    bench.set(1, 1);
    bench.set(2, 1);
    bench.complete(1).await;
    bench.set(2, 2);
    bench.complete(2).await;
    // The third refers to the files of both, and has to wait for its own. The fourth needs only that of the second.
    bench.set(3, 3);
    bench.checkpoint(3);
    bench.clear(1);
    bench.clear(3);
    bench.checkpoint(4);
    let mut outcomes = [bench.outcome().await, bench.outcome().await];
    outcomes.sort_by_key(|(id, _)| *id);
    assert_eq!(outcomes, [(3, Ok(())), (4, Ok(()))]);
}

#[tokio::test]
async fn files_to_which_no_later_checkpoint_refers_are_not_remembered() {
    for incremental in [false, true] {
        let settings = CheckpointSettings { incremental, ..CheckpointSettings::default() };
        let mut bench = Bench::new(settings, &Faults::default());
        for id in 1..=5 {
            bench.set(1, id);
            bench.complete(id.into()).await;
        }
        assert_eq!(bench.checkpoints.files().len(), usize::from(incremental), "incremental: {incremental}");
    }
}

/// Lets things happen until one has.
async fn until(mut has_happened: impl FnMut() -> bool) {
    let wait = async {
        while !has_happened() {
            yield_now().await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it never happens");
}

#[tokio::test]
async fn what_was_written_for_a_checkpoint_that_fails_late_is_deleted() {
    let faults = Faults::default();
    let mut bench = Bench::new(CheckpointSettings::default(), &faults);
    let shared = bench.directory.join("shared");
    let files = || std::fs::read_dir(&shared).map_or(0, Iterator::count);
    // The manifest, behind the state.
    faults.add(Fault::fail(flott_storage::FailureKind::Full).on(Operation::Write).at("/chk-1/"));
    bench.set(1, 1);
    bench.checkpoint(1);
    let (_, outcome) = bench.outcome().await;
    assert_eq!(outcome.unwrap_err().kind, FailureKind::External);
    assert_eq!(faults.hits(), 1);
    until(|| files() == 0).await;
    assert!(shared.exists(), "there was something to delete");
}

#[tokio::test]
async fn a_storage_that_does_not_answer_is_said_to_be_the_cause_before_the_checkpoint_expires() {
    let faults = Faults::default();
    // There is no time at all.
    let mut bench = Bench::new(CheckpointSettings { timeout_ms: 0, ..Default::default() }, &faults);
    faults.add(Fault::hang());
    bench.set(1, 1);
    bench.checkpoint(1);
    let (id, outcome) = bench.outcome().await;
    assert_eq!((id, outcome.unwrap_err().kind), (1, FailureKind::External));
    assert!(!bench.checkpoints.is_busy());

    // More than is written ahead of the storage, so that the subtask has not written all.
    for key in 1..=2 {
        let (state, handle) = bench.use_key(key);
        handle.set(state, vec![0; 17 << 20]);
    }
    bench.checkpoint(2);
    let (id, outcome) = bench.outcome().await;
    assert_eq!((id, outcome.unwrap_err().kind), (2, FailureKind::External));
}

#[tokio::test]
async fn what_arrives_after_the_checkpoint_was_declined_is_deleted() {
    let faults = Faults::default();
    let mut bench = Bench::new(CheckpointSettings { timeout_ms: 0, ..Default::default() }, &faults);
    let directory = bench.directory.clone();
    let files = |name: &str| std::fs::read_dir(directory.join(name)).map_or(0, Iterator::count);
    bench.set(1, 1);
    bench.checkpoint(1);
    assert!(bench.outcome().await.1.is_err());
    until(|| directory.join("chk-1").exists()).await;
    until(|| files("chk-1") + files("shared") == 0).await;
}
