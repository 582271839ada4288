//! Task hosts come and go.

use flott_core::{HostId, deployment::Placement};

use super::*;

fn placement(effects: &[Effect], name: &str) -> Placement {
    match deploy_order(effects, name) {
        Some(Order::DeployTasks { placement, .. }) => placement,
        other => panic!("nothing is deployed on {name}: {other:?} {effects:?}"),
    }
}

#[test]
fn a_task_host_that_has_ended_is_started_again_under_a_new_number() {
    let (mut job, mut a, _) = two_pipelines();
    let effects = at(&mut job, 50, [a.ended(0, FailureKind::TaskHostSignal, "killed by signal 9")]);
    assert_eq!(states(&job), [S::Failed, S::Running, S::Failed, S::Running]);
    assert_eq!(statuses(&effects), [JobStatus::Restarting]);
    let [_, Effect::SendOrder { order: Order::StartTaskHost { attempt, .. }, .. }] = effects.as_slice()
    else {
        panic!("it is started while the delay runs: {effects:?}");
    };
    assert_eq!(*attempt, AttemptNumber(2), "0 and 1 were the first ones");
    let effects = at(&mut job, 1_050, [Event::TimerFired]);
    assert_eq!(effects, [Effect::RequireSlots { count: 2 }], "it is not ready yet");
    assert_eq!(job.status(), JobStatus::Restarting);

    assert!(at(&mut job, 1_060, [a.ready(0)]).is_empty(), "that was the old one");
    let effects = at(&mut job, 1_070, [a.ready(2)]);
    assert_eq!(job.status(), JobStatus::Running);
    let placement = placement(&effects, "a");
    let hosts: Vec<_> = placement.hosts.iter().map(|it| (it.host, it.data_address.as_str())).collect();
    assert_eq!(hosts, [(HostId(2), "a:7002")], "only what the region needs");
    assert_eq!(placement.vertices, [[Some(HostId(2))], [Some(HostId(2))]]);

    let effects = at(&mut job, 1_080, [a.ended(0, FailureKind::TaskHostSignal, "killed by signal 9")]);
    assert!(effects.is_empty(), "the old one can't end the new one's tasks");
}

#[test]
fn a_task_host_that_fails_while_nothing_needs_it_yet_is_tried_once_more() {
    let (mut job, mut a, _) = two_pipelines();
    at(&mut job, 50, [a.ended(0, FailureKind::TaskHostSignal, "killed by signal 9")]);
    let effects = at(&mut job, 60, [a.ended(2, FailureKind::TaskHostStart, "cannot start")]);
    assert!(effects.is_empty(), "not before the delay is over: {effects:?}");
    let effects = at(&mut job, 1_050, [Event::TimerFired]);
    assert_eq!(orders(&effects), [("a", "start task host")]);
    at(&mut job, 1_060, [a.ended(3, FailureKind::TaskHostStart, "cannot start")]);
    assert_eq!(job.restarts(), 2, "now it counts");
}

#[test]
fn a_task_host_that_was_idle_when_it_ended_is_started_when_it_is_needed() {
    let (mut job, mut a, _) = two_pipelines();
    at(&mut job, 50, [a.task((0, 0), 0, boom()), a.task((1, 0), 0, TaskState::Canceled)]);
    let effects = at(&mut job, 60, [a.ended(0, FailureKind::TaskHostExit, "exited with code 0")]);
    assert!(effects.is_empty());
    assert_eq!(job.failures().len(), 1);
    let effects = at(&mut job, 1_050, [Event::TimerFired]);
    assert_eq!(orders(&effects), [("a", "start task host")]);
}

#[test]
fn a_subtask_that_does_not_stop_costs_the_task_host_and_the_others_in_it() {
    // Both pipelines in one task host.
    let mut a = Host::new("a");
    let mut job = job(pipelines(2));
    let begin = [Event::Started, granted("a", 0), granted("a", 1), a.ready(0)];
    drive(&mut job, begin.map(|event| (0, event)));
    at(&mut job, 50, [a.task((0, 0), 0, boom())]);
    assert!(at(&mut job, 1_050, [Event::TimerFired]).is_empty(), "one still runs");
    let effects = at(&mut job, 3_050, [Event::TimerFired]);
    assert_eq!(orders(&effects), [("a", "kill task host")]);
    assert_eq!(states(&job), [S::Failed, S::Deploying, S::Canceling, S::Deploying]);

    let effects = at(&mut job, 3_100, [a.ended(0, FailureKind::TaskHostSignal, "killed by signal 9")]);
    assert_eq!(orders(&effects), [("a", "start task host")], "at once: the delay is over");
    assert_eq!(attempts(&job), [1; 4]);
    assert_eq!(job.restarts(), 1, "it is no failure of the others");
    at(&mut job, 3_200, [a.ready(1)]);
    assert_eq!(states(&job), [S::Deploying; 4]);
}

#[test]
fn a_task_host_that_does_not_start_again_is_killed_and_tried_again() {
    let (mut job, mut a, _) = two_pipelines();
    at(&mut job, 50, [a.ended(0, FailureKind::TaskHostSignal, "killed by signal 9")]);
    at(&mut job, 1_050, [Event::TimerFired]);
    let effects = at(&mut job, 6_050, [Event::TimerFired]);
    assert_eq!(orders(&effects), [("a", "kill task host")]);
    assert_eq!(
        job.failures()[0].cause.message,
        "TaskManager a (a:6122) did not start the job's task host within 5 s"
    );
    assert_eq!(job.restarts(), 2);
    let effects = at(&mut job, 7_050, [Event::TimerFired]);
    assert!(orders(&effects).is_empty(), "the old one has not ended yet");
    let effects = at(&mut job, 7_100, [a.ended(2, FailureKind::TaskHostSignal, "killed by signal 9")]);
    assert_eq!(orders(&effects), [("a", "start task host")]);
    assert_eq!(states(&job)[0], S::Scheduled);
}

#[test]
fn a_task_host_that_keeps_failing_to_start_is_a_failure_each_time() {
    let mut a = Host::new("a");
    let mut job = job(restarting(graph(1, 1), 3));
    at(&mut job, 0, [Event::Started, granted("a", 0)]);
    for host in 0..4 {
        let now = u64::from(host) * 2_000;
        at(&mut job, now, [a.ended(host, FailureKind::TaskHostStart, "cannot start")]);
        at(&mut job, now + 1_000, [Event::TimerFired]);
    }
    assert_eq!(failure_message(&job), "cannot start");
    assert_eq!((job.restarts(), attempts(&job)), (3, vec![3, 3]));
}

#[test]
fn a_deployment_without_answer_is_canceled_and_tried_again() {
    let (mut job, mut a, _) = two_pipelines();
    at(&mut job, 50, [a.task((0, 0), 0, boom()), a.task((1, 0), 0, TaskState::Canceled)]);
    at(&mut job, 1_050, [Event::TimerFired]);
    let effects = at(&mut job, 6_050, [Event::TimerFired]);
    assert_eq!(orders(&effects), [("a", "cancel tasks")]);
    at(&mut job, 6_100, a.pipeline(0, 1, &TaskState::Canceled));
    at(&mut job, 7_050, [Event::TimerFired]);
    assert_eq!(attempts(&job), [2, 0, 2, 0]);
}

#[test]
fn orders_are_repeated_to_a_task_manager_that_registers_again() {
    let again = || Event::TaskManagerReregistered { task_manager_id: tm("a"), fence: fence("a") };
    let (mut job, mut a, _) = two_pipelines();
    at(&mut job, 50, [a.task((0, 0), 0, boom())]);
    assert_eq!(orders(&at(&mut job, 60, [again()])), [("a", "cancel tasks")]);
    let started = at(&mut job, 70, [a.ended(0, FailureKind::TaskHostSignal, "killed by signal 9")]);
    assert_eq!(orders(&started), [("a", "start task host")]);
    at(&mut job, 1_050, [Event::TimerFired]);
    assert_eq!(at(&mut job, 1_060, [again()]), started, "the same start");
    let effects = at(&mut job, 1_070, [a.ready(2)]);
    let deployed: Vec<_> = effects.into_iter().filter(|it| matches!(it, Effect::SendOrder { .. })).collect();
    assert_eq!(at(&mut job, 1_080, [again()]), deployed, "the same deployment");
    at(&mut job, 1_090, a.pipeline(0, 1, &TaskState::Running));
    assert!(at(&mut job, 1_100, [again()]).is_empty());
}
