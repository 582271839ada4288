//! Calls about checkpoints and savepoints. All but the first three begin something that takes its time, and return an id by
//! which to ask what came of it: for five minutes after its end, also if the job has ended.

use flott_core::{CheckpointId, JobId, TriggerId};
use reqwest::Method;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Client, Error,
    client::Repeat,
    types::{
        checkpoints::{Checkpoint, CheckpointConfig, Checkpoints},
        operations::{OperationStatus, Triggered},
        snapshots::{
            CheckpointInfo, CheckpointRequest, DisposalRequest, SavepointInfo, SavepointRequest, StopRequest,
        },
    },
};

impl Client {
    /// The checkpoints and savepoints of a job.
    ///
    /// # Errors
    ///
    /// As [`Self::job`].
    pub async fn checkpoints(&self, job: JobId) -> Result<Checkpoints, Error> {
        self.get(&["jobs", &job.to_string(), "checkpoints"]).await
    }

    /// How a job takes checkpoints.
    ///
    /// # Errors
    ///
    /// As [`Self::job`].
    pub async fn checkpoint_config(&self, job: JobId) -> Result<CheckpointConfig, Error> {
        self.get(&["jobs", &job.to_string(), "checkpoints", "config"]).await
    }

    /// One checkpoint or savepoint of a job, with the parts of its vertices.
    ///
    /// # Errors
    ///
    /// As [`Self::job`], and when it is not known, or not any more.
    pub async fn checkpoint(&self, job: JobId, id: CheckpointId) -> Result<Checkpoint, Error> {
        self.get(&["jobs", &job.to_string(), "checkpoints", "details", &id.to_string()]).await
    }

    /// Begins a savepoint.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses. That there is no such job shows in the [status](Self::savepoint_status).
    pub async fn trigger_savepoint(
        &self,
        job: JobId,
        request: &SavepointRequest,
    ) -> Result<TriggerId, Error> {
        self.trigger(&["jobs", &job.to_string(), "savepoints"], request, request.trigger_id).await
    }

    /// Begins a savepoint with which the job ends.
    ///
    /// # Errors
    ///
    /// As [`Self::trigger_savepoint`].
    pub async fn stop(&self, job: JobId, request: &StopRequest) -> Result<TriggerId, Error> {
        self.trigger(&["jobs", &job.to_string(), "stop"], request, request.trigger_id).await
    }

    /// How far a savepoint is, with which the job ends or not. Its result is where it is.
    ///
    /// # Errors
    ///
    /// As [`Self::job`], and when there is no such operation.
    pub async fn savepoint_status(
        &self,
        job: JobId,
        id: TriggerId,
    ) -> Result<OperationStatus<String>, Error> {
        let path = ["jobs", &job.to_string(), "savepoints", &id.to_string()];
        Ok(self.status(&path).await?.map(|info: SavepointInfo| info.location))
    }

    /// Begins a checkpoint.
    ///
    /// # Errors
    ///
    /// As [`Self::trigger_savepoint`].
    pub async fn trigger_checkpoint(
        &self,
        job: JobId,
        request: &CheckpointRequest,
    ) -> Result<TriggerId, Error> {
        self.trigger(&["jobs", &job.to_string(), "checkpoints"], request, request.trigger_id).await
    }

    /// How far a checkpoint is. Its result is its number.
    ///
    /// # Errors
    ///
    /// As [`Self::savepoint_status`].
    pub async fn checkpoint_status(
        &self,
        job: JobId,
        id: TriggerId,
    ) -> Result<OperationStatus<CheckpointId>, Error> {
        let path = ["jobs", &job.to_string(), "checkpoints", &id.to_string()];
        Ok(self.status(&path).await?.map(|info: CheckpointInfo| info.checkpoint_id))
    }

    /// Begins to delete a savepoint, given by its directory or its `_metadata`. `trigger_id`: the operation's id, with which
    /// the call can be repeated.
    ///
    /// # Errors
    ///
    /// When the server cannot be reached or refuses.
    pub async fn dispose_savepoint(
        &self,
        path: &str,
        trigger_id: Option<TriggerId>,
    ) -> Result<TriggerId, Error> {
        let request = DisposalRequest { savepoint_path: path, trigger_id };
        self.trigger(&["savepoint-disposal"], &request, trigger_id).await
    }

    /// How far a disposal is.
    ///
    /// # Errors
    ///
    /// As [`Self::savepoint_status`].
    pub async fn disposal_status(&self, id: TriggerId) -> Result<OperationStatus<()>, Error> {
        Ok(self.status(&["savepoint-disposal", &id.to_string()]).await?.map(|super::Done {}| ()))
    }

    async fn trigger(
        &self,
        segments: &[&str],
        request: &impl Serialize,
        id: Option<TriggerId>,
    ) -> Result<TriggerId, Error> {
        // By the client's id the server knows a repetition.
        let repeat = if id.is_some() { Repeat::Safe } else { Repeat::Unsafe };
        let call = self.call(Method::POST, segments, repeat);
        let answer: Triggered = self.send(call, async |builder| Ok(builder.json(request))).await?;
        Ok(answer.request_id)
    }

    async fn status<T: DeserializeOwned>(&self, segments: &[&str]) -> Result<OperationStatus<T>, Error> {
        self.get(segments).await
    }
}
