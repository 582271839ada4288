//! Scripts of rescales, and what must come of them.

use flott_core::{
    AttemptNumber, ExecutionState, FailureCause, FailureKind, HostId, JobStatus, SubtaskId,
    checkpoint::{Alignment, Blob, CheckpointSettings, CheckpointStats, RestorePoint, SubtaskSnapshot},
    deployment::TaskHostSpec,
    restart::RestartStrategy,
};

use super::{
    super::{Event, RecoveredJob, ReturnedTaskManager, RunRecord, StoredMetadata, tests as jobs},
    *,
};
use crate::protocol::{
    CheckpointOutcome, CheckpointReport, LocalHost, LocalHostState, LocalJobReport, Order, Report,
    TaskReport, TaskState,
};

/// A job with two sources and a sink on `a` and `b`, all of which run.
struct Driver {
    job: JobMaster,
    now: u64,
    sequence: u64,
}

fn settings() -> CheckpointSettings {
    CheckpointSettings { interval_ms: Some(3_600_000), timeout_ms: 5_000, ..CheckpointSettings::default() }
}

fn job(settings: CheckpointSettings) -> JobMaster {
    let mut graph = jobs::graph(2, 1);
    graph.recovery.checkpoints = settings;
    graph.recovery.restart = Some(RestartStrategy::FixedDelay { attempts: 1, delay_ms: 0 });
    jobs::job(graph)
}

impl Driver {
    fn deployed(settings: CheckpointSettings) -> Self {
        let mut driver = Self { job: job(settings), now: 0, sequence: 100 };
        driver.on(Event::Started);
        for event in [jobs::granted("a", 0), jobs::granted("b", 0), jobs::ready("a", 0), jobs::ready("b", 0)]
        {
            driver.on(event);
        }
        driver
    }

    fn running(settings: CheckpointSettings) -> Self {
        let mut driver = Self::deployed(settings);
        driver.all(TaskState::Running);
        driver
    }

    fn on(&mut self, event: Event) -> Vec<Effect> {
        jobs::handle(&mut self.job, event, MonoTime::from_millis(self.now))
    }

    fn at(&mut self, now: u64) -> Vec<Effect> {
        self.now = now;
        self.on(Event::TimerFired)
    }

    fn rescale(&mut self, bounds: [(u32, u32); 2]) -> Vec<Effect> {
        let ids = self.job.graph.vertices.iter().map(|vertex| vertex.id).collect::<Vec<_>>();
        let wanted = ids.into_iter().zip(bounds);
        let wanted = wanted.map(|(id, (lower, upper))| (id, (Some(lower), Some(upper)))).collect();
        self.on(Event::RescaleRequested { call: CallId(7), wanted })
    }

    fn report(&mut self, subtask: SubtaskId, report: impl FnOnce(AttemptNumber) -> Report) -> Vec<Effect> {
        let execution = self.job.executions().find(|it| it.subtask == subtask).unwrap();
        let host = execution.location.as_ref().unwrap().task_manager_id.clone();
        let report = report(execution.attempt);
        self.sequence += 1;
        let event = jobs::reported(host.as_str(), self.sequence, report);
        self.on(event)
    }

    fn state(&mut self, subtask: SubtaskId, state: TaskState) -> Vec<Effect> {
        self.report(subtask, |attempt| Report::Task(TaskReport::without_metrics(subtask, attempt, state)))
    }

    fn all(&mut self, state: TaskState) -> Vec<Effect> {
        let subtasks: Vec<_> = self.job.executions().map(|it| it.subtask).collect();
        subtasks.into_iter().flat_map(|subtask| self.state(subtask, state.clone())).collect()
    }

    fn acknowledge(&mut self, id: u64, snapshot: &SubtaskSnapshot) -> Vec<Effect> {
        let subtasks: Vec<_> = self.job.executions().map(|it| it.subtask).collect();
        let ack = |driver: &mut Self, subtask| {
            let (snapshot, stats) = (Box::new(snapshot.clone()), CheckpointStats::default());
            let outcome = CheckpointOutcome::Acknowledged { snapshot, stats };
            let checkpoint_id = CheckpointId(id);
            driver.report(subtask, |attempt| {
                Report::Checkpoint(CheckpointReport { subtask, attempt, checkpoint_id, outcome })
            })
        };
        subtasks.into_iter().flat_map(|subtask| ack(self, subtask)).collect()
    }

    /// All acknowledge it, and it is stored.
    fn checkpoint(&mut self, id: u64) -> Vec<Effect> {
        let effects = self.acknowledge(id, &SubtaskSnapshot::default());
        let stored = Ok(StoredMetadata { uri: format!("file:///c/chk-{id}/_metadata"), size: 1 });
        let stored = self.on(Event::CheckpointStored { checkpoint_id: CheckpointId(id), result: stored });
        effects.into_iter().chain(stored).collect()
    }

    fn decline(&mut self, id: u64) -> Vec<Effect> {
        let (subtask, checkpoint_id) = (SubtaskId::new(1, 0), CheckpointId(id));
        let outcome = CheckpointOutcome::Declined(FailureCause::new(FailureKind::External, "no space left"));
        self.report(subtask, |attempt| {
            Report::Checkpoint(CheckpointReport { subtask, attempt, checkpoint_id, outcome })
        })
    }

    fn last(&self) -> &RescaleRecord {
        self.job.rescales().records.front().expect("there was one")
    }

    fn end(&self) -> Option<RescaleEnd> {
        self.last().end
    }
}

fn answers(effects: &[Effect]) -> Vec<Result<(), RescaleRefusal>> {
    let answer = |effect: &Effect| match effect {
        Effect::RescaleAnswered { call: CallId(7), result } => Some(result.clone()),
        _ => None,
    };
    effects.iter().filter_map(answer).collect()
}

fn required(effects: &[Effect]) -> Vec<u32> {
    let required = |effect: &Effect| match effect {
        Effect::RequireSlots { count } => Some(*count),
        _ => None,
    };
    effects.iter().filter_map(required).collect()
}

fn started(effects: &[Effect]) -> Vec<(&str, u32, &TaskHostSpec)> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::SendOrder { to, order: Order::StartTaskHost { attempt, spec, .. }, .. } => {
                Some((to.as_str(), attempt.0, spec))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn a_job_grows() {
    let mut driver = Driver::running(settings());
    let effects = driver.rescale([(1, 3), (1, 2)]);
    assert_eq!(answers(&effects), [Ok(())]);
    assert_eq!(required(&effects), [3], "the job runs on until it has the slots");
    assert_eq!(driver.job.numbers.stored.requirements[0], ParallelismBounds { lower: 1, upper: 3 });
    let effects = driver.on(jobs::granted("c", 0));
    assert_eq!(jobs::count(&effects, "trigger checkpoint"), 2);
    assert_eq!(jobs::count(&effects, "cancel tasks"), 0, "nothing stops before the checkpoint is complete");
    let effects = driver.checkpoint(1);
    assert_eq!(jobs::count(&effects, "cancel tasks"), 2);
    assert_eq!(driver.job.status(), JobStatus::Restarting);
    assert_eq!(jobs::count(&effects, "start task host"), 0, "they would have the old graph");

    let effects = driver.all(TaskState::Canceled);
    let hosts: Vec<_> = started(&effects).into_iter().map(|(id, host, _)| (id, host)).collect();
    assert_eq!(hosts, [("a", 2), ("b", 3), ("c", 4)]);
    for (_, _, spec) in started(&effects) {
        assert_eq!(spec.graph.parallelisms(), [3, 2]);
        let rescaled: Vec<_> = spec.config.rescaled.values().copied().collect();
        assert_eq!(rescaled.len(), 2);
    }
    let stored = &driver.job.numbers.stored;
    assert_eq!((stored.parallelism.as_slice(), stored.first_host), ([3, 2].as_slice(), HostId(2)));
    assert_eq!(stored.attempts, [AttemptNumber(1)]);
    let mut effects = Vec::new();
    for (name, host) in [("a", 2), ("b", 3), ("c", 4)] {
        effects.extend(driver.on(jobs::host_ready(name, 500, host)));
    }
    let Some(Order::DeployTasks { tasks, .. }) = jobs::deploy_order(&effects, "c") else { panic!() };
    let restore = RestorePoint {
        checkpoint_id: CheckpointId(1),
        metadata: "file:///c/chk-1/_metadata".to_owned(),
        owned: true,
    };
    assert_eq!(tasks[0].restore, Some(restore));
    assert_eq!((tasks[0].subtask, tasks[0].attempt), (SubtaskId::new(0, 2), AttemptNumber(1)));
    driver.sequence = 600;
    driver.all(TaskState::Running);
    assert_eq!(driver.job.status(), JobStatus::Running);
    assert_eq!(driver.job.restarts(), 0, "that was no failure");
    assert_eq!(driver.end(), Some(RescaleEnd::Succeeded));
    assert_eq!(driver.last().before.as_deref(), Some([2, 1].as_slice()));
    assert_eq!(driver.last().after.as_deref(), Some([3, 2].as_slice()));
    let past: Vec<_> = driver.job.past_attempts(SubtaskId::new(0, 0)).map(|it| it.state).collect();
    assert_eq!(past, [ExecutionState::Canceled], "what it did before is still shown");
}

#[test]
fn a_job_shrinks_and_gives_slots_back() {
    let mut driver = Driver::running(settings());
    let effects = driver.rescale([(1, 1), (1, 1)]);
    assert_eq!(required(&effects), [] as [u32; 0]);
    assert_eq!(jobs::count(&effects, "trigger checkpoint"), 2);
    driver.checkpoint(1);
    let effects = driver.all(TaskState::Canceled);
    let released = effects.iter().filter(|it| matches!(it, Effect::ReleaseSlot { .. })).count();
    assert_eq!((released, required(&effects)), (1, vec![1]));
    assert_eq!(started(&effects).len(), 1);
    assert_eq!(driver.job.executions().count(), 2);
}

#[test]
fn barriers_overtake_nothing() {
    let mut driver = Driver::running(CheckpointSettings { unaligned: true, ..settings() });
    let effects = driver.rescale([(1, 1), (1, 1)]);
    let barrier = effects.iter().find_map(|effect| match effect {
        Effect::SendOrder { order: Order::TriggerCheckpoint { barrier, .. }, .. } => Some(barrier.alignment),
        _ => None,
    });
    assert_eq!(barrier, Some(Alignment::Aligned { timeout_ms: None }));
}

#[test]
fn with_too_few_slots_the_job_takes_what_fits() {
    let mut driver = Driver::running(settings());
    assert_eq!(required(&driver.rescale([(1, 8), (1, 1)])), [8]);
    let effects = driver.on(Event::SlotsReported { total: 3, free: 1, task_managers: 3 });
    assert_eq!(required(&effects), [3]);
    driver.on(jobs::granted("c", 0));
    driver.checkpoint(1);
    driver.all(TaskState::Canceled);
    assert_eq!(driver.job.graph().parallelisms(), [3, 1]);
    assert!(driver.last().message.is_some());
}

#[test]
fn with_no_slots_the_job_stays_as_it_is_and_says_why() {
    let mut driver = Driver::running(settings());
    driver.rescale([(1, 8), (1, 1)]);
    let effects = driver.on(Event::SlotsReported { total: 2, free: 0, task_managers: 2 });
    assert_eq!(required(&effects), [2]);
    assert_eq!(driver.end(), Some(RescaleEnd::NoResourcesOrParallelismsChange));
    assert!(driver.last().message.as_deref().is_some_and(|message| message.contains("would need 8 slots")));
    assert_eq!(driver.job.parallelism_bounds()[0].upper, 8, "it is still wanted");
    // One that comes too late goes back.
    let effects = driver.on(jobs::granted("c", 0));
    assert!(matches!(effects.as_slice(), [Effect::ReleaseSlot { .. }]), "{effects:?}");
}

#[test]
fn what_is_there_already_changes_nothing() {
    let mut driver = Driver::running(settings());
    let effects = driver.rescale([(1, 2), (1, 1)]);
    assert_eq!(answers(&effects), [Ok(())]);
    assert_eq!(jobs::count(&effects, "trigger checkpoint"), 0);
    assert_eq!(driver.end(), Some(RescaleEnd::NoResourcesOrParallelismsChange));
}

#[test]
fn what_can_not_be_is_refused() {
    let refusal = |driver: &mut Driver| answers(&driver.rescale([(1, 1), (1, 1)])).remove(0).unwrap_err();
    let mut driver = Driver::running(CheckpointSettings::default());
    assert!(
        matches!(refusal(&mut driver), RescaleRefusal::NotPossible(reason) if reason.contains("no checkpoints"))
    );
    let mut driver = Driver::running(settings());
    assert!(matches!(
        answers(&driver.rescale([(1, 1), (1, 900)])).remove(0),
        Err(RescaleRefusal::Invalid(_))
    ));
    driver.on(Event::CancelRequested);
    assert!(matches!(refusal(&mut driver), RescaleRefusal::NotNow(_)));
    assert_eq!(driver.job.numbers.stored.requirements, []);
}

#[test]
fn nobody_is_told_before_it_is_durable() {
    let mut driver = Driver::running(settings());
    let ids: Vec<_> = driver.job.graph.vertices.iter().map(|vertex| vertex.id).collect();
    let wanted = ids.into_iter().map(|id| (id, (None, Some(1)))).collect();
    let now = MonoTime::ZERO;
    let effects = driver.job.handle(Event::RescaleRequested { call: CallId(7), wanted }, now);
    let [Effect::StoreRun { run }] = effects.as_slice() else { panic!("{effects:?}") };
    let effects = driver.job.handle(Event::RunStored { run: run.clone() }, now);
    assert_eq!(answers(&effects), [Ok(())]);
}

#[test]
fn after_checkpoints_that_fail_the_latest_one_is_good_enough() {
    let mut driver = Driver::running(settings());
    driver.at(3_600_000);
    driver.checkpoint(1);
    driver.rescale([(1, 1), (1, 1)]);
    driver.decline(2);
    let effects = driver.at(3_601_000);
    assert_eq!(jobs::count(&effects, "trigger checkpoint"), 2, "it is tried again");
    let effects = driver.decline(3);
    assert_eq!(jobs::count(&effects, "cancel tasks"), 2);
    driver.all(TaskState::Canceled);
    assert_eq!(driver.job.restore_point().map(|point| point.checkpoint_id), Some(CheckpointId(1)));
    assert_eq!(driver.job.graph().parallelisms(), [1, 1]);
}

#[test]
fn a_checkpoint_that_takes_too_long_is_not_waited_for() {
    let mut driver = Driver::running(settings());
    driver.at(3_600_000);
    driver.checkpoint(1);
    driver.rescale([(1, 1), (1, 1)]);
    assert_eq!(driver.job.rescale_wakeup(), Some(MonoTime::from_millis(3_605_000)));
    let effects = driver.at(3_605_000);
    assert_eq!(jobs::count(&effects, "cancel tasks"), 2);
}

#[test]
fn without_any_checkpoint_the_job_is_not_rescaled() {
    let mut driver = Driver::running(settings());
    driver.rescale([(1, 1), (1, 1)]);
    let effects = driver.at(5_000);
    assert_eq!(jobs::count(&effects, "cancel tasks"), 0);
    assert_eq!(driver.end(), Some(RescaleEnd::ExceptionOccurred));
    assert_eq!(driver.job.status(), JobStatus::Running);
}

#[test]
fn a_checkpoint_with_records_on_their_way_is_not_good_enough() {
    let mut driver = Driver::running(CheckpointSettings { unaligned: true, ..settings() });
    driver.at(3_600_000);
    let snapshot = SubtaskSnapshot { channels: Some(Blob::Inline(vec![1])), ..SubtaskSnapshot::default() };
    driver.acknowledge(1, &snapshot);
    let stored = Ok(StoredMetadata { uri: "file:///c/chk-1/_metadata".to_owned(), size: 1 });
    driver.on(Event::CheckpointStored { checkpoint_id: CheckpointId(1), result: stored });
    assert!(driver.job.restore_point().is_some());
    driver.rescale([(1, 1), (1, 1)]);
    driver.at(3_605_000);
    assert_eq!(driver.end(), Some(RescaleEnd::ExceptionOccurred));
}

#[test]
fn a_failure_before_subtasks_stop_puts_it_off() {
    let mut driver = Driver::running(settings());
    driver.rescale([(1, 1), (1, 1)]);
    driver.state(SubtaskId::new(0, 0), jobs::failed(FailureKind::Panic, "boom"));
    assert_eq!(driver.job.restarts(), 1);
    assert_eq!(driver.end(), None, "it is still wanted");
    assert_eq!(driver.last().cause, RescaleCause::RecoverableFailover);
    driver.state(SubtaskId::new(0, 1), TaskState::Canceled);
    driver.state(SubtaskId::new(1, 0), TaskState::Canceled);
    let effects = driver.all(TaskState::Running);
    assert_eq!(jobs::count(&effects, "trigger checkpoint"), 2);
}

#[test]
fn what_fails_while_subtasks_stop_is_no_failure() {
    let mut driver = Driver::running(settings());
    driver.rescale([(1, 2), (1, 2)]);
    driver.checkpoint(1);
    driver.state(SubtaskId::new(0, 0), jobs::failed(FailureKind::ConnectionLost, "gone"));
    driver.state(SubtaskId::new(0, 1), TaskState::Canceled);
    driver.state(SubtaskId::new(1, 0), TaskState::Canceled);
    assert_eq!((driver.job.restarts(), driver.job.failures().len()), (0, 0));
    assert_eq!(driver.job.graph().parallelisms(), [2, 2]);
}

#[test]
fn canceled_stays_canceled() {
    let mut driver = Driver::running(settings());
    driver.rescale([(1, 1), (1, 1)]);
    driver.checkpoint(1);
    driver.on(Event::CancelRequested);
    let effects = driver.all(TaskState::Canceled);
    assert_eq!(jobs::terminations(&effects), 1);
    assert_eq!(jobs::count(&effects, "start task host"), 0);
    assert_eq!(driver.job.status(), JobStatus::Canceled);
    assert_eq!(driver.end(), Some(RescaleEnd::JobCanceled));
}

#[test]
fn what_is_wanted_later_replaces_what_was_wanted_before() {
    let mut driver = Driver::running(settings());
    driver.rescale([(1, 8), (1, 1)]);
    let effects = driver.rescale([(1, 1), (1, 1)]);
    assert_eq!(required(&effects), [2], "the slots that were asked for are not needed any more");
    assert_eq!(jobs::count(&effects, "trigger checkpoint"), 2);
    let before = &driver.job.rescales().records[1];
    assert_eq!(before.end, Some(RescaleEnd::ResourceRequirementsUpdated));
    // Once subtasks stop, the next one has its turn after that.
    driver.checkpoint(1);
    let effects = driver.rescale([(1, 2), (1, 1)]);
    assert_eq!(answers(&effects), [Ok(())]);
    driver.all(TaskState::Canceled);
    assert_eq!(driver.job.graph().parallelisms(), [1, 1]);
    driver.on(jobs::host_ready("a", 500, 2));
    driver.on(jobs::host_ready("b", 500, 2));
    driver.sequence = 600;
    let effects = driver.all(TaskState::Running);
    assert_eq!(required(&effects).last(), Some(&2));
}

/// What the store has of a job that was rescaled from two sources and a sink to three and two.
fn rescaled() -> RunRecord {
    RunRecord {
        attempts: vec![AttemptNumber(4)],
        next_host: HostId(9),
        parallelism: vec![3, 2],
        requirements: vec![
            ParallelismBounds { lower: 1, upper: 3 },
            ParallelismBounds { lower: 1, upper: 2 },
        ],
        first_host: HostId(5),
        ..RunRecord::default()
    }
}

fn recovered(run: RunRecord) -> JobMaster {
    let recovered = RecoveredJob { run, latest: None, retained: Vec::new(), is_canceled: false };
    job(settings()).with_recovery(recovered)
}

#[test]
fn the_next_job_master_goes_on_with_the_parallelism_that_is_durable() {
    let job = recovered(rescaled());
    assert_eq!(job.graph().parallelisms(), [3, 2]);
    assert_eq!(job.executions().count(), 5);
    assert!(job.executions().all(|it| it.attempt == AttemptNumber(4)));
    assert!(job.rescales().records.is_empty(), "it has what is wanted");
    let started = RunRecord { parallelism: Vec::new(), ..rescaled() };
    let job = recovered(started);
    assert_eq!(job.graph().parallelisms(), [2, 1]);
    assert_eq!(job.rescales().records[0].cause, RescaleCause::RecoverableFailover);
}

#[test]
fn task_hosts_of_another_parallelism_are_replaced() {
    let mut job = recovered(rescaled());
    jobs::drive(&mut job, [(0, Event::Started)]);
    let host = |attempt| LocalHost {
        attempt: AttemptNumber(attempt),
        state: LocalHostState::Ready { data_address: "x:1".to_owned() },
    };
    let returned = |name: &str, attempt| {
        let report = LocalJobReport {
            job_id: jobs::JOB,
            host: Some(host(attempt)),
            tasks: Vec::new(),
            splits: Vec::new(),
            last_checkpoint: None,
            next_sequence: 10,
        };
        let slots = vec![(flott_core::SlotIndex(0), jobs::allocation(name, 0))];
        Event::TaskManagerReturned(ReturnedTaskManager {
            task_manager_id: jobs::tm(name),
            fence: jobs::fence(name),
            rpc_address: format!("{name}:1"),
            slots,
            report,
        })
    };
    jobs::drive(&mut job, [(0, returned("a", 4)), (0, returned("b", 5)), (0, returned("c", 3))]);
    let effects = jobs::drive(&mut job, [(10_000, Event::TimerFired)]);
    let hosts: Vec<_> = started(&effects).into_iter().map(|(id, host, _)| (id, host)).collect();
    assert_eq!(hosts, [("a", 9), ("c", 10)], "that on b has the graph already");
}

#[test]
fn a_job_that_waits_for_its_slots_may_come_to_need_fewer() {
    let mut driver = Driver { job: job(settings()), now: 0, sequence: 100 };
    driver.on(Event::Started);
    driver.on(Event::SlotsReported { total: 1, free: 1, task_managers: 1 });
    let effects = driver.rescale([(1, 3), (1, 1)]);
    assert_eq!(answers(&effects), [Ok(())]);
    assert_eq!(required(&effects), [1], "what is there");
    assert_eq!(driver.job.graph().parallelisms(), [1, 1]);
    assert_eq!(driver.job.numbers.stored.parallelism, [1, 1]);
    let effects = driver.on(jobs::granted("a", 0));
    assert_eq!(started(&effects).len(), 1);
    assert_eq!(started(&effects)[0].2.graph.parallelisms(), [1, 1]);
    driver.on(jobs::ready("a", 0));
    driver.all(TaskState::Running);
    assert_eq!(driver.end(), Some(RescaleEnd::Succeeded));
}

#[test]
fn after_a_failover_task_managers_get_time_to_register() {
    let mut driver = Driver::running(settings());
    driver.rescale([(1, 4), (1, 1)]);
    driver.state(SubtaskId::new(0, 0), jobs::failed(FailureKind::Panic, "boom"));
    driver.state(SubtaskId::new(0, 1), TaskState::Canceled);
    driver.state(SubtaskId::new(1, 0), TaskState::Canceled);
    assert_eq!(required(&driver.all(TaskState::Running)), [4]);
    let reported = |free| Event::SlotsReported { total: 2 + free, free, task_managers: 2 };
    assert_eq!(required(&driver.on(reported(1))), [] as [u32; 0], "more may come");
    assert_eq!(required(&driver.at(5_000)), [3], "they have not");
    driver.on(jobs::granted("c", 0));
    driver.checkpoint(1);
    driver.all(TaskState::Canceled);
    assert_eq!(driver.job.graph().parallelisms(), [3, 1]);
}
