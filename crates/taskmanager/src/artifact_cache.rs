//! Artifacts that this TaskManager has fetched, each once.

mod download;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use flott_artifact::ArtifactDigest;

use crate::LeaderChannel;

pub use download::FetchError;

/// How many bytes of artifacts are kept. What runs is kept in any case.
pub const MAX_CACHE_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Fetches artifacts from the JobManager and keeps them by digest, in a directory that nobody else may enter. Whoever
/// wants an artifact that is being fetched waits for it; beyond a limit in size those go that were unused longest.
#[derive(Clone, Debug)]
pub struct ArtifactCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    max_bytes: u64,
    entries: Mutex<Entries>,
}

#[derive(Debug, Default)]
struct Entries {
    by_digest: HashMap<ArtifactDigest, Entry>,
    /// Counts uses, to tell which was the latest.
    uses: u64,
}

#[derive(Debug, Default)]
struct Entry {
    /// Held while fetching. Whoever drops it unfinished leaves a part on which the next goes on.
    artifact: Arc<tokio::sync::Mutex<Option<CachedArtifact>>>,
    last_use: u64,
}

/// An artifact on the local disk, ready to be run. It is not removed before the last copy of this is dropped.
#[derive(Clone, Debug)]
pub struct CachedArtifact(Arc<File>);

#[derive(Debug)]
struct File {
    path: PathBuf,
    size: u64,
}

impl CachedArtifact {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl ArtifactCache {
    /// An empty cache in `dir`, which must exist. It keeps at most `max_bytes`, but always what is in use.
    pub fn new(dir: PathBuf, max_bytes: u64) -> Self {
        Self(Arc::new(Inner { dir, max_bytes, entries: Mutex::default() }))
    }

    /// Returns the artifact, fetching it from whichever JobManager leads if need be. While none does, it waits. May be
    /// dropped at any time.
    ///
    /// # Errors
    ///
    /// If the JobManager does not have it, does not answer for long, or sends something else, or if it can't be
    /// written.
    pub async fn get(
        &self,
        digest: ArtifactDigest,
        leader: &LeaderChannel,
    ) -> Result<CachedArtifact, FetchError> {
        let slot = {
            let mut entries = self.lock();
            entries.uses += 1;
            let last_use = entries.uses;
            let entry = entries.by_digest.entry(digest).or_default();
            entry.last_use = last_use;
            Arc::clone(&entry.artifact)
        };
        let mut slot = slot.lock().await;
        if let Some(artifact) = &*slot {
            return Ok(artifact.clone());
        }
        let path = download::download(&self.0.dir, leader, digest).await?;
        let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        tracing::info!(artifact = %digest, bytes = size, "fetched artifact");
        let artifact = CachedArtifact(Arc::new(File { path, size }));
        *slot = Some(artifact.clone());
        drop(slot);
        self.evict();
        Ok(artifact)
    }

    /// Removes what is unused, longest first, until the rest is within the limit.
    fn evict(&self) {
        let mut entries = self.lock();
        let mut kept: Vec<(u64, ArtifactDigest, u64, bool)> = Vec::new();
        for (digest, entry) in &entries.by_digest {
            // One that is locked is being fetched.
            let Ok(slot) = entry.artifact.try_lock() else { continue };
            if let Some(artifact) = &*slot {
                kept.push((entry.last_use, *digest, artifact.0.size, artifact.is_in_use()));
            }
        }
        kept.sort_unstable();
        let mut total: u64 = kept.iter().map(|(_, _, size, _)| size).sum();
        for (_, digest, size, in_use) in kept {
            if total <= self.0.max_bytes {
                return;
            }
            if in_use {
                continue;
            }
            let path = download::path_of(&self.0.dir, digest);
            match fs::remove_file(&path) {
                Ok(()) => {
                    entries.by_digest.remove(&digest);
                    total -= size;
                }
                Err(error) => tracing::warn!(path = %path.display(), %error, "cannot remove an artifact"),
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Entries> {
        self.0.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
