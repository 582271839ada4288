//! What the election asks of etcd.

use std::{sync::Arc, time::Duration};

use etcd_client::{
    Compare, CompareOp, EventType, GetResponse, KeyValue, LeaseKeepAliveStream, LeaseKeeper, PutOptions, Txn,
    TxnOp, TxnOpResponse, WatchOptions, WatchResponse,
};
use flott_control::election::{
    Action, Answer, Created, Failure, LeaderKey, LeaseId, Observation, Renewed, Revision,
};
use tokio::sync::{Mutex, mpsc};
use tracing::{debug, warn};

use super::{
    Keys, LeaderValue,
    cluster::Cluster,
    epochs::epoch,
    servers::{CallError, Refusal, Servers},
    shell::Input,
};
use crate::{Candidate, LeaderInfo};

/// Carries out calls, each within its time limit.
pub(super) struct Calls {
    pub(super) keys: Keys,
    pub(super) servers: Arc<Servers>,
    pub(super) cluster: Arc<Cluster>,
    me: Candidate,
    lease_time: Duration,
    /// Used again for each renewal until it fails. Then it is given up: an answer that is late must not be taken for that to
    /// the next question, which was sent later.
    renewals: Mutex<Option<RenewalStream>>,
}

struct RenewalStream {
    lease: LeaseId,
    keeper: LeaseKeeper,
    answers: LeaseKeepAliveStream,
}

impl Calls {
    pub(super) fn new(
        keys: Keys,
        servers: Arc<Servers>,
        cluster: Arc<Cluster>,
        me: Candidate,
        lease_time: Duration,
    ) -> Self {
        Self { keys, servers, cluster, me, lease_time, renewals: Mutex::default() }
    }

    /// Everything but watches.
    pub(super) async fn answer(&self, action: Action, limit: Duration) -> Answer {
        match action {
            Action::GrantLease => Answer::Granted(self.grant(limit).await),
            Action::CreateKey { lease } => Answer::Created(self.create(lease, limit).await),
            Action::ReadKey => Answer::Read(self.read(limit).await),
            Action::RenewLease { lease } => Answer::Renewed(self.renew(lease, limit).await),
            Action::RevokeLease { lease } => Answer::Revoked(self.revoke(lease, limit).await),
            Action::WatchKey { .. } => Answer::WatchEnded,
        }
    }

    /// Who leads, by the leader key.
    pub(super) fn leader_info(&self, key: &LeaderKey) -> Option<LeaderInfo> {
        match serde_json::from_slice::<LeaderValue>(&key.value) {
            Ok(LeaderValue { instance_id, rpc_address, rest_address, epoch_base }) => {
                let epoch = epoch(epoch_base, key.created);
                self.cluster.has_led(epoch);
                Some(LeaderInfo { instance_id, rpc_address, rest_address, epoch })
            }
            Err(error) => {
                warn!(%error, key = self.keys.leader(), "the leader key can't be read");
                None
            }
        }
    }

    /// This process as the leader since a revision. `None`: the cluster is not known any more, or not what it was.
    pub(super) fn own_info(&self, created: Revision) -> Option<LeaderInfo> {
        let known = self.cluster.known()?;
        let Candidate { instance_id, rpc_address, rest_address } = self.me.clone();
        let epoch = epoch(known.marker.epoch_base, created);
        if !self.cluster.is_newest(epoch) {
            return None;
        }
        Some(LeaderInfo { instance_id, rpc_address, rest_address, epoch })
    }

    async fn grant(&self, limit: Duration) -> Result<(LeaseId, Duration), Failure> {
        // Without it no key could be created.
        if self.cluster.known().is_none() {
            return Err(Failure::Refused);
        }
        let seconds = i64::try_from(self.lease_time.as_secs()).unwrap_or(i64::MAX);
        let granted = self
            .servers
            .call(limit, |mut client| async move { client.lease_grant(seconds, None).await })
            .await;
        let granted = granted.map_err(failure)?;
        Ok((LeaseId(granted.id()), seconds_of(granted.ttl())))
    }

    async fn create(&self, lease: LeaseId, limit: Duration) -> Result<Created, Failure> {
        let known = self.cluster.known().ok_or(Failure::Refused)?;
        let Candidate { instance_id, rpc_address, rest_address } = self.me.clone();
        let epoch_base = known.marker.epoch_base;
        let value = LeaderValue { instance_id, rpc_address, rest_address, epoch_base };
        let value = serde_json::to_vec(&value).map_err(|_| Failure::Refused)?;
        let (leader, cluster) = (self.keys.leader(), self.keys.cluster());
        let txn = Txn::new()
            .when([
                Compare::create_revision(leader.clone(), CompareOp::Equal, 0),
                Compare::value(cluster, CompareOp::Equal, known.value.clone()),
            ])
            .and_then([TxnOp::put(leader.clone(), value, Some(PutOptions::new().with_lease(lease.0)))])
            .or_else([TxnOp::get(leader, None)]);
        let answer = match self.servers.call(limit, |mut client| async move { client.txn(txn).await }).await {
            Ok(answer) => answer,
            Err(CallError::Refused(Refusal::LeaseGone, _)) => return Ok(Created::LeaseGone),
            Err(error) => return Err(failure(error)),
        };
        let revision = Revision(answer.header().map_or(0, |header| header.revision()));
        if answer.succeeded() {
            return Ok(Created::Won(revision));
        }
        let found = answer.op_responses();
        let leader = found.iter().find_map(|found| match found {
            TxnOpResponse::Get(found) => found.kvs().first().map(leader_key),
            _ => None,
        });
        match leader {
            Some(key) => Ok(Created::Lost(Observation { leader: Some(key), revision })),
            None => {
                // So it was the other condition: this is another cluster's etcd by now.
                self.cluster.forget();
                Err(Failure::Refused)
            }
        }
    }

    async fn read(&self, limit: Duration) -> Result<Observation, Failure> {
        let key = self.keys.leader();
        let read = self.servers.call(limit, |mut client| async move { client.get(key, None).await }).await;
        read.map(|answer| observation(&answer)).map_err(failure)
    }

    async fn renew(&self, lease: LeaseId, limit: Duration) -> Result<Renewed, Failure> {
        let mut renewals = self.renewals.lock().await;
        let stream = renewals.take().filter(|stream| stream.lease == lease);
        let renewed = self.servers.call(limit, |mut client| async move {
            let mut stream = match stream {
                Some(stream) => stream,
                None => {
                    let (keeper, answers) = client.lease_keep_alive(lease.0).await?;
                    RenewalStream { lease, keeper, answers }
                }
            };
            // That this succeeds means only that it will be sent.
            stream.keeper.keep_alive().await?;
            let Some(answer) = stream.answers.message().await? else {
                return Err(etcd_client::Error::LeaseKeepAliveError("the stream has ended".to_owned()));
            };
            Ok((answer.ttl(), stream))
        });
        match renewed.await {
            // That a lease is dead is no error, but a time of 0.
            Ok((ttl, _)) if ttl <= 0 => Ok(Renewed::Gone),
            Ok((ttl, stream)) => {
                *renewals = Some(stream);
                Ok(Renewed::Lives(seconds_of(ttl)))
            }
            Err(CallError::Refused(Refusal::LeaseGone, _)) => Ok(Renewed::Gone),
            Err(error) => Err(failure(error)),
        }
    }

    async fn revoke(&self, lease: LeaseId, limit: Duration) -> Result<(), Failure> {
        let revoke = self.servers.call(limit, |mut client| async move { client.lease_revoke(lease.0).await });
        match revoke.await {
            Ok(_) | Err(CallError::Refused(Refusal::LeaseGone, _)) => Ok(()),
            Err(error) => Err(failure(error)),
        }
    }

    /// Tells each change of the leader key after a revision, until it can't be told for certain any more.
    pub(super) async fn watch(
        &self,
        call: u64,
        after: Revision,
        limit: Duration,
        told: &mpsc::Sender<Input>,
    ) {
        let key = self.keys.leader();
        let options = WatchOptions::new().with_start_revision(after.0 + 1);
        let begun =
            self.servers.call(limit, |mut client| async move { client.watch(key, Some(options)).await });
        let Ok(mut stream) = begun.await else { return };
        let quiet = self.lease_time / 3;
        let mut was_asked = false;
        loop {
            // A server that stands still says nothing, just like one that has nothing to say: ask.
            let patience = if was_asked { limit } else { quiet };
            let message = match tokio::time::timeout(patience, stream.message()).await {
                Ok(Ok(Some(message))) => message,
                Ok(end) => {
                    debug!(?end, "the watch of the leader key has ended");
                    return;
                }
                Err(_) if was_asked => return,
                Err(_) => {
                    was_asked = true;
                    if stream.request_progress().await.is_err() {
                        return;
                    }
                    continue;
                }
            };
            was_asked = false;
            // Canceled: what was asked for is compacted, which is no error. An earlier revision: the data was lost.
            if message.canceled() || revision_of(&message) < after {
                debug!(reason = message.cancel_reason(), "the watch of the leader key was ended");
                return;
            }
            for event in message.events() {
                let Some(kv) = event.kv() else { continue };
                let leader = (event.event_type() == EventType::Put).then(|| leader_key(kv));
                let observation = Observation { leader, revision: Revision(kv.mod_revision()) };
                if told.send(Input::Changed { call, observation }).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn revision_of(message: &WatchResponse) -> Revision {
    Revision(message.header().map_or(0, |header| header.revision()))
}

fn observation(answer: &GetResponse) -> Observation {
    let revision = Revision(answer.header().map_or(0, |header| header.revision()));
    Observation { leader: answer.kvs().first().map(leader_key), revision }
}

fn leader_key(kv: &KeyValue) -> LeaderKey {
    LeaderKey {
        created: Revision(kv.create_revision()),
        lease: LeaseId(kv.lease()),
        value: kv.value().into(),
    }
}

fn seconds_of(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or(0))
}

fn failure(error: CallError) -> Failure {
    match error {
        CallError::Unknown(_) => Failure::Unknown,
        CallError::Refused(..) => Failure::Refused,
    }
}
