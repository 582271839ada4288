use flott_core::ExecutionState;

use super::*;
use crate::protocol::Refusal;

#[test]
fn a_failed_subtask_takes_the_others_down_and_its_cause_is_the_jobs() {
    let mut job = deployed();
    let effects =
        drive(&mut job, [(50, task("b", 1, 0, 1, failed(FailureKind::Panic, "index out of bounds")))]);
    assert_eq!(job.status(), JobStatus::Failing);
    assert_eq!(orders(&effects), [("a", "cancel tasks")], "nothing is left on b");
    assert_eq!(terminations(&effects), 0, "the others still run");

    let effects = drive(
        &mut job,
        [(60, task("a", 1, 0, 0, TaskState::Canceled)), (70, task("a", 2, 1, 0, TaskState::Canceled))],
    );
    assert_eq!(terminations(&effects), 1);
    assert_eq!(failure_message(&job), "index out of bounds");
    let [record] = job.failures() else { panic!("{:?}", job.failures()) };
    assert_eq!(record.task_name.as_deref(), Some("Source (2/2)"));
    assert_eq!(record.task_manager_id, Some(tm("b")));
    assert_eq!(record.rpc_address.as_deref(), Some("b:6122"));
    assert_eq!(record.time, MonoTime::from_millis(50));
}

#[test]
fn the_root_cause_goes_before_the_echo_that_came_first() {
    let mut job = deployed();
    let echo = failed(FailureKind::ConnectionLost, "connection to b was lost");
    drive(
        &mut job,
        [
            (50, task("a", 1, 1, 0, echo.clone())),
            (60, task("a", 2, 0, 0, echo)),
            (70, ended("b", 1, FailureKind::TaskHostSignal, "killed by signal 11")),
        ],
    );
    assert_eq!(failure_message(&job), "killed by signal 11");
    assert_eq!(job.failures().len(), 3);
    assert_eq!(job.failures()[0].task_manager_id, Some(tm("b")));
    assert_eq!(job.failures()[0].cause.context, ["in the task host on TaskManager b (b:6122)"]);
}

#[test]
fn of_equal_causes_the_first_stays_the_root() {
    let mut job = deployed();
    drive(
        &mut job,
        [
            (50, task("b", 1, 0, 1, failed(FailureKind::Panic, "first"))),
            (60, task("a", 1, 0, 0, failed(FailureKind::Panic, "second"))),
            (70, task("a", 2, 1, 0, TaskState::Canceled)),
        ],
    );
    assert_eq!(failure_message(&job), "first");
}

#[test]
fn a_lost_task_manager_fails_the_job_and_nothing_waits_for_it() {
    let mut job = deployed();
    let effects = drive(&mut job, [(50, lost("b"))]);
    assert_eq!(orders(&effects), [("a", "cancel tasks")]);
    assert!(effects.contains(&Effect::RequireSlots { count: 1 }), "no slot in place of the lost one");
    assert!(!job.admits(&tm("b"), registration("b")));
    let effects = drive(&mut job, [(60, lost("a"))]);
    assert_eq!(terminations(&effects), 1);
    assert_eq!(failure_message(&job), "connection to TaskManager b (b:6122) was closed");
}

#[test]
fn a_task_host_that_ends_after_its_subtasks_is_no_failure() {
    let mut job = deployed();
    let effects = drive(
        &mut job,
        [
            (50, task("b", 1, 0, 1, TaskState::Finished)),
            (60, ended("b", 2, FailureKind::TaskHostExit, "exited with code 0")),
        ],
    );
    assert!(effects.is_empty());
    assert!(job.failures().is_empty());
}

#[test]
fn a_task_host_that_cannot_start_fails_the_job_at_once() {
    let mut job = job(graph(2, 1));
    let effects = drive(
        &mut job,
        [
            (0, Event::Started),
            (10, granted("a", 0)),
            (20, granted("b", 0)),
            (30, ended("b", 0, FailureKind::TaskHostStart, "wrong architecture")),
        ],
    );
    assert_eq!(terminations(&effects), 1, "nothing runs that could be waited for");
    assert_eq!(orders(&effects).last(), Some(&("a", "release task host")));
    assert_eq!(failure_message(&job), "wrong architecture");
}

#[test]
fn a_task_host_that_does_not_start_in_time_is_named() {
    let mut job = job(graph(2, 1));
    drive(
        &mut job,
        [
            (0, Event::Started),
            (10, granted("a", 0)),
            (20, granted("b", 0)),
            (30, ready("a", 0)),
            (5_020, Event::TimerFired),
        ],
    );
    let expected = "TaskManager b (b:6122) did not start the job's task host within 5 s";
    assert_eq!(failure_message(&job), expected);
}

#[test]
fn a_deployment_without_answer_is_a_failure() {
    let mut job = deployed();
    drive(
        &mut job,
        [(50, task("a", 1, 0, 0, TaskState::Running)), (51, task("a", 2, 1, 0, TaskState::Running))],
    );
    assert_eq!(job.next_wakeup(), Some(MonoTime::from_millis(5_040)));
    drive(&mut job, [(5_040, Event::TimerFired), (5_050, lost("b"))]);
    drive(&mut job, [(5_060, lost("a"))]);
    assert_eq!(
        failure_message(&job),
        "TaskManager b (b:6122) has not begun 1 of the job's subtasks within 5 s"
    );
}

#[test]
fn a_refused_order_is_a_failure_unless_its_reason_is_reported_anyway() {
    let refused = |reason| Event::OrderRefused {
        task_manager_id: tm("b"),
        registration_id: registration("b"),
        order: "deploy tasks",
        reason,
    };
    let mut job = deployed();
    drive(
        &mut job,
        [
            (50, refused(Refusal::NoTaskHost)),
            (60, ended("b", 1, FailureKind::TaskHostExit, "exited with code 3")),
        ],
    );
    assert_eq!(job.failures()[0].cause.message, "exited with code 3");

    let mut job = deployed();
    drive(&mut job, [(50, refused(Refusal::UnknownAllocation))]);
    let expected = "TaskManager b (b:6122) refused to deploy tasks: the job does not hold the slot";
    assert_eq!(job.failures()[0].cause.message, expected);
}

#[test]
fn subtasks_that_do_not_stop_are_killed_with_their_task_host() {
    let mut job = deployed();
    drive(
        &mut job,
        [
            (50, task("b", 1, 0, 1, failed(FailureKind::Panic, "boom"))),
            (60, task("a", 1, 0, 0, TaskState::Canceled)),
        ],
    );
    let effects = drive(&mut job, [(3_050, Event::TimerFired)]);
    assert_eq!(orders(&effects), [("a", "kill task host")]);
    assert_eq!(job.next_wakeup(), Some(MonoTime::from_millis(6_050)), "it is tried again");
    let effects =
        drive(&mut job, [(3_100, ended("a", 2, FailureKind::TaskHostSignal, "killed by signal 9"))]);
    assert_eq!(terminations(&effects), 1);
    assert_eq!(failure_message(&job), "boom");
    assert_eq!(job.failures().len(), 1, "what we killed ourselves did not fail");
}

#[test]
fn a_subtask_that_stops_unasked_is_a_failure() {
    let mut job = deployed();
    drive(&mut job, [(50, task("b", 1, 0, 1, TaskState::Canceled))]);
    assert_eq!(job.failures()[0].cause.message, "Source (2/2) stopped although nobody wanted it to");
    let states: Vec<_> = job.executions().map(|execution| execution.state).collect();
    assert_eq!(states, [ExecutionState::Canceling, ExecutionState::Failed, ExecutionState::Canceling]);
}

#[test]
fn kept_failures_are_bounded_and_keep_the_root() {
    let mut job = job(graph(40, 1));
    drive(&mut job, [(0, Event::Started)]);
    drive(&mut job, (0..40).map(|slot| (1, granted("a", slot))));
    drive(&mut job, [(2, ready("a", 0))]);
    let echo = |subtask: u32| {
        let state = failed(FailureKind::ConnectionLost, "echo");
        (3, task("a", u64::from(subtask) + 1, 0, subtask, state))
    };
    drive(&mut job, (0..39).map(echo));
    drive(&mut job, [(4, task("a", 50, 0, 39, failed(FailureKind::UserError, "root")))]);
    assert_eq!(job.failures().len(), FailureGroup::MAX);
    assert_eq!(job.failures()[0].cause.message, "root");
}
