use flott_core::{
    JobType,
    checkpoint::{SnapshotKind, StopMode},
    deployment::{EnumeratedSplits, SplitAnswer},
    job_graph::Partitioner,
};

use super::*;

const PATH: &str = "file:///s/savepoint-1";

#[test]
fn a_savepoint_is_its_users_and_nothing_is_committed_by_it() {
    let mut driver = Driver::running(CheckpointSettings { min_pause_ms: 60_000, ..every_second() });
    driver.complete_at(1_000);
    let (barrier, _) = triggered(&driver.savepoint(1, AfterSavepoint::GoOn)).unwrap();
    assert!(
        matches!(&barrier.kind, SnapshotKind::Savepoint { directory, stop: None, .. } if directory == PATH)
    );
    let effects = driver.ack_all(2);
    assert_eq!(store(&effects).unwrap().1, PATH);
    let effects = driver.stored(2);
    assert_eq!(notices(&effects), []);
    assert_eq!(done(&effects), Some((1, Ok((2, PATH.to_owned())))));
    assert_eq!(driver.job.restore_point().unwrap().checkpoint_id, CheckpointId(1));
    assert_eq!(deleted(&driver.finish_all()), [DIR]);
}

#[test]
fn a_savepoint_waits_for_the_checkpoint_before_it_and_checkpoints_for_it() {
    let mut driver = Driver::running(CheckpointSettings { max_concurrent: 3, ..every_second() });
    driver.at(1_000);
    assert_eq!(triggered(&driver.savepoint(1, AfterSavepoint::GoOn)), None);
    driver.ack_all(1);
    assert!(triggered(&driver.stored(1)).unwrap().0.is_savepoint());
    assert_eq!(triggered(&driver.at(2_000)), None);
    driver.ack_all(2);
    assert_eq!(triggered(&driver.stored(2)).unwrap().0.id, CheckpointId(3));
}

#[test]
fn a_savepoint_is_not_kept_waiting_by_checkpoints_that_overlap() {
    let mut driver = Driver::running(CheckpointSettings { max_concurrent: 2, ..every_second() });
    driver.at(1_000);
    driver.at(2_000);
    assert_eq!(triggered(&driver.savepoint(1, AfterSavepoint::GoOn)), None);
    driver.ack_all(1);
    assert_eq!(triggered(&driver.stored(1)), None);
    assert_eq!(triggered(&driver.at(3_000)), None, "it would have to wait for this one, too");
    driver.ack_all(2);
    assert!(triggered(&driver.stored(2)).unwrap().0.is_savepoint());
    driver.ack_all(3);
    assert_eq!(triggered(&driver.stored(3)).unwrap().0.id, CheckpointId(4), "now it is their turn again");
}

#[test]
fn a_savepoint_that_fails_leaves_nothing_and_counts_for_nothing() {
    let mut driver = Driver::running(CheckpointSettings { tolerable_failures: Some(0), ..every_second() });
    driver.savepoint(1, AfterSavepoint::GoOn);
    let effects = driver.decline(1, FailureKind::UserError);
    assert_eq!(done(&effects), Some((1, Err("no space left".to_owned()))));
    assert_eq!(deleted(&effects), [PATH]);
    assert!(driver.job.failures().is_empty());
}

#[test]
fn a_job_that_stops_commits_and_finishes_and_then_it_is_told() {
    let mut driver = Driver::running(every_second());
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Suspend));
    assert_eq!(triggered(&driver.at(4_000)), None, "nothing else begins");
    driver.ack_all(1);
    let effects = driver.stored(1);
    assert_eq!(notices(&effects), both(CheckpointNotice::Completed(CheckpointId(1))));
    assert_eq!(done(&effects), None, "not before all is committed");
    let point = driver.job.restore_point().unwrap();
    assert_eq!((point.metadata.as_str(), point.owned), ("file:///s/savepoint-1/_metadata", false));
    let effects = driver.finish_all();
    assert_eq!(driver.job.outcome(), Some(&Outcome::Finished));
    assert_eq!(done(&effects), Some((1, Ok((1, PATH.to_owned())))));
    assert!(!deleted(&effects).iter().any(|it| it.contains("/s/")), "{effects:?}");
}

#[test]
fn a_source_that_goes_on_looking_for_splits_ends_with_the_savepoint() {
    let mut driver = Driver::running(every_second());
    let (subtask, attempt) = (SubtaskId::new(0, 0), AttemptNumber(0));
    let effects = driver.on(Event::SplitRequested { subtask, attempt, request_id: 1 });
    assert!(matches!(effects[..], [Effect::AnswerSplit { answer: SplitAnswer::Enumerate { .. }, .. }]));
    let splits = EnumeratedSplits { report_id: 1, result: Ok(vec![vec![7]]), complete: false };
    driver.on(Event::SplitsEnumerated { subtask, attempt, splits });
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Suspend));
    let enumerator = SourceProgress { last_answered: 1, enumerator: Some((1, vec![1])) };
    let enumerator = SubtaskSnapshot { source: Some(enumerator), ..SubtaskSnapshot::default() };
    driver.ack_with(1, 0, 0, enumerator);
    driver.ack_with(1, 0, 1, progress(0));
    driver.ack(1, 1, 0);
    driver.stored(1);
    let effects = driver.finish_all();
    assert_eq!(driver.job.outcome(), Some(&Outcome::Finished));
    assert_eq!(done(&effects), Some((1, Ok((1, PATH.to_owned())))));
}

const PIPELINES: [(u32, u32); 4] = [(0, 0), (0, 1), (1, 0), (1, 1)];

/// Two regions that run, of a job that may be restarted once.
fn two_pipelines() -> Driver {
    let mut graph = jobs::graph(2, 2);
    graph.edges[0].partitioner = Partitioner::Forward;
    graph.recovery.restart = Some(RestartStrategy::FixedDelay { attempts: 1, delay_ms: 0 });
    let mut driver = Driver { job: jobs::job(graph), now: 0, sequence: 100 };
    driver.on(Event::Started);
    let beginning = [jobs::granted("a", 0), jobs::granted("b", 0), jobs::ready("a", 0), jobs::ready("b", 0)];
    beginning.into_iter().for_each(|event| drop(driver.on(event)));
    for (vertex, subtask) in PIPELINES {
        driver.state(vertex, subtask, TaskState::Running);
    }
    driver
}

#[test]
fn a_part_that_fails_after_the_last_savepoint_takes_the_rest_with_it_in_one_restart() {
    let mut driver = two_pipelines();
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Suspend));
    PIPELINES.into_iter().for_each(|(vertex, subtask)| drop(driver.ack(1, vertex, subtask)));
    driver.stored(1);
    driver.state(0, 1, TaskState::Finished);
    driver.state(1, 1, TaskState::Finished);
    driver.state(0, 0, TaskState::Finished);
    let effects = driver.state(1, 0, jobs::failed(FailureKind::Panic, "boom"));
    assert!(done(&effects).unwrap().1.unwrap_err().contains(PATH));
    assert_eq!((driver.job.restarts(), driver.job.failures()[0].cause.message.as_str()), (1, "boom"));
    let attempts: Vec<_> = driver.job.executions().map(|it| it.attempt).collect();
    assert_eq!(attempts, [AttemptNumber(1); 4], "those that had finished with it go on, too");
    assert_eq!(driver.job.outcome(), None);
}

#[test]
fn a_part_that_fails_while_the_job_is_drained_takes_the_rest_with_it_in_one_restart() {
    let mut driver = two_pipelines();
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Drain));
    driver.state(1, 0, jobs::failed(FailureKind::Panic, "boom"));
    assert!(matches!(driver.job.state(), JobState::Restarting { .. }), "{:?}", driver.job.state());
    let stopping = driver.job.executions().filter(|it| it.state == ExecutionState::Canceling).count();
    assert_eq!(stopping, 3, "windows of the other part have fired, too");
}

#[test]
fn a_job_that_fails_after_its_last_savepoint_tells_where_that_is() {
    let mut driver = Driver::running(every_second());
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Suspend));
    driver.ack_all(1);
    driver.stored(1);
    driver.state(0, 0, TaskState::Finished);
    let mut effects = driver.state(0, 1, jobs::failed(FailureKind::Panic, "boom"));
    effects.extend(driver.state(1, 0, TaskState::Canceled));
    let (call, answer) = done(&effects).unwrap();
    assert_eq!(call, 1);
    let answer = answer.unwrap_err();
    assert!(answer.contains(PATH) && answer.contains("boom"), "{answer}");
    assert!(!deleted(&effects).iter().any(|it| it.contains("/s/")), "{effects:?}");
}

#[test]
fn a_stop_that_fails_lets_the_job_go_on() {
    let mut driver = Driver::running(every_second());
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Suspend));
    let effects = driver.decline(1, FailureKind::External);
    assert_eq!(notices(&effects), both(CheckpointNotice::Aborted(CheckpointId(1))), "sources read on");
    assert_eq!(done(&effects), Some((1, Err("no space left".to_owned()))));
    assert_eq!(triggered(&driver.at(1_000)).unwrap().0.id, CheckpointId(2));
    let again = Event::TaskManagerReregistered { task_manager_id: jobs::tm("a"), fence: jobs::fence("a") };
    let effects = driver.on(again);
    assert_eq!(
        notices(&effects),
        [("a", CheckpointNotice::Aborted(CheckpointId(1)))],
        "or it would wait for ever"
    );
}

#[test]
fn a_drained_job_cannot_go_on() {
    let mut driver = Driver::running(every_second());
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Drain));
    driver.decline(1, FailureKind::External);
    assert_eq!(driver.job.failures()[0].cause.kind, FailureKind::CheckpointFailed);
    assert_eq!(message(&driver.job), "the job was drained for savepoint 1, which failed");
}

#[test]
fn a_part_that_fails_while_a_stop_is_stored_ends_the_stop_but_not_the_savepoint() {
    let mut driver = Driver::running(every_second());
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Suspend));
    driver.ack_all(1);
    let cause = FailureCause::new(FailureKind::Panic, "boom");
    let mut effects = Vec::new();
    driver.job.stop_checkpoints(&cause, MonoTime::ZERO, &mut effects);
    assert_eq!(notices(&effects), both(CheckpointNotice::Aborted(CheckpointId(1))));
    let effects = driver.stored(1);
    assert_eq!(notices(&effects), [], "those that live have read on");
    assert_eq!(driver.job.restore_point(), None);
    let answer = done(&effects).unwrap().1.unwrap_err();
    assert!(answer.contains(PATH), "{answer}");
}

#[test]
fn a_job_is_canceled_once_its_savepoint_is_stored() {
    let mut driver = Driver::running(every_second());
    driver.savepoint(1, AfterSavepoint::Cancel);
    driver.ack_all(1);
    assert!(matches!(driver.job.state(), JobState::Running));
    let effects = driver.stored(1);
    assert_eq!(done(&effects), Some((1, Ok((1, PATH.to_owned())))));
    assert!(matches!(driver.job.state(), JobState::Canceling { .. }));
}

#[test]
fn what_cannot_be_granted_is_refused_with_the_reason() {
    let refusal = |effects: &[Effect]| done(effects).unwrap().1.unwrap_err();
    let mut driver = Driver::deployed(every_second(), CheckpointConfig::default());
    driver.state(0, 0, TaskState::Running);
    let answer = refusal(&driver.savepoint(1, AfterSavepoint::GoOn));
    assert_eq!(answer, "the job is RUNNING: 1 of its 3 subtasks run");

    let mut driver = Driver::running(every_second());
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Suspend));
    let answer = refusal(&driver.savepoint(2, AfterSavepoint::Stop(StopMode::Suspend)));
    assert_eq!(answer, "the job is being stopped with savepoint 1");

    let mut driver = Driver::running(every_second());
    driver.at(1_000);
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Suspend));
    let answer = refusal(&driver.savepoint(2, AfterSavepoint::GoOn));
    assert_eq!(answer, "the job is about to be stopped with a savepoint");

    let mut graph = jobs::graph(1, 1);
    graph.job_type = JobType::Batch;
    let mut driver = Driver { job: jobs::job(graph), now: 0, sequence: 0 };
    let answer = refusal(&driver.savepoint(1, AfterSavepoint::GoOn));
    assert!(answer.contains("batch mode"), "{answer}");
}

#[test]
fn requests_that_wait_when_subtasks_are_stopped_are_answered() {
    let mut driver = Driver::running(every_second());
    driver.at(1_000);
    driver.savepoint(1, AfterSavepoint::GoOn);
    let mut effects = Vec::new();
    let cause = FailureCause::new(FailureKind::Panic, "boom");
    driver.job.stop_checkpoints(&cause, MonoTime::ZERO, &mut effects);
    assert_eq!(done(&effects), Some((1, Err("boom".to_owned()))));
}
