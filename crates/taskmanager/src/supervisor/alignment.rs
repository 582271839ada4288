//! Carries a task host's watermarks to the JobMaster, and those of their groups back.

use std::{sync::Arc, time::Duration};

use flott_control::protocol::{AlignedWatermark, GroupWatermark};
use flott_core::JobId;
use flott_rpc::{AlignWatermarks, TaskHostCommand, job_master_client, pb};
use tokio::sync::{mpsc, watch};
use tonic::{Request, Status};

use super::host::HostContext;

/// How long an answer may take. Soon after, what was sent is outdated.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a task host's aligned sources are. A newer report takes the place of one that was not sent yet.
pub(super) type Watermarks = watch::Sender<Vec<AlignedWatermark>>;

/// Sends each report when the one before it was answered, so that none is overtaken, until the task host ends. One that
/// can't be delivered is forgotten: the next comes soon.
pub(super) async fn carry(
    context: Arc<HostContext>,
    job_id: JobId,
    mut reports: watch::Receiver<Vec<AlignedWatermark>>,
    commands: mpsc::Sender<Result<pb::TaskHostCommand, Status>>,
) {
    while reports.changed().await.is_ok() {
        let watermarks = reports.borrow_and_update().clone();
        match align(&context, job_id, watermarks).await {
            // If it is gone it needs no answer.
            Ok(groups) => drop(commands.send(Ok(TaskHostCommand::Align { groups }.into())).await),
            Err(error) => {
                tracing::debug!(%job_id, error = error.message(), "cannot align watermarks");
            }
        }
    }
}

async fn align(
    context: &HostContext,
    job_id: JobId,
    watermarks: Vec<AlignedWatermark>,
) -> Result<Vec<GroupWatermark>, Status> {
    let uplink = context.uplinks.borrow().clone();
    let uplink = uplink.ok_or_else(|| Status::unavailable("not registered at a JobManager"))?;
    let sender = uplink.sender(&context.task_manager_id);
    let mut request = Request::new(AlignWatermarks { sender, job_id, watermarks }.into());
    request.set_timeout(ANSWER_TIMEOUT);
    let response = job_master_client(uplink.channel).align_watermarks(request).await?;
    Ok(response.into_inner().try_into()?)
}
