//! Task hosts: what user code does.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use flott_control::{job_master::pipelined_regions, task_manager::Event};
use flott_core::{
    AttemptNumber, CheckpointId, FailureCause, FailureKind, HostId, JobGraph, JobId, SubtaskId,
    deployment::{Placement, TaskDescriptor, TaskHostSpec},
};

use super::{
    network::Process,
    task::{Ending, Step, Task},
    truth::Truth,
    world::{Action, MILLI, SECOND, World},
};

pub(crate) struct Host {
    pub(crate) number: u64,
    attempt: AttemptNumber,
    up: bool,
    dying: bool,
    /// What its program has built.
    pub(crate) graph: Arc<JobGraph>,
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
        assert!(truth.hosts.insert(attempt), "task host {attempt} of {job_id} was started before");
        truth.check_program(spec);
        let broken = truth.broken;
        if truth.started.iter().any(|(place, ..)| *place == process.place) {
            self.count("task host started again");
        }
        self.truth(job_id).started.insert(started);
        let Some(task_manager) = self.process(process) else { return };
        let graph = spec.graph.clone();
        let new = Host { number: host, attempt, up: false, dying: false, graph, tasks: BTreeMap::new() };
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
        // Deployments may still be on their way to it when the next one is up.
        if !self.calm && self.faults_go_on() && self.random.percent(5) {
            self.count("task host crashed soon after its start");
            let cause = Box::new(FailureCause::new(FailureKind::TaskHostSignal, "killed by signal 11"));
            self.at_between(0, 60 * MILLI, Action::HostDies { process, job_id, host: number, cause });
        }
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
        self.break_peers(process, job_id, &host.graph, &host.tasks.into_keys().collect::<Vec<_>>());
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
        let (id, calm) = (self.places[process.place].id(), self.calm);
        for task in tasks {
            let TaskDescriptor { subtask, attempt, allocation_id, restore } = task;
            let Some(task_manager) = self.process(process) else { return };
            let Some(graph) = task_manager.hosts.get(&job_id).map(|host| host.graph.clone()) else { return };
            check_placement(&graph, placement, subtask);
            let truth = self.truth(job_id);
            let restored = restore.map(|point| truth.restored(point.checkpoint_id, &graph, subtask));
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
            assert!(!calm || !truth.has_finished, "{job_id} had finished and runs again");
            assert!(
                truth.begun.insert((subtask, attempt)),
                "{subtask:?} of {job_id} ran as {attempt} before"
            );
            let live = truth.live.entry(subtask).or_default().clone();
            for (other, other_id) in live {
                // Where a TaskManager was given up without knowing it, an order may still arrive that is long overdue.
                let older = if other < attempt { other_id } else { id.clone() };
                assert!(self.is_given_up(job_id, &older), "two live attempts of {subtask:?} of {job_id}");
            }
            let truth = self.truth(job_id);
            truth.live.entry(subtask).or_default().insert(attempt, id.clone());
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

    pub(crate) fn task_ended(&mut self, job_id: JobId, subtask: SubtaskId, attempt: AttemptNumber) {
        let ended = self.truth(job_id).live.get_mut(&subtask).and_then(|live| live.remove(&attempt));
        assert!(ended.is_some(), "it was live");
    }

    /// Subtasks elsewhere that were connected with these may notice that their peers are gone.
    fn break_peers(&mut self, dead: Process, job_id: JobId, graph: &JobGraph, tasks: &[SubtaskId]) {
        let regions = pipelined_regions(graph).into_iter();
        let hit = regions.filter(|region| region.iter().any(|subtask| tasks.contains(subtask)));
        let connected: BTreeSet<_> = hit.flatten().collect();
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

/// Who the subtask is connected with in the graph of its own program must be there.
fn check_placement(graph: &JobGraph, placement: &Placement, subtask: SubtaskId) {
    let is_placed = |vertex, index: u32| placement.host_of(vertex, flott_core::SubtaskIndex(index)).is_some();
    assert!(subtask.subtask.0 < graph.vertex(subtask.vertex).parallelism, "the host's graph has {subtask:?}");
    for (vertex, places) in graph.vertices.iter().zip(&placement.vertices) {
        assert!(places.len() <= vertex.parallelism as usize, "the host's graph is that of the deployment");
    }
    for (_, edge) in graph.inputs_of(subtask.vertex) {
        let mut producers = graph.producers_of(edge, subtask.subtask);
        assert!(producers.all(|it| is_placed(edge.source, it)), "all producers are placed");
    }
    for (_, edge) in graph.outputs_of(subtask.vertex) {
        let mut consumers = graph.consumers_of(edge, subtask.subtask);
        assert!(consumers.all(|it| is_placed(edge.target, it)), "all consumers are placed");
    }
}
