//! Task hosts: what user code does.

use std::{collections::BTreeMap, time::Duration};

use flott_control::{
    protocol::{TaskReport, TaskState},
    task_manager::Event,
};
use flott_core::{
    AllocationId, AttemptNumber, FailureCause, FailureKind, JobId, SubtaskId,
    deployment::{EnumeratedSplits, SplitAnswer, TaskDescriptor, TaskHostSpec},
};

use super::{
    network::{Process, ToJobManager},
    truth::Truth,
    world::{Action, MILLI, SECOND, World},
};

/// What a subtask does next.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Open,
    Run,
    /// Ask for a split.
    Ask {
        request_id: u64,
    },
    /// Ask again, if the answer to this request is still missing.
    AskAgain {
        request_id: u64,
    },
    /// Look for more splits.
    Enumerate {
        report_id: u64,
    },
    /// Report the splits that were found, until somebody has taken them.
    ReportSplits,
    SplitRead {
        split: u64,
    },
    /// End, if all input has.
    TryFinish,
    Stop,
    /// A peer's connection broke.
    PeerLost,
}

pub(crate) struct Task {
    pub(crate) attempt: AttemptNumber,
    pub(crate) allocation_id: AllocationId,
    asking: Option<u64>,
    /// The report that nobody has taken yet.
    enumerated: Option<EnumeratedSplits>,
    /// Splits that it has reported.
    reported: u64,
}

pub(crate) struct Host {
    number: u64,
    attempt: AttemptNumber,
    up: bool,
    dying: bool,
    /// Those that run.
    pub(crate) tasks: BTreeMap<SubtaskId, Task>,
}

/// A task host that outlives its TaskManager for a moment.
pub(crate) struct Orphan {
    job_id: JobId,
    tasks: Vec<SubtaskId>,
}

impl World {
    pub(crate) fn truth(&mut self, job_id: JobId) -> &mut Truth {
        &mut self.jobs[usize::from(job_id.as_bytes()[15]) - 1]
    }

    pub(crate) fn spawn_host(&mut self, process: Process, attempt: AttemptNumber, spec: &TaskHostSpec) {
        let (job_id, host) = (spec.job_id, self.next_host);
        self.next_host += 1;
        let started = (process.place, process.incarnation, attempt);
        let truth = self.truth(job_id);
        assert!(truth.started.insert(started), "the task host of {job_id} was started twice by {process:?}");
        let broken = truth.broken;
        let Some(task_manager) = self.process(process) else { return };
        let new = Host { number: host, attempt, up: false, dying: false, tasks: BTreeMap::new() };
        let old = task_manager.hosts.insert(job_id, new);
        assert!(old.is_none(), "one task host a job and TaskManager");
        if broken {
            self.count("task host failed to start");
            let cause = FailureCause::new(FailureKind::TaskHostStart, "cannot start the program");
            self.at(5 * MILLI, Action::HostDies { process, job_id, host, cause: Box::new(cause) });
        } else {
            self.at_between(MILLI, 40 * MILLI, Action::HostUp { process, job_id, host });
        }
    }

    pub(crate) fn host_up(&mut self, process: Process, job_id: JobId, number: u64) {
        let Some(host) = self.host(process, job_id, number) else { return };
        if host.dying {
            return;
        }
        host.up = true;
        let attempt = host.attempt;
        let data_address = format!("host-{}:{number}", process.place);
        self.task_manager_event(process, Event::HostReady { job_id, attempt, data_address });
    }

    pub(crate) fn kill_host(
        &mut self,
        process: Process,
        job_id: JobId,
        attempt: AttemptNumber,
        grace: Duration,
    ) {
        let Some(task_manager) = self.process(process) else { return };
        let Some(host) = task_manager.hosts.get_mut(&job_id).filter(|host| host.attempt == attempt) else {
            return;
        };
        host.dying = true;
        let (number, idle) = (host.number, host.tasks.is_empty());
        let grace = grace.as_micros() as u64;
        let delay =
            if idle { self.random.below(grace.max(20 * MILLI)) } else { grace + self.random.below(MILLI) };
        let cause = Box::new(FailureCause::new(FailureKind::TaskHostSignal, "killed by signal 9"));
        self.at(delay, Action::HostDies { process, job_id, host: number, cause });
    }

    pub(crate) fn host_dies(&mut self, process: Process, job_id: JobId, number: u64, cause: FailureCause) {
        if self.host(process, job_id, number).is_none() {
            return;
        }
        let Some(task_manager) = self.process(process) else { return };
        let Some(host) = task_manager.hosts.remove(&job_id) else { return };
        for subtask in host.tasks.keys() {
            self.task_ended(job_id, *subtask);
        }
        self.break_peers(process, job_id);
        self.task_manager_event(process, Event::HostExited { job_id, attempt: host.attempt, cause });
    }

    pub(crate) fn crash_any_host(&mut self, place: usize) {
        let process = Process { place, incarnation: self.places[place].incarnation };
        let Some(task_manager) = self.process(process) else { return };
        let victim = task_manager.hosts.iter().find(|(_, host)| host.up).map(|(id, host)| (*id, host.number));
        if let Some((job_id, host)) = victim {
            self.count("task host crashed");
            let cause = Box::new(FailureCause::new(FailureKind::TaskHostSignal, "killed by signal 11"));
            self.at(0, Action::HostDies { process, job_id, host, cause });
        }
    }

    pub(crate) fn orphan(&mut self, hosts: BTreeMap<JobId, Host>) {
        for (job_id, host) in hosts {
            let tasks = host.tasks.into_keys().collect();
            self.orphans.insert(host.number, Orphan { job_id, tasks });
            self.at_between(0, SECOND, Action::OrphanDies { host: host.number });
        }
    }

    pub(crate) fn orphan_dies(&mut self, host: u64) {
        if let Some(orphan) = self.orphans.remove(&host) {
            for subtask in orphan.tasks {
                self.task_ended(orphan.job_id, subtask);
            }
        }
    }

    pub(crate) fn deploy_in_host(&mut self, process: Process, job_id: JobId, tasks: Vec<TaskDescriptor>) {
        for task in tasks {
            let TaskDescriptor { subtask, attempt, allocation_id } = task;
            let Some(task_manager) = self.process(process) else { return };
            let Some(host) = task_manager.hosts.get_mut(&job_id) else { return };
            assert!(host.up, "subtasks are deployed only where they can run");
            let task = Task { attempt, allocation_id, asking: None, enumerated: None, reported: 0 };
            let old = host.tasks.insert(subtask, task);
            assert!(old.is_none(), "two attempts of {subtask:?} in one task host");
            let number = host.number;
            self.truth(job_id).deployed.insert(subtask);
            let live = self.truth(job_id).live.entry(subtask).or_default();
            *live += 1;
            assert_eq!(*live, 1, "two live attempts of {subtask:?} of {job_id}");
            self.step(process, job_id, number, subtask, (MILLI, 10 * MILLI), Step::Open);
        }
    }

    pub(crate) fn cancel_in_host(
        &mut self,
        process: Process,
        job_id: JobId,
        tasks: &[(SubtaskId, AttemptNumber)],
    ) {
        let deaf = self.truth(job_id).deaf;
        for (subtask, attempt) in tasks {
            let Some(task_manager) = self.process(process) else { return };
            let Some(host) = task_manager.hosts.get(&job_id) else { return };
            let number = host.number;
            let runs = host.tasks.get(subtask).is_some_and(|task| task.attempt == *attempt);
            if runs && deaf != Some(*subtask) {
                self.step(process, job_id, number, *subtask, (0, 100 * MILLI), Step::Stop);
            }
        }
    }

    pub(crate) fn split_answered(
        &mut self,
        process: Process,
        job_id: JobId,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        request_id: u64,
        answer: SplitAnswer,
    ) {
        let truth = self.truth(job_id);
        let split_time = truth.split_time;
        let Some(task_manager) = self.process(process) else { return };
        let Some(host) = task_manager.hosts.get_mut(&job_id) else { return };
        let number = host.number;
        let Some(task) = host.tasks.get_mut(&subtask) else { return };
        if task.attempt != attempt || task.asking != Some(request_id) {
            return;
        }
        task.asking = None;
        let (delay, step) = match answer {
            SplitAnswer::Split(bytes) => {
                let split = u64::from_le_bytes(bytes.try_into().expect("a split of ours"));
                (split_time, Step::SplitRead { split })
            }
            SplitAnswer::NoMoreSplits => (MILLI, Step::TryFinish),
            SplitAnswer::Enumerate => {
                let ask = Step::Ask { request_id: request_id + 1 };
                self.step(process, job_id, number, subtask, (0, 5 * MILLI), ask);
                (MILLI, Step::Enumerate { report_id: 1 })
            }
        };
        self.step(process, job_id, number, subtask, (delay, delay + MILLI), step);
    }

    pub(crate) fn splits_taken(
        &mut self,
        process: Process,
        job_id: JobId,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        report_id: u64,
    ) {
        let Some(task_manager) = self.process(process) else { return };
        let Some(host) = task_manager.hosts.get_mut(&job_id) else { return };
        let number = host.number;
        let Some(task) = host.tasks.get_mut(&subtask).filter(|task| task.attempt == attempt) else { return };
        if let Some(taken) = task.enumerated.take_if(|report| report.report_id == report_id)
            && !taken.complete
        {
            let next = Step::Enumerate { report_id: report_id + 1 };
            self.step(process, job_id, number, subtask, (MILLI, 100 * MILLI), next);
        }
    }

    pub(crate) fn task_step(
        &mut self,
        process: Process,
        job_id: JobId,
        number: u64,
        subtask: SubtaskId,
        step: Step,
    ) {
        let found = self.random.below(4);
        let (panics, is_source, has_all_input, splits, unreadable) = {
            let truth = self.truth(job_id);
            let is_source = truth.graph.vertex(subtask.vertex).is_source;
            (
                truth.panics == Some(subtask),
                is_source,
                truth.has_all_input(subtask),
                truth.splits,
                truth.unreadable,
            )
        };
        let Some(task) = self.host(process, job_id, number).and_then(|host| host.tasks.get_mut(&subtask))
        else {
            return;
        };
        let attempt = task.attempt;
        let again = |world: &mut Self, delay: u64, step| {
            world.step(process, job_id, number, subtask, (delay, delay + MILLI), step);
        };
        match step {
            Step::Open => {
                self.report(process, job_id, subtask, TaskState::Initializing);
                again(self, 5 * MILLI, Step::Run);
            }
            Step::Run if panics => {
                self.count("user code panicked");
                if self.random.percent(50) {
                    let cause = FailureCause::new(FailureKind::Panic, "index out of bounds");
                    self.report(process, job_id, subtask, TaskState::Failed(cause));
                } else {
                    let cause = FailureCause::new(FailureKind::TaskHostSignal, "killed by signal 6");
                    self.host_dies(process, job_id, number, cause);
                }
            }
            Step::Run => {
                self.report(process, job_id, subtask, TaskState::Running);
                let next = if is_source { Step::Ask { request_id: 0 } } else { Step::TryFinish };
                again(self, MILLI, next);
            }
            Step::Ask { request_id } => {
                task.asking = Some(request_id);
                self.ask(process, job_id, number, subtask, attempt, request_id);
            }
            Step::AskAgain { request_id } => {
                if task.asking == Some(request_id) {
                    self.count("split request repeated");
                    self.ask(process, job_id, number, subtask, attempt, request_id);
                }
            }
            Step::Enumerate { report_id } => {
                let before = task.reported;
                task.reported = splits.min(before + found);
                let bytes = (before..task.reported).map(|split| split.to_le_bytes().to_vec());
                // Now and then it learns only later that there are no others.
                let complete = task.reported == splits && found != 1;
                let failed = unreadable && (complete || found == 0);
                let cause = FailureCause::new(FailureKind::External, "no such file");
                let result = if failed { Err(cause) } else { Ok(bytes.collect()) };
                task.enumerated = Some(EnumeratedSplits { report_id, result, complete });
                if report_id > 1 {
                    self.count("splits found later");
                }
                again(self, MILLI, Step::ReportSplits);
            }
            Step::ReportSplits => {
                let Some(splits) = task.enumerated.clone() else { return };
                if let Some(from) = self.sender(process) {
                    let splits = ToJobManager::Splits { from, job_id, subtask, attempt, splits };
                    self.send_to_job_manager(process.place, splits);
                }
                again(self, 500 * MILLI, Step::ReportSplits);
            }
            Step::SplitRead { split } => {
                self.truth(job_id).read.entry(split).or_default().push(subtask);
                let request_id = self.next_request(job_id, subtask);
                again(self, MILLI, Step::Ask { request_id });
            }
            Step::TryFinish if has_all_input => {
                self.truth(job_id).finished.insert(subtask);
                self.report(process, job_id, subtask, TaskState::Finished);
            }
            Step::TryFinish => again(self, 40 * MILLI, Step::TryFinish),
            Step::Stop => self.report(process, job_id, subtask, TaskState::Canceled),
            Step::PeerLost => {
                let cause = FailureCause::new(FailureKind::ConnectionLost, "connection to a peer was lost");
                self.report(process, job_id, subtask, TaskState::Failed(cause));
            }
        }
    }

    fn ask(
        &mut self,
        process: Process,
        job_id: JobId,
        host: u64,
        subtask: SubtaskId,
        attempt: AttemptNumber,
        request_id: u64,
    ) {
        if let Some(from) = self.sender(process) {
            let ask = ToJobManager::SplitRequest { from, job_id, subtask, attempt, request_id };
            self.send_to_job_manager(process.place, ask);
        }
        self.step(process, job_id, host, subtask, (SECOND, SECOND), Step::AskAgain { request_id });
    }

    fn host(&mut self, process: Process, job_id: JobId, number: u64) -> Option<&mut Host> {
        self.process(process)?.hosts.get_mut(&job_id).filter(|host| host.number == number)
    }

    fn step(
        &mut self,
        process: Process,
        job_id: JobId,
        host: u64,
        subtask: SubtaskId,
        (low, high): (u64, u64),
        step: Step,
    ) {
        self.at_between(low, high, Action::TaskStep { process, job_id, host, subtask, step });
    }

    /// The request that follows the last one that was answered.
    fn next_request(&mut self, job_id: JobId, subtask: SubtaskId) -> u64 {
        let handed = self.truth(job_id).handed.values().filter(|(to, ..)| *to == subtask);
        handed.map(|(_, _, request_id)| request_id + 1).max().unwrap_or_default()
    }

    fn report(&mut self, process: Process, job_id: JobId, subtask: SubtaskId, state: TaskState) {
        let Some(task_manager) = self.process(process) else { return };
        let Some(host) = task_manager.hosts.get_mut(&job_id) else { return };
        let host_attempt = host.attempt;
        let Some(task) = host.tasks.get(&subtask) else { return };
        let attempt = task.attempt;
        if state.is_terminal() {
            host.tasks.remove(&subtask);
            self.task_ended(job_id, subtask);
        }
        let report = TaskReport::without_metrics(subtask, attempt, state);
        self.task_manager_event(process, Event::HostReportedTask { job_id, attempt: host_attempt, report });
    }

    fn task_ended(&mut self, job_id: JobId, subtask: SubtaskId) {
        let live = self.truth(job_id).live.get_mut(&subtask).expect("it was live");
        *live -= 1;
    }

    /// Subtasks elsewhere may notice that their peers are gone.
    fn break_peers(&mut self, dead: Process, job_id: JobId) {
        for place in 0..self.places.len() {
            let process = Process { place, incarnation: self.places[place].incarnation };
            if process == dead {
                continue;
            }
            let Some(task_manager) = self.process(process) else { continue };
            let Some(host) = task_manager.hosts.get(&job_id) else { continue };
            let (number, tasks) = (host.number, host.tasks.keys().copied().collect::<Vec<_>>());
            for subtask in tasks {
                if self.random.percent(60) {
                    self.step(process, job_id, number, subtask, (0, 20 * MILLI), Step::PeerLost);
                }
            }
        }
    }
}
