//! One download.

use std::{
    fs::Permissions,
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use flott_artifact::ArtifactDigest;
use flott_rpc::{artifacts_client, is_retriable, pb::DownloadRequest};
use tokio::{
    fs::{self, OpenOptions},
    io::AsyncWriteExt,
    time::{sleep, timeout},
};
use tonic::{Code, Status, transport::Channel};

use crate::LeaderChannel;

/// Largest artifact; the JobManager takes none that is larger.
const MAX_ARTIFACT_BYTES: u64 = 1024 * 1024 * 1024;

/// How many tries in a row may bring nothing.
const MAX_FRUITLESS_TRIES: u32 = 10;

/// How long to wait after a try that brought nothing; doubled each time.
const INITIAL_BACKOFF: Duration = Duration::from_millis(50);
const MAX_BACKOFF: Duration = Duration::from_secs(2);

/// How long the JobManager may be silent within a download.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// The owner may read and run it, and nobody may change it.
const ARTIFACT_MODE: u32 = 0o500;

/// Why an artifact can't be had.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It was deleted meanwhile, or never was there.
    #[error("the JobManager does not have artifact {digest}")]
    NotFound {
        /// Which.
        digest: ArtifactDigest,
    },
    /// The JobManager could not be asked, or answered with an error.
    #[error("cannot download artifact {digest}: {source}")]
    Download {
        /// Which.
        digest: ArtifactDigest,
        /// The last answer.
        source: Box<Status>,
    },
    /// What came is not what was asked for.
    #[error("artifact {digest} arrived with other content, of digest {found}")]
    OtherContent {
        /// Which.
        digest: ArtifactDigest,
        /// Digest of what came.
        found: ArtifactDigest,
    },
    /// More came than an artifact may have.
    #[error("artifact {digest} is larger than {MAX_ARTIFACT_BYTES} bytes")]
    TooLarge {
        /// Which.
        digest: ArtifactDigest,
    },
    /// The local disk.
    #[error("cannot write artifact {digest} to {}: {source}", path.display())]
    Write {
        /// Which.
        digest: ArtifactDigest,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Where an artifact is kept.
pub(super) fn path_of(dir: &Path, digest: ArtifactDigest) -> PathBuf {
    dir.join(digest.to_string())
}

/// Fetches an artifact into `dir`, going on where an earlier download ended. The file appears under its name only once
/// it is complete and verified.
pub(super) async fn download(
    dir: &Path,
    leader: &LeaderChannel,
    digest: ArtifactDigest,
) -> Result<PathBuf, FetchError> {
    let part = dir.join(format!("{digest}.part"));
    let failed = |source| FetchError::Write { digest, path: part.clone(), source };
    let resumed = fs::try_exists(&part).await.map_err(failed)?;
    fetch(&part, leader, digest).await?;
    let mut found = verify(&part, digest).await?;
    if found != digest && resumed {
        // The earlier part may be what is wrong: once more, from the start.
        fs::remove_file(&part).await.map_err(failed)?;
        fetch(&part, leader, digest).await?;
        found = verify(&part, digest).await?;
    }
    if found != digest {
        fs::remove_file(&part).await.map_err(failed)?;
        return Err(FetchError::OtherContent { digest, found });
    }
    let path = path_of(dir, digest);
    fs::set_permissions(&part, Permissions::from_mode(ARTIFACT_MODE)).await.map_err(failed)?;
    fs::rename(&part, &path).await.map_err(failed)?;
    Ok(path)
}

/// Appends to `part` until the artifact is complete.
async fn fetch(part: &Path, leader: &LeaderChannel, digest: ArtifactDigest) -> Result<(), FetchError> {
    let failed = |source| FetchError::Write { digest, path: part.to_owned(), source };
    let mut file = OpenOptions::new().create(true).append(true).open(part).await.map_err(failed)?;
    let mut written = file.metadata().await.map_err(failed)?.len();
    let mut fruitless = 0;
    let mut backoff = INITIAL_BACKOFF;
    loop {
        let before = written;
        let outcome = match leader.get().await {
            Some(job_manager) => stream(&mut file, &mut written, job_manager, digest, part).await?,
            None => Err(Status::aborted("the TaskManager is going down")),
        };
        // Written, but not forced to disk: the cache does not outlive its process, and what is read back is verified.
        file.flush().await.map_err(failed)?;
        let Err(status) = outcome else { return Ok(()) };
        if status.code() == Code::NotFound {
            return Err(FetchError::NotFound { digest });
        }
        if written > before {
            (fruitless, backoff) = (0, INITIAL_BACKOFF);
        }
        fruitless += 1;
        if fruitless >= MAX_FRUITLESS_TRIES || !is_retriable(&status) {
            return Err(FetchError::Download { digest, source: Box::new(status) });
        }
        tracing::debug!(artifact = %digest, bytes = written, error = %status, "download broke, going on");
        sleep(backoff).await;
        backoff = (backoff * 2).min(MAX_BACKOFF);
    }
}

/// Appends what one call brings. The inner result is how the call ended.
async fn stream(
    file: &mut fs::File,
    written: &mut u64,
    job_manager: Channel,
    digest: ArtifactDigest,
    part: &Path,
) -> Result<Result<(), Status>, FetchError> {
    let request = DownloadRequest { digest: digest.to_string(), offset: *written };
    let mut client = artifacts_client(job_manager);
    let silent = || Status::deadline_exceeded("the JobManager is silent");
    let mut chunks = match timeout(SILENCE_TIMEOUT, client.download(request)).await {
        Ok(Ok(response)) => response.into_inner(),
        Ok(Err(status)) => return Ok(Err(status)),
        Err(_) => return Ok(Err(silent())),
    };
    loop {
        let chunk = match timeout(SILENCE_TIMEOUT, chunks.message()).await {
            Ok(Ok(Some(chunk))) => chunk.data,
            Ok(Ok(None)) => return Ok(Ok(())),
            Ok(Err(status)) => return Ok(Err(status)),
            Err(_) => return Ok(Err(silent())),
        };
        if *written + chunk.len() as u64 > MAX_ARTIFACT_BYTES {
            return Err(FetchError::TooLarge { digest });
        }
        let outcome = file.write_all(&chunk).await;
        outcome.map_err(|source| FetchError::Write { digest, path: part.to_owned(), source })?;
        *written += chunk.len() as u64;
    }
}

/// The digest of what is on disk.
async fn verify(part: &Path, digest: ArtifactDigest) -> Result<ArtifactDigest, FetchError> {
    let path = part.to_owned();
    let computed = tokio::task::spawn_blocking(move || ArtifactDigest::of_file(&path)).await;
    computed.unwrap_or_else(|error| Err(io::Error::other(error))).map_err(|source| FetchError::Write {
        digest,
        path: part.to_owned(),
        source,
    })
}
