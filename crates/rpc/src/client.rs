//! Clients of the services, and the calls that carry an order or a report.

use std::time::Duration;

use flott_control::protocol::{Fence, Order, OrderAnswer, ReportAnswer};
use tonic::{Request, Response, Status, transport::Channel};

use crate::{
    JobReports, MAX_MESSAGE_BYTES, Precondition,
    convert::encode,
    pb::{
        self, artifacts_client::ArtifactsClient, job_master_client::JobMasterClient,
        resource_manager_client::ResourceManagerClient, task_host_client::TaskHostClient,
        task_manager_client::TaskManagerClient,
    },
    precondition_of,
};

/// Declares for a service the function that makes its client with the message limit.
macro_rules! client {
    ($name:ident, $client:ident) => {
        /// A client of the service at the other end of `channel`.
        pub fn $name(channel: Channel) -> $client<Channel> {
            $client::new(channel)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES)
        }
    };
}

client!(artifacts_client, ArtifactsClient);
client!(job_master_client, JobMasterClient);
client!(resource_manager_client, ResourceManagerClient);
client!(task_host_client, TaskHostClient);
client!(task_manager_client, TaskManagerClient);

/// Gives an order to the TaskManager at the other end of `channel`, once.
///
/// # Errors
///
/// Any status that is not the TaskManager's answer: no connection, no answer within `deadline`, or a message that
/// one side finds invalid. Whether the order was carried out is not known then.
pub async fn send_order(
    channel: Channel,
    fence: Fence,
    order: Order,
    deadline: Duration,
) -> Result<OrderAnswer, Status> {
    let mut client = task_manager_client(channel);
    let fence = Some(fence.into());
    /// Makes the call and takes the answer out of its response.
    macro_rules! call {
        ($method:ident, $request:expr) => {
            client
                .$method(with_deadline($request, deadline))
                .await
                .map(Response::into_inner)
                .map(|r| r.answer)
        };
    }
    let answered = match order {
        Order::RequestSlot { slot, holder } => {
            call!(request_slot, pb::RequestSlotRequest { fence, slot: slot.0, holder: Some(holder.into()) })
        }
        Order::FreeSlot { holder } => {
            call!(free_slot, pb::FreeSlotRequest { fence, holder: Some(holder.into()) })
        }
        Order::StartTaskHost { attempt, allocations, spec } => {
            let allocation_ids = allocations.iter().map(|id| id.as_bytes().to_vec()).collect();
            let request = pb::StartTaskHostRequest {
                fence,
                attempt: attempt.0,
                allocation_ids,
                spec: Some(spec.into()),
            };
            call!(start_task_host, request)
        }
        Order::DeployTasks { job_id, placement, tasks } => {
            let request = pb::DeployTasksRequest {
                fence,
                job_id: job_id.as_bytes().to_vec(),
                placement: Some(placement.into()),
                tasks: tasks.into_iter().map(Into::into).collect(),
            };
            call!(deploy_tasks, request)
        }
        Order::CancelTasks { job_id, tasks } => {
            let job_id = job_id.as_bytes().to_vec();
            let tasks = tasks.into_iter().map(Into::into).collect();
            call!(cancel_tasks, pb::CancelTasksRequest { fence, job_id, tasks })
        }
        Order::TriggerCheckpoint { job_id, barrier, tasks } => {
            let request = pb::TriggerCheckpointRequest {
                fence,
                job_id: job_id.as_bytes().to_vec(),
                barrier: encode(&barrier),
                tasks: tasks.into_iter().map(Into::into).collect(),
            };
            call!(trigger_checkpoint, request)
        }
        Order::NotifyCheckpoint { job_id, notice } => {
            let job_id = job_id.as_bytes().to_vec();
            let notice = Some(notice.into());
            call!(notify_checkpoint, pb::NotifyCheckpointRequest { fence, job_id, notice })
        }
        Order::KillTaskHost { job_id, attempt } => {
            let job_id = job_id.as_bytes().to_vec();
            call!(kill_task_host, pb::KillTaskHostRequest { fence, job_id, attempt: attempt.0 })
        }
        Order::ReleaseTaskHost { job_id, attempt } => {
            let job_id = job_id.as_bytes().to_vec();
            call!(release_task_host, pb::ReleaseTaskHostRequest { fence, job_id, attempt: attempt.0 })
        }
    };
    match answered {
        Ok(Some(answer)) => {
            OrderAnswer::try_from(answer).map_err(|error| Status::internal(error.to_string()))
        }
        Ok(None) => Err(Status::internal("the TaskManager's response has no answer")),
        Err(status) => match precondition_of(&status) {
            Some(Precondition::StaleLeader { highest }) => Ok(OrderAnswer::StaleLeader { highest }),
            Some(Precondition::UnknownRegistration) => Ok(OrderAnswer::UnknownRegistration),
            Some(Precondition::UnknownJob) | None => Err(status),
        },
    }
}

/// Delivers reports to the JobManager at the other end of `channel`, once.
///
/// # Errors
///
/// Any status that is not the JobManager's answer: no connection, no answer within `deadline`, or a message that one
/// side finds invalid. Whether the reports were taken is not known then.
pub async fn send_reports(
    channel: Channel,
    reports: JobReports,
    deadline: Duration,
) -> Result<ReportAnswer, Status> {
    let request = with_deadline(pb::ReportRequest::from(reports), deadline);
    match job_master_client(channel).report(request).await {
        Ok(_) => Ok(ReportAnswer::Acknowledged),
        Err(status) => match precondition_of(&status) {
            Some(Precondition::UnknownJob) => Ok(ReportAnswer::UnknownJob),
            // A newer leader knows nothing of our registration either.
            Some(Precondition::UnknownRegistration | Precondition::StaleLeader { .. }) => {
                Ok(ReportAnswer::UnknownRegistration)
            }
            None => Err(status),
        },
    }
}

/// A request that is given up after `deadline`, on both sides.
fn with_deadline<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}
