//! What is deployed: task hosts, placements, task descriptors.

use flott_core::{
    CheckpointId, HostId, TaskManagerId,
    checkpoint::RestorePoint,
    deployment::{Placement, TaskDescriptor, TaskHostAddress, TaskHostSpec},
};

use super::field::{each, ensure, id, malformed, optional, required, text};
use crate::{Error, Problem, pb};

/// Characters of a SHA-256 in hexadecimal.
const DIGEST_DIGITS: usize = 64;

/// Stands on the wire for a subtask that is not deployed.
const UNPLACED: i64 = -1;

impl TryFrom<pb::TaskHostSpec> for TaskHostSpec {
    type Error = Error;

    fn try_from(spec: pb::TaskHostSpec) -> Result<Self, Error> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        ensure(
            spec.artifact.is_empty()
                || spec.artifact.len() == DIGEST_DIGITS && spec.artifact.bytes().all(is_digit),
            "artifact",
            "64 lower-case hexadecimal digits, or empty",
        )?;
        ensure(spec.slots > 0, "slots", "at least 1")?;
        Ok(Self {
            job_id: id(&spec.job_id, "job_id")?,
            job_name: spec.job_name,
            artifact: spec.artifact,
            arguments: spec.arguments,
            entry: spec.entry,
            config: serde_json::from_str(&spec.config_json)
                .map_err(|error| Error::invalid("config_json", Problem::InvalidJson(error.to_string())))?,
            graph: serde_json::from_str(&spec.graph_json)
                .map_err(|error| Error::invalid("graph_json", Problem::InvalidJson(error.to_string())))?,
            secret: spec.secret.try_into().map_err(|_| malformed("secret", "32 bytes"))?,
            slots: spec.slots,
            checkpoint_dir: text(spec.checkpoint_dir, "checkpoint_dir")?,
        })
    }
}

impl From<TaskHostSpec> for pb::TaskHostSpec {
    fn from(spec: TaskHostSpec) -> Self {
        Self {
            job_id: spec.job_id.as_bytes().to_vec(),
            job_name: spec.job_name,
            artifact: spec.artifact,
            arguments: spec.arguments,
            entry: spec.entry,
            config_json: serde_json::to_string(&spec.config)
                .expect("numbers, texts and maps with text keys always have a JSON form"),
            graph_json: serde_json::to_string(&spec.graph)
                .expect("a graph of numbers and texts always has a JSON form"),
            secret: spec.secret.to_vec(),
            slots: spec.slots,
            checkpoint_dir: spec.checkpoint_dir,
        }
    }
}

impl TryFrom<pb::TaskHostAddress> for TaskHostAddress {
    type Error = Error;

    fn try_from(address: pb::TaskHostAddress) -> Result<Self, Error> {
        Ok(Self {
            host: HostId(address.host),
            task_manager_id: TaskManagerId::new(text(address.task_manager_id, "task_manager_id")?),
            data_address: text(address.data_address, "data_address")?,
        })
    }
}

impl From<TaskHostAddress> for pb::TaskHostAddress {
    fn from(address: TaskHostAddress) -> Self {
        Self {
            host: address.host.0,
            task_manager_id: address.task_manager_id.as_str().to_owned(),
            data_address: address.data_address,
        }
    }
}

impl TryFrom<pb::Placement> for Placement {
    type Error = Error;

    fn try_from(placement: pb::Placement) -> Result<Self, Error> {
        let hosts: Vec<TaskHostAddress> = each(placement.hosts, "hosts")?;
        let in_order = hosts.windows(2).all(|pair| pair[0].host < pair[1].host);
        ensure(in_order, "hosts", "in the order of their numbers")?;
        let mut vertices = Vec::with_capacity(placement.vertices.len());
        for (index, vertex) in placement.vertices.into_iter().enumerate() {
            let placed = vertex.hosts.into_iter().map(|host| match host {
                UNPLACED => Ok(None),
                _ => {
                    let host = u32::try_from(host).ok().map(HostId);
                    let known = host.filter(|host| hosts.binary_search_by_key(host, |it| it.host).is_ok());
                    known.map(Some).ok_or_else(|| {
                        malformed(
                            &format!("vertices[{index}].hosts"),
                            "numbers of task hosts in hosts, or -1",
                        )
                    })
                }
            });
            vertices.push(placed.collect::<Result<_, Error>>()?);
        }
        Ok(Self { hosts, vertices })
    }
}

impl From<Placement> for pb::Placement {
    fn from(placement: Placement) -> Self {
        Self {
            hosts: placement.hosts.into_iter().map(Into::into).collect(),
            vertices: placement.vertices.into_iter().map(vertex_placement).collect(),
        }
    }
}

fn vertex_placement(hosts: Vec<Option<HostId>>) -> pb::VertexPlacement {
    let number = |host: Option<HostId>| host.map_or(UNPLACED, |host| i64::from(host.0));
    pb::VertexPlacement { hosts: hosts.into_iter().map(number).collect() }
}

impl TryFrom<pb::TaskDescriptor> for TaskDescriptor {
    type Error = Error;

    fn try_from(task: pb::TaskDescriptor) -> Result<Self, Error> {
        let (subtask, attempt) = required(task.subtask, "subtask")?;
        Ok(Self {
            subtask,
            attempt,
            allocation_id: id(&task.allocation_id, "allocation_id")?,
            restore: optional(task.restore, "restore")?,
        })
    }
}

impl From<TaskDescriptor> for pb::TaskDescriptor {
    fn from(task: TaskDescriptor) -> Self {
        Self {
            subtask: Some((task.subtask, task.attempt).into()),
            allocation_id: task.allocation_id.as_bytes().to_vec(),
            restore: task.restore.map(Into::into),
        }
    }
}

impl TryFrom<pb::RestorePoint> for RestorePoint {
    type Error = Error;

    fn try_from(point: pb::RestorePoint) -> Result<Self, Error> {
        Ok(Self {
            checkpoint_id: CheckpointId(point.checkpoint_id),
            metadata: text(point.metadata, "metadata")?,
            owned: point.owned,
        })
    }
}

impl From<RestorePoint> for pb::RestorePoint {
    fn from(point: RestorePoint) -> Self {
        Self { checkpoint_id: point.checkpoint_id.0, metadata: point.metadata, owned: point.owned }
    }
}
