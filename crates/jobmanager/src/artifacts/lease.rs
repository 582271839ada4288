//! The right to an artifact's content.

use std::{fmt, path::PathBuf, sync::Arc};

use flott_artifact::ArtifactDigest;

use super::Inner;

/// Keeps the content in the store for as long as it lives.
pub(crate) struct ArtifactLease {
    store: Arc<Inner>,
    digest: ArtifactDigest,
}

impl ArtifactLease {
    pub(super) fn new(store: Arc<Inner>, digest: ArtifactDigest) -> Self {
        Self { store, digest }
    }

    /// The content's digest.
    pub(crate) fn digest(&self) -> ArtifactDigest {
        self.digest
    }

    /// The file with the content, which can be run.
    pub(crate) fn path(&self) -> PathBuf {
        self.store.blob_path(self.digest)
    }
}

impl Drop for ArtifactLease {
    fn drop(&mut self) {
        self.store.release(self.digest);
    }
}

impl fmt::Debug for ArtifactLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArtifactLease({})", self.digest)
    }
}
