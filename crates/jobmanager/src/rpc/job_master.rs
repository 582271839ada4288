//! The service `JobMaster`: finds the job's JobMaster and hands on.

use std::sync::Arc;

use flott_core::{AttemptNumber, JobId, SubtaskId};
use flott_rpc::{
    AlignWatermarks, JobReports, Problem, Sender,
    pb::{self, job_master_server::JobMaster},
};
use tonic::{Request, Response, Status};

use super::{not_leading, present};
use crate::{
    job_master::{CallError, JobMasterHandle, SplitCaller, TaskManagerReports},
    leader_scope::{LeaderScope, PresentScope},
};

pub(super) struct Service {
    scope: PresentScope,
}

impl Service {
    pub(super) fn new(scope: PresentScope) -> Self {
        Self { scope }
    }

    fn job_master(&self, job_id: JobId) -> Result<Called, Status> {
        let scope = present(&self.scope)?;
        let job_master = scope.dispatcher.job_master(job_id).ok_or_else(|| unknown_job(&scope))?;
        Ok(Called { scope, job_master })
    }
}

/// A JobMaster, and the leadership that it belongs to.
struct Called {
    scope: Arc<LeaderScope>,
    job_master: JobMasterHandle,
}

impl Called {
    fn refused(&self, error: CallError) -> Status {
        match error {
            CallError::UnknownJob => unknown_job(&self.scope),
            CallError::UnknownRegistration => flott_rpc::unknown_registration(),
            CallError::Rejected(reason) => Status::aborted(reason),
        }
    }
}

/// A job is unknown only to who leads. With the end of a leadership all its JobMasters go, and the jobs run on.
fn unknown_job(scope: &LeaderScope) -> Status {
    if scope.is_over() { not_leading() } else { flott_rpc::unknown_job() }
}

#[tonic::async_trait]
impl JobMaster for Service {
    async fn report(
        &self,
        request: Request<pb::ReportRequest>,
    ) -> Result<Response<pb::ReportResponse>, Status> {
        let JobReports { sender, job_id, reports } = JobReports::try_from(request.into_inner())?;
        let reports = TaskManagerReports {
            task_manager_id: sender.task_manager_id,
            registration_id: sender.fence.registration_id,
            reports,
        };
        let called = self.job_master(job_id)?;
        called.job_master.report(reports).await.map_err(|error| called.refused(error))?;
        Ok(Response::new(pb::ReportResponse {}))
    }

    async fn request_split(
        &self,
        request: Request<pb::RequestSplitRequest>,
    ) -> Result<Response<pb::RequestSplitResponse>, Status> {
        let pb::RequestSplitRequest { sender, job_id, subtask, request_id } = request.into_inner();
        let called = self.job_master(read_job_id(&job_id)?)?;
        let answer = called.job_master.request_split(caller(sender, subtask)?, request_id).await;
        let answer = answer.map_err(|error| called.refused(error))?;
        Ok(Response::new(pb::RequestSplitResponse { answer: Some(answer.into()) }))
    }

    async fn report_splits(
        &self,
        request: Request<pb::ReportSplitsRequest>,
    ) -> Result<Response<pb::ReportSplitsResponse>, Status> {
        let pb::ReportSplitsRequest { sender, job_id, subtask, splits } = request.into_inner();
        let called = self.job_master(read_job_id(&job_id)?)?;
        let splits = splits.ok_or_else(|| missing("splits"))?.try_into()?;
        let taken = called.job_master.enumerated_splits(caller(sender, subtask)?, splits).await;
        taken.map_err(|error| called.refused(error))?;
        Ok(Response::new(pb::ReportSplitsResponse {}))
    }

    async fn align_watermarks(
        &self,
        request: Request<pb::AlignWatermarksRequest>,
    ) -> Result<Response<pb::AlignWatermarksResponse>, Status> {
        let AlignWatermarks { sender, job_id, watermarks } = request.into_inner().try_into()?;
        let Sender { task_manager_id, fence } = sender;
        let called = self.job_master(job_id)?;
        let groups = called.job_master.align(task_manager_id, fence.registration_id, watermarks).await;
        Ok(Response::new(groups.map_err(|error| called.refused(error))?.into()))
    }
}

fn caller(sender: Option<pb::Sender>, subtask: Option<pb::Subtask>) -> Result<SplitCaller, Status> {
    let Sender { task_manager_id, fence } = sender.ok_or_else(|| missing("sender"))?.try_into()?;
    let (subtask, attempt): (SubtaskId, AttemptNumber) = subtask.ok_or_else(|| missing("subtask"))?.into();
    Ok(SplitCaller { task_manager_id, registration_id: fence.registration_id, subtask, attempt })
}

fn read_job_id(bytes: &[u8]) -> Result<JobId, Status> {
    JobId::try_from(bytes)
        .map_err(|error| flott_rpc::Error::invalid("job_id", Problem::MalformedId(error)).into())
}

fn missing(field: &str) -> Status {
    flott_rpc::Error::invalid(field, Problem::Missing).into()
}
