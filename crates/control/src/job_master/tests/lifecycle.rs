use flott_core::{
    ExecutionState, HostId,
    deployment::{Placement, TaskDescriptor, TaskHostAddress},
    metrics::{MetricValue, OperatorMetric, TaskMetrics},
    time::Timestamp,
};

use super::*;
use crate::protocol::SubtaskMetrics;

#[test]
fn a_job_waits_for_slots_then_hosts_then_deploys_and_finishes() {
    let mut job = job(graph(2, 1));
    assert_eq!(job.status(), JobStatus::Initializing);
    let effects = drive(&mut job, [(0, Event::Started)]);
    assert_eq!(
        effects,
        [Effect::RequireSlots { count: 2 }, Effect::StatusChanged { status: JobStatus::Created }]
    );

    let effects = drive(&mut job, [(10, granted("b", 0)), (20, granted("a", 3))]);
    assert_eq!(orders(&effects), [("a", "start task host"), ("b", "start task host")]);
    assert_eq!(job.status(), JobStatus::Running);
    let Effect::SendOrder { order: Order::StartTaskHost { spec, allocations, .. }, .. } = &effects[1] else {
        panic!("{effects:?}");
    };
    assert_eq!((spec.slots, allocations.as_slice()), (1, [allocation("a", 3)].as_slice()));

    assert!(drive(&mut job, [(30, ready("b", 0))]).is_empty(), "a is not ready");
    let effects = drive(&mut job, [(40, ready("a", 0))]);
    let address = |name: &str| TaskHostAddress {
        host: HostId(first_host(name)),
        task_manager_id: tm(name),
        data_address: format!("{name}:{}", 7_000 + first_host(name)),
    };
    let descriptor = |vertex, subtask, name: &str, slot| TaskDescriptor {
        subtask: SubtaskId::new(vertex, subtask),
        attempt: AttemptNumber(0),
        allocation_id: allocation(name, slot),
        restore: None,
    };
    let on = |host| Some(HostId(host));
    let placement = Placement {
        hosts: vec![address("a"), address("b")],
        vertices: vec![vec![on(0), on(1)], vec![on(0)]],
    };
    let expected = |tasks| Order::DeployTasks { job_id: JOB, placement: placement.clone(), tasks };
    assert_eq!(
        deploy_order(&effects, "a"),
        Some(expected(vec![descriptor(0, 0, "a", 3), descriptor(1, 0, "a", 3)]))
    );
    assert_eq!(deploy_order(&effects, "b"), Some(expected(vec![descriptor(0, 1, "b", 0)])));

    let effects = drive(
        &mut job,
        [
            (50, task("a", 1, 0, 0, TaskState::Initializing)),
            (60, task("a", 2, 0, 0, TaskState::Running)),
            (70, task("a", 3, 0, 0, TaskState::Finished)),
            (80, task("b", 1, 0, 1, TaskState::Running)),
            (90, task("b", 2, 0, 1, TaskState::Finished)),
            (100, task("a", 4, 1, 0, TaskState::Running)),
        ],
    );
    assert!(effects.is_empty(), "{effects:?}");
    let effects = drive(&mut job, [(110, task("a", 5, 1, 0, TaskState::Finished))]);
    assert_eq!(orders(&effects), [("a", "release task host"), ("b", "release task host")]);
    assert_eq!(
        effects[0],
        Effect::Terminated { outcome: Outcome::Finished },
        "nothing is given back before it"
    );
    assert_eq!(
        effects[3..],
        [Effect::RequireSlots { count: 0 }, Effect::StatusChanged { status: JobStatus::Finished },]
    );
    let times: Vec<_> =
        job.status_times().iter().map(|(status, at)| (*status, at.as_micros() / 1000)).collect();
    assert_eq!(
        times,
        [
            (JobStatus::Initializing, 0),
            (JobStatus::Created, 0),
            (JobStatus::Running, 20),
            (JobStatus::Finished, 110)
        ]
    );
    let source = job.executions().next().unwrap();
    let states: Vec<_> = source.state_times.iter().map(|(state, _)| *state).collect();
    use ExecutionState as S;
    assert_eq!(states, [S::Created, S::Scheduled, S::Deploying, S::Initializing, S::Running, S::Finished]);
}

#[test]
fn subtasks_with_one_index_share_a_slot_and_groups_do_not() {
    let mut graph = graph(2, 2);
    graph.vertices[1].slot_sharing_group = "sinks".to_owned();
    let mut job = job(graph);
    let effects = drive(&mut job, [(0, Event::Started)]);
    assert_eq!(effects[0], Effect::RequireSlots { count: 4 });
    drive(&mut job, (0..4).map(|slot| (1, granted("a", slot))));
    let slots: Vec<_> = job.executions().map(|it| it.location.clone().unwrap().allocation_id).collect();
    assert_eq!(slots, [0, 1, 2, 3].map(|slot| allocation("a", slot)));
}

#[test]
fn too_few_slots_fail_the_job_and_say_how_many_there_are() {
    let mut job = job(graph(4, 1));
    let effects = drive(
        &mut job,
        [
            (0, Event::Started),
            (5, Event::SlotsReported { total: 2, free: 2, task_managers: 1 }),
            (9_999, Event::TimerFired),
        ],
    );
    assert_eq!(terminations(&effects), 0, "a timer that fires early does nothing");
    assert_eq!(job.next_wakeup(), Some(MonoTime::from_millis(10_000)));
    let effects = drive(&mut job, [(10_000, Event::TimerFired)]);
    assert_eq!(
        failure_message(&job),
        "job needs 4 slots but only 2 of 2 are free (1 TaskManager registered): start more TaskManagers or lower \
         the parallelism"
    );
    assert!(effects.contains(&Effect::RequireSlots { count: 0 }));
    assert_eq!(job.failures().len(), 1);
    assert_eq!(job.next_wakeup(), None);
}

#[test]
fn a_slot_that_is_lost_while_others_are_awaited_is_replaced() {
    let mut job = job(graph(2, 1));
    let effects = drive(
        &mut job,
        [
            (0, Event::Started),
            (1, granted("a", 0)),
            (2, lost("a")),
            (3, granted("b", 0)),
            (4, granted("b", 1)),
        ],
    );
    assert_eq!(orders(&effects), [("b", "start task host")]);
    assert!(job.failures().is_empty());
}

#[test]
fn slots_beyond_the_need_are_returned() {
    let mut job = deployed();
    let effects = drive(&mut job, [(50, granted("c", 0))]);
    assert_eq!(effects, [Effect::ReleaseSlot { allocation_id: allocation("c", 0) }]);
}

#[test]
fn a_new_registration_repeats_what_may_not_have_arrived() {
    let mut job = deployed();
    drive(&mut job, [(50, task("b", 1, 0, 1, TaskState::Running))]);
    let again = |name: &str| Event::TaskManagerReregistered {
        task_manager_id: tm(name),
        fence: Fence { epoch: LeaderEpoch(1), registration_id: registration("new") },
    };
    let effects = drive(&mut job, [(60, again("a")), (70, again("b"))]);
    assert_eq!(orders(&effects), [("a", "deploy tasks")], "b has shown that it has the order");
    assert!(job.admits(&tm("a"), registration("new")));
    assert!(!job.admits(&tm("a"), registration("a")));
    let effects = drive(&mut job, [(80, lost("a"))]);
    assert!(effects.is_empty(), "the old registration counts for nothing");

    let effects = drive(&mut job, [(90, Event::CancelRequested), (95, again("b"))]);
    assert_eq!(orders(&effects), [("a", "cancel tasks"), ("b", "cancel tasks"), ("b", "cancel tasks")]);
}

#[test]
fn doubled_and_overtaken_reports_change_nothing() {
    let mut job = deployed();
    let running = task("b", 2, 0, 1, TaskState::Running);
    drive(&mut job, [(50, task("b", 1, 0, 1, TaskState::Initializing)), (60, running.clone())]);
    let before = job.clone();
    let effects = drive(&mut job, [(70, running), (80, task("b", 1, 0, 1, TaskState::Initializing))]);
    assert!(effects.is_empty());
    assert!(job.executions().eq(before.executions()));
}

fn metrics(records_in: u64, watermark: i64, late: i64) -> SubtaskMetrics {
    SubtaskMetrics {
        subtask: SubtaskId::new(1, 0),
        attempt: AttemptNumber(0),
        metrics: TaskMetrics {
            records_in,
            busy_ms: records_in,
            input_watermark: Timestamp::from_millis(watermark),
            ..TaskMetrics::default()
        },
        operators: Arc::new([OperatorMetric {
            operator: "Map".into(),
            name: "late".into(),
            value: MetricValue::Integer(late),
        }]),
    }
}

fn gauge(job: &JobMaster) -> MetricValue {
    job.executions().last().unwrap().operators[0].value
}

#[test]
fn metrics_never_go_back() {
    let mut job = deployed();
    let reported =
        |records, watermark| Event::MetricsReported { tasks: vec![metrics(records, watermark, 0)] };
    assert_eq!(job.executions().last().unwrap().metrics.input_watermark, Timestamp::MIN);
    drive(&mut job, [(50, reported(10, -5)), (60, reported(30, 4)), (70, reported(20, 3))]);
    let metrics = &job.executions().last().unwrap().metrics;
    assert_eq!((metrics.records_in, metrics.input_watermark), (30, Timestamp::from_millis(4)));
}

#[test]
fn what_operators_report_follows_the_subtasks_own_clock_to_its_end() {
    let mut job = deployed();
    let reported = |records, value| Event::MetricsReported { tasks: vec![metrics(records, 0, value)] };
    drive(&mut job, [(50, reported(30, 7)), (60, reported(20, 9))]);
    assert_eq!(gauge(&job), MetricValue::Integer(7), "the second was overtaken");
    drive(&mut job, [(70, reported(40, 5))]);
    assert_eq!(gauge(&job), MetricValue::Integer(5), "a gauge may fall");

    let SubtaskMetrics { subtask, attempt, metrics, operators } = metrics(50, 0, 3);
    let report = TaskReport { subtask, attempt, state: TaskState::Finished, metrics, operators };
    drive(&mut job, [(80, super::reported("a", 1, Report::Task(report))), (90, reported(50, 8))]);
    assert_eq!(gauge(&job), MetricValue::Integer(3), "the last values are those at its end");
}
