//! The data plane of one task host: its listener, its connections, and who is to get what.

mod connections;
mod local;
mod routes;
#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

use flott_core::{ChannelId, HostId, JobId, deployment::TaskHostAddress};
use tokio::{net::TcpListener, runtime::Handle, sync::Notify, time::sleep};

use self::{connections::Connections, local::LocalChannels};
pub(crate) use self::{
    local::LocalEnd,
    routes::{Lookup, RemoteInput, Routes},
};
use crate::{
    CREDITS_PER_CHANNEL, ChannelSender, Error, InputGate, Record,
    gate::{CreditReturn, InputChannel, RemoteReceiver},
    handshake::Identity,
    sender::RemoteSender,
};

/// After a failed accept (for want of file descriptors, say) others get a chance to close theirs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The other end of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelPeer {
    /// The channel.
    pub channel: ChannelId,
    /// The task host at the other end.
    pub host: HostId,
}

/// The data plane of one task host. Cheap to clone. Everything on the network runs on the runtime that it was made
/// with, never on the threads of user code.
///
/// It outlives the attempts of its subtasks: when the ends of channels are dropped they are forgotten, and what still comes
/// for them is thrown away. Task hosts come and go meanwhile.
#[derive(Clone)]
pub struct DataPlane {
    io: Handle,
    routes: Arc<Routes>,
    connections: Arc<Connections>,
    local: Arc<LocalChannels>,
    credits: u32,
}

impl DataPlane {
    /// The data plane of a task host of this job.
    pub fn new(job: JobId, secret: [u8; 32], io: Handle) -> Self {
        let routes = Arc::<Routes>::default();
        let connections = Connections::new(Identity { job, secret }, io.clone(), routes.clone());
        Self {
            io,
            routes,
            connections: Arc::new(connections),
            local: Arc::default(),
            credits: CREDITS_PER_CHANNEL,
        }
    }

    /// Lets gates grant fewer credits than [`CREDITS_PER_CHANNEL`] for each channel; at least one.
    #[must_use]
    pub fn with_credits(mut self, credits: u32) -> Self {
        self.credits = credits.clamp(1, CREDITS_PER_CHANNEL);
        self
    }

    /// Starts to listen for peers on `host` and `port` (0 = any) and returns the port.
    ///
    /// # Errors
    /// If the address can't be bound.
    pub async fn listen(&self, host: &str, port: u16) -> Result<u16, Error> {
        let failed = |cause| Error::Listen { address: format!("{host}:{port}"), cause: Arc::new(cause) };
        let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let (io, connections) = (self.io.clone(), self.connections.clone());
        self.io.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(io.spawn(connections.clone().accept(stream))),
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                }
            }
        });
        Ok(port)
    }

    /// Tells where task hosts of the job are and which one this is. Must come before any sender or gate, and again before
    /// those that lead to task hosts which were not named before. Connections to task hosts that are gone are not closed by
    /// this: they break by themselves.
    pub fn place(&self, own: HostId, hosts: Vec<TaskHostAddress>) {
        self.connections.place(own, hosts);
    }

    /// The producing end of a channel. `signal` is given when credit comes or the channel breaks.
    ///
    /// # Errors
    /// If the consumer expects another type of records.
    ///
    /// # Panics
    /// If [`place`](Self::place) was not called.
    pub fn sender<T: Record>(
        &self,
        to: ChannelPeer,
        signal: &Arc<Notify>,
    ) -> Result<ChannelSender<T>, Error> {
        if to.host == self.connections.own() {
            let channel = self.local.join::<T>(to.channel)?;
            channel.credit.attach_producer(signal.clone());
            return Ok(ChannelSender::local(to.channel, channel));
        }
        let outgoing = self.connections.to(to.host);
        let credit = self.routes.add_producer(to.channel, &outgoing);
        credit.attach_producer(signal.clone());
        let sender = RemoteSender::new(to.channel, credit, outgoing, self.routes.clone());
        Ok(ChannelSender::remote(to.channel, sender))
    }

    /// The consuming end of all channels of a subtask. `signal` is given when something comes. Grants the first
    /// credits to the producers.
    ///
    /// # Errors
    /// If a producer has another type of records.
    ///
    /// # Panics
    /// If [`place`](Self::place) was not called.
    pub fn gate<T: Record>(&self, from: &[ChannelPeer], signal: &Arc<Notify>) -> Result<InputGate<T>, Error> {
        let own = self.connections.own();
        let queue = InputGate::<T>::queue(signal.clone());
        let mut channels = Vec::with_capacity(from.len());
        for (position, peer) in from.iter().enumerate() {
            let position = position as u32;
            let credit_return = if peer.host == own {
                let channel = self.local.join::<T>(peer.channel)?;
                channel.attach_gate(queue.clone(), position, self.credits);
                CreditReturn::Local(channel)
            } else {
                let outgoing = self.connections.to(peer.host);
                let unspent = Arc::new(AtomicU32::new(self.credits));
                let input = RemoteInput { consumer: queue.clone(), position, unspent: unspent.clone() };
                self.routes.add_consumer(peer.channel, &outgoing, &input);
                outgoing.grant(peer.channel, self.credits);
                let routes = self.routes.clone();
                CreditReturn::Remote(RemoteReceiver { id: peer.channel, outgoing, unspent, routes })
            };
            channels.push(InputChannel::new(peer.channel, credit_return));
        }
        Ok(InputGate::new(queue, channels))
    }
}
