//! Bodies about checkpoints and savepoints.

use flott_core::{CheckpointId, TriggerId, checkpoint::SavepointFormat};
use serde::{Deserialize, Serialize};

/// A savepoint that is wanted of a job that goes on, or is canceled after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavepointRequest {
    /// The directory in which the savepoint's own one is made; `None`: the server's default.
    #[serde(rename = "target-directory")]
    pub target_directory: Option<String>,
    /// Whether the job is canceled when the savepoint is complete.
    #[serde(rename = "cancel-job")]
    pub cancel_job: bool,
    /// In which format.
    #[serde(rename = "formatType")]
    pub format_type: SavepointFormat,
    /// The operation's id. With one that the client chose the call can be repeated; `None`: the server chooses.
    #[serde(rename = "triggerId")]
    pub trigger_id: Option<TriggerId>,
}

/// A savepoint with which a job is to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StopRequest {
    /// As [`SavepointRequest::target_directory`].
    pub target_directory: Option<String>,
    /// Whether it ends as if its input had: all windows and timers fire.
    pub drain: bool,
    /// In which format.
    pub format_type: SavepointFormat,
    /// As [`SavepointRequest::trigger_id`].
    pub trigger_id: Option<TriggerId>,
}

/// What a checkpoint contains that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CheckpointType {
    /// As the job is configured.
    #[default]
    Configured,
    /// All of the state.
    Full,
    /// What has changed.
    Incremental,
}

/// A checkpoint that is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckpointRequest {
    /// What it is to contain.
    pub checkpoint_type: CheckpointType,
    /// As [`SavepointRequest::trigger_id`].
    pub trigger_id: Option<TriggerId>,
}

#[derive(Serialize)]
pub(crate) struct DisposalRequest<'a> {
    #[serde(rename = "savepoint-path")]
    pub(crate) savepoint_path: &'a str,
    #[serde(rename = "triggerId")]
    pub(crate) trigger_id: Option<TriggerId>,
}

#[derive(Deserialize)]
pub(crate) struct SavepointInfo {
    pub(crate) location: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckpointInfo {
    pub(crate) checkpoint_id: CheckpointId,
}
