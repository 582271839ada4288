//! What subtasks do for checkpoints.

use flott_control::{
    protocol::{CheckpointNotice, CheckpointOutcome, CheckpointReport},
    task_manager::Event,
};
use flott_core::{
    AttemptNumber, CheckpointId, FailureCause, FailureKind, JobGraph, JobId, SubtaskId,
    checkpoint::{Barrier, Blob, CheckpointStats, OperatorSubtaskState, SourceProgress, SubtaskSnapshot},
};

use super::{
    network::Process,
    task::{Ending, Step, number_of},
    truth::{Stored, Truth},
    world::{MILLI, World},
};

impl World {
    pub(crate) fn trigger_in_host(
        &mut self,
        process: Process,
        job_id: JobId,
        barrier: &Barrier,
        tasks: &[(SubtaskId, AttemptNumber)],
    ) {
        for (subtask, attempt) in tasks {
            let Some(task_manager) = self.process(process) else { return };
            let Some(host) = task_manager.hosts.get(&job_id) else { return };
            let number = host.number;
            if host.tasks.get(subtask).is_some_and(|task| task.attempt == *attempt) {
                self.take_barrier(process, job_id, number, *subtask, barrier.id);
            }
        }
    }

    pub(crate) fn notify_in_host(&mut self, process: Process, job_id: JobId, notice: CheckpointNotice) {
        let Some(task_manager) = self.process(process) else { return };
        let Some(host) = task_manager.hosts.get_mut(&job_id) else { return };
        let number = host.number;
        let mut ended = Vec::new();
        for (subtask, task) in &mut host.tasks {
            match (task.ending, notice) {
                (Ending::AwaitsCompletion(id), CheckpointNotice::Completed(completed)) if id <= completed => {
                    ended.push(*subtask);
                }
                (Ending::AwaitsCompletion(id), CheckpointNotice::Aborted(aborted)) if id == aborted => {
                    task.ending = Ending::AwaitsBarrier;
                }
                _ => {}
            }
        }
        for subtask in ended {
            self.count("subtask ended with a checkpoint");
            self.finish(process, job_id, number, subtask);
        }
    }

    /// The subtask takes its snapshot and hands the barrier on.
    pub(crate) fn take_barrier(
        &mut self,
        process: Process,
        job_id: JobId,
        number: u64,
        subtask: SubtaskId,
        id: CheckpointId,
    ) {
        let Some(host) = self.host(process, job_id, number) else { return };
        let graph = host.graph.clone();
        let Some(task) = host.tasks.get_mut(&subtask) else { return };
        if task.last_barrier >= id {
            return;
        }
        task.last_barrier = id;
        if task.ending == Ending::AwaitsBarrier {
            task.ending = Ending::AwaitsCompletion(id);
        }
        let vertex = graph.vertex(subtask.vertex);
        let state: Vec<u8> = task.read.iter().flat_map(|split| split.to_le_bytes()).collect();
        let enumerator = task.enumerator.map(|it| (it.last_report, it.found.to_le_bytes().to_vec()));
        let operator = OperatorSubtaskState {
            uid: vertex.operators[0].uid.clone(),
            state_size: state.len() as u64,
            manifest: Blob::Inline(state),
            files: Vec::new(),
            has_union: false,
        };
        let snapshot = SubtaskSnapshot {
            operators: vec![operator],
            source: vertex
                .is_source
                .then_some(SourceProgress { last_answered: task.last_answered, enumerator }),
            finished: task.had_finished,
            ..SubtaskSnapshot::default()
        };
        task.snapshots.insert(id, snapshot);
        let (attempt, has_closed) = (task.attempt, task.ending != Ending::NotYet);
        self.step(process, job_id, number, subtask, (MILLI, 100 * MILLI), Step::Acknowledge { id });
        if has_closed {
            return;
        }
        for (_, edge) in graph.outputs_of(subtask.vertex) {
            for consumer in graph.consumers_of(edge, subtask.subtask) {
                self.send_barrier(job_id, SubtaskId::new(edge.target.0, consumer), attempt, id);
            }
        }
    }

    pub(crate) fn acknowledge(
        &mut self,
        process: Process,
        job_id: JobId,
        number: u64,
        subtask: SubtaskId,
        id: CheckpointId,
    ) {
        let fails = self.faults_go_on() && !self.calm && self.random.percent(2);
        let Some(host) = self.host(process, job_id, number) else { return };
        let host_attempt = host.attempt();
        let Some(task) = host.tasks.get_mut(&subtask) else { return };
        let Some(snapshot) = task.snapshots.remove(&id) else { return };
        let outcome = if fails {
            CheckpointOutcome::Declined(FailureCause::new(FailureKind::External, "the disk is full"))
        } else {
            CheckpointOutcome::Acknowledged {
                snapshot: Box::new(snapshot),
                stats: CheckpointStats::default(),
            }
        };
        let report = CheckpointReport { subtask, attempt: task.attempt, checkpoint_id: id, outcome };
        if fails {
            self.count("checkpoint declined");
        }
        self.task_manager_event(
            process,
            Event::HostReportedCheckpoint { job_id, attempt: host_attempt, report },
        );
    }

    pub(crate) fn await_checkpoint(
        &mut self,
        process: Process,
        job_id: JobId,
        number: u64,
        subtask: SubtaskId,
    ) {
        let Some(host) = self.host(process, job_id, number) else { return };
        let attempt = host.attempt();
        let Some(task) = host.tasks.get(&subtask) else { return };
        let task_attempt = task.attempt;
        self.task_manager_event(
            process,
            Event::HostAwaitsCheckpoint { job_id, attempt, subtask, task_attempt },
        );
    }

    /// To where the consumer runs, if it does.
    fn send_barrier(&mut self, job_id: JobId, to: SubtaskId, attempt: AttemptNumber, id: CheckpointId) {
        for place in 0..self.places.len() {
            let process = Process { place, incarnation: self.places[place].incarnation };
            let Some(task_manager) = self.process(process) else { continue };
            let Some(host) = task_manager.hosts.get(&job_id) else { continue };
            let number = host.number;
            if host.tasks.get(&to).is_some_and(|task| task.attempt == attempt) {
                self.step(process, job_id, number, to, (MILLI, 30 * MILLI), Step::Barrier { id });
            }
        }
    }
}

impl Truth {
    /// What a subtask of this graph gets of what had been read by a checkpoint, and whether it had finished.
    pub(crate) fn restored(
        &self,
        id: CheckpointId,
        graph: &JobGraph,
        subtask: SubtaskId,
    ) -> (Vec<u64>, bool) {
        let stored = &self.stored[&id];
        let finished = &stored.metadata.vertices[subtask.vertex.0 as usize].finished;
        let parallelism = graph.vertex(subtask.vertex).parallelism;
        if finished.len() == parallelism as usize {
            return (self.read_by(stored, subtask), finished[subtask.subtask.0 as usize]);
        }
        // With another parallelism each gets its share of all, and has finished if all had.
        let before = (0..finished.len() as u32).map(|index| SubtaskId::new(subtask.vertex.0, index));
        let all = before.flat_map(|before| self.read_by(stored, before));
        let own = all.filter(|split| *split as u32 % parallelism == subtask.subtask.0).collect();
        (own, finished.iter().all(|finished| *finished))
    }

    fn read_by(&self, stored: &Stored, subtask: SubtaskId) -> Vec<u64> {
        let vertex = self.graph.vertex(subtask.vertex);
        let state = stored.metadata.operator(&vertex.operators[0].uid);
        let state = state.and_then(|state| state.subtasks[subtask.subtask.0 as usize].as_ref());
        match state.map(|state| &state.manifest) {
            Some(Blob::Inline(bytes)) => bytes.chunks(8).map(number_of).collect(),
            Some(Blob::File(file)) => panic!("no subtask has written {file:?}"),
            None => stored.finished.get(&subtask).cloned().unwrap_or_default(),
        }
    }
}
