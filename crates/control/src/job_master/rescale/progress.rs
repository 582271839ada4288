//! From what is wanted to the moment from which all subtasks stop.

use std::time::Duration;

use flott_core::{ExecutionState, FailureCause, FailureKind, MonoTime};

use super::{
    super::{Effect, JobMaster, JobState, Outcome},
    ParallelismBounds, Phase, Preparing, RescaleCause, RescaleEnd, RescaleHistory,
    requirements::{fit, wish},
};

/// How long slots may take to come that seem to be there.
const SLOTS_WITHIN: Duration = Duration::from_secs(30);
/// How long TaskManagers may take to register after a failure before the job does without them.
const REGISTERED_WITHIN: Duration = Duration::from_secs(5);
/// After a checkpoint that failed, how long until the next.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The states of Flink's Adaptive scheduler that are most like those here.
const EXECUTING: &str = "Executing";
const RESTARTING: &str = "Restarting";
const CREATING: &str = "CreatingExecutionGraph";
const WAITING: &str = "WaitingForResources";

impl JobMaster {
    /// It is durable that a user wants this.
    pub(super) fn take_requirements(
        &mut self,
        bounds: Vec<ParallelismBounds>,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        self.rescaling.bounds = bounds;
        self.rescaling.wishes += 1;
        match self.rescaling.phase {
            Phase::Stopping { .. } | Phase::Deploying { .. } => self.rescaling.again = true,
            Phase::Idle => self.want_rescale(RescaleCause::UpdateRequirement, now),
            Phase::Wanted | Phase::WaitingForSlots { .. } | Phase::Checkpointing { .. } => {
                self.rescaling.history.end(RescaleEnd::ResourceRequirementsUpdated, None, now);
                self.want_rescale(RescaleCause::UpdateRequirement, now);
                self.give_up_extra_slots(now, out);
            }
        }
    }

    /// The job gets its slots for the first time.
    pub(in super::super) fn schedule_initially(&mut self, now: MonoTime) {
        if self.rescaling.phase == Phase::Wanted {
            // Another JobMaster was told of it before the job began.
            self.rescaling.history.end(RescaleEnd::ResourceRequirementsUpdated, None, now);
            self.rescaling.again = true;
        }
        let (wishes, bounds) = (self.rescaling.wishes, self.rescaling.bounds.clone());
        let history = &mut self.rescaling.history;
        history.begin(RescaleCause::InitialSchedule, wishes, bounds, None, now);
        history.enter(WAITING, now);
        self.rescaling.phase = Phase::Deploying { restarts: self.restarts.count() };
    }

    /// Takes up what another JobMaster had been told or had begun. What it had told is durable.
    pub(in super::super) fn recover_requirements(&mut self, bounds: Vec<ParallelismBounds>, now: MonoTime) {
        if bounds.len() != self.graph.vertices.len() {
            return;
        }
        self.rescaling.bounds = bounds;
        if wish(&self.rescaling.bounds) != self.graph.parallelisms() {
            self.want_rescale(RescaleCause::RecoverableFailover, now);
        }
    }

    /// The job waits for its first slots, and something else is wanted: it may come to need fewer.
    fn change_before_start(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let Some(target) = self.rescaling.first.clone().or_else(|| self.first_target()) else { return };
        self.rescaling.first = Some(target.clone());
        if !self.secure_first_parallelism(&target, out) {
            return;
        }
        (self.rescaling.again, self.rescaling.first) = (false, None);
        self.rescaling.history.end(RescaleEnd::ResourceRequirementsUpdated, None, now);
        self.change_waiting(&target, now, out);
        let (wishes, bounds) = (self.rescaling.wishes, self.rescaling.bounds.clone());
        self.rescaling.history.begin(RescaleCause::UpdateRequirement, wishes, bounds, None, now);
        self.rescaling.history.enter(WAITING, now);
        if self.pool.count() == self.pool.required() {
            self.begin_regions(now, out);
        }
    }

    /// With what a job had better begin than with what it has now.
    fn first_target(&self) -> Option<Vec<u32>> {
        let (graph, bounds) = (&self.rescaling.submitted, &self.rescaling.bounds);
        let slots = self.cluster.map(|(_, free, _)| self.pool.count() + free);
        let target = slots.and_then(|slots| fit(graph, bounds, slots)).unwrap_or_else(|| wish(bounds));
        // Records that were on their way fit one parallelism only: then it changes when it runs.
        (target != self.graph.parallelisms() && !self.begins_with_records()).then_some(target)
    }

    fn want_rescale(&mut self, cause: RescaleCause, now: MonoTime) {
        let before = self.graph.parallelisms();
        let (wishes, bounds) = (self.rescaling.wishes, self.rescaling.bounds.clone());
        self.rescaling.history.begin(cause, wishes, bounds, Some(before), now);
        self.rescaling.history.enter(EXECUTING, now);
        self.rescaling.phase = Phase::Wanted;
    }

    /// Goes on as far as it can, after each event.
    pub(in super::super) fn advance_rescale(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if let Some(end) = self.end_of_rescale() {
            if self.rescaling.phase != Phase::Idle {
                self.rescaling.history.end(end, None, now);
                self.rescaling.phase = Phase::Idle;
            }
            return;
        }
        match &self.rescaling.phase {
            Phase::Idle | Phase::Stopping { .. } => {}
            Phase::Wanted => self.begin_rescale(now, out),
            Phase::WaitingForSlots { .. } | Phase::Checkpointing { .. } if !self.can_prepare_rescale() => {
                self.interrupt_rescale(now, out);
            }
            Phase::WaitingForSlots { target, deadline } => {
                if self.pool.count() >= self.rescaling.wanted_slots() {
                    let target = target.clone();
                    self.prepare_rescale(target, now, out);
                } else if now >= *deadline {
                    let free = self.cluster.map_or(0, |(_, free, _)| free);
                    self.take_what_fits(free, now, out);
                }
            }
            Phase::Checkpointing(preparing) => {
                let preparing = preparing.clone();
                self.checkpoint_for_rescale(preparing, now, out);
            }
            Phase::Deploying { .. }
                if (self.rescaling.again || self.rescaling.first.is_some())
                    && matches!(self.state, JobState::WaitingForSlots { .. }) =>
            {
                self.change_before_start(now, out);
            }
            Phase::Deploying { restarts } => {
                let restarts = *restarts;
                self.watch_deployment(restarts, now, out);
            }
        }
    }

    /// When `advance_rescale` will have something to do.
    pub(in super::super) fn rescale_wakeup(&self) -> Option<MonoTime> {
        match &self.rescaling.phase {
            Phase::WaitingForSlots { deadline, .. } => Some(*deadline),
            Phase::Checkpointing(preparing) if preparing.checkpoint.is_none() => {
                Some(preparing.retry_at.map_or(preparing.deadline, |at| at.min(preparing.deadline)))
            }
            Phase::Checkpointing(preparing) => Some(preparing.deadline),
            Phase::Idle | Phase::Wanted | Phase::Stopping { .. } | Phase::Deploying { .. } => None,
        }
    }

    /// What came meanwhile has not been handed in yet.
    pub(in super::super) fn postpone_rescale(&mut self, by: Duration) {
        match &mut self.rescaling.phase {
            Phase::WaitingForSlots { deadline, .. } | Phase::Checkpointing(Preparing { deadline, .. }) => {
                *deadline = *deadline + by;
            }
            Phase::Idle | Phase::Wanted | Phase::Stopping { .. } | Phase::Deploying { .. } => {}
        }
    }

    /// The cluster has fewer slots than were asked for: takes what is within the bounds.
    pub(in super::super) fn fit_rescale(&mut self, free: u32, now: MonoTime, out: &mut Vec<Effect>) {
        let Phase::WaitingForSlots { deadline, .. } = self.rescaling.phase else { return };
        // After a failure, or with a new leader, TaskManagers that are there may not have registered yet.
        if self.rescaling.is_resumed() && now < deadline {
            return;
        }
        self.take_what_fits(free, now, out);
    }

    fn take_what_fits(&mut self, free: u32, now: MonoTime, out: &mut Vec<Effect>) {
        let held = self.pool.count();
        let slots = held + free;
        let deadline = now + SLOTS_WITHIN;
        if slots >= self.rescaling.wanted_slots() {
            // They are being granted; if they are not, it has taken long enough.
            match &self.rescaling.phase {
                Phase::WaitingForSlots { deadline: at, .. } if now < *at => {}
                _ => self.stay("the slots that it needs did not come in time".to_owned(), now, out),
            }
            return;
        }
        let target = fit(&self.rescaling.submitted, &self.rescaling.bounds, slots);
        match target.filter(|target| *target != self.graph.parallelisms()) {
            Some(target) => {
                let note = format!("there are slots for {slots} of those that were wanted");
                self.rescaling.history.note(note);
                let count = self.rescaling.submitted.with_parallelisms(&target).required_slots();
                self.rescaling.phase = Phase::WaitingForSlots { target, deadline };
                out.push(Effect::RequireSlots { count: count.max(self.pool.required()) });
            }
            None => {
                let wanted = self.rescaling.wanted_slots();
                let reason = format!(
                    "it would need {wanted} slots, but the job holds {held} and only {free} are free, with which nothing \
                     within the requirements would change: start more TaskManagers"
                );
                self.stay(reason, now, out);
            }
        }
    }

    /// How a rescale ends because the job does.
    fn end_of_rescale(&self) -> Option<RescaleEnd> {
        match &self.state {
            JobState::Terminal(Outcome::Finished) => Some(RescaleEnd::JobFinished),
            JobState::Canceling { .. } | JobState::Terminal(Outcome::Canceled) => {
                Some(RescaleEnd::JobCanceled)
            }
            JobState::Failing { .. } | JobState::Terminal(Outcome::Failed(_)) => Some(RescaleEnd::JobFailed),
            _ => None,
        }
    }

    /// Whether all subtasks run and nothing else is about to happen to them.
    fn can_prepare_rescale(&self) -> bool {
        self.can_checkpoint() && !self.is_stopping_with_savepoint()
    }

    fn begin_rescale(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if !self.can_prepare_rescale() {
            return;
        }
        let target = wish(&self.rescaling.bounds);
        if target == self.graph.parallelisms() {
            return self.stay("the job has the parallelism that is wanted".to_owned(), now, out);
        }
        let count = self.rescaling.submitted.with_parallelisms(&target).required_slots();
        if count <= self.pool.count() {
            return self.prepare_rescale(target, now, out);
        }
        let within = if self.rescaling.is_resumed() { REGISTERED_WITHIN } else { SLOTS_WITHIN };
        let deadline = now + self.config.slot_request_timeout.min(within);
        self.rescaling.phase = Phase::WaitingForSlots { target, deadline };
        out.push(Effect::RequireSlots { count });
    }

    fn prepare_rescale(&mut self, target: Vec<u32>, now: MonoTime, out: &mut Vec<Effect>) {
        let deadline = now + Duration::from_millis(self.settings().timeout_ms);
        let preparing = Preparing { target, checkpoint: None, failed: 0, retry_at: None, deadline };
        self.rescaling.phase = Phase::Checkpointing(preparing.clone());
        self.checkpoint_for_rescale(preparing, now, out);
    }

    fn checkpoint_for_rescale(&mut self, mut preparing: Preparing, now: MonoTime, out: &mut Vec<Effect>) {
        let fits = self.latest_fits_any_parallelism();
        preparing.retry_at.take_if(|at| now >= *at);
        if let Some(id) = preparing.checkpoint {
            if fits && self.latest_checkpoint() >= Some(id) {
                return self.stop_for_rescale(preparing.target, now, out);
            }
            if !self.is_under_way(id) {
                preparing.checkpoint = None;
                preparing.failed += 1;
                preparing.retry_at = Some(now + RETRY_PAUSE);
            }
        }
        if now >= preparing.deadline || preparing.failed >= RescaleHistory::FAILED_CHECKPOINTS {
            if fits {
                return self.stop_for_rescale(preparing.target, now, out);
            }
            let reason = "no checkpoint could be taken from which the job could go on".to_owned();
            self.rescaling.history.end(RescaleEnd::ExceptionOccurred, Some(reason), now);
            self.rescaling.phase = Phase::Idle;
            return self.give_up_extra_slots(now, out);
        }
        if preparing.checkpoint.is_none() && preparing.retry_at.is_none() && self.may_checkpoint_alone(out) {
            preparing.checkpoint = Some(self.trigger_for_rescale(now, out));
        }
        self.rescaling.phase = Phase::Checkpointing(preparing);
    }

    /// Everything stops, to go on from the latest checkpoint.
    fn stop_for_rescale(&mut self, target: Vec<u32>, now: MonoTime, out: &mut Vec<Effect>) {
        self.rescaling.phase = Phase::Stopping { target };
        self.rescaling.history.enter(RESTARTING, now);
        let cause = FailureCause::new(FailureKind::Internal, "the job is being rescaled");
        self.stop_all(&cause, now, out);
    }

    /// The graph has changed.
    pub(super) fn rescale_deploys(&mut self, now: MonoTime) {
        self.rescaling.phase = Phase::Deploying { restarts: self.restarts.count() };
        self.rescaling.history.enter(CREATING, now);
        self.rescaling.history.now_has(self.graph.parallelisms());
    }

    fn watch_deployment(&mut self, restarts: u64, now: MonoTime, out: &mut Vec<Effect>) {
        let all = self.executions.all().len();
        let running = self.executions.count(ExecutionState::Running);
        let end = match self.state {
            JobState::Running if running + self.executions.count(ExecutionState::Finished) == all => {
                RescaleEnd::Succeeded
            }
            _ if self.restarts.count() > restarts => RescaleEnd::JobFailoverRestarting,
            _ => return,
        };
        self.rescaling.history.now_has(self.graph.parallelisms());
        self.rescaling.history.end(end, None, now);
        self.rescaling.phase = Phase::Idle;
        if std::mem::take(&mut self.rescaling.again) {
            self.want_rescale(RescaleCause::UpdateRequirement, now);
            self.begin_rescale(now, out);
        }
    }

    /// Something has failed. It begins again when all subtasks run.
    fn interrupt_rescale(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        self.rescaling.history.end(RescaleEnd::JobFailoverRestarting, None, now);
        self.want_rescale(RescaleCause::RecoverableFailover, now);
        self.give_up_extra_slots(now, out);
    }

    /// The job stays as it is.
    fn stay(&mut self, reason: String, now: MonoTime, out: &mut Vec<Effect>) {
        self.rescaling.history.end(RescaleEnd::NoResourcesOrParallelismsChange, Some(reason), now);
        self.rescaling.phase = Phase::Idle;
        self.give_up_extra_slots(now, out);
    }

    /// Gives back what was taken to grow.
    fn give_up_extra_slots(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if !self.state.is_active() {
            return;
        }
        out.push(Effect::RequireSlots { count: self.pool.required() });
        self.release_superfluous(out);
        self.proceed(now, out);
    }
}
