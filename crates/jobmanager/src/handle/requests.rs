//! What goes in through the front door.

use std::collections::BTreeMap;

use flott_core::JobId;
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
    /// A savepoint to start from. Not supported yet: refused if set.
    pub savepoint: Option<String>,
}

/// One setting that the JobManager runs with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigEntry {
    /// The key.
    pub key: String,
    /// The value as text; `******` if it is a secret.
    pub value: String,
}
