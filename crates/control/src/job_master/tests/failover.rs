//! Jobs that start again. Two pipelines side by side, number 0 on TaskManager a and number 1 on b, unless said otherwise.

mod hosts;
mod rounds;
mod slots;

use flott_core::{AttemptNumber, ExecutionState as S, restart::RestartStrategy};

use super::*;

/// With the strategy `fixed-delay` and a delay of 1 s.
fn restarting(mut graph: JobGraph, attempts: u32) -> JobGraph {
    graph.recovery.restart = Some(RestartStrategy::FixedDelay { attempts, delay_ms: 1_000 });
    graph
}

/// Sources and sinks connected one by one: as many regions.
fn pipelines(count: u32) -> JobGraph {
    let mut graph = graph(count, count);
    graph.edges[0].partitioner = Partitioner::Forward;
    restarting(graph, 100)
}

/// Reports of one TaskManager, which number themselves.
struct Host {
    name: &'static str,
    next: u64,
}

impl Host {
    fn new(name: &'static str) -> Self {
        Self { name, next: 0 }
    }

    fn tell(&mut self, report: Report) -> Event {
        self.next += 1;
        reported(self.name, self.next, report)
    }

    fn ready(&mut self, host: u32) -> Event {
        let data_address = format!("{}:{}", self.name, 7_000 + host);
        self.tell(Report::HostReady { attempt: AttemptNumber(host), data_address })
    }

    fn ended(&mut self, host: u32, kind: FailureKind, message: &str) -> Event {
        let cause = FailureCause::new(kind, message);
        self.tell(Report::HostEnded { attempt: AttemptNumber(host), cause })
    }

    fn task(&mut self, (vertex, subtask): (u32, u32), attempt: u32, state: TaskState) -> Event {
        let subtask = SubtaskId::new(vertex, subtask);
        self.tell(Report::Task(TaskReport::without_metrics(subtask, AttemptNumber(attempt), state)))
    }

    /// Both subtasks of a pipeline have come there.
    fn pipeline(&mut self, number: u32, attempt: u32, state: &TaskState) -> [Event; 2] {
        [0, 1].map(|vertex| self.task((vertex, number), attempt, state.clone()))
    }
}

/// Two pipelines that run: in task host 0 on a, in task host 1 on b.
fn two_pipelines() -> (JobMaster, Host, Host) {
    let (mut a, mut b) = (Host::new("a"), Host::new("b"));
    let mut job = job(pipelines(2));
    let begin = [Event::Started, granted("a", 0), granted("b", 0), a.ready(0), b.ready(1)];
    drive(&mut job, begin.map(|event| (0, event)));
    at(&mut job, 10, a.pipeline(0, 0, &TaskState::Running));
    at(&mut job, 10, b.pipeline(1, 0, &TaskState::Running));
    assert_eq!(states(&job), [S::Running; 4]);
    (job, a, b)
}

fn at(job: &mut JobMaster, ms: u64, events: impl IntoIterator<Item = Event>) -> Vec<Effect> {
    drive(job, events.into_iter().map(|event| (ms, event)))
}

fn boom() -> TaskState {
    failed(FailureKind::Panic, "boom")
}

fn states(job: &JobMaster) -> Vec<S> {
    job.executions().map(|execution| execution.state).collect()
}

fn attempts(job: &JobMaster) -> Vec<u32> {
    job.executions().map(|execution| execution.attempt.0).collect()
}

fn statuses(effects: &[Effect]) -> Vec<JobStatus> {
    let status = |effect: &Effect| match effect {
        Effect::StatusChanged { status } => Some(*status),
        _ => None,
    };
    effects.iter().filter_map(status).collect()
}

/// What a TaskManager is told to deploy: subtask and attempt.
fn deployed_on(effects: &[Effect], name: &str) -> Vec<((u32, u32), u32)> {
    let Some(Order::DeployTasks { tasks, .. }) = deploy_order(effects, name) else { return Vec::new() };
    tasks.iter().map(|it| ((it.subtask.vertex.0, it.subtask.subtask.0), it.attempt.0)).collect()
}

#[test]
fn a_region_is_restarted_and_the_others_run_on() {
    let (mut job, mut a, _) = two_pipelines();
    let effects = at(&mut job, 100, [a.task((0, 0), 0, boom())]);
    assert_eq!(orders(&effects), [("a", "cancel tasks")]);
    assert_eq!(statuses(&effects), [JobStatus::Restarting]);
    assert_eq!(states(&job), [S::Failed, S::Running, S::Canceling, S::Running]);
    assert_eq!((job.restarts(), job.next_wakeup()), (1, Some(MonoTime::from_millis(1_100))));

    let effects = at(&mut job, 200, [a.task((1, 0), 0, TaskState::Canceled)]);
    assert!(effects.is_empty(), "the delay is not over: {effects:?}");
    let effects = at(&mut job, 1_100, [Event::TimerFired]);
    assert_eq!(
        orders(&effects),
        [("a", "deploy tasks")],
        "in the slot and the task host that are still there"
    );
    assert_eq!(deployed_on(&effects, "a"), [((0, 0), 1), ((1, 0), 1)]);
    assert_eq!(statuses(&effects), [JobStatus::Running]);
    assert_eq!(attempts(&job), [1, 0, 1, 0]);
    assert_eq!(states(&job), [S::Deploying, S::Running, S::Deploying, S::Running]);
}

#[test]
fn what_is_finished_in_a_region_starts_again_with_it() {
    let (mut job, mut a, _) = two_pipelines();
    at(&mut job, 50, [a.task((0, 0), 0, TaskState::Finished), a.task((1, 0), 0, boom())]);
    assert_eq!(states(&job)[0], S::Finished);
    at(&mut job, 1_050, [Event::TimerFired]);
    assert_eq!(attempts(&job), [1, 0, 1, 0]);
    assert_eq!(states(&job)[0], S::Deploying);
}

#[test]
fn a_finished_region_is_left_alone_and_the_job_finishes_after_a_restart() {
    let (mut job, mut a, mut b) = two_pipelines();
    at(&mut job, 50, b.pipeline(1, 0, &TaskState::Finished));
    at(&mut job, 60, [a.task((0, 0), 0, boom()), a.task((1, 0), 0, TaskState::Canceled)]);
    let effects = at(&mut job, 70, [lost("b")]);
    assert!(orders(&effects).is_empty(), "nothing ran there any more: {effects:?}");
    at(&mut job, 1_060, [Event::TimerFired]);
    let effects = at(&mut job, 1_100, a.pipeline(0, 1, &TaskState::Finished));
    assert_eq!(job.outcome(), Some(&Outcome::Finished));
    assert_eq!(terminations(&effects), 1);
    assert_eq!(attempts(&job), [1, 0, 1, 0]);
}

#[test]
fn reports_of_earlier_attempts_count_for_nothing() {
    let (mut job, mut a, _) = two_pipelines();
    at(&mut job, 50, [a.task((0, 0), 0, boom()), a.task((1, 0), 0, TaskState::Canceled)]);
    at(&mut job, 1_050, [Event::TimerFired]);
    let before = states(&job);
    let effects = at(&mut job, 1_060, [a.task((0, 0), 0, TaskState::Finished), a.task((1, 0), 0, boom())]);
    assert!(effects.is_empty(), "{effects:?}");
    assert_eq!(states(&job), before);
    assert_eq!(job.restarts(), 1);
}

#[test]
fn when_no_restart_is_left_the_whole_job_fails() {
    let mut graph = pipelines(2);
    graph.recovery.restart = Some(RestartStrategy::FixedDelay { attempts: 1, delay_ms: 0 });
    let (mut a, mut b) = (Host::new("a"), Host::new("b"));
    let mut job = job(graph);
    let begin = [Event::Started, granted("a", 0), granted("b", 0), a.ready(0), b.ready(1)];
    drive(&mut job, begin.map(|event| (0, event)));
    at(&mut job, 50, [a.task((0, 0), 0, boom()), a.task((1, 0), 0, TaskState::Canceled)]);
    assert_eq!(attempts(&job), [1, 0, 1, 0], "without any delay");
    let effects = at(&mut job, 60, [a.task((0, 0), 1, boom())]);
    assert_eq!(orders(&effects), [("a", "cancel tasks"), ("b", "cancel tasks")]);
    assert_eq!(job.status(), JobStatus::Failing);
    at(&mut job, 70, [a.task((1, 0), 1, TaskState::Canceled)]);
    at(&mut job, 80, b.pipeline(1, 0, &TaskState::Canceled));
    assert_eq!(failure_message(&job), "boom");
    assert_eq!(job.failures()[0].cause.context, ["the job was restarted 1 times, which is all it may be"]);
    assert_eq!(job.failure_history().count(), 2);
}

#[test]
fn what_would_fail_again_is_not_restarted() {
    for kind in FailureKind::ALL {
        let (mut job, mut a, _) = two_pipelines();
        at(&mut job, 50, [a.task((0, 0), 0, failed(kind, "no"))]);
        let expected = if kind.is_unrecoverable() { JobStatus::Failing } else { JobStatus::Restarting };
        assert_eq!(job.status(), expected, "{kind}");
    }
    // Also when it turns out only afterwards.
    let (mut job, mut a, _) = two_pipelines();
    let unreadable = failed(FailureKind::CheckpointUnreadable, "chk-7/_metadata");
    at(&mut job, 50, [a.task((0, 0), 0, boom()), a.task((1, 0), 0, unreadable)]);
    assert_eq!(job.status(), JobStatus::Failing);
    assert_eq!(job.failures()[0].cause.message, "chk-7/_metadata");
}

#[test]
fn cancel_ends_a_job_in_the_middle_of_a_restart() {
    // While it stops.
    let (mut job, mut a, mut b) = two_pipelines();
    at(&mut job, 50, [a.task((0, 0), 0, boom()), Event::CancelRequested]);
    assert_eq!(job.status(), JobStatus::Cancelling);
    at(&mut job, 60, [a.task((1, 0), 0, TaskState::Canceled)]);
    at(&mut job, 60, b.pipeline(1, 0, &TaskState::Canceled));
    assert_eq!(job.outcome(), Some(&Outcome::Canceled));

    // While it backs off.
    let (mut job, mut a, mut b) = two_pipelines();
    at(&mut job, 50, [a.task((0, 0), 0, boom()), a.task((1, 0), 0, TaskState::Canceled)]);
    at(&mut job, 60, [Event::CancelRequested]);
    at(&mut job, 70, b.pipeline(1, 0, &TaskState::Canceled));
    assert_eq!(job.outcome(), Some(&Outcome::Canceled));
    assert!(at(&mut job, 1_050, [Event::TimerFired]).is_empty(), "it stays so");

    // While it waits for slots.
    let (mut job, _, mut b) = two_pipelines();
    at(&mut job, 50, [lost("a")]);
    at(&mut job, 1_050, [Event::TimerFired, Event::CancelRequested]);
    at(&mut job, 1_060, b.pipeline(1, 0, &TaskState::Canceled));
    assert_eq!(job.outcome(), Some(&Outcome::Canceled));
    assert_eq!(attempts(&job), [1, 0, 1, 0]);
}

#[test]
fn past_attempts_are_kept_with_their_failures_up_to_a_bound() {
    let (mut job, mut a, _) = two_pipelines();
    for attempt in 0..20 {
        let now = u64::from(attempt) * 2_000 + 100;
        at(&mut job, now, [a.task((0, 0), attempt, boom()), a.task((1, 0), attempt, TaskState::Canceled)]);
        at(&mut job, now + 1_000, [Event::TimerFired]);
    }
    assert_eq!((job.restarts(), attempts(&job)), (20, vec![20, 0, 20, 0]));
    let past: Vec<_> = job.past_attempts(SubtaskId::new(0, 0)).collect();
    assert_eq!(past.iter().map(|it| it.attempt.0).collect::<Vec<_>>(), (4..20).collect::<Vec<_>>());
    assert_eq!(past[0].failure.as_ref().map(|cause| cause.message.as_str()), Some("boom"));
    assert_eq!(past[0].location.as_ref().map(|it| it.task_manager_id.clone()), Some(tm("a")));
    assert_eq!(past[0].state_times.last().unwrap().0, S::Failed);
    assert_eq!(job.past_attempts(SubtaskId::new(0, 1)).count(), 0);
    assert_eq!((job.failure_history().count(), job.forgotten_failures()), (3, 17), "as configured");
    assert_eq!(job.failure_history().next().unwrap().root().attempt, Some(AttemptNumber(19)), "newest first");
}

#[test]
fn times_in_each_status_add_up() {
    let (mut job, mut a, _) = two_pipelines();
    at(&mut job, 500, [a.task((0, 0), 0, boom()), a.task((1, 0), 0, TaskState::Canceled)]);
    at(&mut job, 1_500, [Event::TimerFired]);
    let now = MonoTime::from_millis(4_000);
    assert_eq!(job.time_in(JobStatus::Restarting, now), Duration::from_millis(1_000));
    assert_eq!(job.time_in(JobStatus::Running, now), Duration::from_millis(500 + 2_500));
    let statuses: Vec<_> = job.status_times().iter().map(|(status, _)| *status).collect();
    use JobStatus as J;
    assert_eq!(
        statuses,
        [J::Initializing, J::Created, J::Restarting, J::Running],
        "each once, the current one last"
    );
}
