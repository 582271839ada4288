//! The shell of a JobMaster: hands events in and performs the effects.

use flott_control::{
    job_master::{self, JobState},
    protocol::Order,
    resource_manager,
};
use flott_core::{FailureCause, FailureKind, JobId};

use super::{
    job_manager::JobMail,
    network::ToTaskManager,
    store::Write,
    truth::Stored,
    world::{Action, Actor, MILLI, World},
};

impl World {
    pub(crate) fn job_event(&mut self, job_id: JobId, event: job_master::Event) {
        let now = self.now();
        let Some(job_manager) = &mut self.job_manager else { return };
        let Some(job) = job_manager.jobs.get_mut(&job_id) else { return };
        let (before, root) = (job.machine.outcome().cloned(), job.machine.failures().first().cloned());
        let groups = job.machine.failure_history().count() as u64 + job.machine.forgotten_failures();
        let held = job.machine.held_slots().map(|(id, _)| id.clone()).collect();
        let was_reconciling = matches!(job.machine.state(), JobState::Reconciling { .. });
        let rescales = job.machine.rescales().clone();
        let parallelisms = job.machine.graph().parallelisms();
        let effects = job.machine.handle(event, now);
        let ends_reconciling =
            was_reconciling && !matches!(job.machine.state(), JobState::Reconciling { .. });
        assert!(before.is_none() || job.machine.outcome() == before.as_ref(), "terminal stays terminal");
        let groups_now = job.machine.failure_history().count() as u64 + job.machine.forgotten_failures();
        let root_replaced =
            root.is_some() && groups == groups_now && job.machine.failures().first() != root.as_ref();
        let epoch = job_manager.epoch;
        if let Some(at) = job.machine.next_wakeup()
            && job.timer.is_none_or(|timer| at < timer)
        {
            job.timer = Some(at);
            let delay = self.until(at);
            self.at(delay, Action::JobManagerTimer { epoch, actor: Actor::Job(job_id), at });
        }
        if root_replaced {
            self.count("root cause replaced");
        }
        self.count_rescales(job_id, &rescales, &parallelisms);
        self.check_job(job_id);
        if ends_reconciling {
            self.count_reconciled(job_id);
        }
        let mut effects = effects.into_iter();
        while let Some(effect) = effects.next() {
            if let job_master::Effect::Terminated { outcome } = effect {
                self.check_outcome(job_id, &outcome, &held);
                return self.write(epoch, job_id, Write::End(outcome, effects.collect()));
            }
            self.perform_for_job(job_id, effect);
        }
    }

    /// The end of the job is durable.
    pub(crate) fn after_the_end(&mut self, job_id: JobId, effects: Vec<job_master::Effect>) {
        effects.into_iter().for_each(|effect| self.perform_for_job(job_id, effect));
        // Calls that wait may be dropped with their JobMaster, and the JobMaster may be gone at once.
        let (drop_calls, drop_job) = (self.random.percent(50), self.random.percent(50));
        let Some(job_manager) = &mut self.job_manager else { return };
        if drop_calls {
            job_manager.calls.retain(|_, call| call.actor != Actor::Job(job_id));
        }
        if drop_job {
            job_manager.jobs.remove(&job_id);
        }
    }

    fn perform_for_job(&mut self, job_id: JobId, effect: job_master::Effect) {
        use job_master::Effect as E;
        let Some(job_manager) = &mut self.job_manager else { return };
        let epoch = job_manager.epoch;
        match effect {
            E::RequireSlots { count } => {
                self.post_resource(resource_manager::Event::SlotsRequired { job_id, count });
            }
            E::ReleaseSlot { allocation_id } => {
                self.count("late slot released");
                self.post_resource(resource_manager::Event::SlotReleased { job_id, allocation_id });
            }
            E::SendOrder { to, fence, order } => {
                if matches!(order, Order::KillTaskHost { .. }) {
                    self.count("task host killed after the cancellation timeout");
                }
                if matches!(order, Order::CancelTasks { .. } | Order::DeployTasks { .. }) {
                    self.ambush(50 * MILLI);
                }
                self.check_order(job_id, &order);
                self.send_order(Actor::Job(job_id), to, fence, order);
            }
            E::AnswerSplit { subtask, attempt, request_id, answer } => {
                let Some(job) = job_manager.jobs.get_mut(&job_id) else { return };
                let from = job.asking.remove(&(subtask, attempt, request_id));
                self.check_hand_out(job_id, (subtask, attempt, request_id), &answer);
                if let Some(from) = from {
                    self.send_to_task_manager(ToTaskManager::SplitAnswer {
                        process: from.process,
                        registration_id: from.registration_id,
                        job_id,
                        subtask,
                        attempt,
                        request_id,
                        answer,
                    });
                }
            }
            E::RejectSplitRequest { .. } => self.count("split request rejected"),
            E::StatusChanged { .. } => {}
            E::StoreCheckpoint { checkpoint_id, metadata, .. } => {
                let Some(job) = job_manager.jobs.get(&job_id) else { return };
                let attempts: Vec<_> = job.machine.executions().map(|it| (it.subtask, it.attempt)).collect();
                let fails = !self.calm && self.faults_go_on() && self.random.percent(10);
                let truth = self.truth(job_id);
                let finished = attempts.iter().filter_map(|(subtask, attempt)| {
                    Some((*subtask, truth.finished.get(&(*subtask, *attempt))?.clone()))
                });
                let finished = finished.collect();
                let result = if fails {
                    Err(FailureCause::new(FailureKind::External, "the storage does not answer"))
                } else {
                    let stored = Stored { metadata, finished };
                    assert!(
                        truth.stored.insert(checkpoint_id, stored).is_none(),
                        "numbers are never used again"
                    );
                    let uri = format!("file:///checkpoints/{job_id}/chk-{checkpoint_id}/_metadata");
                    Ok(job_master::StoredMetadata { uri, size: 1 })
                };
                self.count(if fails { "checkpoint not stored" } else { "checkpoint stored" });
                let delay = self.random.between(MILLI, 400 * MILLI);
                self.at(delay, Action::Stored { epoch, job_id, checkpoint_id, result: Box::new(result) });
            }
            E::DeleteFiles { directories, .. } => self.check_deletion(job_id, &directories),
            E::SnapshotDone { .. } => panic!("nobody wants a savepoint"),
            E::RescaleAnswered { result, .. } => self.rescale_answered(job_id, &result),
            E::AwaitTaskManagers => {
                self.count("job reconciled");
                self.post_resource(resource_manager::Event::JobRecovering { job_id });
            }
            E::StoreRun { run } => self.write(epoch, job_id, Write::Run(run)),
            E::StorePointer { checkpoint_id, pointer } => {
                self.write(epoch, job_id, Write::Pointer(checkpoint_id, pointer));
            }
            E::Terminated { .. } => panic!("nothing ends twice"),
            E::Violation { message } => panic!("JobMaster: {message}"),
        }
    }
}

impl World {
    pub(crate) fn stored(
        &mut self,
        epoch: u64,
        job_id: JobId,
        checkpoint_id: flott_core::CheckpointId,
        result: Result<job_master::StoredMetadata, FailureCause>,
    ) {
        if self.job_manager.as_ref().is_some_and(|it| it.epoch == epoch) {
            let event = job_master::Event::CheckpointStored { checkpoint_id, result };
            self.post(job_id, JobMail::Event(event));
        }
    }
}
