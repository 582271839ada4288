//! Clients of the services, and the calls that carry an order or a report.

use std::time::Duration;

use flott_control::protocol::{
    Fence, Order, OrderAnswer, RegistrationAnswer, RegistrationRequest, ReportAnswer,
};
use prost::Message;
use tonic::{Request, Response, Status, transport::Channel};

use crate::{
    JobReports, MAX_MESSAGE_BYTES, Precondition,
    convert::encode,
    pb::{
        self, artifacts_client::ArtifactsClient, job_master_client::JobMasterClient,
        leader_client::LeaderClient, resource_manager_client::ResourceManagerClient,
        task_host_client::TaskHostClient, task_manager_client::TaskManagerClient,
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
client!(leader_client, LeaderClient);
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

/// Most bytes of a registration: less than a message's by what surrounds it.
const REGISTRATION_BYTES: usize = MAX_MESSAGE_BYTES - 1024 * 1024;

/// Asks the ResourceManager at the other end of `channel` to be registered, once. Where what there is to tell of the jobs is too
/// much for a message, the longest logs of splits are left out: their sources are started again if there is a new leader.
///
/// # Errors
///
/// Any status that is not an answer: no connection, no answer within `deadline`, or a message that one side finds invalid.
pub async fn send_registration(
    channel: Channel,
    request: RegistrationRequest,
    deadline: Duration,
) -> Result<RegistrationAnswer, Status> {
    let request = within(request.into(), REGISTRATION_BYTES);
    let response = resource_manager_client(channel).register(with_deadline(request, deadline)).await?;
    Ok(RegistrationAnswer::try_from(response.into_inner())?)
}

fn within(mut request: pb::RegisterRequest, limit: usize) -> pb::RegisterRequest {
    while request.encoded_len() > limit {
        let logs = request.jobs.iter_mut().flat_map(|job| &mut job.splits);
        let longest = logs.filter(|log| !log.answers.is_empty() || !log.reports.is_empty());
        let Some(log) = longest.max_by_key(|log| log.encoded_len()) else { break };
        tracing::warn!(subtask = ?log.subtask, "the log of its splits is too long for a registration");
        (log.answers, log.reports, log.is_cut) = (Vec::new(), Vec::new(), true);
    }
    request
}

/// Most bytes of reports in one call, so that a batch of them never comes near the limit of a message. A report that is larger
/// goes alone.
const REPORT_BYTES: usize = 8 * 1024 * 1024;

/// Delivers reports to the JobManager at the other end of `channel`, once. Large ones take several calls, one after the
/// other, of which each may take until `deadline`.
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
    let mut client = job_master_client(channel);
    let pb::ReportRequest { sender, job_id, reports } = reports.into();
    for reports in pieces(reports, REPORT_BYTES) {
        let request = pb::ReportRequest { sender: sender.clone(), job_id: job_id.clone(), reports };
        if let Err(status) = client.report(with_deadline(request, deadline)).await {
            return match precondition_of(&status) {
                Some(Precondition::UnknownJob) => Ok(ReportAnswer::UnknownJob),
                // A newer leader knows nothing of our registration either.
                Some(Precondition::UnknownRegistration | Precondition::StaleLeader { .. }) => {
                    Ok(ReportAnswer::UnknownRegistration)
                }
                None => Err(status),
            };
        }
    }
    Ok(ReportAnswer::Acknowledged)
}

/// Cuts a list into pieces of at most `limit` encoded bytes, or of one element that is larger.
fn pieces<T: Message>(elements: Vec<T>, limit: usize) -> Vec<Vec<T>> {
    let mut pieces: Vec<Vec<T>> = Vec::new();
    let mut room = 0;
    for element in elements {
        let size = element.encoded_len();
        match pieces.last_mut() {
            Some(piece) if size <= room => piece.push(element),
            _ => {
                room = limit;
                pieces.push(vec![element]);
            }
        }
        room = room.saturating_sub(size);
    }
    pieces
}

/// A request that is given up after `deadline`, on both sides.
fn with_deadline<T>(message: T, deadline: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(deadline);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_logs_are_left_out_of_a_registration_that_is_too_large() {
        let log = |bytes: usize| pb::SplitLog {
            answers: vec![pb::AnsweredSplit {
                request_id: 1,
                answer: Some(flott_core::deployment::SplitAnswer::Split(vec![0; bytes]).into()),
            }],
            ..Default::default()
        };
        let job = |logs: &[usize]| pb::LocalJobReport {
            splits: logs.iter().map(|&bytes| log(bytes)).collect(),
            ..Default::default()
        };
        let request =
            pb::RegisterRequest { jobs: vec![job(&[100, 3000]), job(&[2000])], ..Default::default() };
        let kept = |limit: usize| {
            let request = within(request.clone(), limit);
            let logs = request.jobs.iter().flat_map(|job| &job.splits);
            logs.map(|log| (!log.answers.is_empty(), log.is_cut)).collect::<Vec<_>>()
        };
        assert_eq!(kept(10_000), [(true, false); 3]);
        assert_eq!(kept(3000), [(true, false), (false, true), (true, false)]);
        assert_eq!(kept(1000), [(true, false), (false, true), (false, true)]);
        assert_eq!(kept(1), [(false, true); 3]);
    }

    #[test]
    fn large_lists_are_cut_in_order() {
        // Each takes so many bytes and the two of its tag and length.
        let element = |bytes: usize| pb::ReadLogResponse { data: vec![0; bytes].into() };
        let sizes = |limit: usize, sizes: &[usize]| {
            let pieces = pieces(sizes.iter().map(|&size| element(size)).collect(), limit);
            pieces.iter().map(|piece| piece.iter().map(|it| it.data.len()).collect()).collect::<Vec<Vec<_>>>()
        };
        assert_eq!(sizes(100, &[]), Vec::<Vec<usize>>::new());
        assert_eq!(sizes(100, &[10, 20, 30]), [[10, 20, 30]]);
        assert_eq!(sizes(24, &[10, 10, 10]), [vec![10, 10], vec![10]]);
        assert_eq!(sizes(10, &[1, 50, 2, 3]), [vec![1], vec![50], vec![2, 3]]);
    }
}
