//! Numbers that must never be used again are made durable before they are used: whoever goes on with the job begins above
//! them.

use flott_core::{AttemptNumber, CheckpointId, HostId, MonoTime};

use super::{Effect, JobMaster, JobState, ParallelismBounds, RunRecord, failover::RegionPhase};

/// So many numbers of checkpoints are made durable at a time, so that few of them have to wait for it.
const CHECKPOINTS_AHEAD: u64 = 32;
/// When only so many of them are left, the next are asked for.
const CHECKPOINTS_LEFT: u64 = 8;

/// What is durable of the job's numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct Numbers {
    pub(super) stored: RunRecord,
    /// What is being made durable.
    storing: Option<RunRecord>,
}

impl Numbers {
    pub(super) fn stored(run: RunRecord) -> Self {
        Self { stored: run, storing: None }
    }

    /// Whether some are being made durable.
    pub(super) const fn is_storing(&self) -> bool {
        self.storing.is_some()
    }
}

impl JobMaster {
    pub(super) fn run_stored(&mut self, run: RunRecord, now: MonoTime, out: &mut Vec<Effect>) {
        if self.numbers.storing.as_ref() != Some(&run) {
            return;
        }
        self.numbers = Numbers::stored(run);
        self.store_requirements(now, out);
        if matches!(self.state, JobState::Restarting { .. }) {
            self.prepare_task_hosts(out);
        }
        self.proceed(now, out);
    }

    /// Makes durable what a job needs to begin, except for its attempts: a job that still waits for slots has none, so that
    /// nobody need look for them.
    pub(super) fn secure_beginning(&mut self, out: &mut Vec<Effect>) {
        let (next_host, next_checkpoint) = (self.next_host, self.checkpoints.next_id());
        let hosts = self.pool.required();
        self.secure(
            |run| {
                raise_hosts(run, next_host, hosts);
                raise_checkpoints(run, next_checkpoint, 1);
            },
            out,
        );
    }

    /// Whether the regions may be deployed with the attempts that they have.
    pub(super) fn secure_attempts(&mut self, out: &mut Vec<Effect>) -> bool {
        let attempts = self.attempts();
        self.secure(|run| raise_attempts(run, &attempts), out)
    }

    /// Whether those that are down may begin their next attempts.
    pub(super) fn secure_next_attempts(&mut self, out: &mut Vec<Effect>) -> bool {
        let next = self.regions.iter().map(|region| match region.phase {
            RegionPhase::BackingOff => AttemptNumber(region.attempt.0 + 1),
            _ => region.attempt,
        });
        let next: Vec<_> = next.collect();
        self.secure(|run| raise_attempts(run, &next), out)
    }

    /// Whether so many task hosts may be started now.
    pub(super) fn secure_hosts(&mut self, count: u32, out: &mut Vec<Effect>) -> bool {
        let next = self.next_host;
        self.secure(|run| raise_hosts(run, next, count), out)
    }

    /// Whether a checkpoint may be triggered now.
    pub(super) fn secure_checkpoint(&mut self, out: &mut Vec<Effect>) -> bool {
        let next = self.checkpoints.next_id();
        let may = self.may_number_checkpoint();
        self.secure(|run| raise_checkpoints(run, next, CHECKPOINTS_LEFT), out);
        may
    }

    pub(super) fn may_number_checkpoint(&self) -> bool {
        self.checkpoints.next_id() < self.numbers.stored.next_checkpoint
    }

    /// Whether a savepoint may be written into the directory of the job's checkpoints.
    pub(super) fn secure_savepoint_within(&mut self, out: &mut Vec<Effect>) -> bool {
        self.secure(|run| run.has_savepoints_within = true, out)
    }

    /// Whether the job may go on with so many subtasks of each vertex, and these attempts of its new regions.
    pub(super) fn secure_parallelism(
        &mut self,
        parallelism: &[u32],
        attempts: &[AttemptNumber],
        out: &mut Vec<Effect>,
    ) -> bool {
        let first_host = self.next_host;
        self.secure(
            |run| {
                run.parallelism = parallelism.to_vec();
                run.attempts = attempts.to_vec();
                run.first_host = first_host;
            },
            out,
        )
    }

    /// Whether a job that waits for its slots may begin with so many subtasks of each vertex.
    pub(super) fn secure_first_parallelism(&mut self, parallelism: &[u32], out: &mut Vec<Effect>) -> bool {
        self.secure(|run| run.parallelism = parallelism.to_vec(), out)
    }

    /// Whether it is durable what users want.
    pub(super) fn secure_requirements(
        &mut self,
        bounds: &[ParallelismBounds],
        out: &mut Vec<Effect>,
    ) -> bool {
        self.secure(|run| run.requirements = bounds.to_vec(), out)
    }

    fn attempts(&self) -> Vec<AttemptNumber> {
        self.regions.iter().map(|region| region.attempt).collect()
    }

    /// Whether that is durable, and sees to it that it will be. `raise` must change nothing where all is as it wants.
    fn secure(&mut self, raise: impl Fn(&mut RunRecord), out: &mut Vec<Effect>) -> bool {
        let mut wanted = self.numbers.stored.clone();
        raise(&mut wanted);
        if wanted == self.numbers.stored {
            return true;
        }
        // Of two wishes at a time the second is told again when the first is durable.
        if self.numbers.storing.is_none() {
            self.numbers.storing = Some(wanted.clone());
            out.push(Effect::StoreRun { run: wanted });
        }
        false
    }
}

fn raise_attempts(run: &mut RunRecord, attempts: &[AttemptNumber]) {
    if run.attempts.len() != attempts.len() {
        run.attempts = attempts.to_vec();
    }
    for (stored, wanted) in run.attempts.iter_mut().zip(attempts) {
        *stored = (*stored).max(*wanted);
    }
}

fn raise_hosts(run: &mut RunRecord, next: HostId, count: u32) {
    let wanted = HostId(next.0.saturating_add(count));
    run.next_host = run.next_host.max(wanted);
}

fn raise_checkpoints(run: &mut RunRecord, next: CheckpointId, left: u64) {
    if run.next_checkpoint.0 < next.0 + left {
        run.next_checkpoint = CheckpointId(next.0 + CHECKPOINTS_AHEAD);
    }
}
