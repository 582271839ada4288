//! The epochs that were led in, also if etcd does not know of them any more.
//!
//! TaskManagers obey only the newest leader that they have seen. Etcd that was restored from a backup counts its revisions on
//! from back then, so that the next leader's epoch would be below what they have seen, and nobody would obey it. So each leader
//! leaves the name of its epoch in the storage directory, and nobody leads in a lower one.

use std::sync::atomic::{AtomicU64, Ordering};

use flott_control::election::Revision;
use flott_core::LeaderEpoch;
use flott_storage::{Result, Storage, StorageUri};
use tracing::debug;

/// The directory of files that are named like epochs. New names, as what is written over might be by a leader of the past.
const DIRECTORY: &str = "epochs";
/// So many digits has the highest.
const DIGITS: usize = 20;

/// The epoch of who leads since a revision.
pub(super) fn epoch(base: u64, created: Revision) -> LeaderEpoch {
    LeaderEpoch(base.saturating_add(u64::try_from(created.0).unwrap_or(0)))
}

/// What is known of them.
pub(super) struct Epochs {
    storage: Storage,
    directory: StorageUri,
    last: AtomicU64,
}

impl Epochs {
    pub(super) fn new(storage: Storage, directory: &StorageUri) -> Self {
        Self { storage, directory: directory.join(DIRECTORY), last: AtomicU64::new(0) }
    }

    /// The highest that this process knows of.
    pub(super) fn last(&self) -> LeaderEpoch {
        LeaderEpoch(self.last.load(Ordering::Acquire))
    }

    /// Somebody leads in it, or did.
    pub(super) fn has_led(&self, epoch: LeaderEpoch) {
        self.last.fetch_max(epoch.0, Ordering::AcqRel);
    }

    /// The highest, also by what is in the storage directory.
    pub(super) async fn read(&self) -> Result<LeaderEpoch> {
        self.kept().await?;
        Ok(self.last())
    }

    /// Leaves one in the storage directory in the place of those below it.
    pub(super) async fn keep(&self, epoch: LeaderEpoch) -> Result<()> {
        let kept = self.kept().await?;
        let file = self.directory.join(&format!("{:0DIGITS$}", epoch.0));
        self.storage.put_new(&file, epoch.to_string().into()).await?;
        self.has_led(epoch);
        for (_, old) in kept.into_iter().filter(|(kept, _)| *kept < epoch) {
            if let Err(error) = self.storage.delete(&old).await {
                debug!(%error, "the next leader deletes the name of an old epoch");
            }
        }
        Ok(())
    }

    async fn kept(&self) -> Result<Vec<(LeaderEpoch, StorageUri)>> {
        let files = self.storage.list(&self.directory).await?;
        let parse = |uri: StorageUri| {
            let name = uri.relative_to(&self.directory);
            let is_epoch = name.len() == DIGITS && name.bytes().all(|byte| byte.is_ascii_digit());
            Some((LeaderEpoch(name.parse().ok().filter(|_| is_epoch)?), uri))
        };
        let kept: Vec<_> = files.into_iter().filter_map(|file| parse(file.uri)).collect();
        kept.iter().for_each(|(epoch, _)| self.has_led(*epoch));
        Ok(kept)
    }
}
