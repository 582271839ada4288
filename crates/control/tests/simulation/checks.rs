//! What must be true whenever something has happened, and when all is at rest.

use flott_control::{job_master::Outcome, protocol::SlotHolder, resource_manager::SlotState};
use flott_core::{AttemptNumber, FailureKind, JobId, SubtaskId, deployment::SplitAnswer};

use super::{truth, world::World};

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
        if let Some(root) = machine.failures().first() {
            let most = machine.failures().iter().map(|failure| failure.cause.kind.rank()).max();
            assert_eq!(Some(root.cause.kind.rank()), most, "the most telling failure is the root");
        }
        if machine.outcome().is_some() {
            assert!(machine.executions().all(|it| it.state.is_terminal()), "nothing of an ended job runs");
        }
        let waited =
            machine.status() == flott_core::JobStatus::Created && machine.held_slots().next().is_none();
        if waited {
            self.count("job waited for a TaskManager");
        }
    }

    /// The same request gets the same answer, and no split goes to two requests.
    pub(crate) fn check_hand_out(
        &mut self,
        job_id: JobId,
        request: (SubtaskId, AttemptNumber, u64),
        answer: &SplitAnswer,
    ) {
        if let SplitAnswer::Split(bytes) = answer {
            let split = u64::from_le_bytes(bytes.clone().try_into().expect("a split of ours"));
            let first = *self.truth(job_id).handed.entry(split).or_insert(request);
            assert_eq!(first, request, "split {split} of {job_id} was handed out twice");
        }
    }

    pub(crate) fn check_outcome(&mut self, job_id: JobId, outcome: Outcome) {
        let epoch = self.job_manager.as_ref().map(|it| it.epoch);
        let truth = self.truth(job_id);
        assert_eq!(truth.epoch, epoch, "only its own leader ends a job");
        assert!(truth.outcome.is_none(), "a job ends once");
        assert!(outcome != Outcome::Canceled || truth.cancel_requested, "canceled without a request");
        if outcome == Outcome::Finished {
            assert!(truth.all_finished(), "FINISHED, but only {:?} have ended", truth.finished);
            let read_once =
                (0..truth.splits).all(|split| truth.read.get(&split).is_some_and(|by| by.len() == 1));
            assert!(read_once, "FINISHED, but the splits were read by {:?}", truth.read);
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
            if job.live.values().any(|live| *live > 0) {
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
