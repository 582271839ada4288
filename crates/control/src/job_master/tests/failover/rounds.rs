//! Failures that come together or one after the other.

use super::*;

#[test]
fn regions_that_fail_together_are_one_restart() {
    let (mut job, mut a, mut b) = two_pipelines();
    at(&mut job, 100, [a.task((0, 0), 0, failed(FailureKind::ConnectionLost, "echo"))]);
    at(&mut job, 150, [b.task((0, 1), 0, boom()), b.task((1, 1), 0, boom())]);
    assert_eq!((job.restarts(), job.failure_history().count()), (1, 1));
    let group = job.failure_history().next().unwrap();
    assert_eq!((group.root().cause.message.as_str(), group.concurrent().len()), ("boom", 2));
    at(&mut job, 200, [a.task((1, 0), 0, TaskState::Canceled)]);
    let effects = at(&mut job, 1_100, [Event::TimerFired]);
    assert_eq!(orders(&effects), [("a", "deploy tasks"), ("b", "deploy tasks")]);
    assert_eq!(attempts(&job), [1; 4]);
    let groups = job.failure_history().map(|group| group.concurrent().len());
    assert_eq!(groups.collect::<Vec<_>>(), [2]);
}

#[test]
fn regions_that_stop_wait_for_one_another() {
    let (mut job, mut a, mut b) = two_pipelines();
    at(&mut job, 100, [a.task((0, 0), 0, boom()), a.task((1, 0), 0, TaskState::Canceled)]);
    at(&mut job, 200, [b.task((0, 1), 0, boom())]);
    let effects = at(&mut job, 1_100, [Event::TimerFired]);
    assert!(effects.is_empty(), "one still stops: {effects:?}");
    assert_eq!(job.next_wakeup(), Some(MonoTime::from_millis(3_200)), "no timer is asked for that has fired");
    let effects = at(&mut job, 1_500, [b.task((1, 1), 0, TaskState::Canceled)]);
    assert_eq!(orders(&effects), [("a", "deploy tasks"), ("b", "deploy tasks")]);
}

#[test]
fn a_failure_after_the_delay_is_another_one() {
    let (mut job, mut a, mut b) = two_pipelines();
    at(&mut job, 100, [a.task((0, 0), 0, boom())]);
    at(&mut job, 1_100, [Event::TimerFired, b.task((0, 1), 0, boom())]);
    assert_eq!((job.restarts(), job.failure_history().count()), (2, 2));
    assert_eq!(job.next_wakeup(), Some(MonoTime::from_millis(2_100)));
    at(&mut job, 1_200, [a.task((1, 0), 0, TaskState::Canceled), b.task((1, 1), 0, TaskState::Canceled)]);
    assert_eq!(attempts(&job), [0; 4], "all wait for the later one");
    at(&mut job, 2_100, [Event::TimerFired]);
    assert_eq!(attempts(&job), [1; 4]);
}

#[test]
fn a_region_that_was_just_deployed_may_fail_again() {
    let (mut job, mut a, _) = two_pipelines();
    at(&mut job, 100, [a.task((0, 0), 0, boom()), a.task((1, 0), 0, TaskState::Canceled)]);
    at(&mut job, 1_100, [Event::TimerFired]);
    let effects = at(&mut job, 1_110, [a.task((0, 0), 1, boom())]);
    assert_eq!(orders(&effects), [("a", "cancel tasks")], "also what has not answered yet");
    let Effect::SendOrder { order: Order::CancelTasks { tasks, .. }, .. } = &effects[1] else {
        panic!("{effects:?}");
    };
    assert_eq!(tasks, &[(SubtaskId::new(1, 0), AttemptNumber(1))]);
    assert_eq!(job.restarts(), 2);
}

#[test]
fn a_failure_of_the_job_restarts_all_of_it() {
    let (mut job, mut a, mut b) = two_pipelines();
    at(&mut job, 50, b.pipeline(1, 0, &TaskState::Finished));
    let cause = FailureCause::new(FailureKind::CheckpointFailed, "4 checkpoints in a row");
    let mut effects = Vec::new();
    job.fail(
        FailureRecord::of_job(cause, MonoTime::from_millis(60)),
        MonoTime::from_millis(60),
        &mut effects,
    );
    assert_eq!(orders(&effects), [("a", "cancel tasks")]);
    at(&mut job, 70, a.pipeline(0, 0, &TaskState::Canceled));
    at(&mut job, 1_060, [Event::TimerFired]);
    assert_eq!(attempts(&job), [1; 4], "also what has finished");
    at(&mut job, 1_100, a.pipeline(0, 1, &TaskState::Finished));
    assert_eq!(job.outcome(), None);
    at(&mut job, 1_100, b.pipeline(1, 1, &TaskState::Finished));
    assert_eq!(job.outcome(), Some(&Outcome::Finished));
}

#[test]
fn a_failure_of_the_job_without_restarts_ends_it() {
    let mut job = deployed();
    let cause = FailureCause::new(FailureKind::CheckpointFailed, "4 checkpoints in a row");
    job.fail(FailureRecord::of_job(cause, MonoTime::ZERO), MonoTime::from_millis(60), &mut Vec::new());
    assert_eq!(job.status(), JobStatus::Failing);
}

#[test]
fn the_subtask_that_enumerates_takes_all_of_its_source_with_it() {
    let (mut job, mut a, _) = two_pipelines();
    let ask = |subtask| Event::SplitRequested {
        subtask: SubtaskId::new(0, subtask),
        attempt: AttemptNumber(0),
        request_id: 0,
    };
    at(&mut job, 50, [ask(0), ask(1)]);
    let effects = at(&mut job, 60, [a.task((0, 0), 0, boom())]);
    assert_eq!(orders(&effects), [("a", "cancel tasks"), ("b", "cancel tasks")]);
    let rejected = effects.iter().filter(|effect| matches!(effect, Effect::RejectSplitRequest { .. }));
    assert_eq!(rejected.count(), 1, "who waits is told");

    let (mut job, _, mut b) = two_pipelines();
    at(&mut job, 50, [ask(0), ask(1)]);
    let effects = at(&mut job, 60, [b.task((0, 1), 0, boom())]);
    assert_eq!(orders(&effects), [("b", "cancel tasks")], "the others do not");
}
