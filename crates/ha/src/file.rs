//! Records as files in a directory of this machine, for `file`.
//!
//! ```text
//! <high-availability.storageDir>/<cluster-id>/
//!   lock                    locked by the JobManager that uses the directory; its pid
//!   epoch.rec               the last epoch that anybody led in
//!   commit.rec              a commit of several changes that is being carried out
//!   records/jobs/7/spec.rec one record each
//!   blobs/…
//! ```
//! Each `.rec` is a sealed file (`flott_storage::envelope`) that came into its place by being renamed, after its content was on
//! disk. One that is damaged nevertheless is renamed to `.rec.corrupt`, and concerns nobody but whom it belongs to.

mod directory;
mod lock;
mod record;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use flott_core::LeaderEpoch;

use self::directory::{Directory, Found};
pub(crate) use self::{
    lock::{Locked, prepare_own},
    record::is_reserved,
};
use crate::{
    Error, Op, StoreError,
    leadership::Standing,
    problem::{ProblemKind, Problems},
};

/// Pause before something that failed is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// The records in a directory that this process has locked.
#[derive(Debug)]
pub(crate) struct FileRecords {
    /// One change at a time.
    directory: Arc<Mutex<Directory>>,
    problems: Arc<Problems>,
    _lock: Locked,
}

impl FileRecords {
    /// Locks the directory and puts it in order: carries out what was interrupted. Blocks.
    pub(crate) fn open(root: &Path, problems: Arc<Problems>) -> Result<Self, Error> {
        let lock = Locked::acquire(root)?;
        let directory = Directory::new(root.to_owned());
        directory.recover()?;
        Ok(Self { directory: Arc::new(Mutex::new(directory)), problems, _lock: lock })
    }

    /// A new epoch, higher than all before it, on disk before it is returned. Blocks.
    pub(crate) fn raise_epoch(&self, at_least: u64) -> Result<LeaderEpoch, Error> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner).raise_epoch(at_least).map(LeaderEpoch)
    }

    pub(crate) async fn list(
        &self,
        prefix: &str,
        standing: &Standing,
    ) -> Result<Vec<(String, Bytes)>, StoreError> {
        let prefix = prefix.to_owned();
        let found = self.retrying(standing, move |directory| directory.list(&prefix)).await?;
        let read = |(key, value): Found| match value {
            Ok(value) => Ok((key, value)),
            Err(error) => {
                self.problems.report(kind_of(&error), &error);
                Err(StoreError::Unreadable { key, reason: error.to_string().into() })
            }
        };
        found.into_iter().map(read).collect()
    }

    pub(crate) async fn commit(&self, ops: Vec<Op>, standing: &Standing) -> Result<(), StoreError> {
        self.retrying(standing, move |directory| directory.commit(&ops)).await
    }

    /// Does something with the directory until it succeeds.
    async fn retrying<T: Send + 'static>(
        &self,
        standing: &Standing,
        work: impl Fn(&Directory) -> Result<T, Error> + Send + Sync + 'static,
    ) -> Result<T, StoreError> {
        let work = Arc::new(work);
        loop {
            if standing.is_lost() {
                return Err(StoreError::Lost { epoch: standing.epoch });
            }
            let (directory, work) = (self.directory.clone(), work.clone());
            let run = move || work(&directory.lock().unwrap_or_else(PoisonError::into_inner));
            match tokio::task::spawn_blocking(run).await {
                Ok(Ok(value)) => {
                    self.problems.clear(ProblemKind::NoSpace);
                    self.problems.clear(ProblemKind::Files);
                    return Ok(value);
                }
                Ok(Err(error)) => self.problems.report(kind_of(&error), error),
                // Cut off, because the runtime ends. (Or a panic, which would be our bug.)
                Err(_) => return Err(StoreError::Lost { epoch: standing.epoch }),
            }
            tokio::select! {
                () = standing.lost() => {}
                () = tokio::time::sleep(RETRY_PAUSE) => {}
            }
        }
    }
}

fn kind_of(error: &Error) -> ProblemKind {
    match error {
        Error::Io { source, .. }
            if matches!(
                source.kind(),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded
            ) =>
        {
            ProblemKind::NoSpace
        }
        _ => ProblemKind::Files,
    }
}

/// What failed, with which file.
fn io_error(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.into();
    move |source| Error::Io { action, path, source }
}

#[cfg(test)]
mod tests;
