//! The data plane of one task host: its listener, its connections, and who is to get what.

use std::{
    any::Any,
    collections::HashMap,
    io::ErrorKind,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicU32},
    time::Duration,
};

use flott_core::{ChannelId, JobId, deployment::TaskHostAddress};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::{Notify, watch},
    time::{sleep, timeout},
};

use crate::{
    CREDITS_PER_CHANNEL, ChannelSender, Error, InputGate, Record,
    connection::{self, Outgoing},
    credit::Credit,
    gate::{CreditReturn, InputChannel, RemoteConsumer},
    handshake::Identity,
    sender::{LocalChannel, RemoteSender},
};

/// How long two task hosts may take to find each other.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
const DIAL_PAUSE: Duration = Duration::from_millis(50);
/// After a failed accept (for want of file descriptors, say) others get a chance to close theirs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Most channels that peers may grant credit for before their producers are there.
const MAX_CHANNELS: usize = 1 << 20;

/// A consumer in this process of a channel whose producer is elsewhere.
#[derive(Clone)]
pub(crate) struct RemoteInput {
    pub(crate) consumer: Arc<dyn RemoteConsumer>,
    pub(crate) position: u32,
    /// Credits that the producer has not spent yet, as far as is known here.
    pub(crate) unspent: Arc<AtomicU32>,
}

/// Who is to get what comes from other processes.
#[derive(Default)]
pub(crate) struct Routes {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    credits: HashMap<ChannelId, (u32, Arc<Credit>)>,
    inputs: HashMap<ChannelId, (u32, RemoteInput)>,
    failed_peers: HashMap<u32, Error>,
}

impl Routes {
    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The credit of a channel for its producer, whose consumer is on `peer`.
    fn credit(&self, channel: ChannelId, peer: u32) -> Arc<Credit> {
        let mut table = self.table();
        let (to, credit) = table.credits.entry(channel).or_insert_with(|| (peer, Arc::default()));
        if *to != peer {
            // A peer granted credit for a channel that is none of its own.
            (*to, *credit) = (peer, Arc::default());
        }
        let credit = credit.clone();
        if let Some(error) = table.failed_peers.get(&peer) {
            credit.fail(error.clone());
        }
        credit
    }

    /// Gives credit that `peer` grants to the channel's producer, which may still be to come.
    pub(crate) fn grant(&self, channel: ChannelId, peer: u32, count: u32) -> Result<(), String> {
        let mut table = self.table();
        if table.credits.len() >= MAX_CHANNELS && !table.credits.contains_key(&channel) {
            return Err(format!("it granted credit for more than {MAX_CHANNELS} channels"));
        }
        let (to, credit) = table.credits.entry(channel).or_insert_with(|| (peer, Arc::default()));
        if *to != peer {
            return Err(format!("it granted credit for {channel}, which does not lead to it"));
        }
        if !credit.grant(count) {
            return Err(format!("it granted more than {CREDITS_PER_CHANNEL} credits for {channel}"));
        }
        Ok(())
    }

    /// The consumer of a channel whose producer is on `peer`.
    pub(crate) fn input(&self, channel: ChannelId, peer: u32) -> Option<RemoteInput> {
        self.table().inputs.get(&channel).filter(|(from, _)| *from == peer).map(|(_, input)| input.clone())
    }

    fn add_input(&self, channel: ChannelId, peer: u32, input: RemoteInput) {
        let mut table = self.table();
        if let Some(error) = table.failed_peers.get(&peer) {
            input.consumer.push_failure(input.position, error.clone());
        }
        table.inputs.insert(channel, (peer, input));
    }

    /// Forgets a channel that has ended, so that a later failure of its connection is none of its own.
    pub(crate) fn input_ended(&self, channel: ChannelId) {
        self.table().inputs.remove(&channel);
    }

    /// Fails all channels to and from a peer.
    pub(crate) fn fail_peer(&self, peer: u32, error: &Error) {
        let mut table = self.table();
        table.failed_peers.entry(peer).or_insert_with(|| error.clone());
        for (_, credit) in table.credits.values().filter(|(to, _)| *to == peer) {
            credit.fail(error.clone());
        }
        for (_, input) in table.inputs.values().filter(|(from, _)| *from == peer) {
            input.consumer.push_failure(input.position, error.clone());
        }
    }
}

/// The other end of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelPeer {
    /// The channel.
    pub channel: ChannelId,
    /// Position in the placement of the task host at the other end.
    pub host: u32,
}

/// Where this task host and its peers are.
struct Position {
    own: u32,
    hosts: Vec<TaskHostAddress>,
}

struct Inner {
    identity: Identity,
    io: Handle,
    routes: Arc<Routes>,
    position: OnceLock<Position>,
    placed: watch::Sender<bool>,
    connections: Mutex<HashMap<u32, Arc<Outgoing>>>,
    /// Channels within this process; each is an `Arc<LocalChannel<T>>`.
    local: Mutex<HashMap<ChannelId, Arc<dyn Any + Send + Sync>>>,
}

/// The data plane of one task host. Cheap to clone. Everything on the network runs on the runtime that it was made
/// with, never on the threads of user code.
#[derive(Clone)]
pub struct DataPlane {
    inner: Arc<Inner>,
}

impl DataPlane {
    /// The data plane of a task host of this job.
    pub fn new(job: JobId, secret: [u8; 32], io: Handle) -> Self {
        Self {
            inner: Arc::new(Inner {
                identity: Identity { job, secret },
                io,
                routes: Arc::default(),
                position: OnceLock::new(),
                placed: watch::Sender::new(false),
                connections: Mutex::default(),
                local: Mutex::default(),
            }),
        }
    }

    /// Starts to listen for peers on `host` and `port` (0 = any) and returns the port.
    ///
    /// # Errors
    /// If the address can't be bound.
    pub async fn listen(&self, host: &str, port: u16) -> Result<u16, Error> {
        let failed = |cause| Error::Listen { address: format!("{host}:{port}"), cause: Arc::new(cause) };
        let listener = TcpListener::bind((host, port)).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let inner = self.inner.clone();
        self.inner.io.spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(inner.io.spawn(inner.clone().accept(stream))),
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                }
            }
        });
        Ok(port)
    }

    /// Tells where the job's task hosts are and which of them this is. Must come before any sender or gate; only the
    /// first call counts.
    pub fn place(&self, own: u32, hosts: Vec<TaskHostAddress>) {
        let _ = self.inner.position.set(Position { own, hosts });
        self.inner.placed.send_replace(true);
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
        if to.host == self.inner.position().own {
            let channel = self.inner.local_channel::<T>(to.channel)?;
            channel.credit.attach_producer(signal.clone());
            return Ok(ChannelSender::local(to.channel, channel));
        }
        let outgoing = self.inner.connection(to.host);
        let credit = self.inner.routes.credit(to.channel, to.host);
        credit.attach_producer(signal.clone());
        Ok(ChannelSender::remote(to.channel, RemoteSender { credit, outgoing, sequence: 0 }))
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
        let own = self.inner.position().own;
        let queue = InputGate::<T>::queue(signal.clone());
        let mut channels = Vec::with_capacity(from.len());
        for (position, peer) in from.iter().enumerate() {
            let position = position as u32;
            let credit_return = if peer.host == own {
                let channel = self.inner.local_channel::<T>(peer.channel)?;
                channel.attach_gate(queue.clone(), position);
                CreditReturn::Local(channel)
            } else {
                let outgoing = self.inner.connection(peer.host);
                let unspent = Arc::new(AtomicU32::new(CREDITS_PER_CHANNEL));
                let input = RemoteInput { consumer: queue.clone(), position, unspent: unspent.clone() };
                self.inner.routes.add_input(peer.channel, peer.host, input);
                outgoing.grant(peer.channel, CREDITS_PER_CHANNEL);
                CreditReturn::Remote(outgoing, unspent)
            };
            channels.push(InputChannel { id: peer.channel, credit_return, ended: false });
        }
        Ok(InputGate::new(queue, channels))
    }
}

impl Inner {
    fn position(&self) -> &Position {
        self.position.get().expect("the placement comes with the first deployment")
    }

    fn local_channel<T: Record>(&self, id: ChannelId) -> Result<Arc<LocalChannel<T>>, Error> {
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        let channel = local.entry(id).or_insert_with(|| Arc::new(LocalChannel::<T>::default())).clone();
        channel.downcast().map_err(|_| Error::TypeMismatch { channel: id })
    }

    fn peer_name(&self, host: u32) -> Arc<str> {
        self.position().hosts.get(host as usize).map_or_else(
            || format!("task host {host}").into(),
            |peer| format!("TaskManager {} ({})", peer.task_manager_id, peer.data_address).into(),
        )
    }

    /// The queue to a peer. Of two task hosts the one that comes first in the placement dials.
    fn connection(self: &Arc<Self>, host: u32) -> Arc<Outgoing> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outgoing) = connections.get(&host) {
            return outgoing.clone();
        }
        let outgoing = Arc::new(Outgoing::new(host, self.peer_name(host)));
        connections.insert(host, outgoing.clone());
        if self.position().own < host {
            self.io.spawn(self.clone().dial(outgoing.clone()));
        } else {
            self.io.spawn(self.clone().await_dialer(outgoing.clone()));
        }
        outgoing
    }

    async fn dial(self: Arc<Self>, outgoing: Arc<Outgoing>) {
        let position = self.position();
        let Some(peer) = position.hosts.get(outgoing.peer() as usize) else {
            return connection::fail(&outgoing, &self.routes, "it is not in the job's placement");
        };
        let mut reason = "it did not answer in time".to_owned();
        let dialed = timeout(CONNECT_LIMIT, async {
            loop {
                let error = match self.try_dial(&peer.data_address, position.own, outgoing.peer()).await {
                    Ok(stream) => return Some(stream),
                    Err(error) => error,
                };
                reason = error.to_string();
                if error.kind() == ErrorKind::PermissionDenied {
                    return None;
                }
                sleep(DIAL_PAUSE).await;
            }
        });
        match dialed.await.ok().flatten() {
            Some(stream) => {
                outgoing.set_connected();
                connection::run(stream, outgoing, self.routes.clone()).await;
            }
            None => connection::fail(&outgoing, &self.routes, &reason),
        }
    }

    async fn try_dial(&self, address: &str, from: u32, to: u32) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(address).await?;
        self.identity.introduce(&mut stream, from, to).await?;
        Ok(stream)
    }

    /// Fails the connection if the peer, which has to dial, never does.
    async fn await_dialer(self: Arc<Self>, outgoing: Arc<Outgoing>) {
        sleep(CONNECT_LIMIT).await;
        if !outgoing.is_connected() {
            connection::fail(&outgoing, &self.routes, "it did not connect in time");
        }
    }

    async fn accept(self: Arc<Self>, mut stream: TcpStream) {
        // A peer may be deployed, and dial, before this task host knows its own place.
        let mut placed = self.placed.subscribe();
        let is_placed = async { placed.wait_for(|placed| *placed).await.is_ok() };
        if !timeout(CONNECT_LIMIT, is_placed).await.unwrap_or(false) {
            return;
        }
        let Ok(peer) = self.identity.welcome(&mut stream, self.position().own).await else {
            return; // the caller was told why
        };
        let outgoing = self.connection(peer);
        if outgoing.set_connected() {
            connection::run(stream, outgoing, self.routes.clone()).await;
        }
    }
}
