//! Orders of the leader and their answers.

use flott_control::protocol::{Fence, Order, OrderAnswer, Refusal};
use flott_core::{AttemptNumber, SlotIndex};
use tonic::Status;

use super::{
    checkpoint::decode,
    field::{each, id, required},
};
use crate::{Error, FencedOrder, Problem, pb, stale_leader, unknown_registration};

impl TryFrom<pb::RequestSlotRequest> for FencedOrder {
    type Error = Error;

    fn try_from(request: pb::RequestSlotRequest) -> Result<Self, Error> {
        let holder = required(request.holder, "holder")?;
        let order = Order::RequestSlot { slot: SlotIndex(request.slot), holder };
        Ok(Self { fence: fence(request.fence)?, order })
    }
}

impl TryFrom<pb::FreeSlotRequest> for FencedOrder {
    type Error = Error;

    fn try_from(request: pb::FreeSlotRequest) -> Result<Self, Error> {
        let order = Order::FreeSlot { holder: required(request.holder, "holder")? };
        Ok(Self { fence: fence(request.fence)?, order })
    }
}

impl TryFrom<pb::StartTaskHostRequest> for FencedOrder {
    type Error = Error;

    fn try_from(request: pb::StartTaskHostRequest) -> Result<Self, Error> {
        let allocation = |(index, bytes): (usize, &Vec<u8>)| {
            id(bytes, "").map_err(|error| error.within_element("allocation_ids", index))
        };
        let order = Order::StartTaskHost {
            attempt: AttemptNumber(request.attempt),
            allocations: request
                .allocation_ids
                .iter()
                .enumerate()
                .map(allocation)
                .collect::<Result<Vec<_>, Error>>()?,
            spec: required(request.spec, "spec")?,
        };
        Ok(Self { fence: fence(request.fence)?, order })
    }
}

impl TryFrom<pb::DeployTasksRequest> for FencedOrder {
    type Error = Error;

    fn try_from(request: pb::DeployTasksRequest) -> Result<Self, Error> {
        let order = Order::DeployTasks {
            job_id: id(&request.job_id, "job_id")?,
            placement: required(request.placement, "placement")?,
            tasks: each(request.tasks, "tasks")?,
        };
        Ok(Self { fence: fence(request.fence)?, order })
    }
}

impl TryFrom<pb::CancelTasksRequest> for FencedOrder {
    type Error = Error;

    fn try_from(request: pb::CancelTasksRequest) -> Result<Self, Error> {
        let order = Order::CancelTasks {
            job_id: id(&request.job_id, "job_id")?,
            tasks: request.tasks.into_iter().map(Into::into).collect(),
        };
        Ok(Self { fence: fence(request.fence)?, order })
    }
}

impl TryFrom<pb::TriggerCheckpointRequest> for FencedOrder {
    type Error = Error;

    fn try_from(request: pb::TriggerCheckpointRequest) -> Result<Self, Error> {
        let order = Order::TriggerCheckpoint {
            job_id: id(&request.job_id, "job_id")?,
            barrier: decode(&request.barrier, "barrier")?,
            tasks: request.tasks.into_iter().map(Into::into).collect(),
        };
        Ok(Self { fence: fence(request.fence)?, order })
    }
}

impl TryFrom<pb::NotifyCheckpointRequest> for FencedOrder {
    type Error = Error;

    fn try_from(request: pb::NotifyCheckpointRequest) -> Result<Self, Error> {
        let job_id = id(&request.job_id, "job_id")?;
        let order = Order::NotifyCheckpoint { job_id, notice: required(request.notice, "notice")? };
        Ok(Self { fence: fence(request.fence)?, order })
    }
}

impl TryFrom<pb::KillTaskHostRequest> for FencedOrder {
    type Error = Error;

    fn try_from(request: pb::KillTaskHostRequest) -> Result<Self, Error> {
        let job_id = id(&request.job_id, "job_id")?;
        let order = Order::KillTaskHost { job_id, attempt: AttemptNumber(request.attempt) };
        Ok(Self { fence: fence(request.fence)?, order })
    }
}

impl TryFrom<pb::ReleaseTaskHostRequest> for FencedOrder {
    type Error = Error;

    fn try_from(request: pb::ReleaseTaskHostRequest) -> Result<Self, Error> {
        let job_id = id(&request.job_id, "job_id")?;
        let order = Order::ReleaseTaskHost { job_id, attempt: AttemptNumber(request.attempt) };
        Ok(Self { fence: fence(request.fence)?, order })
    }
}

fn fence(fence: Option<pb::Fence>) -> Result<Fence, Error> {
    required(fence, "fence")
}

/// What a TaskManager's service answers to the call of an order: an order that fencing kept out is a status, any
/// other answer is a message.
///
/// # Errors
///
/// The status to answer with, if the order's leader or registration is not the right one.
pub fn order_answer_response(answer: OrderAnswer) -> Result<pb::OrderAnswer, Status> {
    let (refused, slots) = match answer {
        OrderAnswer::Accepted { slots } => (None, slots),
        OrderAnswer::Refused { reason, slots } => (Some(reason.as_str().to_owned()), slots),
        OrderAnswer::StaleLeader { highest } => return Err(stale_leader(highest)),
        OrderAnswer::UnknownRegistration => return Err(unknown_registration()),
    };
    Ok(pb::OrderAnswer { refused, slots: Some(slots.into()) })
}

impl TryFrom<pb::OrderAnswer> for OrderAnswer {
    type Error = Error;

    fn try_from(answer: pb::OrderAnswer) -> Result<Self, Error> {
        let slots = required(answer.slots, "slots")?;
        let Some(refused) = answer.refused else { return Ok(Self::Accepted { slots }) };
        let reason = Refusal::from_name(&refused)
            .ok_or_else(|| Error::invalid("refused", Problem::UnknownValue(format!("{refused:?}"))))?;
        Ok(Self::Refused { reason, slots })
    }
}
