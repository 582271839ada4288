//! Records as keys in etcd, written on condition that this process still leads.
//!
//! Commits are carried out one after the other. Each also writes its own number under the key `write`, and on condition that
//! the one before it was the last to do so. So it can be tried again for as long as nobody knows whether it was carried out: if
//! it was, the condition fails and its own number stands there; and a request that was on its way for very long changes nothing
//! any more when it arrives.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use etcd_client::{
    Compare, CompareOp, DeleteOptions, GetOptions, GetResponse, Txn, TxnOp, TxnOpResponse, TxnResponse,
};
use flott_control::election::{LeaseId, Revision};
use flott_storage::envelope::{self, FileKind};
use tokio::sync::mpsc;
use tracing::{debug, warn};
use uuid::Uuid;

use super::{
    Keys,
    servers::{CallError, Refusal, Servers},
    shell::Input,
};
use crate::{
    Op, StoreError,
    blobs::Blobs,
    leadership::Standing,
    problem::{ProblemKind, Problems},
};

/// Time limit of one try. Nothing hangs on it: it is tried again.
const LIMIT: Duration = Duration::from_secs(5);
/// Pause before the next try, if there was no answer, and if the store has no space or accepts nothing for other reasons.
const RETRY_PAUSE: Duration = Duration::from_millis(200);
const REFUSED_PAUSE: Duration = Duration::from_secs(1);
/// Larger values go to the storage. In etcd everything is in memory, on each server.
const INLINE_MAX: usize = 64 << 10;
/// Most bytes in one commit, as etcd takes 1.5 MiB in one request.
const COMMIT_MAX: usize = 1 << 20;
/// How many records are read at once, so that an answer has less than 10 MiB.
const PAGE: i64 = 128;
/// Longest answer that is taken.
const ANSWER_MAX: usize = 32 << 20;
/// Where large values are among the blobs.
const VALUES: &str = "values/";

/// What a value begins with in etcd: it follows, or is the name of a blob.
const INLINE: u8 = b'=';
const IN_BLOB: u8 = b'@';

/// The records of the cluster, as the leader of one epoch has them.
pub(crate) struct EtcdRecords {
    keys: Keys,
    servers: Arc<Servers>,
    epoch: Revision,
    lease: LeaseId,
    standing: Arc<Standing>,
    blobs: Blobs,
    problems: Arc<Problems>,
    inputs: mpsc::Sender<Input>,
    /// The revision of the last write, on whose condition the next one is; `None`: not known. Who holds it writes.
    last_write: tokio::sync::Mutex<Option<i64>>,
    /// Which keys have their values in which blobs, as far as this process has seen.
    in_blobs: Mutex<BTreeMap<String, String>>,
}

/// How a transaction ended.
enum Written {
    /// It was carried out, at this revision.
    Done(i64),
    /// Another write was the last one, at this revision (0: there was none), with this number.
    Overtaken(i64, Vec<u8>),
}

impl EtcdRecords {
    pub(super) fn new(
        keys: Keys,
        servers: Arc<Servers>,
        (epoch, lease): (Revision, LeaseId),
        standing: Arc<Standing>,
        blobs: Blobs,
        problems: Arc<Problems>,
        inputs: mpsc::Sender<Input>,
    ) -> Self {
        Self {
            keys,
            servers,
            epoch,
            lease,
            standing,
            blobs,
            problems,
            inputs,
            last_write: tokio::sync::Mutex::default(),
            in_blobs: Mutex::default(),
        }
    }

    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<(String, Bytes)>, StoreError> {
        let mut found = Vec::new();
        for (key, value) in self.raw(prefix).await? {
            match value.split_first() {
                Some((&INLINE, rest)) => found.push((key, Bytes::copy_from_slice(rest))),
                Some((&IN_BLOB, name)) => {
                    let name = String::from_utf8_lossy(name).into_owned();
                    let value = self.read_value(&name).await;
                    self.in_blobs().insert(key.clone(), name);
                    match value {
                        Ok(value) => found.push((key, value)),
                        // It stops only whom it belongs to.
                        Err(error) if is_gone(&error) => {
                            warn!(%error, key, "a record is damaged or missing and is left out");
                        }
                        // The storage's own words tell whether it may work later.
                        Err(error) if error.is_transient() => return Err(error.into()),
                        Err(error) => {
                            return Err(StoreError::Unreadable { key, reason: error.to_string().into() });
                        }
                    }
                }
                _ => warn!(key, "a record in etcd has an unknown form and is left out"),
            }
        }
        Ok(found)
    }

    pub(crate) async fn commit(&self, ops: Vec<Op>) -> Result<(), StoreError> {
        let mut staged = BTreeMap::new();
        let mut txn_ops = Vec::with_capacity(ops.len());
        let mut size = 0;
        for op in &ops {
            txn_ops.push(match op {
                Op::Put { key, value } => {
                    let stored = self.stage(key, value, &mut staged).await?;
                    size += key.len() + stored.len();
                    TxnOp::put(self.keys.record(key), stored, None)
                }
                Op::Delete { key } => TxnOp::delete(self.keys.record(key), None),
                Op::DeletePrefix { prefix } => {
                    TxnOp::delete(self.keys.record(prefix), Some(DeleteOptions::new().with_prefix()))
                }
            });
        }
        let result = if size > COMMIT_MAX {
            Err(StoreError::TooLarge { what: "what is to be stored together", size, most: COMMIT_MAX })
        } else {
            self.write(txn_ops).await
        };
        match result {
            Ok(()) => self.delete_replaced(&ops, staged).await,
            // It may have been carried out: the next leader sees, and deletes what is left over.
            Err(StoreError::Lost { .. }) => {}
            Err(_) => self.delete_blobs(staged.into_values()).await,
        }
        result
    }

    /// Deletes what earlier leaders have left in the storage that no record names. What this one writes has names of its own.
    pub(super) async fn delete_left_over(&self) {
        let Ok(blobs) = self.blobs.list(VALUES).await else { return };
        let own = self.blob_prefix();
        let old: Vec<String> = blobs.into_iter().filter(|name| !name.starts_with(&own)).collect();
        if old.is_empty() {
            return;
        }
        let Ok(records) = self.raw("").await else { return };
        let named = |name: &String| {
            records
                .iter()
                .any(|(_, value)| value.strip_prefix(&[IN_BLOB]).is_some_and(|own| own == name.as_bytes()))
        };
        let left_over: Vec<String> = old.into_iter().filter(|name| !named(name)).collect();
        if self.standing.is_leading() {
            debug!(files = left_over.len(), "deleting values that no record names");
            self.delete_blobs(left_over.into_iter()).await;
        }
    }

    /// All records as they stand in etcd, page by page. Nobody else can change them, as this process leads before and after
    /// each page.
    async fn raw(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let mut found = Vec::new();
        let first = self.keys.record(prefix);
        let end = end_of_prefix(first.as_bytes());
        let mut from = first.into_bytes();
        loop {
            let options = GetOptions::new().with_range(end.clone()).with_limit(PAGE);
            let page = TxnOp::get(from.clone(), Some(options));
            let answer = self.until_answered(|| self.guarded(None, vec![page.clone()])).await?;
            if !answer.succeeded() {
                return Err(self.lost().await);
            }
            let mut page = answer.op_responses();
            let Some(TxnOpResponse::Get(page)) = page.pop() else { return Ok(found) };
            for kv in page.kvs() {
                let Ok(key) = kv.key_str() else { continue };
                if let Some(key) = self.keys.record_of(key) {
                    found.push((key.to_owned(), kv.value().to_vec()));
                }
            }
            match page.kvs().last().filter(|_| page.more()) {
                // The first key after the last one.
                Some(last) => from = [last.key(), b"\0"].concat(),
                None => return Ok(found),
            }
        }
    }

    /// Carries out a transaction for certain, or finds that this process leads no more.
    async fn write(&self, ops: Vec<TxnOp>) -> Result<(), StoreError> {
        let mut last = self.last_write.lock().await;
        let number = Uuid::new_v4().to_string().into_bytes();
        loop {
            // A caller who goes away in between leaves it unknown.
            let after = match last.take() {
                Some(after) => after,
                None => self.read_last_write().await?,
            };
            let mut all = Vec::with_capacity(ops.len() + 1);
            all.push(TxnOp::put(self.keys.write(), number.clone(), None));
            all.extend(ops.iter().cloned());
            match self.until_written(after, &all).await? {
                Written::Done(revision) => {
                    *last = Some(revision);
                    return Ok(());
                }
                Written::Overtaken(revision, found) => {
                    *last = Some(revision);
                    if found == number {
                        return Ok(());
                    }
                    // One of this process, whose caller went away, has arrived late.
                    debug!(after, revision, "another write came before: trying again");
                }
            }
        }
    }

    async fn until_written(&self, after: i64, ops: &[TxnOp]) -> Result<Written, StoreError> {
        let answer = self.until_answered(|| self.guarded(Some(after), ops.to_vec())).await?;
        if answer.succeeded() {
            return Ok(Written::Done(answer.header().map_or(0, |header| header.revision())));
        }
        let mut leads = false;
        let (mut revision, mut number) = (0, Vec::new());
        for found in answer.op_responses() {
            let TxnOpResponse::Get(found) = found else { continue };
            let Some(kv) = found.kvs().first() else { continue };
            if kv.key() == self.keys.leader().as_bytes() {
                leads = kv.create_revision() == self.epoch.0 && kv.lease() == self.lease.0;
            } else {
                (revision, number) = (kv.mod_revision(), kv.value().to_vec());
            }
        }
        if leads { Ok(Written::Overtaken(revision, number)) } else { Err(self.lost().await) }
    }

    /// A transaction on condition that this process leads and, if given, of the last write.
    fn guarded(&self, last_write: Option<i64>, ops: Vec<TxnOp>) -> Txn {
        let (leader, write) = (self.keys.leader(), self.keys.write());
        let mut when = vec![
            Compare::create_revision(leader.clone(), CompareOp::Equal, self.epoch.0),
            // Revisions begin anew if the data is lost; leases are numbered at random.
            Compare::lease(leader.clone(), CompareOp::Equal, self.lease.0),
        ];
        when.extend(last_write.map(|at| Compare::mod_revision(write.clone(), CompareOp::Equal, at)));
        Txn::new().when(when).and_then(ops).or_else([TxnOp::get(leader, None), TxnOp::get(write, None)])
    }

    async fn read_last_write(&self) -> Result<i64, StoreError> {
        let get = TxnOp::get(self.keys.write(), None);
        let answer = self.until_answered(|| self.guarded(None, vec![get.clone()])).await?;
        if !answer.succeeded() {
            return Err(self.lost().await);
        }
        let revision = |found: &GetResponse| found.kvs().first().map(etcd_client::KeyValue::mod_revision);
        let found = answer.op_responses().into_iter().find_map(|found| match found {
            TxnOpResponse::Get(found) => revision(&found),
            _ => None,
        });
        Ok(found.unwrap_or(0))
    }

    /// Asks until there is an answer. To ask again does no harm, by the conditions.
    async fn until_answered(&self, txn: impl Fn() -> Txn) -> Result<TxnResponse, StoreError> {
        loop {
            if self.standing.is_lost() {
                return Err(self.lost_error());
            }
            let txn = txn();
            let asked = self.servers.call(LIMIT, |client| async move {
                client.kv_client().max_decoding_message_size(ANSWER_MAX).txn(txn).await
            });
            let answer = tokio::select! {
                answer = asked => answer,
                () = self.standing.lost() => return Err(self.lost_error()),
            };
            let pause = match answer {
                Ok(answer) => {
                    self.problems.clear(ProblemKind::NoSpace);
                    return Ok(answer);
                }
                Err(CallError::Unknown(_)) => RETRY_PAUSE,
                Err(CallError::Refused(refusal, text)) => match refusal {
                    Refusal::NoSpace => {
                        let text = format!(
                            "etcd has no space left, and accepts no writes until somebody has made some: {text}"
                        );
                        self.problems.report(ProblemKind::NoSpace, text);
                        REFUSED_PAUSE
                    }
                    Refusal::Denied | Refusal::Busy => REFUSED_PAUSE,
                    Refusal::TooLarge | Refusal::Other | Refusal::LeaseGone => {
                        return Err(StoreError::Refused { reason: text.into() });
                    }
                },
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.standing.lost() => {}
            }
        }
    }

    /// The store says that the leader key is another's, or gone.
    async fn lost(&self) -> StoreError {
        let _ = self.inputs.send(Input::WriteRefused { epoch: self.epoch }).await;
        self.lost_error()
    }

    fn lost_error(&self) -> StoreError {
        StoreError::Lost { epoch: self.standing.epoch }
    }

    /// The value as it will stand in etcd. A large one is written to the storage before.
    async fn stage(
        &self,
        key: &str,
        value: &Bytes,
        staged: &mut BTreeMap<String, String>,
    ) -> Result<Vec<u8>, StoreError> {
        if value.len() <= INLINE_MAX {
            return Ok([&[INLINE], value.as_ref()].concat());
        }
        let name = format!("{}{}", self.blob_prefix(), Uuid::new_v4());
        self.blobs.put(&name, envelope::seal(FileKind::Record, value)).await?;
        let stored = [&[IN_BLOB], name.as_bytes()].concat();
        staged.insert(key.to_owned(), name);
        Ok(stored)
    }

    async fn read_value(&self, name: &str) -> Result<Bytes, flott_storage::Error> {
        let uri = self.blobs.uri(name);
        let file = self.blobs.storage().get(&uri).await?;
        envelope::open(FileKind::Record, &uri, &file).map(|(_, value)| value)
    }

    fn blob_prefix(&self) -> String {
        format!("{VALUES}{}-", self.standing.epoch)
    }

    /// After a commit: deletes the blobs of what is not there any more.
    async fn delete_replaced(&self, ops: &[Op], staged: BTreeMap<String, String>) {
        let mut replaced = Vec::new();
        {
            let mut in_blobs = self.in_blobs();
            for op in ops {
                match op {
                    Op::Put { key, .. } | Op::Delete { key } => replaced.extend(in_blobs.remove(key)),
                    Op::DeletePrefix { prefix } => {
                        replaced.extend(
                            in_blobs.extract_if(.., |key, _| key.starts_with(prefix)).map(|(_, name)| name),
                        );
                    }
                }
            }
            in_blobs.extend(staged);
        }
        if self.standing.is_leading() {
            self.delete_blobs(replaced.into_iter()).await;
        }
    }

    /// What can't be deleted now is found by the next leader.
    async fn delete_blobs(&self, names: impl Iterator<Item = String>) {
        for name in names {
            if let Err(error) = self.blobs.delete(&name).await {
                debug!(%error, "a value that no record names could not be deleted");
            }
        }
    }

    fn in_blobs(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, String>> {
        self.in_blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nobody will ever read it; anything else may be over when somebody has looked.
fn is_gone(error: &flott_storage::Error) -> bool {
    error.is_missing() || matches!(error, flott_storage::Error::Damaged { .. })
}

/// The first key that does not begin so.
fn end_of_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // What etcd takes for: to the last of all.
    vec![0]
}
