//! Another JobMaster goes on from what was durable.

use std::sync::Arc;

use flott_core::{
    ExecutionState, HostId, JobStatus,
    checkpoint::{
        Blob, EnumerationState, OperatorState, OperatorSubtaskState, SourceQueueState, VertexState,
    },
    deployment::{EnumeratedSplits, SplitAnswer},
    job_graph::Partitioner,
    restart::RestartStrategy,
};

use super::*;
use crate::{
    job_master::{
        RecoveredCheckpoint, RecoveredJob, RetainedCheckpoint, RunRecord, tests::reconcile as local,
    },
    protocol::{LocalTask, SplitLog, SplitMark},
};

fn retained(id: u64) -> RetainedCheckpoint {
    RetainedCheckpoint { id: CheckpointId(id), directory: format!("{DIR}/chk-{id}"), is_exclusive: true }
}

/// Checkpoint 7, in which splits 4 and 5 are left, and in which these sources had finished.
fn metadata(finished: [bool; 2], enumeration: EnumerationState) -> Arc<CheckpointMetadata> {
    let vertex = |finished: &[bool]| VertexState {
        uids: Vec::new(),
        finished: finished.to_vec(),
        watermarks: Vec::new(),
        channels: Vec::new(),
    };
    let barrier_kind = flott_core::checkpoint::SnapshotKind::Checkpoint { full: false };
    Arc::new(CheckpointMetadata {
        job_id: jobs::JOB,
        job_name: "test".to_owned(),
        checkpoint_id: CheckpointId(7),
        kind: barrier_kind,
        triggered_at: 0,
        operators: Vec::new(),
        vertices: vec![vertex(&finished), vertex(&[false])],
        sources: vec![SourceQueueState {
            uid: "Source".to_owned(),
            remaining: vec![vec![4].into(), vec![5].into()],
            enumeration,
        }],
    })
}

fn recover(metadata: Arc<CheckpointMetadata>, stops: bool, change: impl FnOnce(&mut RunRecord)) -> Driver {
    recover_graph(jobs::graph(2, 1), metadata, stops, change)
}

fn recover_graph(
    mut graph: flott_core::JobGraph,
    metadata: Arc<CheckpointMetadata>,
    stops: bool,
    change: impl FnOnce(&mut RunRecord),
) -> Driver {
    graph.recovery.checkpoints = every_second();
    graph.recovery.restart = Some(RestartStrategy::FixedDelay { attempts: 9, delay_ms: 0 });
    let mut run = RunRecord {
        attempts: vec![AttemptNumber(0)],
        next_host: HostId(2),
        next_checkpoint: CheckpointId(33),
        ..RunRecord::default()
    };
    change(&mut run);
    let point = RestorePoint {
        checkpoint_id: CheckpointId(7),
        metadata: format!("{DIR}/chk-7/_metadata"),
        owned: true,
    };
    let kept = if stops { Vec::new() } else { vec![(retained(7), metadata.clone())] };
    let latest = Some(RecoveredCheckpoint { point, metadata, stops });
    let mut job = jobs::job(graph).with_checkpoints(CheckpointConfig::default());
    job.spec.checkpoint_dir = DIR.to_owned();
    let recovered = RecoveredJob { run, latest, retained: kept, is_canceled: false };
    let mut driver = Driver { job: job.with_recovery(recovered), now: 0, sequence: 100 };
    driver.on(Event::Started);
    driver
}

fn recovered() -> Driver {
    recover(metadata([false; 2], EnumerationState::Complete), false, |_| {})
}

/// A log of a source that was at this request in checkpoint 7.
fn log(subtask: u32, at: u64, answers: &[(u64, SplitAnswer)]) -> SplitLog {
    let mark = SplitMark { checkpoint_id: CheckpointId(7), last_answered: at, last_report: None };
    SplitLog {
        subtask: SubtaskId::new(0, subtask),
        attempt: AttemptNumber(0),
        answers: answers.to_vec(),
        reports: Vec::new(),
        marks: vec![mark],
        is_cut: false,
    }
}

fn on_a() -> Vec<LocalTask> {
    vec![local::running(0, 0, "a"), local::running(1, 0, "a")]
}

fn on_b() -> Vec<LocalTask> {
    vec![local::running(0, 1, "b")]
}

/// All that runs, with what is known of the two sources.
fn adopt(driver: &mut Driver, logs: [SplitLog; 2], change: impl Fn(&mut LocalTask)) -> Vec<Effect> {
    let [of_a, of_b] = logs;
    let (mut on_a, mut on_b) = (on_a(), on_b());
    on_a.iter_mut().chain(&mut on_b).for_each(change);
    let mut event = local::returned_with("a", on_a, vec![of_a]);
    if let Event::TaskManagerReturned(returned) = &mut event {
        returned.report.last_checkpoint = Some(CheckpointId(8));
    }
    driver.on(event);
    driver.on(local::returned_with("b", on_b, vec![of_b]))
}

fn plain(driver: &mut Driver) -> Vec<Effect> {
    adopt(driver, [log(0, 3, &[]), log(1, 2, &[])], |_| {})
}

fn asked(driver: &mut Driver, subtask: u32, request_id: u64) -> Option<SplitAnswer> {
    let subtask = SubtaskId::new(0, subtask);
    let effects = driver.on(Event::SplitRequested { subtask, attempt: AttemptNumber(0), request_id });
    effects.into_iter().find_map(|effect| match effect {
        Effect::AnswerSplit { answer, .. } => Some(answer),
        _ => None,
    })
}

fn split(number: u8) -> SplitAnswer {
    SplitAnswer::Split(vec![number])
}

#[test]
fn completion_is_told_again_and_what_was_under_way_is_given_up() {
    let mut driver = recovered();
    let effects = plain(&mut driver);
    let (completed, aborted) =
        (CheckpointNotice::Completed(CheckpointId(7)), CheckpointNotice::Aborted(CheckpointId(8)));
    assert_eq!(notices(&effects), [both(aborted), both(completed)].concat());
    assert_eq!(driver.job.restarts(), 0);
    let effects = driver.complete_at(1_000);
    assert_eq!(notices(&effects), both(CheckpointNotice::Completed(CheckpointId(33))), "checkpoints go on");
    assert_eq!(deleted(&effects), [format!("{DIR}/chk-7")]);
}

#[test]
fn a_number_that_no_checkpoint_can_have_had_is_not_believed() {
    let mut driver = recovered();
    let mut event = local::returned_with("a", on_a(), vec![log(0, 3, &[])]);
    if let Event::TaskManagerReturned(returned) = &mut event {
        returned.report.last_checkpoint = Some(CheckpointId(u64::MAX));
    }
    driver.on(event);
    let effects = driver.on(local::returned_with("b", on_b(), vec![log(1, 2, &[])]));
    let aborted = (8..33).flat_map(|id| both(CheckpointNotice::Aborted(CheckpointId(id))));
    let completed = both(CheckpointNotice::Completed(CheckpointId(7)));
    assert_eq!(notices(&effects), aborted.chain(completed).collect::<Vec<_>>());
}

#[test]
fn splits_of_the_checkpoint_are_handed_out_but_for_those_that_were() {
    let mut driver = recovered();
    let of_a = log(0, 3, &[(3, split(1)), (4, split(4))]);
    adopt(&mut driver, [of_a, log(1, 2, &[])], |_| {});
    assert_eq!(asked(&mut driver, 0, 4), Some(split(4)), "asked again");
    assert_eq!(asked(&mut driver, 1, 3), Some(split(5)));
    assert_eq!(asked(&mut driver, 0, 5), Some(SplitAnswer::NoMoreSplits));
    assert_eq!(driver.job.restarts(), 0);
}

#[test]
fn who_had_finished_in_the_checkpoint_has_got_nothing_since() {
    let metadata = metadata([true, false], EnumerationState::Complete);
    let mut driver = recover(metadata, false, |_| {});
    let of_a = SplitLog { marks: Vec::new(), ..log(0, 0, &[(1, split(1)), (2, split(2))]) };
    adopt(&mut driver, [of_a, log(1, 2, &[])], |task| {
        if task.subtask == SubtaskId::new(0, 0) {
            task.state = Some(TaskState::Finished);
        }
    });
    assert_eq!(driver.job.restarts(), 0);
    assert_eq!(asked(&mut driver, 1, 3), Some(split(4)));
}

fn sink_state() -> OperatorSubtaskState {
    OperatorSubtaskState {
        uid: "Sink".to_owned(),
        manifest: Blob::Inline(Vec::new()),
        files: Vec::new(),
        has_union: false,
        state_size: 0,
    }
}

/// Two pipelines, of which the second had finished in checkpoint 7, perhaps with this state of its sink.
fn with_a_finished_pipeline(state: Option<OperatorSubtaskState>) -> Driver {
    let mut graph = jobs::graph(2, 2);
    graph.edges[0].partitioner = Partitioner::Forward;
    let mut metadata = (*metadata([false, true], EnumerationState::Complete)).clone();
    metadata.vertices[1].finished = vec![false, true];
    metadata.vertices[1].uids = vec!["Sink".to_owned()];
    metadata.operators = vec![OperatorState {
        uid: "Sink".to_owned(),
        name: "Sink".to_owned(),
        parallelism: 2,
        max_parallelism: 128,
        subtasks: vec![Some(sink_state()), state],
    }];
    let mut driver =
        recover_graph(graph, Arc::new(metadata), false, |run| run.attempts.push(AttemptNumber(0)));
    driver.on(local::returned_with("a", on_a(), vec![log(0, 3, &[])]));
    driver.at(10_000);
    driver
}

#[test]
fn what_had_finished_need_not_be_found() {
    let mut driver = with_a_finished_pipeline(None);
    assert_eq!((driver.job.status(), driver.job.restarts()), (JobStatus::Running, 0));
    use ExecutionState::{Finished, Running};
    let states: Vec<_> = driver.job.executions().map(|it| it.state).collect();
    assert_eq!(states, [Running, Finished, Running, Finished]);
    driver.at(10_001);
    assert!(triggered(&driver.at(11_001)).is_some(), "checkpoints go on");
    driver.state(0, 0, TaskState::Finished);
    driver.state(1, 0, TaskState::Finished);
    assert_eq!(driver.job.outcome(), Some(&Outcome::Finished));
}

#[test]
fn what_may_have_something_to_commit_starts_again() {
    let driver = with_a_finished_pipeline(Some(sink_state()));
    assert_eq!((driver.job.status(), driver.job.restarts()), (JobStatus::Restarting, 1));
}

#[test]
fn an_enumerator_goes_on_from_its_part_of_the_checkpoint() {
    let metadata = metadata([false; 2], EnumerationState::Underway(vec![9]));
    let mut driver = recover(metadata, false, |_| {});
    let report =
        |report_id, number| EnumeratedSplits { report_id, result: Ok(vec![vec![number]]), complete: false };
    let mut of_a = log(0, 3, &[]);
    of_a.marks[0].last_report = Some(2);
    of_a.reports = vec![report(2, 5), report(3, 6)];
    adopt(&mut driver, [of_a, log(1, 2, &[(3, split(6))])], |_| {});
    assert_eq!(driver.job.restarts(), 0);
    assert!(driver.job.is_enumerating(SubtaskId::new(0, 0), AttemptNumber(0)));
    assert_eq!(asked(&mut driver, 1, 4), Some(split(4)));
    driver.on(Event::SplitsEnumerated {
        subtask: SubtaskId::new(0, 0),
        attempt: AttemptNumber(0),
        splits: report(4, 7),
    });
    let rest: Vec<_> = (5..=6).map(|request_id| asked(&mut driver, 1, request_id)).collect();
    assert_eq!(rest, [Some(split(5)), Some(split(7))]);
}

#[test]
fn a_reader_that_began_with_the_checkpoint_needs_no_mark() {
    let mut driver = recovered();
    let fresh = |subtask| SplitLog { marks: Vec::new(), ..log(subtask, 0, &[]) };
    let of_a = SplitLog { answers: vec![(1, split(4))], ..fresh(0) };
    adopt(&mut driver, [of_a, fresh(1)], |task| task.restored = Some(CheckpointId(7)));
    assert_eq!((driver.job.restarts(), asked(&mut driver, 1, 1)), (0, Some(split(5))));

    let mut driver = recovered();
    adopt(&mut driver, [fresh(0), fresh(1)], |task| task.restored = Some(CheckpointId(3)));
    driver.at(10_000);
    assert_eq!(driver.job.restarts(), 1, "what it has read since is not known");
}

#[test]
fn a_job_that_was_to_end_with_the_savepoint_ends() {
    let mut driver = recover(metadata([false; 2], EnumerationState::Complete), true, |_| {});
    let effects = plain(&mut driver);
    assert!(notices(&effects).contains(&("a", CheckpointNotice::Completed(CheckpointId(7)))));
    assert_eq!(triggered(&driver.at(5_000)), None, "no other one begins");
    driver.finish_all();
    assert_eq!(driver.job.outcome(), Some(&Outcome::Finished));
}

#[test]
fn the_savepoint_that_a_job_ends_with_stays() {
    let metadata = metadata([false; 2], EnumerationState::Complete);
    let mut driver = recover(metadata, true, |run| run.has_savepoints_within = true);
    plain(&mut driver);
    let effects = driver.finish_all();
    assert_eq!(driver.job.outcome(), Some(&Outcome::Finished));
    assert_eq!(deleted(&effects), [""; 0]);
}

#[test]
fn a_job_that_ends_before_its_next_checkpoint_has_some() {
    let mut driver = recovered();
    assert!(driver.job.may_have_checkpoints());
    plain(&mut driver);
    driver.finish_all();
    assert!(driver.job.may_have_checkpoints());
    let job = jobs::job(jobs::graph(2, 1)).with_checkpoints(CheckpointConfig::default());
    assert!(!job.may_have_checkpoints());
}

#[test]
fn a_job_that_was_restarted_from_the_savepoint_goes_on() {
    let mut driver = recover(metadata([false; 2], EnumerationState::Complete), true, |_| {});
    let fresh = |subtask| SplitLog { marks: Vec::new(), ..log(subtask, 0, &[]) };
    adopt(&mut driver, [fresh(0), fresh(1)], |task| task.restored = Some(CheckpointId(7)));
    driver.at(1);
    assert!(triggered(&driver.at(2_000)).is_some());
}

#[test]
fn what_was_drained_for_a_savepoint_that_came_to_nothing_starts_again() {
    let mut driver = recovered();
    let logs = [log(0, 3, &[]), log(1, 2, &[])];
    let effects = adopt(&mut driver, logs, |task| {
        if task.subtask == SubtaskId::new(0, 0) {
            task.drained = Some(CheckpointId(8));
        }
    });
    assert_eq!(jobs::count(&effects, "cancel tasks"), 2);
    assert_eq!(driver.job.restarts(), 1);
}

#[test]
fn one_that_waits_for_a_checkpoint_gets_one() {
    let mut driver = recovered();
    driver.job.graph = {
        let mut graph = (*driver.job.graph).clone();
        graph.recovery.checkpoints.interval_ms = None;
        Arc::new(graph)
    };
    let logs = [log(0, 3, &[]), log(1, 2, &[])];
    let effects =
        adopt(&mut driver, logs, |task| task.awaits_checkpoint = task.subtask == SubtaskId::new(1, 0));
    assert_eq!(triggered(&effects).map(|(barrier, _)| barrier.id), Some(CheckpointId(33)));
}

#[test]
fn all_files_go_at_the_end_unless_there_may_be_savepoints_among_them() {
    let mut driver = recovered();
    plain(&mut driver);
    assert_eq!(deleted(&driver.finish_all()), [DIR], "also those of which this JobMaster does not know");

    let metadata = metadata([false; 2], EnumerationState::Complete);
    let mut driver = recover(metadata, false, |run| run.has_savepoints_within = true);
    plain(&mut driver);
    assert_eq!(deleted(&driver.finish_all()), [format!("{DIR}/chk-7")]);
}

#[test]
fn a_job_that_is_gone_begins_with_the_checkpoint() {
    let mut driver = recovered();
    driver.at(10_000);
    driver.on(jobs::granted("a", 0));
    driver.on(jobs::granted("b", 0));
    driver.on(jobs::host_ready("a", 0, 2));
    let effects = driver.on(jobs::host_ready("b", 0, 3));
    let Some(Order::DeployTasks { tasks, .. }) = jobs::deploy_order(&effects, "a") else {
        panic!("{effects:?}")
    };
    let restored = tasks[0].restore.as_ref().map(|point| point.checkpoint_id);
    assert_eq!((tasks[0].attempt, restored), (AttemptNumber(1), Some(CheckpointId(7))));
    assert_eq!(driver.job.restarts(), 0);
    assert_eq!(driver.job.held_slots().count(), 2);
}
