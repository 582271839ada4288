//! Users who want other numbers of subtasks.

use flott_control::{
    job_master::{self, JobState, RescaleEnd, RescaleHistory, RescaleRefusal},
    protocol::CallId,
};
use flott_core::JobId;

use super::{
    job_manager::JobMail,
    truth,
    world::{Action, MILLI, World},
};

impl World {
    pub(crate) fn rescale(&mut self, job: usize) {
        if self.jobs[job].epoch.is_none() || self.jobs[job].outcome.is_some() {
            return;
        }
        if self.job_manager.is_none() {
            return self.at(300 * MILLI, Action::Rescale(job));
        }
        let bounds = self.jobs[job].any_requirements(&mut self.random);
        let truth = &mut self.jobs[job];
        let ids = truth.graph.vertices.iter().map(|vertex| vertex.id);
        let wanted = ids.zip(&bounds).map(|(id, it)| (id, (Some(it.lower), Some(it.upper)))).collect();
        truth.wanted.push(bounds);
        let event = job_master::Event::RescaleRequested { call: CallId(0), wanted };
        self.post(truth::job_id(job), JobMail::Event(event));
    }

    /// A user is told.
    pub(crate) fn rescale_answered(&mut self, job_id: JobId, result: &Result<(), RescaleRefusal>) {
        match result {
            Ok(()) => {
                let truth = self.truth(job_id);
                let durable = &truth.durable.run.requirements;
                assert!(truth.wanted.contains(durable), "what was acknowledged is durable: {durable:?}");
                self.count("rescale acknowledged");
            }
            Err(RescaleRefusal::Invalid(errors)) => panic!("{errors:?}"),
            Err(RescaleRefusal::NotPossible(_) | RescaleRefusal::NotNow(_)) => self.count("rescale refused"),
        }
    }

    pub(crate) fn count_rescales(&mut self, job_id: JobId, before: &RescaleHistory, parallelisms: &[u32]) {
        let Some(machine) = self.job_manager.as_ref().and_then(|it| it.job(job_id)) else { return };
        let now = machine.graph().parallelisms();
        let sum = |all: &[u32]| all.iter().sum::<u32>();
        let recovered = machine.rescales().records.iter().any(|it| {
            it.cause == job_master::RescaleCause::RecoverableFailover && it.end == Some(RescaleEnd::Succeeded)
        });
        let ended = |it: &RescaleHistory| it.completed + it.failed + it.ignored;
        let has_ended = ended(machine.rescales()) > ended(before);
        let records = machine.rescales().records.iter();
        let last = records.filter(|it| it.ended.is_some()).max_by_key(|it| it.number).filter(|_| has_ended);
        let initial = last.is_some_and(|it| it.before.is_none());
        let (end, message) = last.map(|it| (it.end, it.message.clone())).unwrap_or_default();
        assert!(now == parallelisms || !matches!(machine.state(), JobState::Reconciling { .. }));
        let is_waiting = matches!(machine.state(), JobState::WaitingForSlots { .. });
        if now != parallelisms && is_waiting {
            self.count("job rescaled before it began");
        } else if sum(&now) > sum(parallelisms) {
            self.count("job rescaled up");
        } else if sum(&now) < sum(parallelisms) {
            self.count("job rescaled down");
        }
        if recovered && has_ended {
            self.count("rescale carried out after an interruption");
        }
        match end {
            None => {}
            Some(_) if initial => {}
            Some(RescaleEnd::Succeeded) if message.is_some() => self.count("rescale fitted to the slots"),
            Some(RescaleEnd::Succeeded) => self.count("rescale completed"),
            Some(RescaleEnd::ExceptionOccurred) => self.count("rescale without a checkpoint"),
            Some(RescaleEnd::ResourceRequirementsUpdated) => self.count("rescale overtaken by another"),
            Some(RescaleEnd::NoResourcesOrParallelismsChange) => self.count("rescale changed nothing"),
            Some(RescaleEnd::JobFinished | RescaleEnd::JobFailed) => self.count("rescale ended with its job"),
            Some(RescaleEnd::JobCanceled) => self.count("rescale canceled with its job"),
            Some(RescaleEnd::JobFailoverRestarting) => self.count("rescale interrupted by a failure"),
        }
    }
}
