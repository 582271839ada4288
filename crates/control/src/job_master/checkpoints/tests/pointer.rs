//! A checkpoint counts when it is durable that it does.

use flott_core::{checkpoint::StopMode, restart::RestartStrategy};

use super::*;
use crate::job_master::{CheckpointPointer, RunRecord};

impl Driver {
    /// As `on`, but nothing is durable before the test says so.
    fn raw(&mut self, event: Event) -> Vec<Effect> {
        self.job.handle(event, MonoTime::from_millis(self.now))
    }

    fn raw_stored(&mut self, id: u64) -> Vec<Effect> {
        let pending = self.job.checkpoints.pending.get(&CheckpointId(id)).expect("it is pending");
        let uri = format!("{}/_metadata", self.job.directory_of(&pending.barrier));
        let result = Ok(StoredMetadata { uri, size: 10 });
        self.raw(Event::CheckpointStored { checkpoint_id: CheckpointId(id), result })
    }

    fn pointed(&mut self, id: u64) -> Vec<Effect> {
        self.raw(Event::PointerStored { checkpoint_id: CheckpointId(id) })
    }
}

fn pointer(effects: &[Effect]) -> Option<(u64, CheckpointPointer)> {
    effects.iter().find_map(|effect| match effect {
        Effect::StorePointer { checkpoint_id, pointer } => Some((checkpoint_id.0, pointer.clone())),
        _ => None,
    })
}

fn run(effects: &[Effect]) -> Option<RunRecord> {
    effects.iter().find_map(|effect| match effect {
        Effect::StoreRun { run } => Some(run.clone()),
        _ => None,
    })
}

fn retained(pointer: &CheckpointPointer) -> Vec<u64> {
    pointer.retained.iter().map(|it| it.id.0).collect()
}

#[test]
fn nobody_is_told_and_nothing_is_deleted_before_it_is_durable() {
    let mut driver = Driver::running(every_second());
    driver.complete_at(1_000);
    driver.at(2_000);
    driver.ack_all(2);
    let effects = driver.raw_stored(2);
    let (id, wanted) = pointer(&effects).expect("it is to be durable");
    let latest = wanted.latest.clone().expect("there is one");
    assert_eq!((id, latest.id.0, latest.metadata.as_str()), (2, 2, "file:///c/job/chk-2/_metadata"));
    assert_eq!((latest.stops, retained(&wanted)), (false, vec![2]));
    assert_eq!((effects.len(), notices(&effects), deleted(&effects)), (1, Vec::new(), Vec::new()));
    assert_eq!(driver.job.restore_point().unwrap().checkpoint_id, CheckpointId(1));
    assert!(!driver.job.checkpoints_settled());

    let effects = driver.pointed(2);
    assert_eq!(notices(&effects), both(CheckpointNotice::Completed(CheckpointId(2))));
    assert_eq!(deleted(&effects), ["file:///c/job/chk-1"]);
    assert_eq!(driver.job.restore_point().unwrap().checkpoint_id, CheckpointId(2));
    assert_eq!(driver.pointed(2), [], "doubled");
}

#[test]
fn they_are_made_durable_one_at_a_time_and_never_an_earlier_one_after_a_later() {
    let mut driver = Driver::running(CheckpointSettings { max_concurrent: 3, ..every_second() });
    for now in [1_000, 2_000, 3_000] {
        driver.at(now);
    }
    (1..=3).for_each(|id| drop(driver.ack_all(id)));
    assert_eq!(pointer(&driver.raw_stored(2)).map(|it| it.0), Some(2));
    assert_eq!(driver.raw_stored(3), [], "it waits for its turn");
    assert_eq!(driver.raw_stored(1), []);
    let effects = driver.pointed(2);
    let told: Vec<_> = notices(&effects).into_iter().map(|(_, notice)| notice).collect();
    let (completed, aborted) =
        (CheckpointNotice::Completed(CheckpointId(2)), CheckpointNotice::Aborted(CheckpointId(1)));
    assert_eq!(told, [completed, completed, aborted, aborted]);
    assert_eq!(pointer(&effects).map(|it| it.0), Some(3));
}

#[test]
fn a_restart_waits_until_it_is_known_from_where() {
    let mut driver = Driver::running(every_second());
    driver.job.restarts = crate::job_master::restart::Restarts::new(
        RestartStrategy::FixedDelay { attempts: 9, delay_ms: 0 },
        jobs::JOB,
    );
    driver.at(1_000);
    driver.ack_all(1);
    driver.raw_stored(1);
    driver.state(0, 0, jobs::failed(FailureKind::Panic, "boom"));
    driver.state(0, 1, TaskState::Canceled);
    driver.state(1, 0, TaskState::Canceled);
    assert!(driver.job.executions().all(|it| it.attempt == AttemptNumber(0)));
    let effects = driver.on(Event::PointerStored { checkpoint_id: CheckpointId(1) });
    let Some(Order::DeployTasks { tasks, .. }) = jobs::deploy_order(&effects, "a") else {
        panic!("{effects:?}")
    };
    let restored = tasks[0].restore.as_ref().map(|point| point.checkpoint_id);
    assert_eq!((tasks[0].attempt, restored), (AttemptNumber(1), Some(CheckpointId(1))));
}

#[test]
fn a_stop_that_fails_while_its_savepoint_becomes_the_latest_restarts_all_from_that() {
    let mut driver = Driver::running(every_second());
    driver.job.restarts = crate::job_master::restart::Restarts::new(
        RestartStrategy::FixedDelay { attempts: 9, delay_ms: 0 },
        jobs::JOB,
    );
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Suspend));
    driver.ack_all(1);
    let (_, wanted) = pointer(&driver.raw_stored(1)).expect("the job ends with it");
    assert!(wanted.latest.is_some_and(|latest| latest.stops));
    let effects = driver.state(0, 0, jobs::failed(FailureKind::Panic, "boom"));
    let (call, answer) = done(&effects).expect("it is known that the job does not stop");
    assert!(call == 1 && answer.is_err_and(|message| message.contains("savepoint has been created at")));
    let effects = driver.pointed(1);
    assert_eq!(done(&effects), None, "once is enough");
    assert_eq!(driver.job.restore_point().unwrap().checkpoint_id, CheckpointId(1));
}

#[test]
fn a_job_that_ends_before_its_last_savepoint_is_durable_did_not_stop_with_it() {
    let mut driver = Driver::running(every_second());
    driver.savepoint(1, AfterSavepoint::Stop(StopMode::Suspend));
    driver.ack_all(1);
    driver.raw_stored(1);
    let effects = driver.finish_all();
    assert_eq!(driver.job.outcome(), Some(&Outcome::Finished));
    assert_eq!(done(&effects), Some((1, Err("the job has finished".to_owned()))));
}

#[test]
fn a_checkpoint_needs_a_number_that_is_durable() {
    let mut driver = Driver::running(every_second());
    assert_eq!(driver.job.numbers.stored.next_checkpoint, CheckpointId(33));
    for id in 1..=25 {
        driver.complete_at(id * 1_000);
    }
    driver.now = 26_000;
    let effects = driver.raw(Event::TimerFired);
    let wanted = run(&effects).expect("few are left");
    assert!(triggered(&effects).is_some(), "but this one has its number");
    assert_eq!(wanted.next_checkpoint, CheckpointId(26 + 32));
    driver.ack_all(26);
    driver.stored(26);
    for id in 27..=32 {
        driver.complete_at(id * 1_000);
    }
    driver.now = 33_000;
    assert_eq!(triggered(&driver.raw(Event::TimerFired)), None);
    assert_eq!(driver.job.next_wakeup(), None, "only that it is durable helps");
    let effects = driver.raw(Event::RunStored { run: wanted });
    assert_eq!(triggered(&effects).map(|(barrier, _)| barrier.id), Some(CheckpointId(33)));
}

#[test]
fn a_savepoint_within_the_jobs_directory_is_known_before_it_begins() {
    let mut driver = Driver::running(every_second());
    let directory = format!("{DIR}/savepoint-1");
    let (format, then) = (Default::default(), AfterSavepoint::GoOn);
    let request = SnapshotRequest::Savepoint { directory, format, then };
    let effects = driver.raw(Event::SnapshotRequested { call: CallId(1), request });
    let wanted = run(&effects).expect("that the directory is not to be deleted");
    assert!(wanted.has_savepoints_within && triggered(&effects).is_none());
    assert!(triggered(&driver.raw(Event::RunStored { run: wanted })).is_some());
}

#[test]
fn files_go_when_it_is_durable_that_the_job_has_ended() {
    let mut driver = Driver::running(every_second());
    driver.complete_at(1_000);
    let effects = driver.finish_all();
    let ended = effects.iter().position(|it| matches!(it, Effect::Terminated { .. }));
    let deletes = effects.iter().position(|it| matches!(it, Effect::DeleteFiles { .. }));
    assert!(ended.is_some() && ended < deletes, "{effects:?}");
}
