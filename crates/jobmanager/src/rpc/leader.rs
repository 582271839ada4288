//! The service `Leader`.

use flott_rpc::{
    LeaderView,
    pb::{self, leader_server::Leader},
};
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use crate::ha::LeaderInfo;

pub(super) struct Service {
    leader: watch::Receiver<Option<LeaderInfo>>,
    instance_id: String,
}

impl Service {
    pub(super) fn new(leader: watch::Receiver<Option<LeaderInfo>>, instance_id: String) -> Self {
        Self { leader, instance_id }
    }
}

#[tonic::async_trait]
impl Leader for Service {
    async fn get_leader(
        &self,
        _request: Request<pb::GetLeaderRequest>,
    ) -> Result<Response<pb::GetLeaderResponse>, Status> {
        let leader = self.leader.borrow().clone().map(|leader| {
            let LeaderInfo { instance_id, rpc_address, rest_address, epoch } = leader;
            flott_rpc::LeaderInfo { instance_id, rpc_address, rest_address, epoch }
        });
        let view = LeaderView { instance_id: self.instance_id.clone(), leader };
        Ok(Response::new(view.into()))
    }
}
