//! Task hosts: what user code does.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use flott_control::{
    protocol::{TaskReport, TaskState},
    task_manager::Event,
};
use flott_core::{
    AllocationId, AttemptNumber, CheckpointId, FailureCause, FailureKind, HostId, JobId, SubtaskId,
    checkpoint::SubtaskSnapshot,
    deployment::{EnumeratedSplits, Placement, SplitAnswer, TaskDescriptor, TaskHostSpec},
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
    SplitRead,
    /// A barrier comes out of a channel.
    Barrier {
        id: CheckpointId,
    },
    /// Its part of this checkpoint is durable.
    Acknowledge {
        id: CheckpointId,
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
    pub(crate) last_answered: u64,
    /// The report that nobody has taken yet.
    enumerated: Option<EnumeratedSplits>,
    pub(crate) enumerator: Option<Enumerator>,
    /// The splits in its state.
    pub(crate) read: Vec<u64>,
    /// It had processed all its input when the checkpoint was taken that it began with.
    pub(crate) had_finished: bool,
    pub(crate) ending: Ending,
    pub(crate) last_barrier: CheckpointId,
    /// Parts of checkpoints that are not durable yet.
    pub(crate) snapshots: BTreeMap<CheckpointId, SubtaskSnapshot>,
}

/// Lists the splits of a source.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Enumerator {
    pub(crate) last_report: u64,
    /// How many it has found.
    pub(crate) found: u64,
}

/// How far a subtask is on the way to its end, if it can't end without a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    NotYet,
    /// It has processed all its input and waits for a barrier.
    AwaitsBarrier,
    /// For the completion of that checkpoint.
    AwaitsCompletion(CheckpointId),
}

pub(crate) struct Host {
    pub(crate) number: u64,
    attempt: AttemptNumber,
    up: bool,
    dying: bool,
    /// Those that run.
    pub(crate) tasks: BTreeMap<SubtaskId, Task>,
}

/// A task host that outlives its TaskManager for a moment.
pub(crate) struct Orphan {
    job_id: JobId,
    tasks: Vec<(SubtaskId, AttemptNumber)>,
}

impl Host {
    /// Which start it is.
    pub(crate) fn attempt(&self) -> AttemptNumber {
        self.attempt
    }
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
        assert!(
            !truth.started.contains(&started),
            "the task host of {job_id} was started twice by {process:?}"
        );
        let broken = truth.broken;
        if truth.started.iter().any(|(place, ..)| *place == process.place) {
            self.count("task host started again");
        }
        self.truth(job_id).started.insert(started);
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
        for (subtask, task) in &host.tasks {
            self.task_ended(job_id, *subtask, task.attempt);
        }
        self.break_peers(process, job_id, &host.tasks.into_keys().collect::<Vec<_>>());
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
            let tasks = host.tasks.iter().map(|(subtask, task)| (*subtask, task.attempt)).collect();
            self.orphans.insert(host.number, Orphan { job_id, tasks });
            self.at_between(0, SECOND, Action::OrphanDies { host: host.number });
        }
    }

    pub(crate) fn orphan_dies(&mut self, host: u64) {
        if let Some(orphan) = self.orphans.remove(&host) {
            for (subtask, attempt) in orphan.tasks {
                self.task_ended(orphan.job_id, subtask, attempt);
            }
        }
    }

    pub(crate) fn deploy_in_host(
        &mut self,
        process: Process,
        job_id: JobId,
        placement: &Placement,
        tasks: Vec<TaskDescriptor>,
    ) {
        let id = self.places[process.place].id();
        for task in tasks {
            let TaskDescriptor { subtask, attempt, allocation_id, restore } = task;
            let truth = self.truth(job_id);
            let restored = restore.map(|point| truth.restored(point.checkpoint_id, subtask));
            let has_restored = restored.is_some();
            let (read, had_finished) = restored.unwrap_or_default();
            let Some(task_manager) = self.process(process) else { return };
            let Some(host) = task_manager.hosts.get_mut(&job_id) else { return };
            assert!(host.up, "subtasks are deployed only where they can run");
            let own = Some(HostId(host.attempt.0));
            assert_eq!(placement.host_on(&id), own, "the placement names the task host that runs");
            assert_eq!(placement.host_of(subtask.vertex, subtask.subtask), own);
            let task = Task {
                attempt,
                allocation_id,
                asking: None,
                last_answered: 0,
                enumerated: None,
                enumerator: None,
                read,
                had_finished,
                ending: Ending::NotYet,
                last_barrier: CheckpointId(0),
                snapshots: BTreeMap::new(),
            };
            let old = host.tasks.insert(subtask, task);
            assert!(old.is_none(), "two attempts of {subtask:?} in one task host");
            let number = host.number;
            if has_restored {
                self.count("subtask restored from a checkpoint");
            }
            let truth = self.truth(job_id);
            truth.deployed.insert(subtask);
            let live = truth.live.entry(subtask).or_default();
            for (other, other_id) in live.iter() {
                assert!(*other < attempt, "{subtask:?} of {job_id} runs as {other} and begins as {attempt}");
                assert!(truth.lost.contains(other_id), "two live attempts of {subtask:?} of {job_id}");
            }
            live.insert(attempt, id.clone());
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
        task.last_answered = request_id;
        let (delay, step) = match answer {
            SplitAnswer::Split(bytes) => {
                task.read.push(number_of(&bytes));
                (split_time, Step::SplitRead)
            }
            SplitAnswer::NoMoreSplits => (MILLI, Step::TryFinish),
            SplitAnswer::Enumerate { resume } => {
                let found = resume.map_or(0, |state| number_of(&state));
                task.enumerator = Some(Enumerator { last_report: 0, found });
                if found > 0 {
                    self.count("enumeration resumed");
                }
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
            self.step(process, job_id, number, subtask, (MILLI, 300 * MILLI), next);
        }
    }

    pub(crate) fn task_step(
        &mut self,
        process: Process,
        job_id: JobId,
        number: u64,
        (subtask, attempt): (SubtaskId, AttemptNumber),
        step: Step,
    ) {
        let found = self.random.below(4);
        // It may be one that an earlier attempt had before it.
        let host = self.host(process, job_id, number);
        if host.and_then(|host| host.tasks.get(&subtask)).is_none_or(|task| task.attempt != attempt) {
            return;
        }
        let truth = self.truth(job_id);
        let is_source = truth.graph.vertex(subtask.vertex).is_source;
        let panics = truth.panics.is_some_and(|(who, attempts)| who == subtask && attempt.0 < attempts);
        let has_all_input = truth.has_all_input(subtask, attempt);
        let (splits, unreadable) = (truth.splits, truth.unreadable);
        let awaits_checkpoint = truth.commits && truth.graph.outputs_of(subtask.vertex).next().is_none();
        let Some(task) = self.host(process, job_id, number).and_then(|host| host.tasks.get_mut(&subtask))
        else {
            return;
        };
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
                let had_finished = task.had_finished;
                self.report(process, job_id, subtask, TaskState::Running);
                let reads = is_source && !had_finished;
                let next = if reads { Step::Ask { request_id: 1 } } else { Step::TryFinish };
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
                let before = task.enumerator.map_or(0, |enumerator| enumerator.found);
                let now_found = splits.min(before + found);
                let bytes = (before..now_found).map(|split| split.to_le_bytes().to_vec());
                // Now and then it learns only later that there are no others.
                let complete = now_found == splits && found != 1;
                let failed = unreadable && (complete || found == 0);
                let cause = FailureCause::new(FailureKind::External, "no such file");
                let result = if failed { Err(cause) } else { Ok(bytes.collect()) };
                task.enumerated = Some(EnumeratedSplits { report_id, result, complete });
                let enumerator = Enumerator { last_report: report_id, found: now_found };
                task.enumerator = (!complete).then_some(enumerator);
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
            Step::SplitRead => {
                let request_id = task.last_answered + 1;
                again(self, MILLI, Step::Ask { request_id });
            }
            Step::TryFinish if has_all_input && awaits_checkpoint && task.ending == Ending::NotYet => {
                task.ending = Ending::AwaitsBarrier;
                self.await_checkpoint(process, job_id, number, subtask);
            }
            // Its completion will end it.
            Step::TryFinish if task.ending != Ending::NotYet => {}
            Step::TryFinish if has_all_input => self.finish(process, job_id, number, subtask),
            Step::TryFinish => again(self, 40 * MILLI, Step::TryFinish),
            Step::Barrier { id } => self.take_barrier(process, job_id, number, subtask, id),
            Step::Acknowledge { id } => self.acknowledge(process, job_id, number, subtask, id),
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

    pub(crate) fn host(&mut self, process: Process, job_id: JobId, number: u64) -> Option<&mut Host> {
        self.process(process)?.hosts.get_mut(&job_id).filter(|host| host.number == number)
    }

    pub(crate) fn step(
        &mut self,
        process: Process,
        job_id: JobId,
        host: u64,
        subtask: SubtaskId,
        (low, high): (u64, u64),
        step: Step,
    ) {
        let task = self.host(process, job_id, host).and_then(|host| host.tasks.get(&subtask));
        let Some(attempt) = task.map(|task| task.attempt) else { return };
        self.at_between(low, high, Action::TaskStep { process, job_id, host, subtask, attempt, step });
    }

    pub(crate) fn finish(&mut self, process: Process, job_id: JobId, number: u64, subtask: SubtaskId) {
        let Some(host) = self.host(process, job_id, number) else { return };
        let Some(task) = host.tasks.get(&subtask) else { return };
        let (attempt, read) = (task.attempt, task.read.clone());
        self.truth(job_id).finished.insert((subtask, attempt), read);
        self.report(process, job_id, subtask, TaskState::Finished);
    }

    fn report(&mut self, process: Process, job_id: JobId, subtask: SubtaskId, state: TaskState) {
        let Some(task_manager) = self.process(process) else { return };
        let Some(host) = task_manager.hosts.get_mut(&job_id) else { return };
        let host_attempt = host.attempt;
        let Some(task) = host.tasks.get(&subtask) else { return };
        let attempt = task.attempt;
        if state.is_terminal() {
            host.tasks.remove(&subtask);
            self.task_ended(job_id, subtask, attempt);
        }
        let report = TaskReport::without_metrics(subtask, attempt, state);
        self.task_manager_event(process, Event::HostReportedTask { job_id, attempt: host_attempt, report });
    }

    fn task_ended(&mut self, job_id: JobId, subtask: SubtaskId, attempt: AttemptNumber) {
        let ended = self.truth(job_id).live.get_mut(&subtask).and_then(|live| live.remove(&attempt));
        assert!(ended.is_some(), "it was live");
    }

    /// Subtasks elsewhere that were connected with these may notice that their peers are gone.
    fn break_peers(&mut self, dead: Process, job_id: JobId, tasks: &[SubtaskId]) {
        let truth = self.truth(job_id);
        let regions: BTreeSet<_> = tasks.iter().map(|subtask| truth.regions[subtask]).collect();
        let connected: BTreeSet<_> =
            truth.regions.iter().filter(|(_, region)| regions.contains(region)).collect();
        let connected: BTreeSet<_> = connected.into_iter().map(|(subtask, _)| *subtask).collect();
        for place in 0..self.places.len() {
            let process = Process { place, incarnation: self.places[place].incarnation };
            if process == dead {
                continue;
            }
            let Some(task_manager) = self.process(process) else { continue };
            let Some(host) = task_manager.hosts.get(&job_id) else { continue };
            let (number, tasks) = (host.number, host.tasks.keys().copied().collect::<Vec<_>>());
            for subtask in tasks.into_iter().filter(|subtask| connected.contains(subtask)) {
                if self.random.percent(60) {
                    self.step(process, job_id, number, subtask, (0, 20 * MILLI), Step::PeerLost);
                }
            }
        }
    }
}

/// A number that was made into bytes by a source.
pub(crate) fn number_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("bytes of ours"))
}
