//! What must be true whenever something has happened, and when all is at rest.

use std::collections::{BTreeMap, BTreeSet};

use flott_control::{
    job_master::{Execution, Outcome},
    protocol::{Order, SlotHolder},
    resource_manager::SlotState,
};
use flott_core::{
    AttemptNumber, ExecutionState, FailureKind, JobId, JobStatus, SubtaskId, TaskManagerId,
    deployment::SplitAnswer,
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
                if let SlotState::Allocated(holder) = slot
                    && !process.impatient
                {
                    assert_eq!(truth[index], Some(*holder), "slot {index} of {id}");
                }
            }
        }
    }

    /// Whether what runs there of a job may run beside what runs elsewhere: no leader counts on it any more.
    pub(crate) fn is_given_up(&mut self, job_id: JobId, id: &TaskManagerId) -> bool {
        if self.truth(job_id).lost.contains(id) {
            return true;
        }
        let machine = self.leader().and_then(|it| it.job(job_id));
        !machine.is_some_and(|machine| machine.held_slots().any(|(held, _)| held == id))
    }

    /// The leader is about to be lost: which of its jobs must not notice?
    pub(crate) fn look_at_jobs(&mut self) {
        for index in 0..self.jobs.len() {
            let machine = self.job_manager.as_ref().and_then(|it| it.job(truth::job_id(index)));
            let Some((status, whole)) = machine.map(|machine| {
                let runs =
                    |it: &Execution| matches!(it.state, ExecutionState::Running | ExecutionState::Finished);
                (machine.status(), machine.executions().all(runs))
            }) else {
                continue;
            };
            let job = &mut self.jobs[index];
            match status {
                JobStatus::Reconciling => {}
                JobStatus::Running if whole && !job.was_torn => job.is_whole = true,
                _ if job.outcome.is_none() => {
                    (job.is_whole, job.was_torn) = (false, true);
                }
                _ => {}
            }
        }
    }

    /// A job that ran as a whole goes on without a restart.
    fn check_adoption(&mut self, job_id: JobId) {
        let Some(machine) = self.job_manager.as_ref().and_then(|it| it.job(job_id)) else { return };
        let (status, restarts) = (machine.status(), machine.restarts());
        let rescales = !machine.rescales().records.is_empty();
        if !self.truth(job_id).is_whole || status == JobStatus::Reconciling {
            return;
        }
        if self.calm {
            let goes_on =
                matches!(status, JobStatus::Initializing | JobStatus::Running | JobStatus::Finished)
                    || (status == JobStatus::Restarting && rescales);
            let failures: Vec<_> = self
                .job_manager
                .iter()
                .filter_map(|it| it.job(job_id))
                .flat_map(|it| it.failures())
                .collect();
            assert!(goes_on && restarts == 0, "{job_id} has noticed a failover: {status}, {failures:?}");
        }
        self.count("job adopted as a whole");
    }

    /// A job is known again after a failover.
    pub(crate) fn count_reconciled(&mut self, job_id: JobId) {
        let Some(machine) = self.job_manager.as_ref().and_then(|it| it.job(job_id)) else { return };
        let runs = machine.executions().any(|it| it.state == ExecutionState::Running);
        let cause = machine.failures().first().map(|failure| failure.cause.message.clone());
        let is_unknown = cause.is_some_and(|cause| cause.contains("sources have read"));
        let what = match machine.status() {
            JobStatus::Restarting if machine.restarts() == 0 => "job began again after a failover",
            JobStatus::Running if runs => "job adopted",
            JobStatus::Finished => "job had finished while nobody led",
            JobStatus::Cancelling | JobStatus::Canceled => "job canceled after a failover",
            JobStatus::Restarting if is_unknown => "source restarted since its splits were not known",
            JobStatus::Restarting if runs => "some regions adopted and others restarted",
            JobStatus::Restarting => "job restarted by a failover",
            JobStatus::Failing | JobStatus::Failed => "job failed by a failover",
            _ => "job reconciled in another way",
        };
        self.count(what);
    }

    pub(crate) fn check_job(&mut self, job_id: JobId) {
        if self.is_deposed {
            return;
        }
        self.check_adoption(job_id);
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
        let graph = machine.graph().clone();
        let truth = self.truth(job_id);
        let mut of_regions = BTreeMap::new();
        let regions = truth.regions(&graph).clone();
        for (subtask, attempt) in &attempts {
            let same = *of_regions.entry(regions[subtask]).or_insert(*attempt);
            assert_eq!(same, *attempt, "all subtasks of a region have the same attempt");
            let before = truth.attempts.get(subtask).copied().unwrap_or_default();
            assert!(before <= *attempt, "attempts rise");
        }
        // Which they are is not known before they are found.
        if status != JobStatus::Reconciling {
            truth.attempts = attempts;
        }
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
        if self.is_deposed {
            return;
        }
        if let (Order::TriggerCheckpoint { barrier, .. }, Some(leader)) = (order, self.leader()) {
            let epoch = leader.epoch;
            let first = *self.truth(job_id).triggered.entry(barrier.id).or_insert(epoch);
            assert_eq!(first, epoch, "two leaders have triggered checkpoint {}", barrier.id);
        }
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
        let durable = &self.truth(job_id).durable;
        let latest = durable.pointer.latest.as_ref().filter(|_| durable.exists);
        for directory in directories {
            let is_needed =
                latest.is_some_and(|latest| latest.metadata.starts_with(&format!("{directory}/")));
            assert!(!is_needed, "{latest:?} is in {directory}");
        }
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
        (subtask, attempt, request_id): (SubtaskId, AttemptNumber, u64),
        answer: &SplitAnswer,
    ) {
        let Some(epoch) = self.leader().filter(|_| !self.is_deposed).map(|leader| leader.epoch) else {
            return;
        };
        if let SplitAnswer::Split(bytes) = answer {
            let split = number_of(bytes);
            let truth = self.truth(job_id);
            let request = (subtask, attempt, request_id, epoch);
            if let Some(before) = truth.handed.insert(split, request)
                && before != request
                // An answer of an earlier leader may never have arrived.
                && before.3 == epoch
            {
                let (subtask, attempt, ..) = before;
                let now = truth.attempts.get(&subtask);
                // It may be gone since, and others have taken its place.
                assert!(
                    now.is_none_or(|now| *now > attempt),
                    "split {split} of {job_id} was handed out twice"
                );
                self.count("split handed out again");
            }
        }
    }

    pub(crate) fn check_outcome(&mut self, job_id: JobId, outcome: &Outcome, held: &BTreeSet<TaskManagerId>) {
        if self.is_deposed {
            return;
        }
        let epoch = self.job_manager.as_ref().map(|it| it.epoch);
        let restarts = self.job_manager.as_ref().and_then(|it| it.job(job_id)).map_or(0, |it| it.restarts());
        let truth = self.truth(job_id);
        assert_eq!(truth.epoch, epoch, "only its own leader ends a job");
        assert!(truth.outcome.is_none(), "a job ends once");
        assert!(*outcome != Outcome::Canceled || truth.cancel_requested, "canceled without a request");
        if *outcome == Outcome::Finished {
            let mut read: Vec<u64> = Vec::new();
            for (subtask, attempt) in &truth.attempts {
                let ended = truth.finished.get(&(*subtask, *attempt));
                read.extend(ended.unwrap_or_else(|| panic!("FINISHED, but {subtask:?} has not ended")));
            }
            read.sort_unstable();
            let all: Vec<_> = (0..truth.splits).collect();
            assert_eq!(read, all, "FINISHED, but not every split was read exactly once");
            truth.has_finished = true;
        }
        // What runs on a TaskManager that was given up may run on until that TaskManager hears of it.
        for place in 0..self.places.len() {
            let id = self.places[place].id();
            let host = self.places[place].process.as_ref().and_then(|process| process.hosts.get(&job_id));
            let runs = host.is_some_and(|host| !host.tasks.is_empty());
            let is_given_up = !held.contains(&id) || self.truth(job_id).lost.contains(&id);
            assert!(!runs || is_given_up, "{job_id} has ended, but runs on {id}");
        }
        if *outcome == Outcome::Finished && restarts > 0 {
            self.count("job finished after restarts");
        }
    }

    /// It is durable that a job has ended.
    pub(crate) fn ended(&mut self, job_id: JobId, outcome: Outcome) {
        let truth = self.truth(job_id);
        assert!(truth.outcome.is_none(), "a job ends once");
        assert!(!truth.durable.is_canceled || outcome != Outcome::Finished || truth.cancel_requested);
        truth.outcome = Some(outcome.clone());
        match outcome {
            Outcome::Finished if self.epoch() > 1 => {
                self.count("job finished after a failover");
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
        if self.deposed.is_some() {
            return Some("a deposed JobManager has not learned it".to_owned());
        }
        if !self.orphans.is_empty() {
            return Some("orphans run".to_owned());
        }
        for (index, job) in self.jobs.iter().enumerate() {
            if job.durable.exists && job.outcome.is_none() {
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
            assert!(job.epoch.is_none() || job.outcome.is_some(), "job {index} was lost");
            let ended = job.outcome.is_some() && !job.cancel_requested;
            if ended && job.endless && !job.begun.is_empty() {
                assert_eq!(job.outcome, Some(Outcome::Finished), "job {index} restarts as often as it takes");
            }
            if self.calm && job.graph.required_slots() <= slots {
                // It may have had to wait too long for others that came before.
                let in_turn = job.was_torn
                    || matches!(&job.outcome, Some(Outcome::Finished))
                    || matches!(&job.outcome, Some(Outcome::Failed(cause)) if cause.kind == FailureKind::NoResources);
                assert!(in_turn, "nothing went wrong, but job {index} has {:?}", job.outcome);
            } else if self.calm && job.wanted.is_empty() {
                let failed = matches!(&job.outcome, Some(Outcome::Failed(cause)) if cause.kind == FailureKind::NoResources);
                assert!(failed, "job {index} needs more than {slots} slots, but has {:?}", job.outcome);
            }
        }
    }
}
