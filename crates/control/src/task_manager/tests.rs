//! Scripts of `(milliseconds, event)`, and what must come of them.

mod checkpoints;
mod hosts;
mod orders;
mod random;
mod registration;
mod reports;
mod survey;

use std::sync::Arc;

use flott_core::{
    AllocationId, FailureKind, HostId, JobGraph, JobType, SlotIndex, SubtaskId,
    deployment::{Placement, TaskDescriptor, TaskHostAddress, TaskHostSpec},
    job_config::{JobConfig, RuntimeMode},
};

use super::*;
use crate::protocol::{
    CallId, Fence, Order, Refusal, RegistrationAnswer, RegistrationRequest, SlotHolder, TaskState,
};

pub(super) const JOB: JobId = JobId::from_bytes([1; 16]);
pub(super) const OTHER: JobId = JobId::from_bytes([2; 16]);
pub(super) const FIRST: AttemptNumber = AttemptNumber(0);

pub(super) fn task_manager() -> TaskManager {
    TaskManager::new(TaskManagerConfig {
        task_manager_id: TaskManagerId::new("a"),
        info: TaskManagerInfo { slots: 2, ..TaskManagerInfo::default() },
        first_generation: 100,
        heartbeat_timeout: Duration::from_secs(15),
        registration_initial_backoff: Duration::from_millis(100),
        registration_max_backoff: Duration::from_millis(300),
        registration_timeout: Duration::from_secs(1),
        report_retry_backoff: Duration::from_millis(200),
        release_grace: Duration::from_secs(2),
        leader_loss_grace: Duration::from_secs(600),
    })
}

pub(super) fn drive(
    task_manager: &mut TaskManager,
    script: impl IntoIterator<Item = (u64, Event)>,
) -> Vec<Effect> {
    let handled = script.into_iter().map(|(at, event)| task_manager.handle(event, MonoTime::from_millis(at)));
    handled.flatten().collect()
}

pub(super) fn fence(epoch: u64, number: u8) -> Fence {
    Fence { epoch: LeaderEpoch(epoch), registration_id: RegistrationId::from_bytes([number; 16]) }
}

pub(super) fn registered_as(generation: u64, fence: Fence) -> Event {
    let answer = RegistrationAnswer::Registered { fence, heartbeat_interval_ms: 1_000 };
    Event::RegistrationAnswered { generation, answer }
}

/// Registered with leader 1 as registration 1.
pub(super) fn registered() -> TaskManager {
    let mut task_manager = task_manager();
    drive(&mut task_manager, [(0, Event::Started), (0, registered_as(100, fence(1, 1)))]);
    task_manager
}

pub(super) fn order(order: Order) -> Event {
    Event::OrderReceived { call: CallId(0), fence: fence(1, 1), order }
}

pub(super) fn holder(job_id: JobId, number: u8) -> SlotHolder {
    SlotHolder { allocation_id: AllocationId::from_bytes([number; 16]), job_id }
}

pub(super) fn request(slot: u32, holder: SlotHolder) -> Event {
    order(Order::RequestSlot { slot: SlotIndex(slot), holder })
}

pub(super) fn free(holder: SlotHolder) -> Event {
    order(Order::FreeSlot { holder })
}

pub(super) fn start(job_id: JobId, attempt: u32, allocations: &[u8]) -> Event {
    // The machine hands it on and does not look into it.
    let graph = JobGraph {
        name: "test".to_owned(),
        job_type: JobType::Batch,
        runtime_mode: RuntimeMode::Batch,
        parallelism: 1,
        vertices: Vec::new(),
        edges: Vec::new(),
        recovery: Default::default(),
    };
    let spec = TaskHostSpec {
        job_id,
        job_name: "test".to_owned(),
        artifact: "aa".to_owned(),
        arguments: Vec::new(),
        entry: None,
        config: JobConfig::default(),
        graph: Arc::new(graph),
        secret: [0; 32],
        slots: allocations.len() as u32,
        checkpoint_dir: String::new(),
    };
    let allocations = allocations.iter().map(|number| AllocationId::from_bytes([*number; 16])).collect();
    order(Order::StartTaskHost { attempt: AttemptNumber(attempt), allocations, spec })
}

pub(super) fn host_ready(job_id: JobId) -> Event {
    Event::HostReady { job_id, attempt: FIRST, data_address: "a:7000".to_owned() }
}

pub(super) fn host_exited(job_id: JobId) -> Event {
    let cause = FailureCause::new(FailureKind::TaskHostExit, "exited with code 1");
    Event::HostExited { job_id, attempt: FIRST, cause }
}

/// One with the task host of this number on the TaskManager.
pub(super) fn placement(host: u32) -> Placement {
    let address = TaskHostAddress {
        host: HostId(host),
        task_manager_id: TaskManagerId::new("a"),
        data_address: "a:7000".to_owned(),
    };
    Placement { hosts: vec![address], vertices: Vec::new() }
}

pub(super) fn deploy(job_id: JobId, tasks: &[(u32, u8)]) -> Event {
    let tasks = tasks.iter().map(|(subtask, allocation)| TaskDescriptor {
        subtask: SubtaskId::new(0, *subtask),
        attempt: FIRST,
        allocation_id: AllocationId::from_bytes([*allocation; 16]),
        restore: None,
    });
    order(Order::DeployTasks { job_id, placement: placement(0), tasks: tasks.collect() })
}

pub(super) fn cancel(job_id: JobId, subtasks: &[u32]) -> Event {
    let tasks = subtasks.iter().map(|subtask| (SubtaskId::new(0, *subtask), FIRST)).collect();
    order(Order::CancelTasks { job_id, tasks })
}

pub(super) fn task(job_id: JobId, subtask: u32, state: TaskState) -> Event {
    let report = TaskReport::without_metrics(SubtaskId::new(0, subtask), FIRST, state);
    Event::HostReportedTask { job_id, attempt: FIRST, report }
}

/// `JOB` holds both slots (allocations 1 and 2), and subtask 0 runs in the first, 1 in the second.
pub(super) fn running() -> TaskManager {
    let mut task_manager = registered();
    drive(
        &mut task_manager,
        [
            (1, request(0, holder(JOB, 1))),
            (2, request(1, holder(JOB, 2))),
            (3, start(JOB, 0, &[1, 2])),
            (4, host_ready(JOB)),
            (5, deploy(JOB, &[(0, 1), (1, 2)])),
        ],
    );
    task_manager
}

/// How the last order was answered.
pub(super) fn answer(effects: &[Effect]) -> &OrderAnswer {
    effects
        .iter()
        .rev()
        .find_map(|effect| match effect {
            Effect::AnswerOrder { answer, .. } => Some(answer),
            _ => None,
        })
        .expect("each order is answered")
}

pub(super) fn refusal(effects: &[Effect]) -> Option<Refusal> {
    match answer(effects) {
        OrderAnswer::Refused { reason, .. } => Some(*reason),
        _ => None,
    }
}

pub(super) fn held(task_manager: &TaskManager) -> Vec<Option<SlotHolder>> {
    task_manager.slot_report().slots
}

pub(super) fn kills(effects: &[Effect]) -> Vec<(JobId, Duration)> {
    let kill = |effect: &Effect| match effect {
        Effect::KillTaskHost { job_id, grace, .. } => Some((*job_id, *grace)),
        _ => None,
    };
    effects.iter().filter_map(kill).collect()
}

pub(super) fn commands(effects: &[Effect]) -> Vec<&HostCommand> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendToTaskHost { command, .. } => Some(command),
            _ => None,
        })
        .collect()
}

pub(super) fn sent(effects: &[Effect]) -> Vec<(u64, Report)> {
    let reports = |effect: &Effect| match effect {
        Effect::SendReports { reports, .. } => reports.clone(),
        _ => Vec::new(),
    };
    effects.iter().flat_map(reports).collect()
}

pub(super) fn registrations(effects: &[Effect]) -> Vec<&RegistrationRequest> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Register { request } => Some(request),
            _ => None,
        })
        .collect()
}
