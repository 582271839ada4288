//! The conversation between a task host and its TaskManager.

use flott_core::{HostId, deployment::Placement};

use super::{
    checkpoint::{decode, encode},
    field::{each, ensure, port, present, required, text},
};
use crate::{
    Error, SplitRequest, SplitsReport, TaskHostCommand, TaskHostHello, TaskHostMessage, TaskHostSetup,
    pb::{self, task_host_command::Command, task_host_message::Message},
};

impl TryFrom<pb::TaskHostMessage> for TaskHostMessage {
    type Error = Error;

    fn try_from(message: pb::TaskHostMessage) -> Result<Self, Error> {
        Ok(match present(message.message, "message")? {
            Message::Hello(hello) => {
                Self::Hello(TaskHostHello { protocol: hello.protocol, token: hello.token, pid: hello.pid })
            }
            Message::Listening(listening) => {
                let data_port = port(listening.data_port, "listening.data_port")?;
                ensure(data_port > 0, "listening.data_port", "above 0")?;
                Self::Listening { data_port }
            }
            Message::Refused(cause) => Self::Refused(required(Some(cause), "refused")?),
            Message::TaskState(update) => Self::TaskState(required(Some(update), "task_state")?),
            Message::SplitRequest(request) => Self::SplitRequest(required(Some(request), "split_request")?),
            Message::SplitsReport(report) => Self::SplitsReport(required(Some(report), "splits_report")?),
            Message::Metrics(report) => {
                Self::Metrics(each(report.subtasks, "subtasks").map_err(|error| error.within("metrics"))?)
            }
            Message::Watermarks(report) => {
                let watermarks = each(report.watermarks, "watermarks");
                Self::Watermarks(watermarks.map_err(|error| error.within("watermarks"))?)
            }
            Message::Checkpoint(report) => Self::Checkpoint(required(Some(report), "checkpoint")?),
            Message::AwaitsCheckpoint(awaits) => {
                let (subtask, attempt) = required(awaits.subtask, "awaits_checkpoint.subtask")?;
                Self::AwaitsCheckpoint { subtask, attempt }
            }
            Message::Samples(report) => {
                Self::Samples { request_id: report.request_id, samples: required(Some(report), "samples")? }
            }
        })
    }
}

impl From<TaskHostMessage> for pb::TaskHostMessage {
    fn from(message: TaskHostMessage) -> Self {
        let message = match message {
            TaskHostMessage::Hello(TaskHostHello { protocol, token, pid }) => {
                Message::Hello(pb::TaskHostHello { protocol, token, pid })
            }
            TaskHostMessage::Listening { data_port } => {
                Message::Listening(pb::TaskHostListening { data_port: data_port.into() })
            }
            TaskHostMessage::Refused(cause) => Message::Refused(cause.into()),
            TaskHostMessage::TaskState(update) => Message::TaskState(update.into()),
            TaskHostMessage::SplitRequest(request) => Message::SplitRequest(request.into()),
            TaskHostMessage::SplitsReport(report) => Message::SplitsReport(pb::SplitsReport {
                subtask: Some((report.subtask, report.attempt).into()),
                splits: Some(report.splits.into()),
            }),
            TaskHostMessage::Metrics(subtasks) => Message::Metrics(pb::MetricsReport {
                subtasks: subtasks.into_iter().map(Into::into).collect(),
            }),
            TaskHostMessage::Watermarks(watermarks) => Message::Watermarks(pb::WatermarksReport {
                watermarks: watermarks.into_iter().map(Into::into).collect(),
            }),
            TaskHostMessage::Checkpoint(report) => Message::Checkpoint(report.into()),
            TaskHostMessage::AwaitsCheckpoint { subtask, attempt } => {
                Message::AwaitsCheckpoint(pb::AwaitsCheckpoint { subtask: Some((subtask, attempt).into()) })
            }
            TaskHostMessage::Samples { request_id, samples } => {
                Message::Samples(pb::SamplesReport { request_id, ..samples.into() })
            }
        };
        Self { message: Some(message) }
    }
}

impl TryFrom<pb::SplitRequest> for SplitRequest {
    type Error = Error;

    fn try_from(request: pb::SplitRequest) -> Result<Self, Error> {
        let (subtask, attempt) = required(request.subtask, "subtask")?;
        Ok(Self { subtask, attempt, request_id: request.request_id })
    }
}

impl From<SplitRequest> for pb::SplitRequest {
    fn from(request: SplitRequest) -> Self {
        Self { subtask: Some((request.subtask, request.attempt).into()), request_id: request.request_id }
    }
}

impl TryFrom<pb::SplitsReport> for SplitsReport {
    type Error = Error;

    fn try_from(report: pb::SplitsReport) -> Result<Self, Error> {
        let (subtask, attempt) = required(report.subtask, "subtask")?;
        Ok(Self { subtask, attempt, splits: required(report.splits, "splits")? })
    }
}

impl TryFrom<pb::TaskHostCommand> for TaskHostCommand {
    type Error = Error;

    fn try_from(command: pb::TaskHostCommand) -> Result<Self, Error> {
        Ok(match present(command.command, "command")? {
            Command::Setup(setup) => Self::Setup(Box::new(required(Some(setup), "setup")?)),
            Command::Deploy(deploy) => deploy_command(deploy).map_err(|error| error.within("deploy"))?,
            Command::Cancel(cancel) => {
                Self::Cancel { tasks: cancel.tasks.into_iter().map(Into::into).collect() }
            }
            Command::SplitResponse(response) => {
                split_response(response).map_err(|error| error.within("split_response"))?
            }
            Command::Align(align) => {
                let groups = each(align.groups, "groups").map_err(|error| error.within("align"))?;
                Self::Align { groups }
            }
            Command::TriggerCheckpoint(trigger) => Self::TriggerCheckpoint {
                barrier: decode(&trigger.barrier, "trigger_checkpoint.barrier")?,
                tasks: trigger.tasks.into_iter().map(Into::into).collect(),
            },
            Command::NotifyCheckpoint(notice) => {
                Self::NotifyCheckpoint { notice: required(Some(notice), "notify_checkpoint")? }
            }
            Command::Sample(sample) => Self::Sample {
                request_id: sample.request_id,
                sampling: required(sample.sampling, "sample.sampling")?,
            },
            Command::Shutdown(pb::ShutdownCommand {}) => Self::Shutdown,
        })
    }
}

fn deploy_command(deploy: pb::DeployCommand) -> Result<TaskHostCommand, Error> {
    let placement: Placement = required(deploy.placement, "placement")?;
    let own_host = HostId(deploy.own_host);
    ensure(placement.address_of(own_host).is_some(), "own_host", "the number of one of placement.hosts")?;
    Ok(TaskHostCommand::Deploy { placement, tasks: each(deploy.tasks, "tasks")?, own_host })
}

fn split_response(response: pb::SplitResponse) -> Result<TaskHostCommand, Error> {
    let (subtask, attempt) = required(response.subtask, "subtask")?;
    Ok(TaskHostCommand::SplitResponse {
        request: SplitRequest { subtask, attempt, request_id: response.request_id },
        answer: required(response.answer, "answer")?,
    })
}

impl From<TaskHostCommand> for pb::TaskHostCommand {
    fn from(command: TaskHostCommand) -> Self {
        let command = match command {
            TaskHostCommand::Setup(setup) => Command::Setup((*setup).into()),
            TaskHostCommand::Deploy { placement, tasks, own_host } => Command::Deploy(pb::DeployCommand {
                placement: Some(placement.into()),
                tasks: tasks.into_iter().map(Into::into).collect(),
                own_host: own_host.0,
            }),
            TaskHostCommand::Cancel { tasks } => {
                Command::Cancel(pb::CancelCommand { tasks: tasks.into_iter().map(Into::into).collect() })
            }
            TaskHostCommand::SplitResponse { request, answer } => Command::SplitResponse(pb::SplitResponse {
                subtask: Some((request.subtask, request.attempt).into()),
                request_id: request.request_id,
                answer: Some(answer.into()),
            }),
            TaskHostCommand::Align { groups } => {
                Command::Align(pb::AlignCommand { groups: groups.into_iter().map(Into::into).collect() })
            }
            TaskHostCommand::TriggerCheckpoint { barrier, tasks } => {
                Command::TriggerCheckpoint(pb::TriggerCheckpointCommand {
                    barrier: encode(&barrier),
                    tasks: tasks.into_iter().map(Into::into).collect(),
                })
            }
            TaskHostCommand::NotifyCheckpoint { notice } => Command::NotifyCheckpoint(notice.into()),
            TaskHostCommand::Sample { request_id, sampling } => {
                Command::Sample(pb::SampleCommand { request_id, sampling: Some(sampling.into()) })
            }
            TaskHostCommand::Shutdown => Command::Shutdown(pb::ShutdownCommand {}),
        };
        Self { command: Some(command) }
    }
}

impl TryFrom<pb::TaskHostSetup> for TaskHostSetup {
    type Error = Error;

    fn try_from(setup: pb::TaskHostSetup) -> Result<Self, Error> {
        Ok(Self {
            spec: required(setup.spec, "spec")?,
            bind_host: text(setup.bind_host, "bind_host")?,
            bind_port: port(setup.bind_port, "bind_port")?,
            storage_options: setup.storage_options.into_iter().collect(),
        })
    }
}

impl From<TaskHostSetup> for pb::TaskHostSetup {
    fn from(setup: TaskHostSetup) -> Self {
        Self {
            spec: Some(setup.spec.into()),
            bind_host: setup.bind_host,
            bind_port: setup.bind_port.into(),
            storage_options: setup.storage_options.into_iter().collect(),
        }
    }
}
