//! Subtasks: what they do, step by step.

use std::collections::BTreeMap;

use flott_control::{
    protocol::{TaskReport, TaskState},
    task_manager::Event,
};
use flott_core::{
    AllocationId, AttemptNumber, CheckpointId, FailureCause, FailureKind, JobId, SubtaskId,
    checkpoint::SubtaskSnapshot,
    deployment::{EnumeratedSplits, SplitAnswer},
};

use super::{
    network::{Process, ToJobManager},
    world::{MILLI, SECOND, World},
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
    pub(crate) asking: Option<u64>,
    pub(crate) last_answered: u64,
    /// The report that nobody has taken yet.
    pub(crate) enumerated: Option<EnumeratedSplits>,
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

impl World {
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
        let Some(graph) = self.host(process, job_id, number).map(|host| host.graph.clone()) else { return };
        let truth = self.truth(job_id);
        let is_source = truth.graph.vertex(subtask.vertex).is_source;
        let panics = truth.panics.is_some_and(|(who, attempts)| who == subtask && attempt.0 < attempts);
        let has_all_input = truth.has_all_input(&graph, subtask, attempt);
        let (splits, unreadable) = (truth.splits, truth.unreadable);
        let awaits_checkpoint = truth.commits_at_end(subtask);
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
                let splits = task_found(self, process, job_id, subtask);
                if let Some(splits) = splits {
                    self.task_manager_event(process, Event::SplitsFound { job_id, subtask, attempt, splits });
                }
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
                let closes_midway = {
                    let truth = self.truth(job_id);
                    truth.closed.insert((subtask, attempt));
                    truth.graph.outputs_of(subtask.vertex).next().is_some()
                };
                if closes_midway {
                    self.count("subtask closed its channels before its last checkpoint");
                }
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

    pub(crate) fn finish(&mut self, process: Process, job_id: JobId, number: u64, subtask: SubtaskId) {
        let Some(host) = self.host(process, job_id, number) else { return };
        let Some(task) = host.tasks.get(&subtask) else { return };
        let (attempt, read) = (task.attempt, task.read.clone());
        let truth = self.truth(job_id);
        truth.closed.insert((subtask, attempt));
        truth.finished.insert((subtask, attempt), read);
        self.report(process, job_id, subtask, TaskState::Finished);
    }

    fn report(&mut self, process: Process, job_id: JobId, subtask: SubtaskId, state: TaskState) {
        let Some(task_manager) = self.process(process) else { return };
        let Some(host) = task_manager.hosts.get_mut(&job_id) else { return };
        let host_attempt = host.attempt();
        let Some(task) = host.tasks.get(&subtask) else { return };
        let attempt = task.attempt;
        if state.is_terminal() {
            host.tasks.remove(&subtask);
            self.task_ended(job_id, subtask, attempt);
        }
        let report = TaskReport::without_metrics(subtask, attempt, state);
        self.task_manager_event(process, Event::HostReportedTask { job_id, attempt: host_attempt, report });
    }
}

/// What a subtask has found and nobody has taken.
fn task_found(
    world: &mut World,
    process: Process,
    job_id: JobId,
    subtask: SubtaskId,
) -> Option<EnumeratedSplits> {
    let host = world.process(process)?.hosts.get(&job_id)?;
    host.tasks.get(&subtask)?.enumerated.clone()
}

/// A number that was made into bytes by a source.
pub(crate) fn number_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("bytes of ours"))
}
