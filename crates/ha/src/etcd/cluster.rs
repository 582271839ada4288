//! Whether the data in etcd is this cluster's.
//!
//! A cluster has a marker in etcd and the same one in the storage directory. Etcd that has lost its data, or is another one, has
//! none or a different one: to lead then would mean to forget all jobs, and to delete what belongs to them. A storage directory
//! without the marker is not the cluster's, or not mounted: to lead then would mean to fail all jobs, whose files are missing.
//! So nobody does, running jobs go on, and the problem is told, until somebody has looked.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use etcd_client::{Compare, CompareOp, GetOptions, Txn, TxnOp, TxnOpResponse};
use flott_control::election::Revision;
use flott_core::LeaderEpoch;
use flott_storage::{Storage, StorageUri};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tracing::{debug, info, warn};
use uuid::Uuid;

use super::{
    Keys,
    epochs::{Epochs, epoch},
    servers::{CallError, Refusal, Servers},
};
use crate::{
    clock,
    leadership::Standing,
    problem::{ProblemKind, Problems},
};

/// Pause before the markers are looked at again.
const PAUSE: Duration = Duration::from_secs(1);
/// The time limit of a call; nothing hangs on it.
const LIMIT: Duration = Duration::from_secs(3);
/// Pause before it is tried again to keep an epoch.
const KEEP_PAUSE: Duration = Duration::from_secs(5);
const FILE: &str = "cluster.json";

/// What tells one life of a cluster from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Marker {
    id: String,
    /// What is added to the revision at which a leader key was created, to give the leader's epoch. As it is the time at which
    /// the cluster came into being, in milliseconds, epochs rise also when etcd begins anew, whose revisions don't rise by
    /// themselves nearly as fast. Raised in etcd when it was restored from a backup, whose revisions are those of back then.
    pub(super) epoch_base: u64,
}

/// The marker, as soon as it is known to be the same in both places.
pub(super) struct Cluster {
    keys: Keys,
    servers: Arc<Servers>,
    storage: Storage,
    file: StorageUri,
    epochs: Epochs,
    problems: Arc<Problems>,
    known: Mutex<Option<Arc<Known>>>,
    changed: Notify,
}

/// A marker that was compared.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) marker: Marker,
    /// As it stands in etcd, on which condition leader keys are created.
    pub(super) value: Vec<u8>,
}

/// What stands in etcd, at one moment.
struct InEtcd {
    marker: Option<Vec<u8>>,
    /// Whether there are keys beside the marker: somebody has led.
    has_more: bool,
    /// Of everything.
    revision: Revision,
}

impl Cluster {
    pub(super) fn new(
        keys: Keys,
        servers: Arc<Servers>,
        storage: Storage,
        directory: &StorageUri,
        problems: Arc<Problems>,
    ) -> Self {
        let file = directory.join(FILE);
        let epochs = Epochs::new(storage.clone(), directory);
        Self {
            keys,
            servers,
            storage,
            file,
            epochs,
            problems,
            known: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// The marker. `None`: nobody may lead yet, or any more.
    pub(super) fn known(&self) -> Option<Arc<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The marker in etcd is not what it was.
    pub(super) fn forget(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.changed.notify_one();
    }

    /// Compares the markers until they are the same, and again when they were said not to be.
    pub(super) async fn run(&self) {
        loop {
            while self.known().is_some() {
                self.changed.notified().await;
            }
            match self.compare().await {
                Ok(Some(known)) => {
                    self.problems.clear(ProblemKind::UnknownData);
                    self.problems.clear(ProblemKind::Files);
                    *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(known));
                }
                // Something was written: look again.
                Ok(None) => {}
                Err((kind, text)) => {
                    if let Some(kind) = kind {
                        self.problems.report(kind, text);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// One look at both. The kind of the problem is `None` if it was reported already.
    async fn compare(&self) -> Result<Option<Known>, (Option<ProblemKind>, String)> {
        let unreachable = |error: CallError| match error {
            CallError::Unknown(text) | CallError::Refused(Refusal::Denied, text) => (None, text),
            CallError::Refused(Refusal::NoSpace, text) => (Some(ProblemKind::NoSpace), text),
            CallError::Refused(_, text) => (Some(ProblemKind::Denied), text),
        };
        // As one, and before the storage: who has led before this moment had written the marker there by then.
        let InEtcd { marker: in_etcd, has_more, revision } = self.look().await.map_err(unreachable)?;
        let in_storage = match self.storage.get(&self.file).await {
            Ok(bytes) => Some(bytes),
            Err(error) if error.is_missing() => None,
            Err(error) => return Err((Some(ProblemKind::Files), error.to_string())),
        };
        let unknown = |text: String| (Some(ProblemKind::UnknownData), text);
        let parse = |bytes: &[u8], place: &str| {
            serde_json::from_slice::<Marker>(bytes).map_err(|error| {
                unknown(format!("the marker of the cluster in {place} can't be read: {error}"))
            })
        };
        let prefix = &self.keys.prefix;
        match (in_etcd, in_storage) {
            (Some(value), Some(bytes)) => {
                let (marker, stored) = (parse(&value, "etcd")?, parse(&bytes, &self.file.to_string())?);
                if marker.id == stored.id {
                    let last = self.epochs.read().await;
                    let last = last.map_err(|error| (Some(ProblemKind::Files), error.to_string()))?;
                    // The next leader's is higher than that of the present revision.
                    if epoch(marker.epoch_base, revision) >= last {
                        return Ok(Some(Known { marker, value }));
                    }
                    self.raise(marker, value, last).await.map_err(unreachable)?;
                    return Ok(None);
                }
                Err(unknown(format!(
                    "etcd holds another cluster below {prefix} than the storage directory ({} instead of {}). Nobody \
                     leads; running jobs go on. Check high-availability.etcd.endpoints, .cluster-id and .storageDir; to go \
                     on with what is in etcd, write the value of its key {} to {}",
                    marker.id,
                    stored.id,
                    self.keys.cluster(),
                    self.file
                )))
            }
            (Some(value), None) if has_more => {
                let marker = parse(&value, "etcd")?;
                Err(unknown(format!(
                    "etcd holds this cluster ({}) below {prefix}, but there is no {}: this is not the storage directory that \
                     its leaders have used (is it mounted?), or it was emptied. To lead would mean to fail all jobs, so this \
                     JobManager does not; running jobs go on. Check high-availability.storageDir; to go on with what is in \
                     etcd all the same, write the value of its key {} to that file",
                    marker.id,
                    self.file,
                    self.keys.cluster()
                )))
            }
            // Nobody has led yet.
            (Some(value), None) => {
                parse(&value, "etcd")?;
                let put = self.storage.put_new(&self.file, value.into()).await;
                put.map_err(|error| (Some(ProblemKind::Files), error.to_string()))?;
                Ok(None)
            }
            (None, None) => {
                let marker = Marker { id: Uuid::new_v4().to_string(), epoch_base: clock::unix_ms() };
                let value = serde_json::to_vec(&marker).map_err(|error| unknown(error.to_string()))?;
                let key = self.keys.cluster();
                let txn = Txn::new()
                    .when([Compare::create_revision(key.clone(), CompareOp::Equal, 0)])
                    .and_then([TxnOp::put(key, value, None)]);
                self.servers
                    .call(LIMIT, |mut client| async move { client.txn(txn).await })
                    .await
                    .map_err(unreachable)?;
                info!(cluster = marker.id, keys = prefix, "there is a new cluster in etcd");
                Ok(None)
            }
            (None, Some(bytes)) => {
                let stored = parse(&bytes, &self.file.to_string())?;
                Err(unknown(format!(
                    "etcd holds nothing of this cluster ({}) below {prefix}, although {} says that it did: its data was lost, \
                     or it is another etcd. Nobody leads; running jobs go on. Restore etcd's data or check \
                     high-availability.etcd.endpoints and .cluster-id; to begin anew, without the jobs that there were, delete {}",
                    stored.id, self.file, self.file
                )))
            }
        }
    }

    /// Lets epochs go on above one that was led in, as etcd's data is older than that.
    async fn raise(&self, old: Marker, value: Vec<u8>, last: LeaderEpoch) -> Result<(), CallError> {
        let marker = Marker { epoch_base: last.0.saturating_add(1), ..old };
        let raised = serde_json::to_vec(&marker).map_err(|error| CallError::Unknown(error.to_string()))?;
        let key = self.keys.cluster();
        let txn = Txn::new()
            .when([Compare::value(key.clone(), CompareOp::Equal, value)])
            .and_then([TxnOp::put(key, raised, None)]);
        self.servers.call(LIMIT, |mut client| async move { client.txn(txn).await }).await?;
        warn!(cluster = marker.id, last_epoch = %last, "etcd's data is older than the last leader: it was restored");
        Ok(())
    }

    /// Somebody leads, or did.
    pub(super) fn has_led(&self, epoch: LeaderEpoch) {
        self.epochs.has_led(epoch);
    }

    /// Whether nobody is known to have led in a higher epoch. Otherwise it is looked what etcd holds, since it can't be what
    /// it did.
    pub(super) fn is_newest(&self, epoch: LeaderEpoch) -> bool {
        let is_newest = epoch >= self.epochs.last();
        if !is_newest {
            self.forget();
        }
        is_newest
    }

    /// Keeps the epoch that this process leads in, where it is found also if etcd's data is lost or replaced. Returns whether
    /// it is the newest, or the leadership is over.
    pub(super) async fn keep_epoch(&self, standing: &Standing) -> bool {
        while !standing.is_lost() {
            match self.epochs.keep(standing.epoch).await {
                Ok(()) => return self.is_newest(standing.epoch),
                Err(error) => debug!(%error, "the epoch can't be written: trying again"),
            }
            tokio::select! {
                () = tokio::time::sleep(KEEP_PAUSE) => {}
                () = standing.lost() => {}
            }
        }
        true
    }

    async fn look(&self) -> Result<InEtcd, CallError> {
        let key = self.keys.cluster();
        let all = GetOptions::new().with_prefix().with_keys_only().with_limit(2);
        let txn =
            Txn::new().and_then([TxnOp::get(key, None), TxnOp::get(self.keys.prefix.clone(), Some(all))]);
        let answer = self.servers.call(LIMIT, |mut client| async move { client.txn(txn).await }).await?;
        let revision = Revision(answer.header().map_or(0, |header| header.revision()));
        let found = answer.op_responses();
        let mut found = found.iter().filter_map(|found| match found {
            TxnOpResponse::Get(found) => Some(found.kvs()),
            _ => None,
        });
        let marker = found.next().and_then(|kvs| kvs.first()).map(|kv| kv.value().to_vec());
        Ok(InEtcd { marker, has_more: found.next().is_none_or(|kvs| kvs.len() > 1), revision })
    }
}
