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
    /// One with the leader of this epoch.
    #[cfg(test)]
    pub(crate) fn for_tests(epoch: u64, channel: Channel) -> Self {
        let registration_id = flott_core::RegistrationId::from_bytes(u128::from(epoch).to_be_bytes());
        Self { fence: Fence { epoch: flott_core::LeaderEpoch(epoch), registration_id }, channel }
    }

    /// How this TaskManager names itself in its messages.
    pub(crate) fn sender(&self, task_manager_id: &TaskManagerId) -> Sender {
        Sender { task_manager_id: task_manager_id.clone(), fence: self.fence }
    }
}

/// The present uplink, for those that must reach whichever leader there is. `None` while there is none.
pub(crate) type Uplinks = watch::Receiver<Option<Uplink>>;

/// The way to whichever JobManager leads.
#[derive(Clone, Debug)]
pub struct LeaderChannel(Uplinks);

impl LeaderChannel {
    pub(crate) fn new(uplinks: Uplinks) -> Self {
        Self(uplinks)
    }

    /// The way to a leader that stays.
    #[cfg(test)]
    pub(crate) fn fixed(channel: Channel) -> Self {
        Self(watch::channel(Some(Uplink::for_tests(1, channel))).1)
    }

    /// A connection to the JobManager at which the TaskManager is registered now. Waits until it is registered; `None` if it
    /// goes down meanwhile.
    pub async fn get(&self) -> Option<Channel> {
        let mut uplinks = self.0.clone();
        let uplink = uplinks.wait_for(Option::is_some).await.ok()?;
        uplink.as_ref().map(|uplink| uplink.channel.clone())
    }
}
