//! What goes in through the front door.

use std::collections::BTreeMap;

use flott_core::{JobId, job_config::ClaimMode};
use schemars::JsonSchema;
use serde::Serialize;

/// How to run or plan an artifact.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// Entry of the program, Flink's entry class.
    pub entry: Option<String>,
    /// Arguments of the program.
    pub arguments: Vec<String>,
    /// Parallelism of operators that set none. Goes before `configuration`, which goes before the cluster's.
    pub parallelism: Option<u32>,
    /// The job's id, if the client chooses it.
    pub job_id: Option<JobId>,
    /// Settings for this job, by key.
    pub configuration: BTreeMap<String, String>,
    /// A savepoint or checkpoint to begin with, its directory or `_metadata`. This and the next two go before
    /// `execution.state-recovery.*`.
    pub savepoint: Option<String>,
    /// Whether it may hold state that no operator of the job takes.
    pub allow_non_restored_state: Option<bool>,
    /// Whether its files become the job's.
    pub claim_mode: Option<ClaimMode>,
}

/// One setting that the JobManager runs with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ConfigurationInfoEntry")]
pub struct ConfigEntry {
    /// The key.
    pub key: String,
    /// The value as text; `******` if it is a secret.
    pub value: String,
}
