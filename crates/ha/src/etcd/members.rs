//! Who else could lead: each JobManager says that it is there by a key that goes when it does. For users only; nothing hangs
//! on it.

use std::{sync::Arc, time::Duration};

use etcd_client::{
    Compare, CompareOp, Error, GetOptions, GetResponse, PutOptions, SortOrder, SortTarget, Txn, TxnOp,
};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::{debug, warn};

use super::{
    Keys,
    cluster::Cluster,
    servers::{CallError, Refusal, Servers},
};
use crate::Candidate;

/// Time between two rounds, in each of which it says that it is there and looks who else is.
const EVERY: Duration = Duration::from_secs(4);
/// Pause before a round that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How long after its last word one counts as being there, in seconds.
const TIME_TO_LIVE: i64 = 12;
/// The time limit of a call; nothing hangs on it.
const LIMIT: Duration = Duration::from_secs(3);

/// What stands in the key of a member.
#[derive(Serialize, Deserialize)]
struct MemberValue {
    instance_id: String,
    rpc_address: String,
    rest_address: String,
}

/// Says that this process is there, and finds out who else is.
pub(super) struct Members {
    keys: Keys,
    servers: Arc<Servers>,
    cluster: Arc<Cluster>,
    me: Candidate,
    /// The lease that its key hangs on.
    lease: Option<i64>,
    told: watch::Sender<Vec<Candidate>>,
}

impl Members {
    pub(super) fn new(keys: Keys, servers: Arc<Servers>, cluster: Arc<Cluster>, me: Candidate) -> Self {
        let told = watch::Sender::new(vec![me.clone()]);
        Self { keys, servers, cluster, me, lease: None, told }
    }

    pub(super) fn told(&self) -> watch::Receiver<Vec<Candidate>> {
        self.told.subscribe()
    }

    pub(super) async fn run(mut self) {
        loop {
            let pause = match self.round().await {
                Ok(()) => EVERY,
                Err(error) => {
                    // Why etcd can't be used is told by the election.
                    debug!(%error, "it is not known which JobManagers are there: trying again");
                    self.tell(vec![self.me.clone()]);
                    RETRY_PAUSE
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    async fn round(&mut self) -> Result<(), CallError> {
        if !self.renew().await? {
            // It must not be the first key in an etcd of which nobody knows yet whether it is this cluster's.
            match self.cluster.known() {
                Some(known) => self.enter(known.value.clone()).await?,
                None => {
                    return Err(CallError::Refused(Refusal::Other, "the cluster is not known".to_owned()));
                }
            }
        }
        let (prefix, options) = (self.keys.members(), GetOptions::new().with_prefix());
        let options = options.with_sort(SortTarget::Create, SortOrder::Descend);
        let found =
            self.servers.call(LIMIT, |mut client| async move { client.get(prefix, Some(options)).await });
        self.tell(members(&found.await?));
        Ok(())
    }

    fn tell(&self, members: Vec<Candidate>) {
        self.told.send_if_modified(|present| {
            let has_changed = *present != members;
            *present = members;
            has_changed
        });
    }

    /// Whether the key lives on.
    async fn renew(&mut self) -> Result<bool, CallError> {
        let Some(lease) = self.lease else { return Ok(false) };
        let renewal = self.servers.call(LIMIT, |mut client| async move {
            let (mut keeper, mut answers) = client.lease_keep_alive(lease).await?;
            keeper.keep_alive().await?;
            match answers.message().await? {
                Some(answer) => Ok(answer.ttl()),
                None => Err(Error::LeaseKeepAliveError("the stream has ended".to_owned())),
            }
        });
        match renewal.await {
            // That a lease is dead is no error, but a time of 0.
            Ok(time) if time > 0 => return Ok(true),
            Ok(_) | Err(CallError::Refused(Refusal::LeaseGone, _)) => {}
            Err(error) => return Err(error),
        }
        self.lease = None;
        Ok(false)
    }

    /// Writes the key, unless it is another cluster's etcd by now than that of the marker.
    async fn enter(&mut self, marker: Vec<u8>) -> Result<(), CallError> {
        let Candidate { instance_id, rpc_address, rest_address } = self.me.clone();
        let key = format!("{}{instance_id}", self.keys.members());
        let value = MemberValue { instance_id, rpc_address, rest_address };
        let value = serde_json::to_vec(&value)
            .map_err(|error| CallError::Refused(Refusal::Other, error.to_string()))?;
        let grant = self
            .servers
            .call(LIMIT, |mut client| async move { client.lease_grant(TIME_TO_LIVE, None).await });
        let lease = grant.await?.id();
        let options = PutOptions::new().with_lease(lease);
        let txn = Txn::new()
            .when([Compare::value(self.keys.cluster(), CompareOp::Equal, marker)])
            .and_then([TxnOp::put(key, value, Some(options))]);
        let txn = self.servers.call(LIMIT, |mut client| async move { client.txn(txn).await });
        if !txn.await?.succeeded() {
            return Err(CallError::Refused(Refusal::Other, "this is another cluster's etcd".to_owned()));
        }
        self.lease = Some(lease);
        Ok(())
    }
}

/// Those that are there, by their addresses. One that was started again has a new name, and the old one goes later.
fn members(newest_first: &GetResponse) -> Vec<Candidate> {
    let mut members = Vec::<Candidate>::new();
    for kv in newest_first.kvs() {
        match serde_json::from_slice::<MemberValue>(kv.value()) {
            Ok(MemberValue { instance_id, rpc_address, rest_address }) => {
                if members.iter().all(|newer| newer.rpc_address != rpc_address) {
                    members.push(Candidate { instance_id, rpc_address, rest_address });
                }
            }
            Err(error) => warn!(%error, "a JobManager's key in etcd can't be read"),
        }
    }
    members.sort_by(|a, b| a.rpc_address.cmp(&b.rpc_address));
    members
}
