//! What must be true whenever something has happened, and when all is at rest.

use std::collections::BTreeMap;

use flott_control::{
    job_master::Outcome,
    protocol::{Order, SlotHolder},
    resource_manager::SlotState,
};
use flott_core::{
    AttemptNumber, ExecutionState, FailureKind, JobId, JobStatus, SubtaskId, deployment::SplitAnswer,
};

use super::{task::number_of, truth, world::World};

impl World {
    /// A slot is reported as free only when nothing runs in it, and a task host runs only where its job has a slot.
    pub(crate) fn check_task_manager(&mut self, place: usize) {
        let Some(task_manager) = &self.places[place].process else { return };
        let slots = task_manager.machine.slot_report().slots;
        for (job_id, host) in &task_manager.hosts {
            let holds = slots.iter().flatten().any(|holder| holder.job_id == *job_id);
            assert!(holds, "a task host of {job_id} runs at {place}, where the job holds no slot");
            for (subtask, task) in &host.tasks {
                let holder = SlotHolder { allocation_id: task.allocation_id, job_id: *job_id };
                assert!(
                    slots.contains(&Some(holder)),
                    "{subtask:?} of {job_id} runs in a free slot at {place}"
                );
            }
        }
    }

    /// What the ResourceManager believes a job to hold, the TaskManager of that registration holds for it.
    pub(crate) fn check_resource_manager(&mut self) {
        let Some(job_manager) = &self.job_manager else { return };
        for (id, entry) in job_manager.resource_manager.task_managers() {
            let here =
                |place: &&super::task_manager::Place| place.registration_id() == Some(entry.registration_id);
            let Some(process) = self.places.iter().find(here).and_then(|place| place.process.as_ref()) else {
                continue;
            };
            let truth = process.machine.slot_report().slots;
            for (index, slot) in entry.slots.iter().enumerate() {
                if let SlotState::Allocated(holder) = slot {
                    assert_eq!(truth[index], Some(*holder), "slot {index} of {id}");
                }
            }
        }
    }

    pub(crate) fn check_job(&mut self, job_id: JobId) {
        let Some(machine) = self.job_manager.as_ref().and_then(|it| it.job(job_id)) else { return };
        for group in machine.failure_history() {
            let ranks = group.concurrent().iter().map(|failure| failure.cause.kind.rank());
            let root = group.root().cause.kind.rank();
            assert!(ranks.max().is_none_or(|most| most <= root), "the most telling failure is the root");
            let cause = &group.root().cause;
            assert_ne!(cause.kind, FailureKind::Internal, "{}", cause.message);
        }
        if machine.outcome().is_some() {
            assert!(machine.executions().all(|it| it.state.is_terminal()), "nothing of an ended job runs");
        }
        let attempts: BTreeMap<_, _> = machine.executions().map(|it| (it.subtask, it.attempt)).collect();
        let (status, restarts) = (machine.status(), machine.restarts());
        let waited = status == JobStatus::Created && machine.held_slots().next().is_none();
        let others_run = machine.executions().any(|it| it.state == ExecutionState::Running)
            && machine.executions().any(|it| it.state == ExecutionState::Scheduled);
        let truth = self.truth(job_id);
        let mut of_regions = BTreeMap::new();
        for (subtask, attempt) in &attempts {
            let same = *of_regions.entry(truth.regions[subtask]).or_insert(*attempt);
            assert_eq!(same, *attempt, "all subtasks of a region have the same attempt");
            let before = truth.attempts.get(subtask).copied().unwrap_or_default();
            assert!(before <= *attempt, "attempts rise");
        }
        truth.attempts = attempts;
        if waited {
            self.count("job waited for a TaskManager");
        }
        if status == JobStatus::Restarting && others_run {
            self.count("regions ran while others were restarted");
        }
        if status == JobStatus::Canceled && restarts > 0 {
            self.count("job canceled after a restart");
        }
    }

    /// What is deployed begins with what the JobMaster recovers from, and with the last attempt.
    pub(crate) fn check_order(&mut self, job_id: JobId, order: &Order) {
        let Order::DeployTasks { tasks, .. } = order else { return };
        let Some(machine) = self.job_manager.as_ref().and_then(|it| it.job(job_id)) else { return };
        let restore = machine.restore_point();
        let mut moved = false;
        for task in tasks {
            assert_eq!(task.restore, restore, "{:?} begins with what counts", task.subtask);
            let execution = machine.executions().find(|it| it.subtask == task.subtask);
            let execution = execution.expect("a subtask of the job");
            assert_eq!(task.attempt, execution.attempt);
            let before = machine.past_attempts(task.subtask).last().and_then(|past| past.location.as_ref());
            let now = execution.location.as_ref().expect("it is deployed somewhere");
            moved |= before.is_some_and(|before| before.task_manager_id != now.task_manager_id);
        }
        if moved {
            self.count("restart moved to another TaskManager");
        }
    }

    /// What the job would recover from is never deleted while the job lives.
    pub(crate) fn check_deletion(&mut self, job_id: JobId, directories: &[String]) {
        let Some(machine) = self.job_manager.as_ref().and_then(|it| it.job(job_id)) else { return };
        let restore = machine.restore_point().filter(|_| machine.outcome().is_none());
        let needed = |directory: &String| {
            restore.as_ref().is_some_and(|it| it.metadata.starts_with(&format!("{directory}/")))
        };
        assert!(!directories.iter().any(needed), "{restore:?} is in {directories:?}");
    }

    /// The same request gets the same answer, and no split goes to two requests unless the first subtask has been
    /// restarted since.
    pub(crate) fn check_hand_out(
        &mut self,
        job_id: JobId,
        request: (SubtaskId, AttemptNumber, u64),
        answer: &SplitAnswer,
    ) {
        if let SplitAnswer::Split(bytes) = answer {
            let split = number_of(bytes);
            let truth = self.truth(job_id);
            if let Some(before) = truth.handed.insert(split, request)
                && before != request
            {
                let (subtask, attempt, _) = before;
                assert!(truth.attempts[&subtask] > attempt, "split {split} of {job_id} was handed out twice");
                self.count("split handed out again");
            }
        }
    }

    pub(crate) fn check_outcome(&mut self, job_id: JobId, outcome: Outcome) {
        let epoch = self.job_manager.as_ref().map(|it| it.epoch);
        let restarts = self.job_manager.as_ref().and_then(|it| it.job(job_id)).map_or(0, |it| it.restarts());
        let truth = self.truth(job_id);
        assert_eq!(truth.epoch, epoch, "only its own leader ends a job");
        assert!(truth.outcome.is_none(), "a job ends once");
        assert!(outcome != Outcome::Canceled || truth.cancel_requested, "canceled without a request");
        if outcome == Outcome::Finished {
            let mut read: Vec<u64> = Vec::new();
            for (subtask, attempt) in &truth.attempts {
                let ended = truth.finished.get(&(*subtask, *attempt));
                read.extend(ended.unwrap_or_else(|| panic!("FINISHED, but {subtask:?} has not ended")));
            }
            read.sort_unstable();
            let all: Vec<_> = (0..truth.splits).collect();
            assert_eq!(read, all, "FINISHED, but not every split was read exactly once");
        }
        truth.outcome = Some(outcome.clone());
        // What runs on a TaskManager that was given up may run on until that TaskManager hears of it.
        let lost = truth.lost.clone();
        for place in &self.places {
            let host = place.process.as_ref().and_then(|process| process.hosts.get(&job_id));
            let runs = host.is_some_and(|host| !host.tasks.is_empty());
            assert!(!runs || lost.contains(&place.id()), "{job_id} has ended, but runs on {}", place.id());
        }
        match outcome {
            Outcome::Finished if restarts > 0 => {
                self.count("job finished after restarts");
                self.count("job finished");
            }
            Outcome::Finished => self.count("job finished"),
            Outcome::Canceled => self.count("job canceled"),
            Outcome::Failed(cause) => {
                assert_ne!(cause.kind, FailureKind::Internal, "{}", cause.message);
                self.count("job failed");
                if cause.kind == FailureKind::NoResources {
                    assert!(cause.message.starts_with("job needs "), "{}", cause.message);
                    self.count("job failed for want of slots");
                }
            }
        }
    }

    /// What is not at rest, if anything.
    pub(crate) fn unrest(&self) -> Option<String> {
        let Some(job_manager) = &self.job_manager else { return Some("there is no JobManager".to_owned()) };
        if !self.orphans.is_empty() {
            return Some("orphans run".to_owned());
        }
        for (index, job) in self.jobs.iter().enumerate() {
            if job.epoch == Some(job_manager.epoch) && job.outcome.is_none() {
                let state = job_manager.job(truth::job_id(index)).map(|machine| machine.state());
                return Some(format!("job {index} is {state:?}"));
            }
            if job.is_live() {
                return Some(format!("subtasks of job {index} run: {:?}", job.live));
            }
        }
        for (index, place) in self.places.iter().enumerate() {
            let Some(process) = &place.process else { return Some(format!("place {index} is empty")) };
            let registered = job_manager.resource_manager.task_managers().any(|(id, entry)| {
                *id == place.id() && Some(entry.registration_id) == place.registration_id()
            });
            if !registered {
                return Some(format!("the TaskManager at {index} is {:?}", process.machine.registration()));
            }
            if !process.hosts.is_empty() || process.machine.slot_report().slots.iter().any(Option::is_some) {
                return Some(format!("slots at {index} are held: {:?}", process.machine.slot_report()));
            }
            if let Some((job_id, host)) = process.machine.task_hosts().next() {
                return Some(format!("the TaskManager at {index} remembers {job_id}: {host:?}"));
            }
        }
        let slots: u32 = self.places.iter().map(super::task_manager::Place::slots).sum();
        let (total, free) =
            (job_manager.resource_manager.total_slots(), job_manager.resource_manager.free_slots());
        if (total, free) != (slots, slots) {
            return Some(format!("the ResourceManager has {free} of {total} slots free, there are {slots}"));
        }
        job_manager.has_calls().then(|| "orders are on their way".to_owned())
    }

    pub(crate) fn check_at_rest(&mut self) {
        let slots: u32 = self.places.iter().map(super::task_manager::Place::slots).sum();
        for (index, job) in self.jobs.iter().enumerate() {
            let ended = job.outcome.is_some() && !job.cancel_requested;
            if ended && job.endless && !job.started.is_empty() {
                assert_eq!(job.outcome, Some(Outcome::Finished), "job {index} restarts as often as it takes");
            }
            if self.calm && job.graph.required_slots() <= slots {
                // It may have had to wait too long for others that came before.
                let in_turn = matches!(&job.outcome, Some(Outcome::Finished))
                    || matches!(&job.outcome, Some(Outcome::Failed(cause)) if cause.kind == FailureKind::NoResources);
                assert!(in_turn, "nothing went wrong, but job {index} has {:?}", job.outcome);
            } else if self.calm {
                let failed = matches!(&job.outcome, Some(Outcome::Failed(cause)) if cause.kind == FailureKind::NoResources);
                assert!(failed, "job {index} needs more than {slots} slots, but has {:?}", job.outcome);
            }
        }
    }
}
