//! Election and records in etcd, for several JobManagers.
//!
//! ```text
//! /flott/<cluster-id>/
//!   cluster        which cluster this is; the same stands in the storage directory
//!   leader         who leads: bound to a lease, and condition of every write of the leader
//!   write          the last write, by which one is recognized whose answer was lost
//!   members/5      a JobManager that is there: bound to a lease of its own
//!   jobs/7/spec    a record
//! ```
//! Decisions are those of `flott_control::election`. What is here carries them out, with a time limit on everything: calls and
//! streams of a server that stands still would hang for ever. Facts about etcd 3.4 and its client that this relies on stand
//! where it does.

mod calls;
mod cluster;
mod compaction;
mod epochs;
mod members;
mod records;
mod servers;
mod shell;

use std::{sync::Arc, time::Duration};

use flott_control::election::ElectionConfig;
use flott_core::config::{Configuration, options::high_availability as options};
use flott_storage::{Storage, StorageUri};
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

pub(crate) use self::records::EtcdRecords;
use self::{calls::Calls, cluster::Cluster, members::Members, servers::Servers, shell::Shell};
use crate::{
    Candidate, Error, LeaderInfo, Leadership,
    blobs::Blobs,
    problem::Problems,
    store::{MEMBERS, RESERVED},
};

/// Room for what is handed to the shell: answers of its own calls, of which there are few at a time.
const QUEUE: usize = 64;
/// What begins all keys.
const ROOT: &str = "/flott/";

/// The part of this process in the election. Dropped, everything of it ends, as if the process had died.
pub(crate) struct Etcd {
    campaigns: mpsc::Sender<oneshot::Sender<Leadership>>,
    members: watch::Receiver<Vec<Candidate>>,
    _tasks: JoinSet<()>,
}

impl Etcd {
    /// Begins to observe. Talks to nobody yet.
    pub(crate) fn start(
        config: &Configuration,
        me: Candidate,
        storage: Storage,
        directory: StorageUri,
        problems: Arc<Problems>,
    ) -> Result<(watch::Receiver<Option<LeaderInfo>>, Self), Error> {
        let keys = Keys::new(config.get(&options::CLUSTER_ID).as_str());
        let servers = Arc::new(Servers::new(config, problems.clone())?);
        let cluster = Arc::new(Cluster::new(
            keys.clone(),
            servers.clone(),
            storage.clone(),
            &directory,
            problems.clone(),
        ));
        let (campaigns, campaigned) = mpsc::channel(1);
        let (leader, observed) = watch::channel(None);
        let lease_time = config.get(&options::ETCD_LEASE_TIME);
        // The store counts in seconds.
        let lease_time = Duration::from_secs(lease_time.as_millis().div_ceil(1_000).try_into().unwrap_or(10));
        let members = Members::new(keys.clone(), servers.clone(), cluster.clone(), me.clone());
        let present = members.told();
        let calls = Arc::new(Calls::new(keys, servers, cluster.clone(), me, lease_time));
        let blobs = Blobs::new(storage, directory.join("blobs"));
        let shell = Shell::new(ElectionConfig { lease_time }, calls, blobs, leader, problems);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { cluster.run().await });
        tasks.spawn(shell.run(campaigned));
        tasks.spawn(members.run());
        Ok((observed, Self { campaigns, members: present, _tasks: tasks }))
    }

    /// The JobManagers that are there, this one among them.
    pub(crate) fn members(&self) -> watch::Receiver<Vec<Candidate>> {
        self.members.clone()
    }

    pub(crate) async fn campaign(&self) -> Result<Leadership, Error> {
        let (won, leadership) = oneshot::channel();
        self.campaigns.send(won).await.map_err(|_| Error::Closed)?;
        leadership.await.map_err(|_| Error::Closed)
    }
}

/// The keys of one cluster.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// With a slash at the end.
    prefix: String,
}

impl Keys {
    fn new(cluster_id: &str) -> Self {
        // The keys of the cluster a/b must not be among those of a.
        Self { prefix: format!("{ROOT}{}/", cluster_id.replace('/', "%2F")) }
    }

    fn leader(&self) -> String {
        format!("{}leader", self.prefix)
    }

    fn cluster(&self) -> String {
        format!("{}cluster", self.prefix)
    }

    /// What begins the keys of members.
    fn members(&self) -> String {
        format!("{}{MEMBERS}", self.prefix)
    }

    fn write(&self) -> String {
        format!("{}write", self.prefix)
    }

    fn record(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The key of a record; `None` for one of the keys above.
    fn record_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.prefix).filter(|key| !RESERVED.contains(key) && !key.starts_with(MEMBERS))
    }
}

/// What stands in the leader key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct LeaderValue {
    instance_id: String,
    rpc_address: String,
    rest_address: String,
    /// See [`cluster::Marker::epoch_base`].
    epoch_base: u64,
}
