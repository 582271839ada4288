//! A whole TaskManager between a pretended JobManager and pretended task hosts.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]

#[path = "support/fakes.rs"]
mod support;

use std::{sync::Arc, time::Duration};

use flott_control::protocol::{
    AlignedWatermark, CheckpointNotice, CheckpointOutcome, CheckpointReport, Fence, GroupWatermark,
    LocalHost, LocalHostState, LocalJobReport, Order, OrderAnswer, Refusal, Report, SubtaskMetrics,
    TaskReport, TaskState,
};
use flott_core::{
    AllocationId, AttemptNumber, CheckpointId, FailureCause, FailureKind, HostId, LeaderEpoch, SlotIndex,
    SubtaskId,
    checkpoint::{Alignment, Barrier, CheckpointStats, RestorePoint, SnapshotKind, SubtaskSnapshot},
    config::Configuration,
    deployment::{EnumeratedSplits, Placement, SplitAnswer, TaskDescriptor, TaskHostAddress},
    metrics::{MetricValue, OperatorMetric, OperatorMetrics, TaskMetrics},
    time::Timestamp,
};
use flott_rpc::{SplitRequest, SplitsReport, TaskHostCommand, TaskHostMessage, protocol::SlotHolder};
use flott_taskmanager::{Ended, Error, RunningTaskManager, StorageSettings, TaskManager, TaskManagerConfig};
use support::{Cluster, FakeJobManager, FakeLauncher, HOLDER, Heard, JOB, Standby, config, order_by};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
};

const SUBTASK: SubtaskId = SubtaskId::new(0, 0);
const FIRST: AttemptNumber = AttemptNumber(0);

fn task_report(state: TaskState) -> TaskReport {
    let metrics = TaskMetrics { records_in: 5, ..TaskMetrics::default() };
    TaskReport { subtask: SUBTASK, attempt: FIRST, state, metrics, operators: OperatorMetrics::default() }
}

async fn deploy(cluster: &Cluster) {
    let order = deployment(&cluster.task_manager, FIRST, &None);
    cluster.job_manager.accepted(&cluster.task_manager, order).await;
}

fn deployment(
    task_manager: &RunningTaskManager,
    attempt: AttemptNumber,
    restore: &Option<RestorePoint>,
) -> Order {
    let own = TaskHostAddress {
        host: HostId(attempt.0),
        task_manager_id: task_manager.id().clone(),
        data_address: "127.0.0.1:4321".to_owned(),
    };
    let other = TaskHostAddress {
        host: HostId(3),
        task_manager_id: flott_core::TaskManagerId::new("other"),
        data_address: "127.0.0.1:4322".to_owned(),
    };
    let task = TaskDescriptor {
        subtask: SUBTASK,
        attempt,
        allocation_id: HOLDER.allocation_id,
        restore: restore.clone(),
    };
    Order::DeployTasks {
        job_id: JOB,
        placement: Placement { vertices: vec![vec![Some(own.host)]], hosts: vec![own, other] },
        tasks: vec![task],
    }
}

#[tokio::test]
async fn it_registers_with_its_slots() {
    let mut job_manager = FakeJobManager::start("127.0.0.1:0", 1).await;
    let dir = tempfile::tempdir().unwrap();
    let (launched, _) = mpsc::channel(1);
    let launcher = Arc::new(FakeLauncher { launched, failure: None });
    let task_manager = TaskManager::start(config(job_manager.address, dir.path()), launcher).await.unwrap();
    let request = job_manager.registration().await;
    assert_eq!(request.task_manager_id, *task_manager.id());
    assert_eq!(request.info.rpc_address, task_manager.rpc_address());
    assert_eq!(request.slots.slots, [None, None]);
    let (address, suffix) = task_manager.id().as_str().rsplit_once('-').unwrap();
    assert_eq!(address, task_manager.rpc_address());
    assert!(suffix.len() == 6 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let heartbeat = job_manager.heartbeat(|_| true).await;
    assert!(heartbeat.process.resident_bytes > 0);
}

#[tokio::test]
async fn a_job_runs_from_its_slot_to_its_end() {
    let mut cluster = Cluster::start().await;
    let mut host = cluster.task_host().await;

    deploy(&cluster).await;
    let TaskHostCommand::Deploy { tasks, own_host, .. } = host.command().await else { panic!("no deploy") };
    assert_eq!((tasks.len(), own_host), (1, HostId(0)));

    host.tell(TaskHostMessage::TaskState(task_report(TaskState::Running))).await;
    assert_eq!(cluster.job_manager.report().await, Report::Task(task_report(TaskState::Running)));

    let metrics = TaskMetrics { records_out: 77, ..TaskMetrics::default() };
    let late = OperatorMetric {
        operator: "window".into(),
        name: "numLateRecordsDropped".into(),
        value: MetricValue::Integer(3),
    };
    let subtasks =
        vec![SubtaskMetrics { subtask: SUBTASK, attempt: FIRST, metrics, operators: [late].into() }];
    host.tell(TaskHostMessage::Metrics(subtasks.clone())).await;
    let heartbeat = cluster
        .job_manager
        .heartbeat(|heartbeat| heartbeat.task_hosts.iter().any(|host| !host.subtasks.is_empty()))
        .await;
    assert_eq!((heartbeat.task_hosts[0].job_id, &heartbeat.task_hosts[0].subtasks), (JOB, &subtasks));

    host.tell(TaskHostMessage::TaskState(task_report(TaskState::Finished))).await;
    assert_eq!(cluster.job_manager.report().await, Report::Task(task_report(TaskState::Finished)));

    let release = Order::ReleaseTaskHost { job_id: JOB, attempt: FIRST };
    cluster.job_manager.order(&cluster.task_manager, release).await;
    assert_eq!(host.command().await, TaskHostCommand::Shutdown);
    cluster.job_manager.order(&cluster.task_manager, Order::FreeSlot { holder: HOLDER }).await;
    // Not free before the process is gone.
    let held = cluster.job_manager.heartbeat(|_| true).await;
    assert_eq!(held.slots.slots, [Some(HOLDER), None]);
    host.end(FailureCause::new(FailureKind::TaskHostExit, "exit code 0"));
    cluster.job_manager.heartbeat(|heartbeat| heartbeat.slots.slots == [None, None]).await;
}

fn barrier(id: u64) -> Barrier {
    Barrier {
        id: CheckpointId(id),
        triggered_at: 1_700_000_000_000,
        kind: SnapshotKind::Checkpoint { full: false },
        alignment: Alignment::Aligned { timeout_ms: None },
    }
}

fn acknowledged(id: u64) -> CheckpointReport {
    let snapshot = SubtaskSnapshot { finished: true, ..SubtaskSnapshot::default() };
    let stats = CheckpointStats { written: id, ..CheckpointStats::default() };
    CheckpointReport {
        subtask: SUBTASK,
        attempt: FIRST,
        checkpoint_id: CheckpointId(id),
        outcome: CheckpointOutcome::Acknowledged { snapshot: Box::new(snapshot), stats },
    }
}

#[tokio::test]
async fn checkpoints_are_ordered_and_reported_in_order() {
    let mut cluster = Cluster::start_configured(None, |config| {
        config.storage = StorageSettings([("s3.access-key".to_owned(), "me".to_owned())].into());
    })
    .await;
    let mut host = cluster.task_host().await;
    deploy(&cluster).await;
    assert!(matches!(host.command().await, TaskHostCommand::Deploy { .. }));
    let notices = [CheckpointNotice::Aborted(CheckpointId(1)), CheckpointNotice::Completed(CheckpointId(2))];
    for id in 1..=20 {
        let tasks = vec![(SUBTASK, FIRST)];
        let trigger = Order::TriggerCheckpoint { job_id: JOB, barrier: barrier(id), tasks: tasks.clone() };
        cluster.job_manager.accepted(&cluster.task_manager, trigger).await;
        for notice in notices {
            let notify = Order::NotifyCheckpoint { job_id: JOB, notice };
            cluster.job_manager.accepted(&cluster.task_manager, notify).await;
        }
        assert_eq!(host.command().await, TaskHostCommand::TriggerCheckpoint { barrier: barrier(id), tasks });
        for notice in notices {
            assert_eq!(host.command().await, TaskHostCommand::NotifyCheckpoint { notice });
        }
    }

    let declined = CheckpointReport {
        outcome: CheckpointOutcome::Declined(FailureCause::new(FailureKind::External, "the disk is full")),
        ..acknowledged(3)
    };
    host.tell(TaskHostMessage::TaskState(task_report(TaskState::Running))).await;
    for id in 1..=2 {
        host.tell(TaskHostMessage::Checkpoint(acknowledged(id))).await;
    }
    host.tell(TaskHostMessage::Checkpoint(declined.clone())).await;
    host.tell(TaskHostMessage::AwaitsCheckpoint { subtask: SUBTASK, attempt: FIRST }).await;
    host.tell(TaskHostMessage::TaskState(task_report(TaskState::Finished))).await;
    // Of an attempt that has ended, and of one that was never deployed: they count for nothing.
    host.tell(TaskHostMessage::Checkpoint(acknowledged(4))).await;
    host.tell(TaskHostMessage::AwaitsCheckpoint { subtask: SUBTASK, attempt: AttemptNumber(9) }).await;
    host.end(FailureCause::new(FailureKind::TaskHostExit, "exit code 0"));
    let reports = &mut cluster.job_manager;
    assert_eq!(reports.report().await, Report::Task(task_report(TaskState::Running)));
    assert_eq!(reports.report().await, Report::Checkpoint(acknowledged(1)));
    assert_eq!(reports.report().await, Report::Checkpoint(acknowledged(2)));
    assert_eq!(reports.report().await, Report::Checkpoint(declined));
    assert_eq!(reports.report().await, Report::AwaitsCheckpoint { subtask: SUBTASK, attempt: FIRST });
    assert_eq!(reports.report().await, Report::Task(task_report(TaskState::Finished)));
    assert!(matches!(reports.report().await, Report::HostEnded { .. }));
}

#[tokio::test]
async fn checkpoints_of_a_job_without_task_host_are_refused() {
    let cluster = Cluster::start().await;
    let notice = CheckpointNotice::Completed(CheckpointId(1));
    for order in [
        Order::TriggerCheckpoint { job_id: JOB, barrier: barrier(1), tasks: Vec::new() },
        Order::NotifyCheckpoint { job_id: JOB, notice },
    ] {
        let answer = cluster.job_manager.order(&cluster.task_manager, order).await;
        assert!(matches!(answer, OrderAnswer::Refused { reason: Refusal::NoTaskHost, .. }), "{answer:?}");
    }
}

#[tokio::test]
async fn a_task_host_that_has_died_is_started_again_in_the_same_slot() {
    let mut cluster = Cluster::start().await;
    let host = cluster.task_host().await;
    deploy(&cluster).await;
    host.end(FailureCause::new(FailureKind::TaskHostSignal, "killed by signal 9 (SIGKILL)"));
    let Report::HostEnded { attempt, .. } = cluster.job_manager.report().await else { panic!("no end") };
    assert_eq!(attempt, FIRST);

    let second = AttemptNumber(1);
    let start = Order::StartTaskHost {
        attempt: second,
        allocations: vec![HOLDER.allocation_id],
        spec: support::spec(),
    };
    cluster.job_manager.accepted(&cluster.task_manager, start).await;
    let mut host = cluster.launched_task_host(second).await;
    let restore = Some(RestorePoint {
        checkpoint_id: CheckpointId(3),
        metadata: "file:///checkpoints/chk-3/_metadata".to_owned(),
        owned: true,
    });
    let order = deployment(&cluster.task_manager, second, &restore);
    cluster.job_manager.accepted(&cluster.task_manager, order).await;
    let TaskHostCommand::Deploy { tasks, .. } = host.command().await else { panic!("no deploy") };
    assert_eq!((tasks[0].attempt, &tasks[0].restore), (second, &restore));
    // What is left of the first one is not taken for the second's.
    host.tell(TaskHostMessage::TaskState(task_report(TaskState::Running))).await;
    let running = TaskReport { attempt: second, ..task_report(TaskState::Running) };
    host.tell(TaskHostMessage::TaskState(running.clone())).await;
    assert_eq!(cluster.job_manager.report().await, Report::Task(running));
}

#[tokio::test]
async fn a_task_host_that_stands_still_is_killed() {
    let limit = Duration::from_millis(200);
    let mut cluster = Cluster::start_configured(None, |config| config.heartbeat_timeout = limit).await;
    let mut host = cluster.task_host().await;
    deploy(&cluster).await;
    assert!(matches!(host.command().await, TaskHostCommand::Deploy { .. }));
    host.tell(TaskHostMessage::TaskState(task_report(TaskState::Running))).await;
    host.is_killed().await;
    host.end(FailureCause::new(FailureKind::TaskHostSignal, "killed by signal 9 (SIGKILL)"));
    assert_eq!(cluster.job_manager.report().await, Report::Task(task_report(TaskState::Running)));
    let Report::HostEnded { cause, .. } = cluster.job_manager.report().await else { panic!("no end") };
    assert_eq!(cause.kind, FailureKind::TaskHostSignal);
    assert!(cause.message.contains("did not answer for 0.2 s"), "{cause}");
}

#[tokio::test]
async fn splits_are_carried_both_ways() {
    let mut cluster = Cluster::start().await;
    let mut host = cluster.task_host().await;
    deploy(&cluster).await;
    assert!(matches!(host.command().await, TaskHostCommand::Deploy { .. }));
    let request = SplitRequest { subtask: SUBTASK, attempt: FIRST, request_id: 42 };
    host.tell(TaskHostMessage::SplitRequest(request)).await;
    let expected = TaskHostCommand::SplitResponse { request, answer: SplitAnswer::Split(vec![42, 1]) };
    assert_eq!(host.command().await, expected);

    // They are sent one after the other, so they can't overtake one another.
    for report_id in 1..=9 {
        let splits =
            EnumeratedSplits { report_id, result: Ok(vec![vec![1], vec![2]]), complete: report_id == 9 };
        let report = SplitsReport { subtask: SUBTASK, attempt: FIRST, splits };
        host.tell(TaskHostMessage::SplitsReport(report)).await;
    }
    for report_id in 1..=9 {
        let heard = cluster.job_manager.hear(|heard| match heard {
            Heard::Splits(report) => report.splits,
            _ => None,
        });
        let splits = heard.await;
        assert_eq!(splits.splits, [vec![1], vec![2]]);
        assert_eq!((splits.report_id, splits.complete), (report_id, report_id == 9));
    }
}

#[tokio::test]
async fn watermarks_of_aligned_sources_are_answered_with_those_of_their_groups() {
    let mut cluster = Cluster::start().await;
    let mut host = cluster.task_host().await;
    for millis in [10, 20] {
        let watermark = Some(Timestamp::from_millis(millis));
        let report = AlignedWatermark { subtask: SUBTASK, attempt: FIRST, group: "clicks".into(), watermark };
        host.tell(TaskHostMessage::Watermarks(vec![report])).await;
        let watermark = Some(Timestamp::from_millis(millis - 1));
        let groups = vec![GroupWatermark { group: "clicks".into(), watermark }];
        assert_eq!(host.command().await, TaskHostCommand::Align { groups });
    }
}

#[tokio::test]
async fn a_failure_is_reported_with_what_was_printed() {
    let mut cluster = Cluster::start().await;
    let host = cluster.task_host().await;
    deploy(&cluster).await;
    let cause = FailureCause::new(FailureKind::Panic, "boom");
    host.tell(TaskHostMessage::TaskState(task_report(TaskState::Failed(cause)))).await;
    let Report::Task(report) = cluster.job_manager.report().await else { panic!("no task report") };
    let TaskState::Failed(cause) = report.state else { panic!("not failed") };
    assert_eq!(cause.message, "boom");
    assert_eq!(cause.stderr_tail.as_deref(), Some("last words\n"));
}

#[tokio::test]
async fn the_end_of_a_task_host_is_reported_after_all_that_it_said() {
    let mut cluster = Cluster::start().await;
    let host = cluster.task_host().await;
    deploy(&cluster).await;
    host.tell(TaskHostMessage::TaskState(task_report(TaskState::Running))).await;
    host.end(FailureCause::new(FailureKind::TaskHostSignal, "killed by signal 11 (SIGSEGV)"));
    assert_eq!(cluster.job_manager.report().await, Report::Task(task_report(TaskState::Running)));
    let Report::HostEnded { attempt, cause } = cluster.job_manager.report().await else { panic!("no end") };
    assert_eq!((attempt, cause.message.as_str()), (FIRST, "killed by signal 11 (SIGSEGV)"));
    // The job still holds its slot, as it may start its task host again.
    let heartbeat = cluster.job_manager.heartbeat(|_| true).await;
    assert_eq!(heartbeat.slots.slots, [Some(HOLDER), None]);
}

#[tokio::test]
async fn a_task_host_that_refuses_tells_why() {
    let mut cluster = Cluster::start().await;
    let host = cluster.task_host().await;
    host.tell(TaskHostMessage::Refused(FailureCause::new(FailureKind::GraphMismatch, "another graph"))).await;
    host.end(FailureCause::new(FailureKind::TaskHostExit, "exit code 72"));
    let Report::HostEnded { cause, .. } = cluster.job_manager.report().await else { panic!("no end") };
    assert_eq!((cause.kind, cause.message.as_str()), (FailureKind::GraphMismatch, "another graph"));
}

#[tokio::test]
async fn a_task_host_that_cannot_be_started_is_reported() {
    let failure = FailureCause::new(FailureKind::TaskHostStart, "cannot start artifact");
    let mut cluster = Cluster::start_with(Some(failure.clone())).await;
    cluster.job_manager.start_task_host(&cluster.task_manager).await;
    assert_eq!(cluster.job_manager.report().await, Report::HostEnded { attempt: FIRST, cause: failure });
}

#[tokio::test]
async fn only_the_leader_is_obeyed() {
    let cluster = Cluster::start().await;
    let order = || Order::RequestSlot { slot: SlotIndex(0), holder: HOLDER };
    let stale = Fence { epoch: LeaderEpoch(0), ..cluster.job_manager.fence };
    let answer = order_by(stale, &cluster.task_manager, order()).await;
    assert_eq!(answer, OrderAnswer::StaleLeader { highest: LeaderEpoch(1) });

    let mut other = cluster.job_manager.fence;
    other.registration_id = flott_core::RegistrationId::from_bytes([8; 16]);
    let answer = order_by(other, &cluster.task_manager, order()).await;
    assert_eq!(answer, OrderAnswer::UnknownRegistration);
}

#[tokio::test]
async fn a_held_slot_is_not_given_twice() {
    let cluster = Cluster::start().await;
    let order = |holder| Order::RequestSlot { slot: SlotIndex(0), holder };
    cluster.job_manager.order(&cluster.task_manager, order(HOLDER)).await;
    let other = SlotHolder { allocation_id: AllocationId::from_bytes([1; 16]), job_id: JOB };
    let answer = cluster.job_manager.order(&cluster.task_manager, order(other)).await;
    assert!(matches!(answer, OrderAnswer::Refused { reason: Refusal::SlotOccupied, .. }), "{answer:?}");
    // The same order again is no other order.
    let answer = cluster.job_manager.order(&cluster.task_manager, order(HOLDER)).await;
    assert!(matches!(answer, OrderAnswer::Accepted { .. }), "{answer:?}");
}

#[tokio::test]
async fn after_a_crash_of_the_job_manager_it_registers_again_with_what_it_runs() {
    let mut cluster = Cluster::start().await;
    let host = cluster.task_host().await;
    deploy(&cluster).await;
    let address = cluster.job_manager.crash().await;
    let mut next = FakeJobManager::start(&address.to_string(), 2).await;
    let request = next.registration().await;
    assert_eq!(request.task_manager_id, *cluster.task_manager.id());
    assert_eq!(request.slots.slots, [Some(HOLDER), None]);
    let fence = next.fence;
    next.heartbeat(|heartbeat| heartbeat.sender.fence == fence).await;
    // Its task host goes on, and is heard by the new leader.
    host.tell(TaskHostMessage::TaskState(task_report(TaskState::Running))).await;
    assert_eq!(next.report().await, Report::Task(task_report(TaskState::Running)));
}

#[tokio::test]
async fn the_next_leader_is_told_what_runs() {
    let mut cluster = Cluster::start().await;
    let mut host = cluster.task_host().await;
    deploy(&cluster).await;
    assert!(matches!(host.command().await, TaskHostCommand::Deploy { .. }));
    host.tell(TaskHostMessage::TaskState(task_report(TaskState::Running))).await;
    assert_eq!(cluster.job_manager.report().await, Report::Task(task_report(TaskState::Running)));
    let request = SplitRequest { subtask: SUBTASK, attempt: FIRST, request_id: 5 };
    host.tell(TaskHostMessage::SplitRequest(request)).await;
    let answer = SplitAnswer::Split(vec![5, 1]);
    assert_eq!(host.command().await, TaskHostCommand::SplitResponse { request, answer: answer.clone() });

    let address = cluster.job_manager.crash().await;
    let mut next = FakeJobManager::start(&address.to_string(), 2).await;
    let jobs = next.registration().await.jobs;
    assert_eq!(jobs.len(), 1);
    let LocalJobReport { job_id, host, tasks, splits, .. } = &jobs[0];
    let state = LocalHostState::Ready { data_address: "127.0.0.1:4321".to_owned() };
    assert_eq!((job_id, host), (&JOB, &Some(LocalHost { attempt: FIRST, state })));
    assert_eq!((tasks.len(), &tasks[0].state), (1, &Some(TaskState::Running)));
    assert_eq!((splits.len(), &splits[0].answers), (1, &vec![(5, answer)]));
}

#[tokio::test]
async fn a_late_answer_of_an_earlier_leader_is_asked_for_again() {
    let standby = Standby::start().await;
    let mut cluster = Cluster::start_configured(None, |config| {
        config.job_managers.push(standby.address.to_string());
    })
    .await;
    let mut host = cluster.task_host().await;
    deploy(&cluster).await;
    assert!(matches!(host.command().await, TaskHostCommand::Deploy { .. }));
    cluster.job_manager.freeze();
    let request = SplitRequest { subtask: SUBTASK, attempt: FIRST, request_id: 7 };
    host.tell(TaskHostMessage::SplitRequest(request)).await;

    let mut next = FakeJobManager::start("127.0.0.1:0", 2).await;
    standby.follow(&next);
    let fence = next.fence;
    next.heartbeat(|heartbeat| heartbeat.sender.fence == fence).await;
    cluster.job_manager.thaw();
    let answer = SplitAnswer::Split(vec![7, 2]);
    assert_eq!(host.command().await, TaskHostCommand::SplitResponse { request, answer });
}

#[tokio::test]
async fn without_any_leader_for_long_its_task_hosts_end() {
    let grace = Duration::from_millis(100);
    let mut cluster = Cluster::start_configured(None, |config| config.leader_loss_grace = grace).await;
    let host = cluster.task_host().await;
    deploy(&cluster).await;
    let address = cluster.job_manager.crash().await;
    host.is_killed().await;
    host.end(FailureCause::new(FailureKind::TaskHostSignal, "killed by signal 9 (SIGKILL)"));
    // It goes on itself, with nothing in its slots.
    let mut next = FakeJobManager::start(&address.to_string(), 2).await;
    next.heartbeat(|heartbeat| heartbeat.slots.slots == [None, None]).await;
}

#[tokio::test]
async fn it_registers_at_the_leader_that_any_job_manager_names() {
    let (standby, other) = (Standby::start().await, Standby::start().await);
    let mut leader = FakeJobManager::start("127.0.0.1:0", 3).await;
    let dir = tempfile::tempdir().unwrap();
    let (launched, _) = mpsc::channel(1);
    let mut config = config(standby.address, dir.path());
    config.job_managers.push(other.address.to_string());
    let launcher = Arc::new(FakeLauncher { launched, failure: None });
    let _task_manager = TaskManager::start(config, launcher).await.unwrap();
    // Nobody knows a leader at first.
    other.follow(&leader);
    let fence = leader.fence;
    leader.heartbeat(|heartbeat| heartbeat.sender.fence == fence).await;

    let address = leader.crash().await;
    let mut next = FakeJobManager::start("127.0.0.1:0", 4).await;
    assert_ne!(next.address, address);
    standby.follow(&next);
    let fence = next.fence;
    next.heartbeat(|heartbeat| heartbeat.sender.fence == fence).await;
}

#[tokio::test]
async fn a_leader_that_is_frozen_or_does_not_know_is_left_for_its_successor() {
    for is_frozen in [true, false] {
        let standby = Standby::start().await;
        let mut leader = FakeJobManager::start("127.0.0.1:0", 3).await;
        standby.follow(&leader);
        let dir = tempfile::tempdir().unwrap();
        let (launched, _) = mpsc::channel(1);
        let mut config = config(standby.address, dir.path());
        config.job_managers.push(leader.address.to_string());
        let launcher = Arc::new(FakeLauncher { launched, failure: None });
        let _task_manager = TaskManager::start(config, launcher).await.unwrap();
        let fence = leader.fence;
        leader.heartbeat(|heartbeat| heartbeat.sender.fence == fence).await;

        if is_frozen {
            leader.freeze();
        }
        let mut next = FakeJobManager::start("127.0.0.1:0", 4).await;
        standby.follow(&next);
        // Long before heartbeat.timeout.
        let fence = next.fence;
        next.heartbeat(|heartbeat| heartbeat.sender.fence == fence).await;
    }
}

#[tokio::test]
async fn once_it_was_registered_it_waits_for_a_leader_without_end() {
    let limit = Duration::from_secs(1);
    let mut cluster = Cluster::start_configured(None, |config| config.registration_timeout = limit).await;
    cluster.job_manager.crash().await;
    let ended = tokio::time::timeout(limit * 3 / 2, cluster.task_manager.ended()).await;
    assert!(ended.is_err(), "{ended:?}");
}

#[tokio::test]
async fn without_a_job_manager_it_gives_up_in_time() {
    let unused = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (launched, _) = mpsc::channel(1);
    let mut config = config(unused, dir.path());
    config.job_managers.push("localhost:1".to_owned());
    config.registration_timeout = Duration::from_millis(50);
    let launcher = Arc::new(FakeLauncher { launched, failure: None });
    let mut task_manager = TaskManager::start(config, launcher).await.unwrap();
    let Ended::Failed(error) = task_manager.ended().await else { panic!("it was not told to stop") };
    assert!(matches!(error, Error::RegistrationTimedOut { .. }), "{error}");
    assert!(error.to_string().contains(&format!("asked were {unused}, localhost:1")), "{error}");
}

#[tokio::test]
async fn prometheus_is_told_what_task_hosts_have_reported() {
    let any = Configuration::parse("metrics.reporter.prom.port: 0", "config.yaml").unwrap().0;
    let change = |config: &mut TaskManagerConfig| {
        config.metrics_ports = TaskManagerConfig::new(&any).metrics_ports;
    };
    let mut cluster = Cluster::start_configured(None, change).await;
    let address = cluster.task_manager.metrics_address().unwrap();
    let host = cluster.task_host().await;
    deploy(&cluster).await;
    let scrape = async || {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream
            .write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let own = scrape().await;
    let id = cluster.task_manager.id();
    let line = format!("flink_taskmanager_Status_JVM_Threads_Count{{host=\"127.0.0.1\",tm_id=\"{id}\"}} ");
    assert!(own.contains(&line) && !own.contains("numRecordsOut"), "{own}");

    let metrics = TaskMetrics { records_out: 77, ..TaskMetrics::default() };
    let subtasks = vec![SubtaskMetrics {
        subtask: SUBTASK,
        attempt: FIRST,
        metrics,
        operators: OperatorMetrics::default(),
    }];
    host.tell(TaskHostMessage::Metrics(subtasks)).await;
    cluster
        .job_manager
        .heartbeat(|heartbeat| heartbeat.task_hosts.iter().any(|host| !host.subtasks.is_empty()))
        .await;
    let told = scrape().await;
    let sample = told.lines().find(|line| line.starts_with("flink_taskmanager_job_task_numRecordsOut{"));
    assert!(sample.is_some_and(|line| line.ends_with(",subtask_index=\"0\"} 77")), "{told}");
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let cluster = Cluster::start().await;
    let mut config = config(cluster.job_manager.address, cluster.dir.path());
    config.rpc_port = cluster.job_manager.address.port();
    let (launched, _) = mpsc::channel(1);
    let launcher = Arc::new(FakeLauncher { launched, failure: None });
    let error = TaskManager::start(config, launcher).await.unwrap_err().to_string();
    let address = cluster.job_manager.address;
    assert!(error.starts_with(&format!("cannot listen on {address} (taskmanager.bind-host")), "{error}");
}

#[tokio::test]
async fn stopping_ends_its_task_hosts_first() {
    let mut cluster = Cluster::start().await;
    let host = cluster.task_host().await;
    cluster.task_manager.stop();
    host.is_killed().await;
    // Until it is reaped it is waited for, idly.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(host.waits() < 10, "{}", host.waits());
    host.end(FailureCause::new(FailureKind::TaskHostSignal, "killed by signal 9 (SIGKILL)"));
    assert!(matches!(cluster.task_manager.ended().await, Ended::Stopped));
    assert_eq!(std::fs::read_dir(cluster.dir.path()).unwrap().count(), 0, "no files are left");
}
