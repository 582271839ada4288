//! Checkpoints and savepoints that users ask for. All of them take their time, so they are begun here and asked for later.

use flott_control::job_master::{AfterSavepoint, ManualCheckpoint, SnapshotRequest, SnapshotTaken};
use flott_core::{FailureCause, FailureKind, JobId, TriggerId, checkpoint::SavepointFormat};
use flott_storage::StorageUri;

use super::{ClusterHandle, OperationStatus, operations::Operations};
use crate::{Error, clock::Clock, dispatcher::storage_uri, leader_scope::LeaderScope};

/// A savepoint that a user wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavepointOptions {
    /// The directory in which the savepoint's own one is made; `None`: `execution.checkpointing.savepoint-dir`.
    pub target: Option<String>,
    /// In which format.
    pub format: SavepointFormat,
    /// What becomes of the job.
    pub then: AfterSavepoint,
    /// The operation's id, if the client chooses it: then repeating the call begins no second one.
    pub trigger_id: Option<TriggerId>,
}

/// What was begun here.
pub(crate) struct Begun {
    savepoints: Operations<SnapshotTaken>,
    checkpoints: Operations<SnapshotTaken>,
    disposals: Operations<()>,
}

impl Begun {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            savepoints: Operations::new(clock),
            checkpoints: Operations::new(clock),
            disposals: Operations::new(clock),
        }
    }
}

impl ClusterHandle {
    /// Begins to take a savepoint. What comes of it, also if there is no such job, tells
    /// [`savepoint`](Self::savepoint).
    ///
    /// # Errors
    /// [`Error::NoSavepointDirectory`], [`Error::Setting`] if the target can't be one, [`Error::TriggerIdInUse`],
    /// [`Error::Overloaded`].
    pub async fn trigger_savepoint(
        &self,
        job_id: JobId,
        options: SavepointOptions,
    ) -> Result<TriggerId, Error> {
        let SavepointOptions { target, format, then, trigger_id } = options;
        let scope = self.certain_scope()?;
        let job_master = scope.dispatcher.job_master(job_id);
        let target = match &target {
            Some(target) => storage_uri("target-directory", target)?,
            None => match job_master.as_ref().and_then(|job_master| job_master.savepoint_dir()) {
                Some(default) => storage_uri("execution.checkpointing.savepoint-dir", default)?,
                // There is nothing to be taken, which is what the caller must hear.
                None if job_master.is_none() => return begin_for_nobody(&scope, job_id, trigger_id),
                None => return Err(Error::NoSavepointDirectory),
            },
        };
        let request = format!("{target} {format:?} {then:?}");
        let directory = savepoint_directory(&target, job_id).to_string();
        let trigger_id = trigger_id.unwrap_or_else(random_id);
        let work = async move {
            let job_master = job_master.ok_or_else(|| not_running(job_id))?;
            job_master.snapshot(SnapshotRequest::Savepoint { directory, format, then }).await
        };
        scope.begun.savepoints.start((Some(job_id), trigger_id), request, work)?;
        Ok(trigger_id)
    }

    /// How far a savepoint is. `None` if there is no such operation, or it ended long ago.
    pub async fn savepoint(
        &self,
        job_id: JobId,
        trigger_id: TriggerId,
    ) -> Result<Option<OperationStatus<SnapshotTaken>>, Error> {
        Ok(self.scope()?.begun.savepoints.status(&(Some(job_id), trigger_id)))
    }

    /// Begins to take a checkpoint. What comes of it, also if there is no such job, tells
    /// [`checkpoint`](Self::checkpoint). `trigger_id`: the operation's id, if the client chooses it.
    ///
    /// # Errors
    /// [`Error::TriggerIdInUse`], [`Error::Overloaded`].
    pub async fn trigger_checkpoint(
        &self,
        job_id: JobId,
        wanted: ManualCheckpoint,
        trigger_id: Option<TriggerId>,
    ) -> Result<TriggerId, Error> {
        let scope = self.certain_scope()?;
        let job_master = scope.dispatcher.job_master(job_id);
        let trigger_id = trigger_id.unwrap_or_else(random_id);
        let work = async move {
            let job_master = job_master.ok_or_else(|| not_running(job_id))?;
            job_master.snapshot(SnapshotRequest::Checkpoint(wanted)).await
        };
        scope.begun.checkpoints.start((Some(job_id), trigger_id), format!("{wanted:?}"), work)?;
        Ok(trigger_id)
    }

    /// How far a checkpoint is. `None` if there is no such operation, or it ended long ago.
    pub async fn checkpoint(
        &self,
        job_id: JobId,
        trigger_id: TriggerId,
    ) -> Result<Option<OperationStatus<SnapshotTaken>>, Error> {
        Ok(self.scope()?.begun.checkpoints.status(&(Some(job_id), trigger_id)))
    }

    /// Begins to delete a savepoint, or a checkpoint that an ended job has left: its directory or its `_metadata`. What
    /// comes of it tells [`disposal`](Self::disposal).
    ///
    /// # Errors
    /// [`Error::Setting`] if the path can't be one, [`Error::TriggerIdInUse`], [`Error::Overloaded`].
    pub async fn dispose_savepoint(
        &self,
        path: &str,
        trigger_id: Option<TriggerId>,
    ) -> Result<TriggerId, Error> {
        let uri = storage_uri("savepoint-path", path)?;
        let trigger_id = trigger_id.unwrap_or_else(random_id);
        let scope = self.certain_scope()?;
        let (request, submitter) = (uri.to_string(), scope.submitter.clone());
        let work = async move { submitter.dispose(&uri).await };
        scope.begun.disposals.start((None, trigger_id), request, work)?;
        Ok(trigger_id)
    }

    /// How far a disposal is. `None` if there is no such operation, or it ended long ago.
    pub async fn disposal(&self, trigger_id: TriggerId) -> Result<Option<OperationStatus<()>>, Error> {
        Ok(self.scope()?.begun.disposals.status(&(None, trigger_id)))
    }
}

fn begin_for_nobody(
    scope: &LeaderScope,
    job_id: JobId,
    trigger_id: Option<TriggerId>,
) -> Result<TriggerId, Error> {
    let trigger_id = trigger_id.unwrap_or_else(random_id);
    let work = async move { Err(not_running(job_id)) };
    scope.begun.savepoints.start((Some(job_id), trigger_id), String::new(), work)?;
    Ok(trigger_id)
}

fn random_id() -> TriggerId {
    TriggerId::from_bytes(rand::random())
}

/// A new directory for a savepoint, named as Flink names them.
fn savepoint_directory(target: &StorageUri, job_id: JobId) -> StorageUri {
    let random: u64 = rand::random();
    target.join(&format!("savepoint-{:.6}-{:012x}", job_id.to_string(), random >> 16))
}

fn not_running(job_id: JobId) -> FailureCause {
    FailureCause::new(FailureKind::UserError, format!("there is no running job {job_id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn savepoints_have_names_as_in_flink() {
        let target = "s3://bucket/sp".parse().unwrap();
        let job_id = JobId::from_bytes([0xab; 16]);
        let name = savepoint_directory(&target, job_id).to_string();
        let suffix = name.strip_prefix("s3://bucket/sp/savepoint-ababab-").unwrap();
        assert!(suffix.len() == 12 && suffix.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        assert_ne!(name, savepoint_directory(&target, job_id).to_string());
    }
}
