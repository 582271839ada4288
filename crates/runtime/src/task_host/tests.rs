//! A subtask and what its task host tells of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use flott_core::{
    AllocationId, AttemptNumber, HostId, JobGraph, JobId, JobType, OperatorInfo, SubtaskId, TaskManagerId,
    VertexId,
    checkpoint::Barrier,
    deployment::{Placement, TaskDescriptor, TaskHostAddress, TaskHostSpec},
    job_config::{JobConfig, RuntimeMode},
    job_graph::JobVertex,
    metrics::MetricValue,
    time::Timestamp,
};
use flott_exchange::DataPlane;
use flott_rpc::{
    TaskHostMessage,
    protocol::{AlignedWatermark, GroupWatermark, TaskReport, TaskState},
};
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc::UnboundedReceiver},
    time::timeout,
};

use super::{connection::message_queue, tasks::Tasks};
use crate::{
    CheckpointEvent, JobProgram, Result, VertexProgram,
    alignment::WatermarkAlignment,
    checkpoint::CheckpointStorage,
    counters::now,
    input::{Step, TaskInput},
    metrics::{Counter, MetricGroup},
    output::Flush,
    sampling::SlotThreads,
};

const JOB: JobId = JobId::from_bytes([3; 16]);
const SUBTASK: SubtaskId = SubtaskId::new(0, 0);
const FIRST: AttemptNumber = AttemptNumber(0);
/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the test has in common with its source.
#[derive(Default)]
struct Shared {
    /// The source has found that it may not read.
    paused: Notify,
    may_end: AtomicBool,
}

/// A source that reads when it may, and counts that.
struct Source {
    shared: Arc<Shared>,
    alignments: Vec<WatermarkAlignment>,
    reads: Counter,
}

impl TaskInput for Source {
    fn step(&mut self) -> Result<Step> {
        if self.alignments.iter().any(WatermarkAlignment::is_paused) {
            self.shared.paused.notify_one();
            return Ok(Step::Idle(None));
        }
        self.reads.inc();
        if self.shared.may_end.load(Relaxed) {
            return Ok(Step::Ended);
        }
        Ok(Step::Idle(Some(now() + Duration::from_millis(1))))
    }

    fn trigger(&mut self, _: Arc<Barrier>) {}

    fn checkpoint(&mut self, _: &mut CheckpointEvent<'_>) -> Result<()> {
        Ok(())
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

/// One subtask of the source. Its chain makes a watermark of 5 s as soon as it is built.
fn program(shared: Arc<Shared>) -> JobProgram {
    let graph = JobGraph {
        name: "aligned".to_owned(),
        job_type: JobType::Streaming,
        runtime_mode: RuntimeMode::Streaming,
        parallelism: 1,
        vertices: vec![JobVertex {
            id: VertexId::of_operators(["source"]),
            name: "Source".to_owned(),
            operators: vec![OperatorInfo { uid: "source".to_owned(), name: "Source: a".to_owned() }],
            parallelism: 1,
            max_parallelism: 128,
            slot_sharing_group: "default".to_owned(),
            is_source: true,
        }],
        edges: Vec::new(),
        recovery: Default::default(),
    };
    let build = move |builder: &mut crate::program::TaskBuilder| {
        let context = builder.operator(0);
        let (counters, wake) = (&context.task.counters, context.task.signals.wake.clone());
        let second = Duration::from_secs(1);
        WatermarkAlignment::join(counters, wake, "clicks", second, second)
            .report(Timestamp::from_millis(5_000));
        let source = Source {
            shared: shared.clone(),
            alignments: WatermarkAlignment::of_subtask(counters),
            reads: MetricGroup::for_operator(counters, &context.name).counter("reads"),
        };
        Ok(Box::new(source) as Box<dyn TaskInput>)
    };
    JobProgram {
        graph,
        vertices: vec![VertexProgram { build: Box::new(build) }],
        config: JobConfig::default(),
        parameters: Arc::default(),
    }
}

fn deploy(program: JobProgram) -> (Tasks, UnboundedReceiver<TaskHostMessage>) {
    let (messages, sent) = message_queue();
    let spec = TaskHostSpec {
        job_id: JOB,
        job_name: "aligned".to_owned(),
        artifact: String::new(),
        arguments: Vec::new(),
        entry: None,
        config: JobConfig::default(),
        graph: Arc::new(program.graph.clone()),
        secret: [0; 32],
        slots: 1,
        checkpoint_dir: "file:///nowhere".to_owned(),
    };
    let storage = CheckpointStorage::open(&spec, &Default::default()).unwrap();
    let plane = DataPlane::new(JOB, spec.secret, Handle::current());
    let mut tasks = Tasks::new(
        Arc::new(program),
        &spec,
        plane,
        (Handle::current(), SlotThreads::default()),
        storage,
        messages,
    );
    let host = HostId(0);
    let task_manager_id = TaskManagerId::new("tm");
    let address = TaskHostAddress { host, task_manager_id, data_address: "127.0.0.1:1".to_owned() };
    let placement = Placement { hosts: vec![address], vertices: vec![vec![Some(host)]] };
    let allocation_id = AllocationId::from_bytes([0; 16]);
    let descriptor = TaskDescriptor { subtask: SUBTASK, attempt: FIRST, allocation_id, restore: None };
    tasks.deploy(placement, &[descriptor], host);
    (tasks, sent)
}

/// The next report of a state.
async fn state(sent: &mut UnboundedReceiver<TaskHostMessage>) -> TaskReport {
    let wait = async {
        loop {
            if let TaskHostMessage::TaskState(report) = sent.recv().await.unwrap() {
                return report;
            }
        }
    };
    timeout(PATIENCE, wait).await.expect("the subtask is silent")
}

fn group(millis: i64) -> GroupWatermark {
    GroupWatermark { group: "clicks".into(), watermark: Some(Timestamp::from_millis(millis)) }
}

#[tokio::test]
async fn a_source_that_is_ahead_waits_for_its_group_and_tells_its_metrics_at_the_end() {
    let shared = Arc::<Shared>::default();
    let (mut tasks, mut sent) = deploy(program(shared.clone()));
    assert_eq!(state(&mut sent).await.state, TaskState::Initializing);
    assert_eq!(state(&mut sent).await.state, TaskState::Running);

    let due = tasks.alignment_due().expect("a source is aligned");
    assert!(due <= now() + Duration::from_secs(1));
    tasks.report_watermarks(now());
    let reported = sent.recv().await.unwrap();
    let watermark = Some(Timestamp::from_millis(5_000));
    let expected = AlignedWatermark { subtask: SUBTASK, attempt: FIRST, group: "clicks".into(), watermark };
    assert_eq!(reported, TaskHostMessage::Watermarks(vec![expected]));

    tasks.align(&[group(3_000)]);
    timeout(PATIENCE, shared.paused.notified()).await.expect("it reads although it may not");
    shared.may_end.store(true, Relaxed);
    // Without being woken it would wait for ever.
    tasks.align(&[group(4_000)]);
    let ended = state(&mut sent).await;
    assert_eq!(ended.state, TaskState::Finished);
    let [reads] = &ended.operators[..] else { panic!("{:?}", ended.operators) };
    assert_eq!((&*reads.operator, &*reads.name), ("Source: a", "reads"));
    assert!(matches!(reads.value, MetricValue::Integer(1..)), "{reads:?}");
    assert_eq!(tasks.alignment_due(), None, "it has ended");
}

#[tokio::test]
async fn metrics_are_reported_when_they_are_due_and_signs_of_life_between() {
    for (interval_ms, expected) in
        [(1_000, [true, false, true, false, true]), (500, [true; 5]), (0, [false; 5])]
    {
        let shared = Arc::<Shared>::default();
        let mut program = program(shared.clone());
        program.config.metrics_interval_ms = interval_ms;
        let (mut tasks, mut sent) = deploy(program);
        while state(&mut sent).await.state != TaskState::Running {}
        let start = now();
        let reports = (0..5).map(|tick| {
            tasks.report_metrics(start + tick * Duration::from_millis(500));
            match sent.try_recv() {
                Ok(TaskHostMessage::Metrics(subtasks)) => !subtasks.is_empty(),
                other => panic!("it must tell that it lives: {other:?}"),
            }
        });
        assert_eq!(reports.collect::<Vec<_>>(), expected, "{interval_ms}");
        shared.may_end.store(true, Relaxed);
        while state(&mut sent).await.state != TaskState::Finished {}
        tasks.report_metrics(start + Duration::from_secs(9));
        assert!(sent.try_recv().is_err(), "nothing runs");
    }
}
