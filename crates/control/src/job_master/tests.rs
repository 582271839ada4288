//! Scripts of `(milliseconds, event)`, and what must come of them.

mod alignment;
mod cancel;
mod failover;
mod failure;
mod lifecycle;
mod random;
pub(super) mod reconcile;
mod run;
mod splits;

use flott_core::{
    AllocationId, AttemptNumber, FailureKind, LeaderEpoch, SlotIndex, VertexId,
    job_config::{JobConfig, RuntimeMode},
    job_graph::{JobEdge, JobType, JobVertex, OperatorInfo, Partitioner},
};

use super::*;
use crate::protocol::{Fence, Order, Report, TaskReport, TaskState};
use flott_core::FailureCause;

pub(super) const JOB: JobId = JobId::from_bytes([1; 16]);

/// A source and a sink, connected by key.
pub(super) fn graph(sources: u32, sinks: u32) -> JobGraph {
    let vertex = |name: &str, parallelism, is_source| JobVertex {
        id: VertexId::of_operators([name]),
        name: name.to_owned(),
        operators: vec![OperatorInfo { uid: name.to_owned(), name: name.to_owned() }],
        parallelism,
        max_parallelism: 128,
        slot_sharing_group: "default".to_owned(),
        is_source,
    };
    JobGraph {
        name: "test".to_owned(),
        job_type: JobType::Streaming,
        runtime_mode: RuntimeMode::Streaming,
        parallelism: sources,
        vertices: vec![vertex("Source", sources, true), vertex("Sink", sinks, false)],
        edges: vec![JobEdge {
            source: VertexIndex(0),
            target: VertexIndex(1),
            partitioner: Partitioner::Hash,
        }],
        recovery: Default::default(),
    }
}

pub(super) fn job(graph: JobGraph) -> JobMaster {
    let graph = Arc::new(graph);
    let spec = TaskHostSpec {
        job_id: JOB,
        job_name: "test".to_owned(),
        artifact: "aa".to_owned(),
        arguments: Vec::new(),
        entry: None,
        config: JobConfig::default(),
        graph: graph.clone(),
        secret: [0; 32],
        slots: 0,
        checkpoint_dir: "file:///checkpoints/test".to_owned(),
    };
    let config = JobMasterConfig {
        slot_request_timeout: Duration::from_secs(10),
        task_host_start_timeout: Duration::from_secs(5),
        deployment_timeout: Duration::from_secs(5),
        cancellation_timeout: Duration::from_secs(3),
        reconciliation_timeout: Duration::from_secs(10),
        exception_history_size: 3,
    };
    JobMaster::new(graph, spec, config, MonoTime::ZERO)
}

/// Feeds the script and returns all effects.
pub(super) fn drive(job: &mut JobMaster, script: impl IntoIterator<Item = (u64, Event)>) -> Vec<Effect> {
    let handled = script.into_iter().map(|(at, event)| handle(job, event, MonoTime::from_millis(at)));
    handled.flatten().collect()
}

/// Hands in an event, with a store in which all is durable at once. Nothing is told of that.
pub(super) fn handle(job: &mut JobMaster, event: Event, now: MonoTime) -> Vec<Effect> {
    let mut todo = std::collections::VecDeque::from(job.handle(event, now));
    let mut effects = Vec::new();
    while let Some(effect) = todo.pop_front() {
        match effect {
            Effect::StoreRun { run } => todo.extend(job.handle(Event::RunStored { run }, now)),
            Effect::StorePointer { checkpoint_id, .. } => {
                todo.extend(job.handle(Event::PointerStored { checkpoint_id }, now));
            }
            effect => effects.push(effect),
        }
    }
    effects
}

pub(super) fn tm(name: &str) -> TaskManagerId {
    TaskManagerId::new(name)
}

pub(super) fn registration(name: &str) -> RegistrationId {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    RegistrationId::from_bytes(bytes)
}

pub(super) fn fence(name: &str) -> Fence {
    Fence { epoch: LeaderEpoch(1), registration_id: registration(name) }
}

pub(super) fn allocation(name: &str, slot: u32) -> AllocationId {
    let mut bytes = *registration(name).as_bytes();
    bytes[15] = slot as u8;
    AllocationId::from_bytes(bytes)
}

pub(super) fn granted(name: &str, slot: u32) -> Event {
    Event::SlotGranted(GrantedSlot {
        allocation_id: allocation(name, slot),
        task_manager_id: tm(name),
        slot: SlotIndex(slot),
        fence: fence(name),
        rpc_address: format!("{name}:6122"),
    })
}

pub(super) fn reported(name: &str, sequence: u64, report: Report) -> Event {
    Event::Reported { task_manager_id: tm(name), registration_id: registration(name), sequence, report }
}

/// The number of the first task host on a TaskManager, if they are started in the order of their names.
pub(super) fn first_host(name: &str) -> u32 {
    u32::from(name.as_bytes()[0] - b'a')
}

pub(super) fn ready(name: &str, sequence: u64) -> Event {
    host_ready(name, sequence, first_host(name))
}

pub(super) fn host_ready(name: &str, sequence: u64, host: u32) -> Event {
    let data_address = format!("{name}:{}", 7_000 + host);
    reported(name, sequence, Report::HostReady { attempt: AttemptNumber(host), data_address })
}

pub(super) fn ended(name: &str, sequence: u64, kind: FailureKind, message: &str) -> Event {
    host_ended(name, sequence, first_host(name), kind, message)
}

pub(super) fn host_ended(name: &str, sequence: u64, host: u32, kind: FailureKind, message: &str) -> Event {
    let cause = FailureCause::new(kind, message);
    reported(name, sequence, Report::HostEnded { attempt: AttemptNumber(host), cause })
}

pub(super) fn task(name: &str, sequence: u64, vertex: u32, subtask: u32, state: TaskState) -> Event {
    let report = TaskReport::without_metrics(SubtaskId::new(vertex, subtask), AttemptNumber(0), state);
    reported(name, sequence, Report::Task(report))
}

pub(super) fn failed(kind: FailureKind, message: &str) -> TaskState {
    TaskState::Failed(FailureCause::new(kind, message))
}

pub(super) fn lost(name: &str) -> Event {
    let message = format!("connection to TaskManager {name} ({name}:6122) was closed");
    Event::TaskManagerLost {
        task_manager_id: tm(name),
        registration_id: registration(name),
        cause: FailureCause::new(FailureKind::TaskManagerLost, message),
    }
}

/// Two sources and one sink, deployed on `a` (source 0 and the sink) and `b` (source 1).
pub(super) fn deployed() -> JobMaster {
    let mut job = job(graph(2, 1));
    drive(
        &mut job,
        [
            (0, Event::Started),
            (10, granted("a", 0)),
            (20, granted("b", 0)),
            (30, ready("a", 0)),
            (40, ready("b", 0)),
        ],
    );
    assert!(matches!(job.state(), JobState::Running), "{:?}", job.state());
    job
}

pub(super) fn orders(effects: &[Effect]) -> Vec<(&str, &'static str)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendOrder { to, order, .. } => Some((to.as_str(), order.name())),
            _ => None,
        })
        .collect()
}

pub(super) fn count(effects: &[Effect], name: &str) -> usize {
    orders(effects).iter().filter(|(_, order)| *order == name).count()
}

pub(super) fn terminations(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Terminated { .. })).count()
}

pub(super) fn failure_message(job: &JobMaster) -> &str {
    match job.outcome() {
        Some(Outcome::Failed(cause)) => &cause.message,
        other => panic!("expected a failure, got {other:?}"),
    }
}

pub(super) fn deploy_order(effects: &[Effect], name: &str) -> Option<Order> {
    effects.iter().find_map(|effect| match effect {
        Effect::SendOrder { to, order: order @ Order::DeployTasks { .. }, .. } if to.as_str() == name => {
            Some(order.clone())
        }
        _ => None,
    })
}
