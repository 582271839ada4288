//! Calls about jobs.

use flott_core::{JobId, JobStatus};
use reqwest::Method;

use super::Done;
use crate::{
    Client, Error,
    client::Repeat,
    types::{
        jobs::{
            ExceptionHistory, Exceptions, ExecutionResult, ExecutionResultBody, JobDetail, JobSummary,
            JobsOverview, QueueStatusId, StatusBody,
        },
        plan::{Plan, PlanBody},
    },
};

impl Client {
    /// All jobs that the server knows, running and ended.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or does not answer as it should.
    pub async fn jobs_overview(&self) -> Result<Vec<JobSummary>, Error> {
        let body: JobsOverview = self.get(&["jobs", "overview"]).await?;
        Ok(body.jobs)
    }

    /// A job with its vertices.
    ///
    /// # Errors
    ///
    /// As [`Self::jobs_overview`], and when there is no such job.
    pub async fn job(&self, job: JobId) -> Result<JobDetail, Error> {
        self.get(&["jobs", &job.to_string()]).await
    }

    /// A job's status.
    ///
    /// # Errors
    ///
    /// As [`Self::job`].
    pub async fn job_status(&self, job: JobId) -> Result<JobStatus, Error> {
        let body: StatusBody = self.get(&["jobs", &job.to_string(), "status"]).await?;
        Ok(body.status)
    }

    /// A job's graph.
    ///
    /// # Errors
    ///
    /// As [`Self::job`].
    pub async fn job_plan(&self, job: JobId) -> Result<Plan, Error> {
        let body: PlanBody = self.get(&["jobs", &job.to_string(), "plan"]).await?;
        Ok(body.plan)
    }

    /// A job's failures, the latest first.
    ///
    /// # Errors
    ///
    /// As [`Self::job`].
    pub async fn exceptions(&self, job: JobId) -> Result<ExceptionHistory, Error> {
        let body: Exceptions = self.get(&["jobs", &job.to_string(), "exceptions"]).await?;
        Ok(body.exception_history)
    }

    /// How a job ended; `None` as long as it runs.
    ///
    /// # Errors
    ///
    /// As [`Self::job`].
    pub async fn execution_result(&self, job: JobId) -> Result<Option<ExecutionResult>, Error> {
        let body: ExecutionResultBody = self.get(&["jobs", &job.to_string(), "execution-result"]).await?;
        Ok(body.job_execution_result.filter(|_| body.status.id == QueueStatusId::Completed))
    }

    /// Asks for a job to be canceled. Returns when the server has accepted, not when the job has ended.
    ///
    /// # Errors
    ///
    /// As [`Self::job`].
    pub async fn cancel(&self, job: JobId) -> Result<(), Error> {
        let call =
            self.call(Method::PATCH, &["jobs", &job.to_string()], Repeat::Safe).query("mode", "cancel");
        let Done {} = self.send(call, async |request| Ok(request.json(&serde_json::json!({})))).await?;
        Ok(())
    }

    /// Tells that this client is there until then, in Unix milliseconds. Matters for jobs that were submitted with
    /// `execution.attached` and `execution.shutdown-on-attached-exit`: they are canceled when that time has passed.
    ///
    /// # Errors
    ///
    /// As [`Self::jobs_overview`].
    pub async fn heartbeat(&self, job: JobId, until_unix_ms: i64) -> Result<(), Error> {
        let call = self.call(Method::PATCH, &["jobs", &job.to_string(), "clientHeartbeat"], Repeat::Safe);
        let body = serde_json::json!({ "expiredTimestamp": until_unix_ms });
        let Done {} = self.send(call, async |request| Ok(request.json(&body))).await?;
        Ok(())
    }
}
