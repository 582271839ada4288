//! Who leads.

use flott_core::LeaderEpoch;

use super::field::{optional, text};
use crate::{Error, LeaderInfo, LeaderView, pb};

impl TryFrom<pb::LeaderInfo> for LeaderInfo {
    type Error = Error;

    fn try_from(leader: pb::LeaderInfo) -> Result<Self, Error> {
        Ok(Self {
            instance_id: text(leader.instance_id, "instance_id")?,
            rpc_address: text(leader.rpc_address, "rpc_address")?,
            rest_address: leader.rest_address,
            epoch: LeaderEpoch(leader.epoch),
        })
    }
}

impl From<LeaderInfo> for pb::LeaderInfo {
    fn from(leader: LeaderInfo) -> Self {
        Self {
            instance_id: leader.instance_id,
            rpc_address: leader.rpc_address,
            rest_address: leader.rest_address,
            epoch: leader.epoch.0,
        }
    }
}

impl TryFrom<pb::GetLeaderResponse> for LeaderView {
    type Error = Error;

    fn try_from(response: pb::GetLeaderResponse) -> Result<Self, Error> {
        Ok(Self {
            instance_id: text(response.instance_id, "instance_id")?,
            leader: optional(response.leader, "leader")?,
        })
    }
}

impl From<LeaderView> for pb::GetLeaderResponse {
    fn from(view: LeaderView) -> Self {
        Self { instance_id: view.instance_id, leader: view.leader.map(Into::into) }
    }
}
