//! Election and store among the JobManagers of one process.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use flott_core::LeaderEpoch;
use flott_storage::StorageUri;
use tokio::sync::watch;

use super::{Candidate, LeaderInfo, LeaderState, Op, StoreError};
use crate::clock;

/// What several JobManagers of one process share: with it one goes on where another has ended. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SharedMemory {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Who leads.
    leader: watch::Sender<Option<LeaderInfo>>,
    /// Whether changes must wait.
    held: watch::Sender<bool>,
    directory: PathBuf,
    /// Whether its JobManagers pretend to be on several machines.
    is_spread: bool,
}

#[derive(Debug, Default)]
struct State {
    last_epoch: u64,
    /// The leader's epoch, and how it is told what it may do.
    leading: Option<(LeaderEpoch, watch::Sender<LeaderState>)>,
    records: BTreeMap<String, Bytes>,
    blobs: BTreeMap<String, Bytes>,
    /// What becomes of the next changes.
    #[cfg(test)]
    faults: std::collections::VecDeque<StoreError>,
}

impl SharedMemory {
    /// Memory that outlives its JobManagers. Files that are to outlive them lie in `directory`.
    pub fn new(directory: &Path) -> Self {
        Self::with_directory(directory, false)
    }

    /// The same, for JobManagers as they would be on several machines: of `directory` they use what all of these could see.
    pub fn spread(directory: &Path) -> Self {
        Self::with_directory(directory, true)
    }

    fn with_directory(directory: &Path, is_spread: bool) -> Self {
        let directory = directory.to_owned();
        let (leader, held) = (watch::Sender::new(None), watch::Sender::new(false));
        Self { inner: Arc::new(Inner { state: Mutex::default(), leader, held, directory, is_spread }) }
    }

    /// Takes leadership away from whoever has it, as an expired lease does.
    pub fn depose(&self) {
        let mut state = self.state();
        if let Some((_, told)) = state.leading.take() {
            told.send_replace(LeaderState::Lost);
        }
        self.inner.leader.send_replace(None);
    }

    /// Makes it unknown, or known again, whether the leader still leads.
    pub fn suspend(&self, suspended: bool) {
        if let Some((_, told)) = &self.state().leading {
            told.send_replace(if suspended { LeaderState::Suspended } else { LeaderState::Leading });
        }
    }

    /// Lets changes wait, or goes on with them.
    pub fn hold(&self, held: bool) {
        self.inner.held.send_replace(held);
    }

    /// The keys of all records.
    pub fn keys(&self) -> Vec<String> {
        self.state().records.keys().cloned().collect()
    }

    /// Writes a record past the leader, as a broken disk does.
    pub fn damage(&self, key: &str, value: impl Into<Bytes>) {
        self.state().records.insert(key.to_owned(), value.into());
    }

    /// Lets the next change fail that is not to fail already.
    #[cfg(test)]
    pub(crate) fn fail_next(&self, error: StoreError) {
        self.state().faults.push_back(error);
    }

    pub(super) fn directory(&self) -> Option<StorageUri> {
        StorageUri::from_local(&self.inner.directory).ok()
    }

    pub(super) fn is_spread(&self) -> bool {
        self.inner.is_spread
    }

    pub(super) fn leader(&self) -> watch::Receiver<Option<LeaderInfo>> {
        self.inner.leader.subscribe()
    }

    pub(super) async fn campaign(&self, candidate: &Candidate) -> Reign {
        let mut leader = self.leader();
        loop {
            if let Some(reign) = self.try_lead(candidate) {
                return reign;
            }
            // The sender lives as long as `self`.
            let _ = leader.changed().await;
        }
    }

    fn try_lead(&self, candidate: &Candidate) -> Option<Reign> {
        let mut state = self.state();
        if state.leading.is_some() {
            return None;
        }
        let now = u64::try_from(clock::unix_ms()).unwrap_or(0);
        state.last_epoch = now.max(state.last_epoch + 1);
        let epoch = LeaderEpoch(state.last_epoch);
        let (told, receiver) = watch::channel(LeaderState::Leading);
        state.leading = Some((epoch, told));
        let Candidate { instance_id, rpc_address, rest_address } = candidate.clone();
        self.inner.leader.send_replace(Some(LeaderInfo { instance_id, rpc_address, rest_address, epoch }));
        Some(Reign { epoch, state: receiver, memory: self.clone() })
    }

    fn give_up(&self, epoch: LeaderEpoch) {
        let mut state = self.state();
        if state.leading.as_ref().is_some_and(|(leading, _)| *leading == epoch) {
            state.leading = None;
            self.inner.leader.send_replace(None);
        }
    }

    pub(super) fn list(&self, epoch: LeaderEpoch, prefix: &str) -> Result<Vec<(String, Bytes)>, StoreError> {
        let state = self.leading(epoch)?;
        let records = state.records.range(prefix.to_owned()..);
        let found = records.take_while(|(key, _)| key.starts_with(prefix));
        Ok(found.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    pub(super) async fn commit(&self, epoch: LeaderEpoch, ops: Vec<Op>) -> Result<(), StoreError> {
        let mut held = self.inner.held.subscribe();
        // An error means that nobody is left who could hold it.
        let _ = held.wait_for(|held| !held).await;
        let mut state = self.changing(epoch)?;
        for op in ops {
            match op {
                Op::Put { key, value } => drop(state.records.insert(key, value)),
                Op::Delete { key } => drop(state.records.remove(&key)),
                Op::DeletePrefix { prefix } => state.records.retain(|key, _| !key.starts_with(&prefix)),
            }
        }
        Ok(())
    }

    pub(super) fn put_blob(&self, epoch: LeaderEpoch, name: &str, content: Bytes) -> Result<(), StoreError> {
        self.changing(epoch)?.blobs.insert(name.to_owned(), content);
        Ok(())
    }

    pub(super) fn get_blob(&self, epoch: LeaderEpoch, name: &str) -> Result<Bytes, StoreError> {
        let content = self.leading(epoch)?.blobs.get(name).cloned();
        content.ok_or_else(|| StoreError::Missing { name: name.to_owned() })
    }

    pub(super) fn delete_blob(&self, epoch: LeaderEpoch, name: &str) -> Result<(), StoreError> {
        self.leading(epoch)?.blobs.remove(name);
        Ok(())
    }

    pub(super) fn list_blobs(&self, epoch: LeaderEpoch, prefix: &str) -> Result<Vec<String>, StoreError> {
        let state = self.leading(epoch)?;
        Ok(state.blobs.keys().filter(|name| name.starts_with(prefix)).cloned().collect())
    }

    fn leading(&self, epoch: LeaderEpoch) -> Result<MutexGuard<'_, State>, StoreError> {
        let state = self.state();
        match &state.leading {
            Some((leading, _)) if *leading == epoch => Ok(state),
            _ => Err(StoreError::Lost),
        }
    }

    fn changing(&self, epoch: LeaderEpoch) -> Result<MutexGuard<'_, State>, StoreError> {
        #[cfg_attr(not(test), expect(unused_mut, reason = "only tests let changes fail"))]
        let mut state = self.leading(epoch)?;
        #[cfg(test)]
        if let Some(fault) = state.faults.pop_front() {
            return Err(fault);
        }
        Ok(state)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it half changed.
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time for which one of them leads. Dropping it gives that up.
pub(super) struct Reign {
    epoch: LeaderEpoch,
    state: watch::Receiver<LeaderState>,
    memory: SharedMemory,
}

impl Reign {
    pub(super) fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    pub(super) fn state(&self) -> watch::Receiver<LeaderState> {
        self.state.clone()
    }

    pub(super) fn memory(&self) -> &SharedMemory {
        &self.memory
    }
}

impl Drop for Reign {
    fn drop(&mut self) {
        self.memory.give_up(self.epoch);
    }
}
