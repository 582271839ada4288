//! The way to the JobManager while this TaskManager is registered there.

use flott_control::protocol::Fence;
use flott_core::TaskManagerId;
use flott_rpc::Sender;
use tokio::sync::watch;
use tonic::transport::Channel;

/// A registration with the connection over which it was made.
#[derive(Clone, Debug)]
pub(crate) struct Uplink {
    pub(crate) fence: Fence,
    pub(crate) channel: Channel,
}

impl Uplink {
    /// How this TaskManager names itself in its messages.
    pub(crate) fn sender(&self, task_manager_id: &TaskManagerId) -> Sender {
        Sender { task_manager_id: task_manager_id.clone(), fence: self.fence }
    }
}

/// The present uplink, for those that must reach whichever leader there is. `None` while there is none.
pub(crate) type Uplinks = watch::Receiver<Option<Uplink>>;
