//! Checkpoints, savepoints and restarts of jobs.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use flott_client::{Checkpoint, Checkpoints, JobDetail};
use flott_core::{JobId, JobStatus};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Cluster, ClusterBuilder};
use crate::{Answer, PATIENCE, eventually, eventually_within};

/// Keys of the oracle's job.
pub const ORACLE_KEYS: u64 = 50;

impl ClusterBuilder {
    /// Lets jobs take checkpoints each `interval` into `DIR/checkpoints`, and savepoints into `DIR/savepoints`.
    #[must_use]
    pub fn checkpoints(self, interval: &str) -> Self {
        self.set("execution.checkpointing.interval", interval)
            .set("execution.checkpointing.dir", "file://{dir}/checkpoints")
            .set("execution.checkpointing.savepoint-dir", "file://{dir}/savepoints")
    }
}

/// The path on this machine that a URI of the scheme `file` names.
///
/// # Panics
/// If it is none.
#[track_caller]
pub fn local_path(uri: &str) -> PathBuf {
    let path = uri.strip_prefix("file:").unwrap_or_else(|| panic!("{uri} is not a file URI"));
    PathBuf::from(path.strip_prefix("//").unwrap_or(path))
}

/// All files below a directory, sorted.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

impl Cluster {
    /// Runs the job of the [oracle](crate::oracle).
    #[track_caller]
    pub fn submit_oracle(&self, records: u64, rate: u64, parallelism: u32, savepoint: Option<&str>) -> JobId {
        self.submit_oracle_of(self.test_jobs(), records, rate, parallelism, savepoint)
    }

    /// Runs it from another artifact, with the test jobs.
    #[track_caller]
    pub fn submit_oracle_of(
        &self,
        artifact: &str,
        records: u64,
        rate: u64,
        parallelism: u32,
        savepoint: Option<&str>,
    ) -> JobId {
        fs::create_dir_all(self.path("faults")).expect("a directory");
        let args = [
            format!("--records={records}"),
            format!("--rate={rate}"),
            format!("--keys={ORACLE_KEYS}"),
            format!("--output={}", self.arg("output")),
            format!("--faults={}", self.arg("faults")),
        ];
        let mut request = Self::request("oracle", &[], parallelism);
        request.program_args_list = args.into();
        request.savepoint_path = savepoint.map(str::to_owned);
        self.rest().run(artifact, &request).expect("the job is accepted")
    }

    /// Waits for the end of the oracle's job, and for its verdict.
    ///
    /// # Panics
    /// If a record was not counted exactly once.
    #[track_caller]
    pub fn expect_clean_oracle(&self, job: JobId, records: u64) {
        self.wait_for(job, JobStatus::Finished);
        let verdict = crate::oracle::check(&self.path("output"), records, ORACLE_KEYS);
        assert!(verdict.is_clean(), "{verdict}");
    }

    /// Lets the next subtask of the oracle's job that looks bring about a fault.
    pub fn order_fault(&self, fault: &str) {
        fs::create_dir_all(self.path("faults")).expect("a directory");
        fs::write(self.path("faults").join(fault), "").expect("a new file");
    }

    /// What is known of a job's checkpoints.
    #[track_caller]
    pub fn checkpoints(&self, job: JobId) -> Checkpoints {
        let answer = self.rest().get(&format!("/jobs/{job}/checkpoints"));
        serde_json::from_value(answer.body.clone()).unwrap_or_else(|error| panic!("{error}: {answer:?}"))
    }

    /// Waits for a completed checkpoint with a higher number than `number`.
    #[track_caller]
    pub fn wait_for_checkpoint_after(&self, job: JobId, number: u64) -> Checkpoint {
        eventually(&format!("job {job} has a checkpoint after {number}"), || {
            let status = self.rest().status(job).expect("the job is known");
            let latest = self.checkpoints(job).latest.completed;
            let latest = latest.filter(|checkpoint| checkpoint.id.0 > number);
            assert!(
                latest.is_some() || !status.is_terminal(),
                "job {job} is {status}: {}",
                self.failure_text(job)
            );
            latest
        })
    }

    /// Waits for a job's first completed checkpoint.
    #[track_caller]
    pub fn wait_for_checkpoint(&self, job: JobId) -> Checkpoint {
        self.wait_for_checkpoint_after(job, 0)
    }

    /// Takes a savepoint into the directory that is configured, or returns why there is none.
    ///
    /// # Errors
    /// The reason that REST tells.
    #[track_caller]
    pub fn savepoint(&self, job: JobId) -> Result<String, String> {
        self.snapshot_operation(job, "savepoints", &json!({}))
    }

    /// Ends a job with a savepoint, or returns why there is none.
    ///
    /// # Errors
    /// The reason that REST tells.
    #[track_caller]
    pub fn stop_with_savepoint(&self, job: JobId, drain: bool) -> Result<String, String> {
        let savepoint = self.snapshot_operation(job, "stop", &json!({ "drain": drain }))?;
        self.wait_for(job, JobStatus::Finished);
        Ok(savepoint)
    }

    /// Posts to `/jobs/JOB/WHAT` and waits for what comes of it.
    ///
    /// # Errors
    /// The reason that REST tells.
    #[track_caller]
    pub fn snapshot_operation(&self, job: JobId, what: &str, body: &Value) -> Result<String, String> {
        let answer = self.rest().send_text(Method::POST, &format!("/jobs/{job}/{what}"), &body.to_string());
        let answer = self.operation(&answer, &format!("/jobs/{job}/savepoints"))?;
        Ok(answer["location"].as_str().unwrap_or_else(|| panic!("no location: {answer}")).to_owned())
    }

    /// Waits for an operation that was answered so; its status is below `path`.
    ///
    /// # Errors
    /// The reason that REST tells.
    #[track_caller]
    pub fn operation(&self, triggered: &Answer, path: &str) -> Result<Value, String> {
        let Some(trigger) = triggered.body["request-id"].as_str() else { return Err(triggered.errors()) };
        let path = format!("{path}/{trigger}");
        let done = eventually("the operation is done or has failed", || {
            let answer = self.rest().get(&path);
            assert!(answer.status < 400, "{path}: {answer:?}");
            (answer.body["status"]["id"] == "COMPLETED").then_some(answer)
        });
        let operation = &done.body["operation"];
        match operation["failure-cause"]["stack-trace"].as_str() {
            Some(reason) => Err(reason.to_owned()),
            None => Ok(operation.clone()),
        }
    }

    /// Runs an entry of the test jobs from a savepoint.
    #[track_caller]
    pub fn submit_from(&self, savepoint: &str, entry: &str, args: &[&str], parallelism: u32) -> JobId {
        let mut request = Self::request(entry, args, parallelism);
        request.savepoint_path = Some(savepoint.to_owned());
        self.rest().run(self.test_jobs(), &request).expect("the job is accepted")
    }

    /// Sends a request to run the test jobs as it is.
    #[track_caller]
    pub fn try_run(&self, request: &flott_client::RunRequest) -> Answer {
        let body = serde_json::to_string(request).expect("it can be written");
        self.rest().send_text(Method::POST, &format!("/jars/{}/run", self.test_jobs()), &body)
    }

    /// Tries to run an entry of the test jobs from a savepoint, which must be refused with this HTTP status.
    #[track_caller]
    pub fn refused_from(&self, savepoint: &str, entry: &str, args: &[&str], status: u16) -> String {
        let mut request = Self::request(entry, args, 1);
        request.savepoint_path = Some(savepoint.to_owned());
        let answer = self.try_run(&request);
        assert_eq!(answer.status, status, "{answer:?}");
        answer.errors()
    }

    /// How often a job has started again.
    #[track_caller]
    pub fn restarts(&self, job: JobId) -> u64 {
        let answer = self.rest().get(&format!("/jobs/{job}/metrics?get=numRestarts"));
        let value = answer.body[0]["value"].as_str().and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no restarts: {answer:?}"))
    }

    /// Waits until a job has started again so often and all of it runs.
    #[track_caller]
    pub fn wait_for_restart(&self, job: JobId, restarts: u64) -> JobDetail {
        eventually_within(PATIENCE, &format!("job {job} has started again {restarts} times"), || {
            // Before what they tell of: a job that runs may be one that has not failed yet.
            let begun_again = self.restarts(job);
            let detail = self.rest().job(job).expect("the job is known");
            assert!(!detail.state.is_terminal(), "job {job} is {}: {}", detail.state, self.failure_text(job));
            let running = |vertex: &flott_client::VertexDetail| {
                vertex.tasks.get(&flott_core::ExecutionState::Running) == Some(&vertex.parallelism)
            };
            let all_run = detail.state == JobStatus::Running && detail.vertices.iter().all(running);
            (begun_again >= restarts && all_run).then_some(detail)
        })
    }

    /// The number of the present attempt of each subtask, by vertex.
    #[track_caller]
    pub fn attempts(&self, job: JobId) -> BTreeMap<String, Vec<u64>> {
        let vertices = self.rest().job(job).expect("the job is known").vertices;
        let of = |vertex: &flott_client::VertexDetail| {
            let answer = self.rest().get(&format!("/jobs/{job}/vertices/{}", vertex.id));
            let subtasks = answer.body["subtasks"].as_array().cloned().unwrap_or_default();
            let attempts = subtasks.iter().map(|subtask| subtask["attempt"].as_u64().expect("a number"));
            (vertex.name.clone(), attempts.collect())
        };
        vertices.iter().map(of).collect()
    }

    /// The directory of a job's checkpoints.
    pub fn checkpoint_dir(&self, job: JobId) -> PathBuf {
        self.path("checkpoints").join(job.to_string())
    }

    /// The numbers of the checkpoints that lie in a job's directory, sorted.
    pub fn checkpoints_on_disk(&self, job: JobId) -> Vec<u64> {
        let entries = fs::read_dir(self.checkpoint_dir(job)).into_iter().flatten().flatten();
        let mut numbers: Vec<_> = entries
            .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("chk-")?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers
    }
}
