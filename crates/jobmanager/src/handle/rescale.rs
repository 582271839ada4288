//! Users who want other numbers of subtasks.

use flott_control::job_master::{RescaleRefusal, WantedRequirements};
use flott_core::JobId;

use super::ClusterHandle;
use crate::Error;

impl ClusterHandle {
    /// Asks for other numbers of subtasks of a job that runs. Returns when it is certain that they are wanted, whoever leads
    /// then; what comes of it shows in the job's view.
    ///
    /// # Errors
    /// [`Error::JobNotFound`], [`Error::Requirements`], [`Error::NotRescalable`], [`Error::NotNow`].
    pub async fn rescale(&self, job_id: JobId, wanted: WantedRequirements) -> Result<(), Error> {
        let scope = self.certain_scope()?;
        let Some(job_master) = scope.dispatcher.job_master(job_id) else {
            let job = scope.dispatcher.job(job_id).ok_or(Error::JobNotFound(job_id))?;
            return Err(Error::NotNow { job_id, reason: format!("the job is {}", job.status) });
        };
        match job_master.rescale(wanted).await {
            None => Err(Error::NoLeader),
            Some(Ok(())) => Ok(()),
            Some(Err(RescaleRefusal::Invalid(reasons))) => Err(Error::Requirements(reasons)),
            Some(Err(RescaleRefusal::NotPossible(reason))) => Err(Error::NotRescalable { job_id, reason }),
            Some(Err(RescaleRefusal::NotNow(reason))) => Err(Error::NotNow { job_id, reason }),
        }
    }
}
