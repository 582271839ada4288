//! Bodies about artifacts, which the API calls jars.

use std::collections::BTreeMap;

use flott_core::JobId;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
pub(crate) struct Jars {
    pub(crate) files: Vec<Jar>,
}

/// An uploaded artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jar {
    /// The id to run it by.
    pub id: String,
    /// The file name that it was uploaded under.
    pub name: String,
    /// When it was uploaded.
    pub uploaded: i64,
    /// Its entries, as far as they are known.
    #[serde(default)]
    pub entry: Vec<JarEntry>,
}

/// One of several jobs in one artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JarEntry {
    /// The name to choose it by.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Uploaded {
    /// A path whose last element is the id.
    pub(crate) filename: String,
}

/// How to plan or run an artifact. Absent fields take the server's and the program's own values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RunRequest {
    /// Which of the program's entries to run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry_class: Option<String>,
    /// The program's arguments.
    pub program_args_list: Vec<String>,
    /// Parallelism of operators that set none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallelism: Option<u32>,
    /// The id that the job is to have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<JobId>,
    /// A savepoint or checkpoint to begin with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub savepoint_path: Option<String>,
    /// Whether it may hold state that no operator of the job takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_non_restored_state: Option<bool>,
    /// Whose its files are then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim_mode: Option<ClaimMode>,
    /// Settings of this job, as key and value.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub flink_configuration: BTreeMap<String, String>,
}

/// Whose the files are of a snapshot that a job begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ClaimMode {
    /// The job's, which deletes them when it needs them no more.
    Claim,
    /// The user's.
    NoClaim,
}

#[derive(Deserialize)]
pub(crate) struct Started {
    pub(crate) jobid: JobId,
}
