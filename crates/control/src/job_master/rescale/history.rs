//! What users see of a job's rescales, as Flink's Adaptive scheduler tells it.

use std::{collections::VecDeque, sync::Arc};

use flott_core::MonoTime;
use serde::{Deserialize, Serialize};

use super::{super::Summary, ParallelismBounds};

/// How many rescales are kept.
const KEPT: usize = 10;
/// How many states are kept of one that is tried again and again.
const SPANS: usize = 64;

/// Why a job is rescaled. Written as Flink's `TriggerCause`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RescaleCause {
    /// It gets its first slots.
    InitialSchedule,
    /// A user wants it.
    UpdateRequirement,
    /// One that was under way was interrupted by a failure, or by the loss of its JobMaster.
    RecoverableFailover,
}

/// How a rescale ended. Written as Flink's `TerminatedReason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RescaleEnd {
    /// All subtasks run.
    Succeeded,
    /// There is nothing from which the job could go on.
    ExceptionOccurred,
    /// A user has come to want something else.
    ResourceRequirementsUpdated,
    /// The job has what is wanted already, or there are not slots enough for any more.
    NoResourcesOrParallelismsChange,
    /// The job has finished.
    JobFinished,
    /// The job has failed for good.
    JobFailed,
    /// The job was canceled.
    JobCanceled,
    /// Something failed, and the job restarts.
    JobFailoverRestarting,
}

/// What that means. Written as Flink's `TerminalState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RescaleOutcome {
    /// The job runs with another parallelism.
    Completed,
    /// It could not be carried out.
    Failed,
    /// It came to nothing, without a fault.
    Ignored,
}

impl RescaleEnd {
    /// What it means.
    pub const fn outcome(self) -> RescaleOutcome {
        match self {
            Self::Succeeded => RescaleOutcome::Completed,
            Self::ExceptionOccurred => RescaleOutcome::Failed,
            Self::ResourceRequirementsUpdated
            | Self::NoResourcesOrParallelismsChange
            | Self::JobFinished
            | Self::JobFailed
            | Self::JobCanceled
            | Self::JobFailoverRestarting => RescaleOutcome::Ignored,
        }
    }
}

/// For how long a rescale was in one of its phases, under the name of the state in which Flink's scheduler would be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescaleSpan {
    /// The state's name.
    pub state: String,
    /// When it was entered.
    pub entered: MonoTime,
    /// When it was left, if it was.
    pub left: Option<MonoTime>,
}

/// One rescale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RescaleRecord {
    /// Its number among those of the job, from 1.
    pub number: u64,
    /// Which of the users' wishes it follows, from 0 for what was submitted.
    pub wish: u64,
    /// Which attempt to grant that wish it is, from 1.
    pub attempt: u64,
    /// Why.
    pub cause: RescaleCause,
    /// What was wanted of each vertex.
    pub bounds: Vec<ParallelismBounds>,
    /// How many subtasks each vertex had before, if the job ran.
    pub before: Option<Vec<u32>>,
    /// How many each has since, if it was carried out.
    pub after: Option<Vec<u32>>,
    /// Its phases.
    pub spans: Vec<RescaleSpan>,
    /// When it was asked for.
    pub started: MonoTime,
    /// When it ended, if it has.
    pub ended: Option<MonoTime>,
    /// How it ended.
    pub end: Option<RescaleEnd>,
    /// Why it came to nothing, or what it could not do, for people.
    pub message: Option<String>,
}

/// The rescales of a job: numbers, the last ones in detail, and how long they take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RescaleHistory {
    /// How many have completed.
    pub completed: u64,
    /// How many have failed.
    pub failed: u64,
    /// How many have come to nothing.
    pub ignored: u64,
    /// How many milliseconds all that have ended took.
    pub durations: Summary,
    /// The same of those that have completed.
    pub completed_durations: Summary,
    /// The same of those that have failed.
    pub failed_durations: Summary,
    /// The same of those that have come to nothing.
    pub ignored_durations: Summary,
    /// The latest that has completed.
    pub latest_completed: Option<Arc<RescaleRecord>>,
    /// The latest that has failed.
    pub latest_failed: Option<Arc<RescaleRecord>>,
    /// The latest that has come to nothing.
    pub latest_ignored: Option<Arc<RescaleRecord>>,
    /// The last ones, the newest first.
    pub records: VecDeque<Arc<RescaleRecord>>,
    /// How many there were.
    total: u64,
}

impl RescaleHistory {
    /// How many rescales are kept of a job.
    pub const LIMIT: usize = KEPT;
    /// After so many checkpoints that failed a job is rescaled from its latest one.
    pub const FAILED_CHECKPOINTS: u32 = 2;

    /// How many are under way: one or none.
    pub fn in_progress(&self) -> u64 {
        u64::from(self.records.front().is_some_and(|newest| newest.ended.is_none()))
    }

    pub(super) fn begin(
        &mut self,
        cause: RescaleCause,
        wish: u64,
        bounds: Vec<ParallelismBounds>,
        before: Option<Vec<u32>>,
        now: MonoTime,
    ) {
        let earlier = self.records.front().filter(|newest| newest.wish == wish);
        let attempt = earlier.map_or(1, |earlier| earlier.attempt + 1);
        self.total += 1;
        self.records.push_front(Arc::new(RescaleRecord {
            number: self.total,
            wish,
            attempt,
            cause,
            bounds,
            before,
            after: None,
            spans: Vec::new(),
            started: now,
            ended: None,
            end: None,
            message: None,
        }));
        self.records.truncate(KEPT);
    }

    pub(super) fn enter(&mut self, state: &str, now: MonoTime) {
        let Some(record) = self.current() else { return };
        if record.spans.last().is_some_and(|span| span.state == state) || record.spans.len() >= SPANS {
            return;
        }
        leave_last(record, now);
        record.spans.push(RescaleSpan { state: state.to_owned(), entered: now, left: None });
    }

    pub(super) fn now_has(&mut self, parallelisms: Vec<u32>) {
        if let Some(record) = self.current() {
            record.after = Some(parallelisms);
        }
    }

    pub(super) fn note(&mut self, message: String) {
        if let Some(record) = self.current() {
            record.message = Some(message);
        }
    }

    pub(super) fn end(&mut self, end: RescaleEnd, message: Option<String>, now: MonoTime) {
        let Some(record) = self.current() else { return };
        leave_last(record, now);
        record.ended = Some(now);
        record.end = Some(end);
        if message.is_some() {
            record.message = message;
        }
        let millis = u64::try_from((now - record.started).as_millis()).unwrap_or(u64::MAX);
        let record = self.records.front().cloned();
        let (count, durations, latest) = match end.outcome() {
            RescaleOutcome::Completed => {
                (&mut self.completed, &mut self.completed_durations, &mut self.latest_completed)
            }
            RescaleOutcome::Failed => (&mut self.failed, &mut self.failed_durations, &mut self.latest_failed),
            RescaleOutcome::Ignored => {
                (&mut self.ignored, &mut self.ignored_durations, &mut self.latest_ignored)
            }
        };
        *count += 1;
        durations.add(millis);
        *latest = record;
        self.durations.add(millis);
    }

    /// The one that is under way.
    fn current(&mut self) -> Option<&mut RescaleRecord> {
        self.records.front_mut().filter(|newest| newest.ended.is_none()).map(Arc::make_mut)
    }
}

fn leave_last(record: &mut RescaleRecord, now: MonoTime) {
    if let Some(last) = record.spans.last_mut() {
        last.left = Some(now);
    }
}
