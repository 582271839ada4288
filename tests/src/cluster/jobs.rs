//! Submitting jobs and watching them.

use flott_client::{JobDetail, RunRequest};
use flott_core::{JobId, JobStatus};
use serde_json::Value;

use super::Cluster;
use crate::eventually;

impl Cluster {
    /// Uploads the test jobs, once, and returns their artifact's id.
    #[track_caller]
    pub fn test_jobs(&self) -> &str {
        self.test_jobs.get_or_init(|| {
            self.rest().upload(&self.binaries().test_jobs()).expect("the test jobs are an artifact")
        })
    }

    /// How to run an entry of the test jobs.
    pub fn request(entry: &str, args: &[&str], parallelism: u32) -> RunRequest {
        RunRequest {
            entry_class: Some(entry.to_owned()),
            program_args_list: args.iter().map(|&arg| arg.to_owned()).collect(),
            parallelism: Some(parallelism),
            ..RunRequest::default()
        }
    }

    /// Runs an entry of the test jobs.
    ///
    /// # Panics
    /// If it is refused.
    #[track_caller]
    pub fn submit(&self, entry: &str, args: &[&str], parallelism: u32) -> JobId {
        let request = Self::request(entry, args, parallelism);
        self.rest().run(self.test_jobs(), &request).expect("the job is accepted")
    }

    /// Runs an entry of the test jobs, which must be refused, and returns the reason.
    #[track_caller]
    pub fn submit_refused(&self, entry: &str, args: &[&str]) -> String {
        let request = Self::request(entry, args, 1);
        let refusal = self.rest().run(self.test_jobs(), &request);
        refusal.expect_err("the job must be refused").to_string()
    }

    /// Waits until the job is in `status`.
    ///
    /// # Panics
    /// If it ends in another one, with its root cause; or if it takes too long.
    #[track_caller]
    pub fn wait_for(&self, job: JobId, status: JobStatus) -> JobDetail {
        eventually(&format!("job {job} is {status}"), || {
            let detail = self.rest().job(job).expect("the job is known");
            if detail.state != status && detail.state.is_terminal() {
                panic!("job {job} is {} instead of {status}: {}", detail.state, self.failure_text(job));
            }
            (detail.state == status).then_some(detail)
        })
    }

    /// Waits until the job and each of its subtasks run.
    #[track_caller]
    pub fn wait_until_running(&self, job: JobId) -> JobDetail {
        eventually(&format!("all of job {job} runs"), || {
            let detail = self.rest().job(job).expect("the job is known");
            if detail.state.is_terminal() {
                panic!("job {job} is {} instead of RUNNING: {}", detail.state, self.failure_text(job));
            }
            let running = |vertex: &flott_client::VertexDetail| {
                vertex.tasks.get(&flott_core::ExecutionState::Running) == Some(&vertex.parallelism)
            };
            detail.vertices.iter().all(running).then_some(detail)
        })
    }

    /// Waits until the job has read at least one record beyond its sources, so that user code is at work.
    #[track_caller]
    pub fn wait_for_records(&self, job: JobId) -> JobDetail {
        eventually(&format!("records flow in job {job}"), || {
            let detail = self.rest().job(job).expect("the job is known");
            let flows = detail.vertices.iter().any(|vertex| vertex.metrics.read_records > 0);
            flows.then_some(detail)
        })
    }

    /// Waits until the job has failed, and returns its root cause by parts.
    #[track_caller]
    pub fn wait_for_failure(&self, job: JobId) -> Value {
        self.wait_for(job, JobStatus::Failed);
        let answer = self.rest().get(&format!("/jobs/{job}/exceptions"));
        let entry = answer.body["exceptionHistory"]["entries"][0].clone();
        assert!(entry["rootCause"]["message"].is_string(), "no root cause: {}", answer.body);
        entry
    }

    /// The root cause as text, as far as there is one.
    pub fn failure_text(&self, job: JobId) -> String {
        let history = self.rest().exceptions(job);
        history.map_or_else(
            |error| error.to_string(),
            |history| history.entries.first().map_or_else(String::new, |entry| entry.stacktrace.clone()),
        )
    }
}
