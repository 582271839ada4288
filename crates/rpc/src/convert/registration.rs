//! Registration, heartbeats, slots.

use flott_control::protocol::{
    Fence, Hardware, RegistrationAnswer, RegistrationRequest, SlotHolder, SlotReport, TaskManagerInfo,
};
use flott_core::{LeaderEpoch, TaskManagerId};

use super::field::{each, ensure, id, optional, present, required, text};
use crate::{
    Error, Heartbeat, PROTOCOL_VERSION, ProcessMetrics, Sender, TaskHostMetrics,
    pb::{self, register_response::Answer},
};

impl TryFrom<pb::Fence> for Fence {
    type Error = Error;

    fn try_from(fence: pb::Fence) -> Result<Self, Error> {
        Ok(Self {
            epoch: LeaderEpoch(fence.epoch),
            registration_id: id(&fence.registration_id, "registration_id")?,
        })
    }
}

impl From<Fence> for pb::Fence {
    fn from(fence: Fence) -> Self {
        Self { epoch: fence.epoch.0, registration_id: fence.registration_id.as_bytes().to_vec() }
    }
}

impl TryFrom<pb::Sender> for Sender {
    type Error = Error;

    fn try_from(sender: pb::Sender) -> Result<Self, Error> {
        Ok(Self {
            task_manager_id: TaskManagerId::new(text(sender.task_manager_id, "task_manager_id")?),
            fence: required(sender.fence, "fence")?,
        })
    }
}

impl From<Sender> for pb::Sender {
    fn from(sender: Sender) -> Self {
        Self { task_manager_id: sender.task_manager_id.as_str().to_owned(), fence: Some(sender.fence.into()) }
    }
}

impl TryFrom<pb::SlotHolder> for SlotHolder {
    type Error = Error;

    fn try_from(holder: pb::SlotHolder) -> Result<Self, Error> {
        Ok(Self {
            allocation_id: id(&holder.allocation_id, "allocation_id")?,
            job_id: id(&holder.job_id, "job_id")?,
        })
    }
}

impl From<SlotHolder> for pb::SlotHolder {
    fn from(holder: SlotHolder) -> Self {
        Self {
            allocation_id: holder.allocation_id.as_bytes().to_vec(),
            job_id: holder.job_id.as_bytes().to_vec(),
        }
    }
}

impl TryFrom<pb::SlotReport> for SlotReport {
    type Error = Error;

    fn try_from(report: pb::SlotReport) -> Result<Self, Error> {
        let mut slots = Vec::with_capacity(report.slots.len());
        for (index, slot) in report.slots.into_iter().enumerate() {
            let holder =
                optional(slot.holder, "holder").map_err(|error| error.within_element("slots", index))?;
            slots.push(holder);
        }
        Ok(Self { version: report.version, slots })
    }
}

impl From<SlotReport> for pb::SlotReport {
    fn from(report: SlotReport) -> Self {
        let slot = |holder: Option<SlotHolder>| pb::SlotState { holder: holder.map(Into::into) };
        Self { version: report.version, slots: report.slots.into_iter().map(slot).collect() }
    }
}

impl From<pb::Hardware> for Hardware {
    fn from(hardware: pb::Hardware) -> Self {
        Self {
            cpu_cores: hardware.cpu_cores,
            physical_memory: hardware.physical_memory,
            free_memory: hardware.free_memory,
            managed_memory: hardware.managed_memory,
        }
    }
}

impl From<Hardware> for pb::Hardware {
    fn from(hardware: Hardware) -> Self {
        Self {
            cpu_cores: hardware.cpu_cores,
            physical_memory: hardware.physical_memory,
            free_memory: hardware.free_memory,
            managed_memory: hardware.managed_memory,
        }
    }
}

impl TryFrom<pb::TaskManagerInfo> for TaskManagerInfo {
    type Error = Error;

    fn try_from(info: pb::TaskManagerInfo) -> Result<Self, Error> {
        Ok(Self {
            rpc_address: text(info.rpc_address, "rpc_address")?,
            data_host: text(info.data_host, "data_host")?,
            slots: info.slots,
            hardware: required(info.hardware, "hardware")?,
        })
    }
}

impl From<TaskManagerInfo> for pb::TaskManagerInfo {
    fn from(info: TaskManagerInfo) -> Self {
        Self {
            rpc_address: info.rpc_address,
            data_host: info.data_host,
            slots: info.slots,
            hardware: Some(info.hardware.into()),
        }
    }
}

impl TryFrom<pb::RegisterRequest> for RegistrationRequest {
    type Error = Error;

    fn try_from(request: pb::RegisterRequest) -> Result<Self, Error> {
        ensure(
            request.protocol == PROTOCOL_VERSION,
            "protocol",
            "that of this JobManager: it and the TaskManager come from different versions of Flott",
        )?;
        let info: TaskManagerInfo = required(request.info, "info")?;
        let slots: SlotReport = required(request.slots, "slots")?;
        ensure(slots.slots.len() == info.slots as usize, "slots.slots", "as many as info.slots")?;
        Ok(Self {
            task_manager_id: TaskManagerId::new(text(request.task_manager_id, "task_manager_id")?),
            generation: request.generation,
            info,
            slots,
            jobs: each(request.jobs, "jobs")?,
        })
    }
}

impl From<RegistrationRequest> for pb::RegisterRequest {
    fn from(request: RegistrationRequest) -> Self {
        Self {
            task_manager_id: request.task_manager_id.as_str().to_owned(),
            generation: request.generation,
            info: Some(request.info.into()),
            slots: Some(request.slots.into()),
            protocol: PROTOCOL_VERSION,
            jobs: request.jobs.into_iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<pb::RegisterResponse> for RegistrationAnswer {
    type Error = Error;

    fn try_from(response: pb::RegisterResponse) -> Result<Self, Error> {
        match present(response.answer, "answer")? {
            Answer::Registered(registered) => {
                ensure(registered.heartbeat_interval_ms > 0, "registered.heartbeat_interval_ms", "above 0")?;
                let fence =
                    required(registered.fence, "fence").map_err(|error| error.within("registered"))?;
                Ok(Self::Registered { fence, heartbeat_interval_ms: registered.heartbeat_interval_ms })
            }
            Answer::Refused(reason) => Ok(Self::Refused { reason }),
        }
    }
}

impl From<RegistrationAnswer> for pb::RegisterResponse {
    fn from(answer: RegistrationAnswer) -> Self {
        Self {
            answer: Some(match answer {
                RegistrationAnswer::Registered { fence, heartbeat_interval_ms } => {
                    Answer::Registered(pb::Registered { fence: Some(fence.into()), heartbeat_interval_ms })
                }
                RegistrationAnswer::Refused { reason } => Answer::Refused(reason),
            }),
        }
    }
}

impl TryFrom<pb::HeartbeatRequest> for Heartbeat {
    type Error = Error;

    fn try_from(request: pb::HeartbeatRequest) -> Result<Self, Error> {
        Ok(Self {
            sender: required(request.sender, "sender")?,
            slots: required(request.slots, "slots")?,
            task_hosts: each(request.task_hosts, "task_hosts")?,
            process: required(request.process, "process")?,
        })
    }
}

impl From<Heartbeat> for pb::HeartbeatRequest {
    fn from(heartbeat: Heartbeat) -> Self {
        Self {
            sender: Some(heartbeat.sender.into()),
            slots: Some(heartbeat.slots.into()),
            task_hosts: heartbeat.task_hosts.into_iter().map(Into::into).collect(),
            process: Some(heartbeat.process.into()),
        }
    }
}

impl TryFrom<pb::TaskHostMetrics> for TaskHostMetrics {
    type Error = Error;

    fn try_from(metrics: pb::TaskHostMetrics) -> Result<Self, Error> {
        Ok(Self {
            job_id: id(&metrics.job_id, "job_id")?,
            pid: metrics.pid,
            process: required(metrics.process, "process")?,
            subtasks: each(metrics.subtasks, "subtasks")?,
        })
    }
}

impl From<TaskHostMetrics> for pb::TaskHostMetrics {
    fn from(metrics: TaskHostMetrics) -> Self {
        Self {
            job_id: metrics.job_id.as_bytes().to_vec(),
            pid: metrics.pid,
            process: Some(metrics.process.into()),
            subtasks: metrics.subtasks.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<pb::ProcessMetrics> for ProcessMetrics {
    fn from(metrics: pb::ProcessMetrics) -> Self {
        Self {
            resident_bytes: metrics.resident_bytes,
            peak_resident_bytes: metrics.peak_resident_bytes,
            cpu_ms: metrics.cpu_ms,
            threads: metrics.threads,
        }
    }
}

impl From<ProcessMetrics> for pb::ProcessMetrics {
    fn from(metrics: ProcessMetrics) -> Self {
        Self {
            resident_bytes: metrics.resident_bytes,
            peak_resident_bytes: metrics.peak_resident_bytes,
            cpu_ms: metrics.cpu_ms,
            threads: metrics.threads,
        }
    }
}
