//! Receiving an artifact.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    pin::pin,
};

use bytes::Bytes;
use flott_artifact::{ArtifactDigest, DigestBuilder};
use futures::{Stream, StreamExt};
use tempfile::TempPath;
use tokio::io::{AsyncWriteExt, BufWriter};

use crate::Error;

/// How much is gathered before it is written.
const BUFFER_BYTES: usize = 256 * 1024;

/// A complete upload under a name of its own, removed if it is not stored.
#[derive(Debug)]
pub(super) struct Received {
    path: TempPath,
    digest: ArtifactDigest,
    size: u64,
}

impl Received {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn digest(&self) -> ArtifactDigest {
        self.digest
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Makes it the content of its digest, durably. Replacing the same content changes nothing. Blocks.
    pub(super) fn store_as(self, path: &Path) -> Result<(), Error> {
        let failed = |source| Error::File { action: "store", path: path.to_owned(), source };
        self.path.persist(path).map_err(|error| failed(error.error))?;
        let directory = path.parent().unwrap_or(Path::new("."));
        fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
    }
}

/// Writes a body of at most `limit` bytes to a file in `directory`.
///
/// # Errors
/// [`Error::ArtifactTooLarge`], [`Error::UploadBroken`], [`Error::File`].
pub(super) async fn receive<E>(
    directory: &Path,
    limit: u64,
    body: impl Stream<Item = Result<Bytes, E>>,
) -> Result<Received, Error>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let failed =
        |source| Error::File { action: "write an upload to", path: PathBuf::from(directory), source };
    let (file, path) = tempfile::Builder::new()
        .prefix(".upload-")
        .permissions(fs::Permissions::from_mode(0o700))
        .tempfile_in(directory)
        .map_err(failed)?
        .into_parts();
    let mut file = BufWriter::with_capacity(BUFFER_BYTES, tokio::fs::File::from_std(file));
    let mut digest = DigestBuilder::default();
    let mut size = 0u64;
    let mut body = pin!(body);
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| Error::UploadBroken(error.into()))?;
        size += piece.len() as u64;
        if size > limit {
            return Err(Error::ArtifactTooLarge { limit });
        }
        digest.update(&piece);
        file.write_all(&piece).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    let file = file.into_inner();
    file.sync_all().await.map_err(failed)?;
    // A program whose file is open for writing can't be started; closing it in the background could come too late.
    drop(file.into_std().await);
    Ok(Received { path, digest: digest.finish(), size })
}
