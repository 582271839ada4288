//! Changes how many subtasks the vertices of a job have while it runs.
//!
//! What users want is made durable before they are told that it will be done ([`ParallelismBounds`], in the
//! [`RunRecord`](super::RunRecord)). Then:
//!
//! ```text
//!          ┌──────── all run ────────────────────────────────────────────────┐
//!          ↓                                                                 │
//! Idle → Wanted → WaitingForSlots → Checkpointing → Stopping → (durable) → Deploying
//!  ↑       ↑ │           │ │             │ │           │                     │
//!  │       │ └ nothing   │ └ too few ─┐  │ └ none can  │                     │
//!  │       │   to do ──┐ │            │  │   be taken ┐│                     │
//!  ├───────┼───────────┴─┼────────────┴──┼────────────┴┴─ the job ends ──────┘
//!  │       └─────────────┴── a failure ──┘                or a failure
//! ```
//!
//! - **Slots** that are lacking are asked for while the job runs on. If there are fewer, the job takes the most that is
//!   within the bounds; if that changes nothing, it stays as it is and says why.
//! - **A checkpoint** is taken so that little has to be processed again. Its barriers overtake nothing, since records that
//!   are on their way have no place in another graph. Where none can be taken in time the job goes on from the latest one;
//!   without one it is not rescaled.
//! - **All subtasks stop.** That is no failure, and the restart strategy does not count it. What fails meanwhile would have
//!   been stopped anyway.
//! - **It becomes durable** in one step that the job has other numbers of subtasks, new attempts of all of them, and that
//!   task hosts which were started before run another graph. From then on nothing of what ran before counts any more,
//!   whoever is the JobMaster.
//! - **The graph changes**, and everything that follows from it: regions, executions, slots. Task hosts are started anew,
//!   since a program builds its graph once ([`JobConfig::rescaled`](flott_core::job_config::JobConfig::rescaled)).
//!   The job goes on as it does after any failure of all its regions: each subtask finds its share of the checkpoint.
//!
//! A JobMaster that goes on with the job knows from the record what is wanted and what there is, and begins again at `Wanted`.

mod history;
mod progress;
mod requirements;
mod switch;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use flott_core::{CheckpointId, JobGraph, JobType, MonoTime, VertexId};

use super::{Effect, JobMaster, JobState};
use crate::protocol::CallId;

pub use history::{RescaleCause, RescaleEnd, RescaleHistory, RescaleOutcome, RescaleRecord, RescaleSpan};
pub use requirements::{ParallelismBounds, check_requirements};

pub(super) use requirements::default_bounds;

/// So many users may wait until it is durable what they want.
const MAX_ASKED: usize = 64;

/// Why a job is not rescaled as a user wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RescaleRefusal {
    /// What is wanted can't be had of this graph: all reasons.
    Invalid(Vec<String>),
    /// This job can't be rescaled at all.
    NotPossible(String),
    /// Not in the state in which the job is now.
    NotNow(String),
}

/// Which requirements a user wants: of each vertex the least and the most, `None` for what is possible.
pub type WantedRequirements = BTreeMap<VertexId, (Option<u32>, Option<u32>)>;

/// How far a rescale is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// The job has what is wanted, or can't have it.
    Idle,
    /// It is to begin as soon as all subtasks run.
    Wanted,
    /// It needs more slots than it holds.
    WaitingForSlots { target: Vec<u32>, deadline: MonoTime },
    /// The slots are there; a checkpoint is to be taken.
    Checkpointing(Preparing),
    /// Subtasks are being stopped, to go on with so many.
    Stopping { target: Vec<u32> },
    /// They are being started.
    Deploying {
        /// How often the job had restarted after failures before.
        restarts: u64,
    },
}

/// A checkpoint is to be taken from which the job goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Preparing {
    target: Vec<u32>,
    /// The one that is under way.
    checkpoint: Option<CheckpointId>,
    /// How many have come to nothing.
    failed: u32,
    /// When the next one may be triggered, if that is not now.
    retry_at: Option<MonoTime>,
    /// When not to wait any longer.
    deadline: MonoTime,
}

#[derive(Clone, Debug)]
pub(super) struct Rescaling {
    /// The graph as it was submitted.
    submitted: Arc<JobGraph>,
    /// What is wanted.
    bounds: Vec<ParallelismBounds>,
    /// How often users have changed that.
    wishes: u64,
    /// Who waits until it is durable what they want.
    asked: Vec<(CallId, Vec<ParallelismBounds>)>,
    phase: Phase,
    /// Whether something else has come to be wanted since the one under way has passed the point of no return.
    again: bool,
    /// With what a job that waits for its first slots is about to begin instead of with what it has.
    first: Option<Vec<u32>>,
    history: RescaleHistory,
}

impl Rescaling {
    pub(super) fn new(graph: &Arc<JobGraph>) -> Self {
        Self {
            submitted: graph.clone(),
            bounds: default_bounds(graph),
            wishes: 0,
            asked: Vec::new(),
            phase: Phase::Idle,
            again: false,
            first: None,
            history: RescaleHistory::default(),
        }
    }

    /// Whether all subtasks are being stopped to go on with other numbers of them.
    pub(super) fn is_stopping(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. })
    }

    /// Whether the job must not begin with what it has.
    pub(super) fn is_changing(&self) -> bool {
        self.first.is_some()
    }

    /// Whether something had interrupted it before.
    fn is_resumed(&self) -> bool {
        let newest = self.history.records.front();
        newest.is_some_and(|newest| newest.cause == RescaleCause::RecoverableFailover)
    }

    /// Whether it needs a checkpoint for itself.
    pub(super) fn wants_checkpoint(&self) -> bool {
        matches!(self.phase, Phase::Checkpointing { .. })
    }

    /// The slots that it needs beside those that are used.
    pub(super) fn wanted_slots(&self) -> u32 {
        match &self.phase {
            Phase::WaitingForSlots { target, .. } | Phase::Checkpointing(Preparing { target, .. }) => {
                self.submitted.with_parallelisms(target).required_slots()
            }
            Phase::Idle | Phase::Wanted | Phase::Stopping { .. } | Phase::Deploying { .. } => 0,
        }
    }
}

impl JobMaster {
    /// How many subtasks are wanted of each vertex.
    pub fn parallelism_bounds(&self) -> &[ParallelismBounds] {
        &self.rescaling.bounds
    }

    /// The job's rescales.
    pub fn rescales(&self) -> &RescaleHistory {
        &self.rescaling.history
    }

    /// A user wants other numbers of subtasks.
    pub(super) fn request_rescale(
        &mut self,
        call: CallId,
        wanted: &WantedRequirements,
        now: MonoTime,
        out: &mut Vec<Effect>,
    ) {
        let bounds = match self.rescale_refusal() {
            Some(refusal) => Err(refusal),
            None => check_requirements(&self.rescaling.submitted, wanted).map_err(RescaleRefusal::Invalid),
        };
        match bounds {
            Ok(bounds) => {
                self.rescaling.asked.push((call, bounds));
                self.store_requirements(now, out);
            }
            Err(refusal) => out.push(Effect::RescaleAnswered { call, result: Err(refusal) }),
        }
    }

    /// Makes durable what was asked for last, and tells those who have asked.
    pub(super) fn store_requirements(&mut self, now: MonoTime, out: &mut Vec<Effect>) {
        let Some((_, bounds)) = self.rescaling.asked.last().cloned() else { return };
        if !self.secure_requirements(&bounds, out) {
            return;
        }
        for (call, _) in std::mem::take(&mut self.rescaling.asked) {
            out.push(Effect::RescaleAnswered { call, result: Ok(()) });
        }
        self.take_requirements(bounds, now, out);
    }

    /// The job ends. Those who wait are told.
    pub(super) fn end_rescaling(&mut self, out: &mut Vec<Effect>) {
        for (call, _) in std::mem::take(&mut self.rescaling.asked) {
            let refusal = RescaleRefusal::NotNow("the job has ended".to_owned());
            out.push(Effect::RescaleAnswered { call, result: Err(refusal) });
        }
    }

    fn rescale_refusal(&self) -> Option<RescaleRefusal> {
        let not_possible = |reason: &str| Some(RescaleRefusal::NotPossible(reason.to_owned()));
        if self.graph.job_type == JobType::Batch {
            return not_possible(
                "the job runs in batch mode, in which its parallelism can't be changed while it runs",
            );
        }
        if !self.settings().is_enabled() {
            return not_possible(
                "the job takes no checkpoints, so what it has processed would be lost if its parallelism changed: set \
                 execution.checkpointing.interval",
            );
        }
        if self.spec.artifact.is_empty() {
            return not_possible("the job runs in the process of its own program, which has built its graph");
        }
        match self.state {
            JobState::Canceling { .. } | JobState::Failing { .. } | JobState::Terminal(_) => {
                Some(RescaleRefusal::NotNow(format!("the job is {}", self.status())))
            }
            _ if self.rescaling.asked.len() >= MAX_ASKED => {
                Some(RescaleRefusal::NotNow(format!("{MAX_ASKED} other requests are waiting")))
            }
            _ => None,
        }
    }
}
