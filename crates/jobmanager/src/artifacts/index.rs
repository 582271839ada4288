//! What the store knows, in memory and on disk.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use flott_artifact::ArtifactDigest;
use flott_core::sdk::EntryInfo;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use tracing::warn;

use super::ArtifactId;
use crate::{Error, view::ArtifactView};

/// Folder of the contents.
pub(super) const BLOBS: &str = "blobs";

/// The uploads, and who uses which content.
#[derive(Debug, Default)]
pub(super) struct Index {
    uploads: BTreeMap<ArtifactId, Upload>,
    leases: BTreeMap<ArtifactDigest, usize>,
}

#[derive(Debug)]
struct Upload {
    view: ArtifactView,
    digest: ArtifactDigest,
}

/// An upload on disk.
#[derive(Serialize, Deserialize)]
struct Metadata {
    id: ArtifactId,
    digest: ArtifactDigest,
    size: u64,
    uploaded_unix_ms: i64,
}

impl Metadata {
    fn view(self) -> ArtifactView {
        let Self { id, digest, size, uploaded_unix_ms } = self;
        ArtifactView {
            name: id.name().to_owned(),
            digest: digest.to_string(),
            id,
            size,
            uploaded_unix_ms,
            entries: Vec::new(),
        }
    }
}

impl Index {
    /// What an earlier process left in the directory.
    pub(super) fn load(directory: &Path) -> io::Result<Self> {
        let mut index = Self::default();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let metadata = fs::read(&path).map(|json| serde_json::from_slice::<Metadata>(&json));
            match metadata {
                Ok(Ok(metadata)) => index.load_upload(directory, metadata),
                _ => warn!(file = %path.display(), "skipped an unreadable description of an artifact"),
            }
        }
        Ok(index)
    }

    /// Removes contents that nobody uses, and what is left of uploads that have broken off.
    pub(super) fn sweep(&self, directory: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory.join(BLOBS))? {
            let entry = entry?;
            let digest = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if digest.is_none_or(|digest| !self.is_used(digest)) {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn load_upload(&mut self, directory: &Path, metadata: Metadata) {
        let digest = metadata.digest;
        if !directory.join(BLOBS).join(digest.to_string()).is_file() {
            warn!(artifact_id = %metadata.id, "skipped an artifact whose content is missing");
            return;
        }
        self.insert(metadata.view(), digest);
    }

    /// Takes in an upload that is described by `json`, as it is stored for the next leader.
    ///
    /// # Errors
    /// If it is no description.
    pub(super) fn insert_described(&mut self, json: &[u8]) -> serde_json::Result<()> {
        let metadata: Metadata = serde_json::from_slice(json)?;
        let digest = metadata.digest;
        self.insert(metadata.view(), digest);
        Ok(())
    }

    pub(super) fn contains(&self, id: &ArtifactId) -> bool {
        self.uploads.contains_key(id)
    }

    pub(super) fn insert(&mut self, view: ArtifactView, digest: ArtifactDigest) {
        self.uploads.insert(view.id.clone(), Upload { view, digest });
    }

    /// Forgets an upload; `None` if it is not known. Returns its digest if nothing uses the content any more.
    pub(super) fn remove(&mut self, id: &ArtifactId) -> Option<Option<ArtifactDigest>> {
        let digest = self.uploads.remove(id)?.digest;
        Some((!self.is_used(digest)).then_some(digest))
    }

    /// Newest first.
    pub(super) fn list(&self) -> Vec<ArtifactView> {
        let mut views: Vec<_> = self.uploads.values().map(|upload| upload.view.clone()).collect();
        views.sort_by(|a, b| b.uploaded_unix_ms.cmp(&a.uploaded_unix_ms).then_with(|| a.id.cmp(&b.id)));
        views
    }

    /// Counts a user of an upload's content.
    pub(super) fn lease(&mut self, id: &ArtifactId) -> Option<ArtifactDigest> {
        let digest = self.uploads.get(id)?.digest;
        self.lease_digest(digest);
        Some(digest)
    }

    /// Counts a user of a content.
    pub(super) fn lease_digest(&mut self, digest: ArtifactDigest) {
        *self.leases.entry(digest).or_default() += 1;
    }

    /// Uncounts a user. Returns whether nothing uses the content any more.
    pub(super) fn release(&mut self, digest: ArtifactDigest) -> bool {
        match self.leases.get_mut(&digest) {
            Some(count) if *count > 1 => {
                *count -= 1;
                false
            }
            _ => {
                self.leases.remove(&digest);
                !self.is_used(digest)
            }
        }
    }

    pub(super) fn set_entries(&mut self, digest: ArtifactDigest, entries: &[EntryInfo]) {
        for upload in self.uploads.values_mut().filter(|upload| upload.digest == digest) {
            upload.view.entries = entries.to_vec();
        }
    }

    pub(super) fn is_used(&self, digest: ArtifactDigest) -> bool {
        self.leases.contains_key(&digest) || self.uploads.values().any(|upload| upload.digest == digest)
    }
}

/// Name of the file that describes an upload. An id that was not generated here gets a name that no file has.
pub(super) fn metadata_name(id: &ArtifactId) -> String {
    format!("{}.json", id.uuid().unwrap_or_default())
}

/// What is to be known of an upload by whoever comes next.
pub(super) fn describe(view: &ArtifactView) -> io::Result<Vec<u8>> {
    let digest = view.digest.parse().map_err(io::Error::other)?;
    let metadata =
        Metadata { id: view.id.clone(), digest, size: view.size, uploaded_unix_ms: view.uploaded_unix_ms };
    Ok(serde_json::to_vec(&metadata)?)
}

/// Describes an upload on disk, so that a file is either absent or whole.
pub(super) fn write_metadata(directory: &Path, view: &ArtifactView) -> Result<(), Error> {
    let path = directory.join(metadata_name(&view.id));
    let write = || -> io::Result<()> {
        let mut file = NamedTempFile::new_in(directory)?;
        file.write_all(&describe(view)?)?;
        file.as_file().sync_all()?;
        file.persist(&path)?;
        fs::File::open(directory)?.sync_all()
    };
    write().map_err(|source| Error::File { action: "write", path: path.clone(), source })
}
