//! What outlives a JobManager, as the leader's store keeps it. Writes take a while, and take effect also if their answer
//! does not come; those of a leader that is none any more come to nothing.

use std::sync::Arc;

use flott_control::job_master::{
    self, CheckpointPointer, Outcome, RecoveredCheckpoint, RecoveredJob, RunRecord,
};
use flott_core::{CheckpointId, JobId, checkpoint::RestorePoint};

use super::{
    job_manager::JobMail,
    truth::Truth,
    world::{Action, MILLI, World},
};

/// What is kept of one job.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    pub(crate) run: RunRecord,
    pub(crate) pointer: CheckpointPointer,
    pub(crate) is_canceled: bool,
    /// It was submitted.
    pub(crate) exists: bool,
}

/// What a leader wants to be durable.
#[derive(Debug)]
pub(crate) enum Write {
    Run(RunRecord),
    Pointer(CheckpointId, CheckpointPointer),
    /// The job has ended. These effects follow.
    End(Outcome, Vec<job_master::Effect>),
}

impl World {
    pub(crate) fn write(&mut self, epoch: u64, job_id: JobId, write: Write) {
        let slowest = if self.faults_go_on() && self.random.percent(10) { 800 } else { 20 };
        self.ambush(slowest * MILLI);
        self.at_between(0, slowest * MILLI, Action::Write { epoch, job_id, write: Box::new(write) });
    }

    /// The write takes effect, if it is that of the leader.
    pub(crate) fn write_now(&mut self, epoch: u64, job_id: JobId, write: Write) {
        let lives = self.leads(epoch) || self.deposed.as_ref().is_some_and(|old| old.epoch == epoch);
        if epoch != self.epoch() {
            self.count("write of a deposed leader refused");
            return self.retire(epoch);
        }
        // It may have been on its way when the process died, or not.
        if !lives && self.random.percent(50) {
            return;
        }
        if !lives {
            self.count("write outlived its JobManager");
        }
        let truth = self.truth(job_id);
        if truth.durable.exists {
            match &write {
                Write::Run(run) => {
                    truth.check_run(run);
                    truth.durable.run = run.clone();
                }
                Write::Pointer(id, pointer) => {
                    let before = truth.durable.pointer.latest.as_ref().map(|latest| latest.id);
                    assert!(before < Some(*id), "pointers rise: {before:?}, {id}");
                    truth.durable.pointer = pointer.clone();
                }
                Write::End(outcome, _) => {
                    truth.durable.exists = false;
                    let outcome = outcome.clone();
                    self.ended(job_id, outcome);
                }
            }
        }
        self.at_between(0, 10 * MILLI, Action::Written { epoch, job_id, write: Box::new(write) });
    }

    /// The leader hears of it.
    pub(crate) fn written(&mut self, job_id: JobId, write: Write) {
        match write {
            Write::Run(run) => self.post(job_id, JobMail::Event(job_master::Event::RunStored { run })),
            Write::Pointer(checkpoint_id, _) => {
                self.post(job_id, JobMail::Event(job_master::Event::PointerStored { checkpoint_id }));
            }
            Write::End(_, effects) => self.after_the_end(job_id, effects),
        }
    }
}

impl Truth {
    pub(crate) fn recovered(&self) -> RecoveredJob {
        let metadata = |id: &CheckpointId| self.stored[id].metadata.clone();
        let latest = self.durable.pointer.latest.as_ref().map(|latest| RecoveredCheckpoint {
            point: RestorePoint {
                checkpoint_id: latest.id,
                metadata: latest.metadata.clone(),
                owned: !latest.stops,
            },
            metadata: metadata(&latest.id),
            stops: latest.stops,
        });
        let retained = self.durable.pointer.retained.iter();
        RecoveredJob {
            run: self.durable.run.clone(),
            latest,
            retained: retained.map(|it| (it.clone(), Arc::clone(&metadata(&it.id)))).collect(),
            is_canceled: self.durable.is_canceled,
        }
    }

    fn check_run(&self, run: &RunRecord) {
        let old = &self.durable.run;
        assert!(
            old.next_host <= run.next_host && old.next_checkpoint <= run.next_checkpoint,
            "{old:?} {run:?}"
        );
        let mut attempts = old.attempts.iter().zip(&run.attempts);
        assert!(attempts.all(|(old, new)| old <= new), "attempts rise: {old:?} {run:?}");
    }
}
