//! The connections to other task hosts: one to each at a time, made when the first channel needs it, and again after it has
//! broken. Of two task hosts the one with the lesser id dials.

use std::{
    collections::{BTreeMap, HashMap},
    io::ErrorKind,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use flott_core::{HostId, deployment::TaskHostAddress};
use tokio::{
    net::TcpStream,
    runtime::Handle,
    sync::watch,
    time::{sleep, timeout},
};

use super::Routes;
use crate::{
    connection::{self, Outgoing},
    handshake::Identity,
};

/// How long two task hosts may take to find each other.
const CONNECT_LIMIT: Duration = Duration::from_secs(15);
const DIAL_PAUSE: Duration = Duration::from_millis(50);

/// Which task host this is, and where those are that it was ever told of.
struct Position {
    own: HostId,
    hosts: BTreeMap<HostId, TaskHostAddress>,
}

impl Position {
    /// Learns of a task host. Each TaskManager has one at a time, so earlier ones there are gone.
    fn add(&mut self, host: TaskHostAddress) {
        let is_gone =
            |known: &TaskHostAddress| known.task_manager_id == host.task_manager_id && known.host < host.host;
        self.hosts.retain(|_, known| !is_gone(known));
        self.hosts.insert(host.host, host);
    }
}

pub(super) struct Connections {
    identity: Identity,
    io: Handle,
    routes: Arc<Routes>,
    position: watch::Sender<Option<Arc<Position>>>,
    open: Mutex<HashMap<HostId, Arc<Outgoing>>>,
    /// Connections made so far.
    count: AtomicU64,
}

impl Connections {
    pub(super) fn new(identity: Identity, io: Handle, routes: Arc<Routes>) -> Self {
        let position = watch::Sender::new(None);
        Self { identity, io, routes, position, open: Mutex::default(), count: AtomicU64::new(0) }
    }

    /// See [`DataPlane::place`](crate::DataPlane::place).
    pub(super) fn place(&self, own: HostId, hosts: Vec<TaskHostAddress>) {
        let known = self.position.borrow().clone();
        let known = known.map_or_else(BTreeMap::new, |position| position.hosts.clone());
        let mut position = Position { own, hosts: known };
        hosts.into_iter().for_each(|host| position.add(host));
        self.open().retain(|host, outgoing| position.hosts.contains_key(host) || !outgoing.is_closed());
        self.position.send_replace(Some(Arc::new(position)));
    }

    fn position(&self) -> Arc<Position> {
        self.position.borrow().clone().expect("the placement comes with the first deployment")
    }

    /// This task host.
    pub(super) fn own(&self) -> HostId {
        self.position().own
    }

    fn open(&self) -> MutexGuard<'_, HashMap<HostId, Arc<Outgoing>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_outgoing(&self, host: HostId) -> Arc<Outgoing> {
        let name = self.position().hosts.get(&host).map_or_else(
            || format!("task host {host}").into(),
            |peer| format!("TaskManager {} ({})", peer.task_manager_id, peer.data_address).into(),
        );
        Arc::new(Outgoing::new(host, self.count.fetch_add(1, Ordering::Relaxed), name))
    }

    /// The queue to a peer.
    pub(super) fn to(self: &Arc<Self>, host: HostId) -> Arc<Outgoing> {
        let mut open = self.open();
        if let Some(outgoing) = open.get(&host).filter(|outgoing| !outgoing.is_closed()) {
            return outgoing.clone();
        }
        let outgoing = self.new_outgoing(host);
        open.insert(host, outgoing.clone());
        if self.own() < host {
            self.io.spawn(self.clone().dial(outgoing.clone()));
        } else {
            self.io.spawn(self.clone().await_dialer(outgoing.clone()));
        }
        outgoing
    }

    async fn dial(self: Arc<Self>, outgoing: Arc<Outgoing>) {
        let position = self.position();
        let Some(peer) = position.hosts.get(&outgoing.peer()) else {
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

    async fn try_dial(&self, address: &str, from: HostId, to: HostId) -> std::io::Result<TcpStream> {
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

    /// Serves a peer that has dialed.
    pub(super) async fn accept(self: Arc<Self>, mut stream: TcpStream) {
        // A peer may be deployed, and dial, before this task host knows which it is.
        let mut position = self.position.subscribe();
        let is_placed = async { position.wait_for(Option::is_some).await.is_ok() };
        if !timeout(CONNECT_LIMIT, is_placed).await.unwrap_or(false) {
            return;
        }
        let Ok(peer) = self.identity.welcome(&mut stream, self.own()).await else {
            return; // the caller was told why
        };
        let outgoing = self.accepted(peer);
        connection::run(stream, outgoing, self.routes.clone()).await;
    }

    /// The queue to a peer that has dialed.
    fn accepted(&self, peer: HostId) -> Arc<Outgoing> {
        let mut open = self.open();
        let known = open.get(&peer).filter(|outgoing| !outgoing.is_closed()).cloned();
        // A peer dials once, and again only when it has seen its connection break.
        let broken = match known {
            Some(waiting) if waiting.set_connected() => return waiting,
            broken => broken,
        };
        let outgoing = self.new_outgoing(peer);
        outgoing.set_connected();
        open.insert(peer, outgoing.clone());
        drop(open);
        if let Some(broken) = broken {
            connection::fail(&broken, &self.routes, "it has connected anew");
        }
        outgoing
    }

    /// How many connections are known.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.open().len()
    }
}
