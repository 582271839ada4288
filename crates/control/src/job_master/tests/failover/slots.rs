//! Slots are lost and replaced.

use super::*;

fn places(job: &JobMaster) -> Vec<String> {
    let place = |it: &Execution| it.location.as_ref().map(|it| it.task_manager_id.to_string());
    job.executions().map(|it| place(it).unwrap_or_default()).collect()
}

#[test]
fn a_lost_task_manager_is_replaced_by_one_that_has_slots() {
    let (mut job, _, _) = two_pipelines();
    at(&mut job, 50, [lost("a")]);
    assert_eq!(states(&job), [S::Failed, S::Running, S::Failed, S::Running]);
    let effects = at(&mut job, 60, [granted("c", 0)]);
    assert_eq!(orders(&effects), [("c", "start task host")], "while the delay runs");
    assert!(orders(&at(&mut job, 1_050, [Event::TimerFired])).is_empty(), "it is not ready yet");
    assert_eq!(places(&job), ["c", "b", "c", "b"], "only what was lost moves");
    let effects = at(&mut job, 1_100, [host_ready("c", 0, 2)]);
    assert_eq!(deployed_on(&effects, "c"), [((0, 0), 1), ((1, 0), 1)]);
    assert_eq!(job.status(), JobStatus::Running);
}

#[test]
fn while_slots_are_missing_what_has_its_own_goes_on() {
    let (mut job, _, mut b) = two_pipelines();
    at(&mut job, 50, [lost("a"), b.task((0, 1), 0, boom()), b.task((1, 1), 0, TaskState::Canceled)]);
    let effects = at(&mut job, 1_050, [Event::TimerFired]);
    assert_eq!(orders(&effects), [("b", "deploy tasks")]);
    assert_eq!(states(&job), [S::Scheduled, S::Deploying, S::Scheduled, S::Deploying]);
    assert_eq!(job.status(), JobStatus::Restarting, "not all of it is back");
    at(&mut job, 1_060, b.pipeline(1, 1, &TaskState::Running));
    assert_eq!(job.next_wakeup(), Some(MonoTime::from_millis(11_050)));
    at(&mut job, 2_000, [granted("b", 1)]);
    assert_eq!(places(&job), ["b"; 4]);
    assert_eq!(job.status(), JobStatus::Running, "in the task host that is there");
}

#[test]
fn slots_that_do_not_come_are_another_failure() {
    let (mut job, _, _) = two_pipelines();
    at(&mut job, 50, [lost("a")]);
    at(&mut job, 1_050, [Event::TimerFired]);
    let effects = at(&mut job, 11_050, [Event::TimerFired]);
    assert!(orders(&effects).is_empty());
    assert_eq!(job.failures()[0].cause.kind, FailureKind::NoResources);
    assert_eq!((job.restarts(), job.status()), (2, JobStatus::Restarting));
    at(&mut job, 12_050, [Event::TimerFired, granted("c", 0)]);
    assert_eq!(attempts(&job), [2, 0, 2, 0]);
    assert_eq!(states(&job), [S::Scheduled, S::Running, S::Scheduled, S::Running]);
}

#[test]
fn too_few_slots_at_the_start_end_the_job_in_spite_of_the_strategy() {
    let mut job = job(pipelines(2));
    at(&mut job, 0, [Event::Started, granted("a", 0)]);
    at(&mut job, 10_000, [Event::TimerFired]);
    assert_eq!(job.status(), JobStatus::Failed);
}

#[test]
fn a_slot_comes_back_to_those_who_had_it() {
    // Two pipelines on a, one on b.
    let (mut a, mut b) = (Host::new("a"), Host::new("b"));
    let mut job = job(pipelines(3));
    let begin = [Event::Started, granted("a", 0), granted("a", 1), granted("b", 0), a.ready(0), b.ready(1)];
    drive(&mut job, begin.map(|event| (0, event)));
    assert_eq!(places(&job)[..3], ["a", "a", "b"]);
    at(&mut job, 50, [lost("a"), lost("b")]);
    let effects = at(&mut job, 60, [granted("b", 1), granted("a", 0)]);
    assert!(
        effects.is_empty(),
        "a task host has as many threads as it has slots when it starts: {effects:?}"
    );
    let effects = at(&mut job, 70, [granted("a", 1)]);
    assert_eq!(orders(&effects), [("a", "start task host"), ("b", "start task host")]);
    at(&mut job, 1_050, [Event::TimerFired]);
    assert_eq!(places(&job)[..3], ["a", "a", "b"]);
}

#[test]
fn a_task_manager_that_is_lost_while_it_is_restarted_on_is_a_failure() {
    let (mut job, _, _) = two_pipelines();
    at(&mut job, 50, [lost("a"), granted("c", 0)]);
    at(&mut job, 1_050, [Event::TimerFired]);
    at(&mut job, 1_060, [lost("c")]);
    assert_eq!(job.restarts(), 2);
    let effects = at(&mut job, 1_070, [granted("d", 0)]);
    assert_eq!(orders(&effects), [("d", "start task host")]);
    at(&mut job, 2_060, [Event::TimerFired]);
    assert_eq!(attempts(&job), [2, 0, 2, 0]);
}

#[test]
fn slots_beyond_the_need_are_returned_while_it_runs() {
    let (mut job, _, _) = two_pipelines();
    let effects = at(&mut job, 50, [granted("c", 0)]);
    assert_eq!(effects, [Effect::ReleaseSlot { allocation_id: allocation("c", 0) }]);
}
