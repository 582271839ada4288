//! Another JobMaster goes on with the job.

use flott_core::{
    CheckpointId, ExecutionState, HostId,
    deployment::{EnumeratedSplits, SplitAnswer},
    restart::RestartStrategy,
};

use super::*;
use crate::protocol::{CheckpointNotice, LocalHost, LocalHostState, LocalJobReport, LocalTask, SplitLog};

const FIRST: AttemptNumber = AttemptNumber(0);

/// A job with two sources and a sink, or with two pipelines, that another JobMaster has begun.
fn recovered(pointwise: bool) -> JobMaster {
    let mut graph = if pointwise { graph(2, 2) } else { graph(2, 1) };
    if pointwise {
        graph.edges[0].partitioner = Partitioner::Forward;
    }
    graph.recovery.restart = Some(RestartStrategy::FixedDelay { attempts: 9, delay_ms: 0 });
    let run = RunRecord {
        attempts: vec![FIRST; if pointwise { 2 } else { 1 }],
        next_host: HostId(5),
        next_checkpoint: CheckpointId(33),
        ..RunRecord::default()
    };
    job(graph).with_recovery(RecoveredJob { run, latest: None, retained: Vec::new(), is_canceled: false })
}

pub(in crate::job_master) fn local(
    vertex: u32,
    subtask: u32,
    name: &str,
    state: Option<TaskState>,
) -> LocalTask {
    LocalTask {
        subtask: SubtaskId::new(vertex, subtask),
        attempt: FIRST,
        allocation_id: allocation(name, 0),
        restored: None,
        state,
        awaits_checkpoint: false,
        is_canceling: false,
        drained: None,
    }
}

pub(in crate::job_master) fn running(vertex: u32, subtask: u32, name: &str) -> LocalTask {
    local(vertex, subtask, name, Some(TaskState::Running))
}

fn log(subtask: u32, answers: &[(u64, SplitAnswer)], reports: &[EnumeratedSplits]) -> SplitLog {
    SplitLog {
        subtask: SubtaskId::new(0, subtask),
        attempt: FIRST,
        answers: answers.to_vec(),
        reports: reports.to_vec(),
        marks: Vec::new(),
        is_cut: false,
    }
}

pub(in crate::job_master) fn returned_with(
    name: &str,
    tasks: Vec<LocalTask>,
    splits: Vec<SplitLog>,
) -> Event {
    let data_address = format!("{name}:7000");
    let host =
        LocalHost { attempt: AttemptNumber(first_host(name)), state: LocalHostState::Ready { data_address } };
    let report = LocalJobReport {
        job_id: JOB,
        host: Some(host),
        tasks,
        splits,
        last_checkpoint: None,
        next_sequence: 10,
    };
    Event::TaskManagerReturned(ReturnedTaskManager {
        task_manager_id: tm(name),
        fence: fence(name),
        rpc_address: format!("{name}:6122"),
        slots: vec![(SlotIndex(0), allocation(name, 0))],
        report,
    })
}

fn returned(name: &str, tasks: Vec<LocalTask>) -> Event {
    returned_with(name, tasks, Vec::new())
}

fn on_a() -> Event {
    returned("a", vec![running(0, 0, "a"), running(1, 0, "a")])
}

fn on_b() -> Event {
    returned("b", vec![running(0, 1, "b")])
}

fn released(effects: &[Effect]) -> Vec<AllocationId> {
    let released = |effect: &Effect| match effect {
        Effect::ReleaseSlot { allocation_id } => Some(*allocation_id),
        _ => None,
    };
    effects.iter().filter_map(released).collect()
}

fn reconciling() -> JobMaster {
    let mut job = recovered(false);
    let effects = drive(&mut job, [(0, Event::Started)]);
    assert_eq!(
        effects,
        [Effect::AwaitTaskManagers, Effect::StatusChanged { status: JobStatus::Reconciling }]
    );
    assert_eq!(job.next_wakeup(), Some(MonoTime::from_millis(10_000)));
    job
}

#[test]
fn a_job_that_runs_is_adopted_as_it_is() {
    let mut job = reconciling();
    assert_eq!(drive(&mut job, [(10, on_a())]), []);
    let effects = drive(&mut job, [(20, on_b())]);
    assert_eq!(
        effects,
        [Effect::StatusChanged { status: JobStatus::Running }, Effect::RequireSlots { count: 2 }],
        "nothing is ordered"
    );
    assert!(job.executions().all(|it| it.state == ExecutionState::Running && it.attempt == FIRST));
    assert!(job.admits(&tm("a"), registration("a")));
    assert_eq!(job.restarts(), 0);
    let ends = [("a", 10, 0, 0), ("b", 10, 0, 1), ("a", 11, 1, 0)];
    let ends = ends.map(|(name, sequence, vertex, subtask)| {
        (30, task(name, sequence, vertex, subtask, TaskState::Finished))
    });
    drive(&mut job, ends);
    assert_eq!(job.outcome(), Some(&Outcome::Finished));
}

#[test]
fn a_job_that_had_not_begun_waits_for_slots_at_once() {
    let run = RunRecord { next_host: HostId(2), ..RunRecord::default() };
    let recovered = RecoveredJob { run, latest: None, retained: Vec::new(), is_canceled: false };
    let mut job = job(graph(2, 1)).with_recovery(recovered);
    drive(&mut job, [(0, Event::Started)]);
    assert!(matches!(job.state(), JobState::WaitingForSlots { .. }));
    let effects = drive(&mut job, [(5, granted("a", 0)), (10, granted("b", 0))]);
    let start = effects.iter().find_map(|effect| match effect {
        Effect::SendOrder { order: Order::StartTaskHost { attempt, .. }, .. } => Some(*attempt),
        _ => None,
    });
    assert_eq!(start, Some(AttemptNumber(2)), "the numbers before may have been used");
}

#[test]
fn what_nobody_has_told_of_in_time_is_started_again_with_all_that_is_connected() {
    let mut job = reconciling();
    drive(&mut job, [(10, on_a())]);
    let effects = drive(&mut job, [(10_000, Event::TimerFired)]);
    assert_eq!(orders(&effects), [("a", "cancel tasks")]);
    assert!(failure_text(&job).starts_with("no TaskManager has told of Source (2/2) within 10 s"));
    let canceled = [(0, 10, 0), (1, 11, 0)].map(|(vertex, sequence, subtask)| {
        (10_010, task("a", sequence, vertex, subtask, TaskState::Canceled))
    });
    drive(&mut job, canceled);
    let effects = drive(&mut job, [(10_020, granted("b", 0)), (10_030, host_ready("b", 1, 5))]);
    let Some(Order::DeployTasks { tasks, .. }) = deploy_order(&effects, "b") else { panic!("{effects:?}") };
    assert_eq!(tasks[0].attempt, AttemptNumber(1));
    assert_eq!(job.restarts(), 1);
}

#[test]
fn regions_that_are_whole_go_on_while_others_start_again() {
    let mut job = recovered(true);
    drive(&mut job, [(0, Event::Started), (10, on_a())]);
    let effects = drive(&mut job, [(10_000, Event::TimerFired)]);
    assert_eq!(count(&effects, "cancel tasks"), 0);
    let states: Vec<_> = job.executions().map(|it| (it.attempt.0, it.state)).collect();
    use ExecutionState::{Running, Scheduled};
    assert_eq!(states, [(0, Running), (1, Scheduled), (0, Running), (1, Scheduled)]);
    assert_eq!(job.status(), JobStatus::Restarting);
}

#[test]
fn a_job_of_which_nothing_is_found_begins_again_and_that_is_no_failure() {
    let mut job = reconciling();
    let effects = drive(&mut job, [(10_000, Event::TimerFired)]);
    assert!(effects.contains(&Effect::RequireSlots { count: 2 }), "{effects:?}");
    assert_eq!((job.restarts(), job.failures().len()), (0, 0));
    assert!(job.executions().all(|it| it.attempt == AttemptNumber(1)), "the first may run somewhere");
    let effects = drive(&mut job, [(10_010, granted("a", 0)), (10_010, granted("b", 0))]);
    assert_eq!(count(&effects, "start task host"), 2);
}

#[test]
fn slots_and_task_hosts_without_subtasks_are_used() {
    let mut job = reconciling();
    drive(&mut job, [(10, returned("a", Vec::new())), (20, returned("b", Vec::new()))]);
    let effects = drive(&mut job, [(10_000, Event::TimerFired)]);
    assert_eq!(orders(&effects), [("a", "deploy tasks"), ("b", "deploy tasks")]);
}

#[test]
fn what_was_being_canceled_is_not_adopted() {
    let mut job = reconciling();
    let canceling = LocalTask { is_canceling: true, ..running(0, 1, "b") };
    drive(&mut job, [(10, on_a())]);
    let effects = drive(&mut job, [(20, returned("b", vec![canceling]))]);
    assert_eq!(count(&effects, "cancel tasks"), 2, "it is known at once");
    assert_eq!(job.status(), JobStatus::Restarting);
    assert!(failure_text(&job).contains("was being stopped"));
}

#[test]
fn a_failure_that_nobody_has_heard_of_is_the_cause() {
    let mut job = reconciling();
    let panicked = local(0, 1, "b", Some(failed(FailureKind::Panic, "boom")));
    drive(&mut job, [(10, on_a()), (20, returned("b", vec![panicked]))]);
    assert_eq!(failure_text(&job), "boom");
    assert_eq!(job.failures()[0].task_name.as_deref(), Some("Source (2/2)"));
}

#[test]
fn what_comes_too_late_or_was_given_up_before_is_released() {
    let mut job = reconciling();
    let stale = LocalTask { attempt: AttemptNumber(9), ..running(0, 1, "b") };
    let effects = drive(&mut job, [(10, returned("b", vec![stale]))]);
    assert_eq!(released(&effects), [allocation("b", 0)], "that runs for nobody");
    drive(&mut job, [(20, on_a()), (30, on_b())]);
    let effects = drive(&mut job, [(40, returned("c", vec![running(0, 1, "c")]))]);
    assert_eq!((effects.len(), released(&effects)), (1, vec![allocation("c", 0)]));
}

#[test]
fn a_slot_too_many_is_released() {
    let mut job = reconciling();
    drive(&mut job, [(10, on_a()), (15, returned("c", Vec::new()))]);
    let effects = drive(&mut job, [(20, on_b())]);
    assert_eq!(released(&effects), [allocation("c", 0)]);
    assert_eq!(job.held_slots().count(), 2);
}

#[test]
fn what_a_lost_task_manager_had_may_come_back_in_time() {
    let mut job = reconciling();
    drive(&mut job, [(10, on_b()), (20, lost("b")), (30, on_a())]);
    assert_eq!(job.status(), JobStatus::Reconciling);
    drive(&mut job, [(40, on_b())]);
    assert_eq!((job.status(), job.restarts()), (JobStatus::Running, 0));
}

#[test]
fn reports_that_are_part_of_what_was_told_are_skipped_and_later_ones_are_not() {
    let mut job = reconciling();
    drive(&mut job, [(10, on_a()), (11, task("a", 9, 0, 0, failed(FailureKind::Panic, "old")))]);
    drive(&mut job, [(12, task("a", 10, 0, 0, TaskState::Finished)), (20, on_b())]);
    let states: Vec<_> = job.executions().map(|it| it.state).collect();
    assert_eq!(states, [ExecutionState::Finished, ExecutionState::Running, ExecutionState::Running]);
    assert_eq!(job.failures(), []);
}

#[test]
fn who_comes_late_together_with_others_is_waited_for() {
    let mut job = reconciling();
    // Both were there when the timer was due.
    drive(&mut job, [(10_001, on_a()), (10_001, on_b()), (10_001, Event::TimerFired)]);
    assert_eq!((job.status(), job.restarts()), (JobStatus::Running, 0));
}

#[test]
fn time_in_which_nothing_could_be_told_does_not_count() {
    let mut job = reconciling();
    let after = Duration::from_secs(29);
    drive(&mut job, [(30_000, Event::Resumed { after }), (30_000, Event::TimerFired)]);
    assert_eq!(job.status(), JobStatus::Reconciling);
    assert_eq!(job.next_wakeup(), Some(MonoTime::from_millis(40_000)));
    drive(&mut job, [(30_010, on_a()), (30_020, on_b())]);
    assert_eq!((job.status(), job.restarts()), (JobStatus::Running, 0));
}

#[test]
fn a_canceled_job_is_canceled_when_it_is_known_what_runs() {
    let mut job = reconciling();
    assert_eq!(drive(&mut job, [(5, Event::CancelRequested), (10, on_a())]), []);
    let effects = drive(&mut job, [(20, on_b())]);
    assert_eq!(orders(&effects), [("a", "cancel tasks"), ("b", "cancel tasks")]);
    let ends = [("a", 10, 0, 0), ("b", 10, 0, 1), ("a", 11, 1, 0)];
    let ends = ends.map(|(name, sequence, vertex, subtask)| {
        (30, task(name, sequence, vertex, subtask, TaskState::Canceled))
    });
    drive(&mut job, ends);
    assert_eq!(job.outcome(), Some(&Outcome::Canceled));

    let mut job = reconciling();
    let effects = drive(&mut job, [(5, Event::CancelRequested), (10_000, Event::TimerFired)]);
    assert_eq!(job.outcome(), Some(&Outcome::Canceled), "nothing is left of it");
    assert_eq!(count(&effects, "start task host"), 0);
}

#[test]
fn a_job_that_had_finished_is_finished() {
    let mut job = reconciling();
    let finished = |vertex, subtask, name| local(vertex, subtask, name, Some(TaskState::Finished));
    drive(&mut job, [(10, returned("a", vec![finished(0, 0, "a"), finished(1, 0, "a")]))]);
    let effects = drive(&mut job, [(20, returned("b", vec![finished(0, 1, "b")]))]);
    assert_eq!(job.outcome(), Some(&Outcome::Finished));
    assert!(matches!(
        effects.iter().rfind(|it| matches!(it, Effect::RequireSlots { .. })),
        Some(Effect::RequireSlots { count: 0 })
    ));
}

fn splits(report_id: u64, found: &[u8], complete: bool) -> EnumeratedSplits {
    EnumeratedSplits { report_id, result: Ok(found.iter().map(|it| vec![*it]).collect()), complete }
}

fn ask(subtask: u32, request_id: u64) -> Event {
    Event::SplitRequested { subtask: SubtaskId::new(0, subtask), attempt: FIRST, request_id }
}

fn answers(effects: &[Effect]) -> Vec<(u32, u64, SplitAnswer)> {
    let answer = |effect: &Effect| match effect {
        Effect::AnswerSplit { subtask, request_id, answer, .. } => {
            Some((subtask.subtask.0, *request_id, answer.clone()))
        }
        _ => None,
    };
    effects.iter().filter_map(answer).collect()
}

#[test]
fn splits_that_readers_have_are_not_handed_out_again() {
    let mut job = reconciling();
    let enumerate = (1, SplitAnswer::Enumerate { resume: None });
    let on_a = || vec![running(0, 0, "a"), running(1, 0, "a")];
    let of_a = log(0, &[enumerate, (2, SplitAnswer::Split(vec![1]))], &[splits(1, &[1, 2, 3], true)]);
    let of_b = log(1, &[(1, SplitAnswer::Split(vec![2]))], &[]);
    drive(&mut job, [(10, returned_with("a", on_a(), vec![of_a]))]);
    assert_eq!(drive(&mut job, [(15, ask(0, 3))]), [], "it is not known yet what is left");
    let effects = drive(&mut job, [(20, returned_with("b", vec![running(0, 1, "b")], vec![of_b]))]);
    assert_eq!(answers(&effects), [(0, 3, SplitAnswer::Split(vec![3]))]);
    let effects = drive(&mut job, [(30, ask(1, 1)), (40, ask(1, 2))]);
    let expected = [(1, 1, SplitAnswer::Split(vec![2])), (1, 2, SplitAnswer::NoMoreSplits)];
    assert_eq!(answers(&effects), expected, "the same request gets the same answer");
}

#[test]
fn a_report_that_was_taken_but_not_acknowledged_is_waited_for() {
    let mut job = reconciling();
    let of_a = log(0, &[(1, SplitAnswer::Enumerate { resume: None })], &[]);
    let of_b = log(1, &[(1, SplitAnswer::Split(vec![2]))], &[]);
    let on_a = vec![running(0, 0, "a"), running(1, 0, "a")];
    drive(&mut job, [(10, returned_with("a", on_a, vec![of_a]))]);
    drive(&mut job, [(20, returned_with("b", vec![running(0, 1, "b")], vec![of_b]))]);
    assert_eq!(job.status(), JobStatus::Reconciling);
    let again = Event::SplitsEnumerated {
        subtask: SubtaskId::new(0, 0),
        attempt: FIRST,
        splits: splits(1, &[1, 2], false),
    };
    drive(&mut job, [(30, again)]);
    assert_eq!((job.status(), job.restarts()), (JobStatus::Running, 0));
    assert!(job.is_enumerating(SubtaskId::new(0, 0), FIRST));
}

#[test]
fn a_source_of_which_it_is_not_known_what_was_read_starts_again() {
    let mut job = recovered(true);
    let of_b = log(1, &[(1, SplitAnswer::Split(vec![2]))], &[]);
    let on_b = vec![running(0, 1, "b"), running(1, 1, "b")];
    drive(&mut job, [(0, Event::Started), (10, on_a()), (20, returned_with("b", on_b, vec![of_b]))]);
    let effects = drive(&mut job, [(10_000, Event::TimerFired)]);
    assert_eq!(orders(&effects), [("a", "cancel tasks"), ("b", "cancel tasks")]);
    assert!(failure_text(&job).contains("what the job's sources have read"));

    let mut job = recovered(true);
    let cut = SplitLog { is_cut: true, ..log(0, &[(9, SplitAnswer::Split(vec![2]))], &[]) };
    let on_a = vec![running(0, 0, "a"), running(1, 0, "a")];
    let on_b = returned("b", vec![running(0, 1, "b"), running(1, 1, "b")]);
    let events = [Event::Started, returned_with("a", on_a, vec![cut]), on_b].map(|event| (0, event));
    drive(&mut job, events);
    assert_eq!(count(&drive(&mut job, [(10_000, Event::TimerFired)]), "cancel tasks"), 2);
}

#[test]
fn checkpoints_that_were_under_way_are_given_up() {
    let mut job = reconciling();
    let Event::TaskManagerReturned(mut on_a) = on_a() else { unreachable!() };
    on_a.report.last_checkpoint = Some(CheckpointId(2));
    drive(&mut job, [(10, Event::TaskManagerReturned(on_a))]);
    let effects = drive(&mut job, [(20, on_b())]);
    let notices: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendOrder { to, order: Order::NotifyCheckpoint { notice, .. }, .. } => {
                Some((to.as_str(), *notice))
            }
            _ => None,
        })
        .collect();
    let aborted = |id| CheckpointNotice::Aborted(CheckpointId(id));
    assert_eq!(notices, [("a", aborted(1)), ("b", aborted(1)), ("a", aborted(2)), ("b", aborted(2))]);
    let reregistered = Event::TaskManagerReregistered { task_manager_id: tm("b"), fence: fence("b") };
    let effects = drive(&mut job, [(30, reregistered)]);
    assert_eq!(count(&effects, "notify checkpoint"), 2, "who may not have heard hears it again");
}

fn failure_text(job: &JobMaster) -> &str {
    &job.failures()[0].cause.message
}
