//! Stops what a failure has hit and starts it again, region by region.
//!
//! Regions whose subtasks still run are left alone. All that have to stop wait for one another before any of them is
//! deployed again: only then nothing of them runs any more, no checkpoint of theirs is being stored, and it can be
//! decided from where they go on.

mod phase;

use std::collections::BTreeSet;

use flott_core::{
    AttemptNumber, ExecutionState, FailureCause, FailureKind, MonoTime, SubtaskId, TaskManagerId,
    VertexIndex, checkpoint::RestorePoint,
};

use super::{Effect, FailureRecord, JobMaster, JobState, Outcome, restart::Decision, slot_pool::HostPhase};
pub(super) use phase::RegionPhase;

/// Position of a region in the job's list of regions.
pub(super) type RegionNumber = usize;

/// Subtasks that are deployed and restarted together.
#[derive(Clone, Debug)]
pub(super) struct Region {
    pub(super) subtasks: Vec<SubtaskId>,
    pub(super) phase: RegionPhase,
    /// The attempt of all its subtasks.
    pub(super) attempt: AttemptNumber,
    /// What this attempt begins with.
    pub(super) restore: Option<RestorePoint>,
}

impl Region {
    /// One of a job that has not begun.
    pub(super) fn new(subtasks: Vec<SubtaskId>) -> Self {
        // Until the job runs it is the job that waits for slots.
        let phase = RegionPhase::WaitingForSlots { deadline: MonoTime::from_micros(u64::MAX) };
        Self { subtasks, phase, attempt: AttemptNumber(0), restore: None }
    }
}

/// What a failure has hit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything.
    Job,
    /// Subtasks of these regions.
    Regions(BTreeSet<RegionNumber>),
}

impl JobMaster {
    /// Takes in a failure of the job as a whole: all of it starts again, if it may.
    pub(super) fn fail(&mut self, failure: FailureRecord, now: MonoTime, out: &mut Vec<Effect>) {
        self.fail_in(&Scope::Job, failure, now, out);
    }

    /// Takes in a failure. The first one of those that belong together decides what follows; those that come with it are
    /// kept, and the most telling of them becomes the root.
    pub(super) fn fail_in(
        &mut self,
        scope: &Scope,
        failure: FailureRecord,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        match self.state {
            // What fails while a user's cancel is carried out is of no interest any more.
            JobState::Canceling { .. } | JobState::Terminal(_) => {}
            // It is kept with the subtask, and what comes of it is decided when all is known.
            JobState::Reconciling { .. } => {}
            _ if self.failures.knows(&failure) => {}
            JobState::Failing { .. } => self.failures.add(failure),
            JobState::Created | JobState::WaitingForSlots { .. } => {
                self.failures.begin(failure);
                self.give_up(now, out);
            }
            // What is hit is being stopped, and the job goes on from a checkpoint anyway.
            JobState::Restarting { .. } if self.rescaling.is_stopping() => {}
            JobState::Running | JobState::Restarting { .. } => self.restart_after(scope, failure, now, out),
        }
    }

    /// Restarts regions that have lost subtasks without a fault of their own: their task host was killed since others in
    /// it did not stop.
    pub(super) fn restart_with_others(
        &mut self,
        hit: BTreeSet<RegionNumber>,
        failure: FailureRecord,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let JobState::Restarting { resume_at } = self.state else { return };
        let hit: BTreeSet<_> = hit.into_iter().filter(|it| !self.regions[*it].phase.is_down()).collect();
        if !hit.is_empty() {
            let cause = failure.cause.clone();
            self.failures.add(failure);
            self.stop_regions(hit, &cause, resume_at, now, out);
        }
    }

    /// Goes on if that was the last thing that was waited for.
    pub(super) fn proceed(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        match self.state {
            JobState::Running | JobState::Restarting { .. } => self.advance_regions(now, out),
            JobState::Canceling { .. } | JobState::Failing { .. } => self.end_if_all_is_down(now, out),
            // Time is up only when the timer says so: what came before is handed in before.
            JobState::Reconciling { .. } => self.reconcile(false, now, out),
            JobState::Created | JobState::WaitingForSlots { .. } | JobState::Terminal(_) => {}
        }
    }

    pub(super) fn regions_wakeup(&self) -> Option<MonoTime> {
        let resume_at = match self.state {
            JobState::Restarting { resume_at } => resume_at,
            _ => None,
        };
        self.regions.iter().filter_map(|region| region.phase.wakeup()).chain(resume_at).min()
    }

    pub(super) fn regions_timer_fired(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        if let JobState::Restarting { resume_at } = &mut self.state {
            resume_at.take_if(|at| now >= *at);
        }
        for region in 0..self.regions.len() {
            if let RegionPhase::Stopping { kill_at } = &mut self.regions[region].phase
                && now >= *kill_at
            {
                *kill_at = now + self.config.cancellation_timeout;
                let current = |it: &SubtaskId| self.executions.current(*it);
                let stuck =
                    self.regions[region].subtasks.iter().filter_map(current).filter(|it| it.is_live());
                let ids =
                    stuck.filter_map(|it| Some(it.location.as_ref()?.task_manager_id.clone())).collect();
                self.kill_hosts(&ids, out);
            }
        }
        // Each failure takes the regions that it hits out of the phase that took too long.
        while self.state.is_active()
            && let Some((scope, failure)) = self.overdue(now)
        {
            let id = failure.task_manager_id.clone().filter(|id| self.is_starting_on(id));
            self.fail_in(&scope, failure, now, out);
            if self.state.is_active() {
                // Another start may do better.
                self.kill_hosts(&id.into_iter().collect(), out);
            }
        }
        self.proceed(now, out);
    }

    /// The regions in which these subtasks are.
    pub(super) fn regions_of(&self, subtasks: impl IntoIterator<Item = SubtaskId>) -> BTreeSet<RegionNumber> {
        subtasks.into_iter().filter_map(|subtask| self.executions.region_of(subtask)).collect()
    }

    /// The regions that wait for task hosts and need the one on this TaskManager.
    pub(super) fn regions_starting_on(&self, id: &TaskManagerId) -> BTreeSet<RegionNumber> {
        let starting = |region: &RegionNumber| {
            matches!(self.regions[*region].phase, RegionPhase::StartingTaskHosts { .. })
                && self.needs(*region, id)
        };
        (0..self.regions.len()).filter(starting).collect()
    }

    fn restart_after(&mut self, scope: &Scope, failure: FailureRecord, now: MonoTime, out: &mut Vec<Effect>) {
        let hit: BTreeSet<_> = match scope {
            Scope::Job => (0..self.regions.len()).collect(),
            Scope::Regions(hit) => hit.clone(),
        };
        let hit: BTreeSet<_> = hit.into_iter().filter(|it| !self.regions[*it].phase.is_down()).collect();
        if failure.cause.kind.is_unrecoverable() {
            self.failures.begin(failure);
            return self.give_up(now, out);
        }
        let cause = failure.cause.clone();
        match self.state {
            // It is being restarted already.
            _ if hit.is_empty() => {
                self.failures.add(failure);
                self.prepare_task_hosts(out);
            }
            JobState::Restarting { resume_at: Some(resume_at) } if now < resume_at => {
                self.failures.add(failure);
                self.stop_regions(hit, &cause, Some(resume_at), now, out);
            }
            _ => match self.restarts.on_failure(now) {
                Decision::After(delay) => {
                    self.failures.begin(failure);
                    self.stop_regions(hit, &cause, Some(now + delay), now, out);
                }
                Decision::GiveUp(reason) => {
                    let mut failure = failure;
                    failure.cause.context.extend(reason);
                    self.failures.begin(failure);
                    self.give_up(now, out);
                }
            },
        }
    }

    /// Cancels everything that runs, which is no failure.
    pub(super) fn stop_all(&mut self, cause: &FailureCause, now: MonoTime, out: &mut Vec<Effect>) {
        self.stop_regions((0..self.regions.len()).collect(), cause, None, now, out);
    }

    /// Cancels what runs of these regions, to start them again.
    fn stop_regions(
        &mut self,
        hit: BTreeSet<RegionNumber>,
        cause: &FailureCause,
        resume_at: Option<MonoTime>,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        self.enter(JobState::Restarting { resume_at }, now, out);
        self.stop_checkpoints(cause, now, out);
        // That is no failure of its own, for which the restart strategy would count another restart.
        let hit = match self.checkpoints.take_demanded_failure() {
            Some(cause) => {
                self.failures.add(FailureRecord::of_job(cause, now));
                (0..self.regions.len()).collect()
            }
            None => self.with_their_sources(hit),
        };
        let kill_at = now + self.config.cancellation_timeout;
        let mut running = BTreeSet::new();
        for region in hit {
            if self.regions[region].phase.is_down() {
                continue;
            }
            self.regions[region].phase = RegionPhase::Stopping { kill_at };
            for subtask in self.regions[region].subtasks.clone() {
                let canceled = self.executions.enter(subtask, ExecutionState::Canceled, now);
                if !canceled && self.executions.enter(subtask, ExecutionState::Canceling, now) {
                    running.insert(subtask);
                }
            }
        }
        self.reject_waiting_split_requests(|subtask| running.contains(&subtask), out);
        self.order_to_cancel(|it| running.contains(&it.subtask), out);
        self.prepare_task_hosts(out);
        self.proceed(now, out);
    }

    /// If the subtask that enumerates the splits of a source is to be restarted, all subtasks of the source are: splits
    /// that it had told and that they read would be found again.
    fn with_their_sources(&self, mut hit: BTreeSet<RegionNumber>) -> BTreeSet<RegionNumber> {
        loop {
            let subtasks = hit.iter().flat_map(|it| &self.regions[*it].subtasks).copied().collect();
            let whole: BTreeSet<VertexIndex> =
                self.splits.keys().copied().filter(|it| self.needs_whole_vertex(*it, &subtasks)).collect();
            let of_sources =
                self.executions.all().iter().map(|it| it.subtask).filter(|it| whole.contains(&it.vertex));
            let before = hit.len();
            hit.extend(self.regions_of(of_sources));
            if hit.len() == before {
                return hit;
            }
        }
    }

    /// Moves each region on as far as it can go.
    fn advance_regions(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        for (number, region) in self.regions.iter_mut().enumerate() {
            match region.phase {
                RegionPhase::Stopping { .. } if self.executions.region_terminal(number) => {
                    region.phase = RegionPhase::BackingOff;
                }
                RegionPhase::Deploying { .. } | RegionPhase::Running
                    if self.executions.region_finished(number) =>
                {
                    region.phase = RegionPhase::Finished;
                }
                RegionPhase::Deploying { .. }
                    if self.executions.count_in(number, ExecutionState::Deploying) == 0 =>
                {
                    region.phase = RegionPhase::Running;
                }
                _ => {}
            }
        }
        if self.regions.iter().all(|region| region.phase == RegionPhase::Finished) {
            return self.end(Outcome::Finished, now, out);
        }
        self.resume_regions(now, out);
        self.use_slots(now);
        self.start_task_hosts(out);
        self.deploy_regions(now, out);
        let waits = |region: &Region| region.phase.is_waiting();
        if matches!(self.state, JobState::Restarting { .. }) && !self.regions.iter().any(waits) {
            self.enter(JobState::Running, now, out);
        }
    }

    /// Begins new attempts of all regions that are down, when their time has come and all that has to stop has.
    fn resume_regions(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let JobState::Restarting { resume_at } = self.state else { return };
        let stopping = |region: &Region| matches!(region.phase, RegionPhase::Stopping { .. });
        if resume_at.is_some_and(|at| now < at)
            || self.regions.iter().any(stopping)
            || !self.checkpoints_settled()
        {
            return;
        }
        if self.rescaling.is_stopping() {
            return self.switch_parallelism(now, out);
        }
        // Before that is durable, nothing of theirs may go to others: this leader's successor would adopt them.
        if !self.secure_next_attempts(out) {
            return;
        }
        let down = self.regions.iter_mut().filter(|region| region.phase == RegionPhase::BackingOff);
        let mut restarted = BTreeSet::new();
        for region in down {
            region.phase = RegionPhase::WaitingForSlots { deadline: now + self.config.slot_request_timeout };
            region.attempt = AttemptNumber(region.attempt.0 + 1);
            for subtask in &region.subtasks {
                self.executions.begin_attempt(*subtask, region.attempt, now);
                self.executions.enter(*subtask, ExecutionState::Scheduled, now);
            }
            restarted.extend(region.subtasks.iter().copied());
        }
        if restarted.is_empty() {
            return;
        }
        self.restore_splits(&restarted, now, out);
        let restore = self.restore_point();
        for region in self.regions_of(restarted) {
            self.regions[region].restore.clone_from(&restore);
        }
        out.push(Effect::RequireSlots { count: self.pool.required() });
    }

    /// What has taken too long in its phase, and the failure that this is.
    fn overdue(&self, now: MonoTime) -> Option<(Scope, FailureRecord)> {
        let is_late = |phase: &RegionPhase| phase.deadline().is_some_and(|at| now >= at);
        let phase = self.regions.iter().map(|region| region.phase).find(is_late)?;
        let same = |other: &RegionPhase| std::mem::discriminant(other) == std::mem::discriminant(&phase);
        let late = |it: &RegionNumber| is_late(&self.regions[*it].phase) && same(&self.regions[*it].phase);
        let late: BTreeSet<_> = (0..self.regions.len()).filter(late).collect();
        let failure = match phase {
            RegionPhase::WaitingForSlots { .. } => {
                let cause = FailureCause::new(FailureKind::NoResources, self.too_few_slots());
                return Some((Scope::Regions(late), FailureRecord::of_job(cause, now)));
            }
            RegionPhase::StartingTaskHosts { .. } => self.late_start(&late, now),
            _ => self.late_deployment(&late, now),
        };
        let on_it = |it: &RegionNumber| failure.task_manager_id.as_ref().is_none_or(|id| self.needs(*it, id));
        Some((Scope::Regions(late.into_iter().filter(on_it).collect()), failure))
    }

    fn is_starting_on(&self, id: &TaskManagerId) -> bool {
        self.pool.task_managers.get(id).is_some_and(|held| matches!(held.host, HostPhase::Starting(_)))
    }

    fn needs(&self, region: RegionNumber, id: &TaskManagerId) -> bool {
        let here = |subtask: &SubtaskId| self.executions.current(*subtask).is_some_and(|it| it.is_on(id));
        self.regions[region].subtasks.iter().any(here)
    }
}
