//! Makes up for time in which nothing could be decided.

use std::time::Duration;

use flott_core::MonoTime;

use super::{JobMaster, JobState};

impl JobMaster {
    /// What came meanwhile has not been handed in yet: nothing counts as late before it is.
    pub(super) fn resumed(&mut self, after: Duration, now: MonoTime) {
        match &mut self.state {
            // TaskManagers may have had nobody to tell for all that time.
            JobState::Reconciling { deadline } => *deadline = now + self.config.reconciliation_timeout,
            JobState::WaitingForSlots { deadline: until }
            | JobState::Canceling { kill_at: until }
            | JobState::Failing { kill_at: until } => *until = *until + after,
            JobState::Created | JobState::Running | JobState::Restarting { .. } | JobState::Terminal(_) => {}
        }
        self.regions.iter_mut().for_each(|region| region.phase.postpone(after));
        self.postpone_checkpoints(after);
        self.postpone_rescale(after);
    }
}
