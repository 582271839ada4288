//! The REST API of a cluster, without async.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    time::Duration,
};

use flott_client::{
    Client, ClientOptions, Error, ExceptionHistory, ExecutionResult, JobDetail, JobSummary, Overview,
    RunRequest, TaskManager,
};
use flott_core::{JobId, JobStatus};
use reqwest::{
    Method,
    multipart::{Form, Part},
};
use serde_json::Value;
use tokio::runtime::{self, Runtime};

/// How long one call may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How soon one must come that may not come at all.
const SOON: Duration = Duration::from_secs(2);

/// An answer as it came.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, if it is JSON; else a string.
    pub body: Value,
}

impl Answer {
    /// All texts of an error, on a line each.
    pub fn errors(&self) -> String {
        let errors = self.body["errors"].as_array().into_iter().flatten();
        errors.filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// A client of the typed API and of anything else.
pub struct Rest {
    runtime: Runtime,
    client: Client,
    raw: reqwest::Client,
    base: String,
}

impl Rest {
    /// For the cluster at this port.
    pub fn new(port: u16) -> Self {
        Self::at(Ipv4Addr::LOCALHOST, port)
    }

    /// For a server on some host.
    pub fn at(address: impl Into<IpAddr>, port: u16) -> Self {
        let address = std::net::SocketAddr::new(address.into(), port);
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let base = format!("http://{address}");
        let options = ClientOptions { timeout: LIMIT, ..ClientOptions::default() };
        let client = Client::new(&base, options).expect("a good address");
        // A connection that was kept open may be to a JobManager that is gone.
        let raw =
            reqwest::Client::builder().timeout(LIMIT).pool_max_idle_per_host(0).build().expect("a client");
        Self { runtime, client, raw, base }
    }

    /// Numbers of TaskManagers, slots and jobs; `None` if nobody answers.
    pub fn try_overview(&self) -> Option<Overview> {
        self.runtime.block_on(self.client.overview()).ok()
    }

    /// Numbers of TaskManagers, slots and jobs.
    ///
    /// # Panics
    /// If nobody answers.
    #[track_caller]
    pub fn overview(&self) -> Overview {
        self.try_overview().expect("the JobManager answers")
    }

    /// The registered TaskManagers.
    #[track_caller]
    pub fn task_managers(&self) -> Vec<TaskManager> {
        self.runtime.block_on(self.client.task_managers()).expect("the JobManager answers")
    }

    /// All jobs.
    #[track_caller]
    pub fn jobs(&self) -> Vec<JobSummary> {
        self.runtime.block_on(self.client.jobs_overview()).expect("the JobManager answers")
    }

    /// A job with its vertices.
    ///
    /// # Errors
    /// What the client says.
    pub fn job(&self, job: JobId) -> Result<JobDetail, Error> {
        self.runtime.block_on(self.client.job(job))
    }

    /// A job's status.
    ///
    /// # Errors
    /// What the client says.
    pub fn status(&self, job: JobId) -> Result<JobStatus, Error> {
        self.runtime.block_on(self.client.job_status(job))
    }

    /// How a job ended.
    ///
    /// # Errors
    /// What the client says.
    pub fn execution_result(&self, job: JobId) -> Result<Option<ExecutionResult>, Error> {
        self.runtime.block_on(self.client.execution_result(job))
    }

    /// A job's failures.
    ///
    /// # Errors
    /// What the client says.
    pub fn exceptions(&self, job: JobId) -> Result<ExceptionHistory, Error> {
        self.runtime.block_on(self.client.exceptions(job))
    }

    /// Uploads a file.
    ///
    /// # Errors
    /// What the client says.
    pub fn upload(&self, path: &Path) -> Result<String, Error> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.runtime.block_on(self.client.upload(path, &name, |_| {}))
    }

    /// Runs an artifact.
    ///
    /// # Errors
    /// What the client says.
    pub fn run(&self, artifact: &str, request: &RunRequest) -> Result<JobId, Error> {
        self.runtime.block_on(self.client.run_jar(artifact, request))
    }

    /// Asks for a job to be canceled.
    ///
    /// # Errors
    /// What the client says.
    pub fn cancel(&self, job: JobId) -> Result<(), Error> {
        self.runtime.block_on(self.client.cancel(job))
    }

    /// `GET path`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, |request| request)
    }

    /// Sends `body` as JSON, whatever it is.
    #[track_caller]
    pub fn send_text(&self, method: Method, path: &str, body: &str) -> Answer {
        let body = body.to_owned();
        self.send(method, path, |request| request.header("content-type", "application/json").body(body))
    }

    /// Uploads bytes as a file of this name.
    #[track_caller]
    pub fn upload_bytes(&self, name: &str, bytes: Vec<u8>) -> Answer {
        let form = Form::new().part("jarfile", Part::bytes(bytes).file_name(name.to_owned()));
        self.send(Method::POST, "/jars/upload", |request| request.multipart(form))
    }

    /// Sends any request.
    ///
    /// # Panics
    /// If there is no answer.
    #[track_caller]
    pub fn send(
        &self,
        method: Method,
        path: &str,
        prepare: impl FnOnce(reqwest::RequestBuilder) -> reqwest::RequestBuilder,
    ) -> Answer {
        let request = prepare(self.raw.request(method, format!("{}{path}", self.base)));
        self.answer(request).unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }

    /// `GET path`; `None` if there is no answer soon.
    pub fn try_get(&self, path: &str) -> Option<Answer> {
        self.answer(self.raw.get(format!("{}{path}", self.base)).timeout(SOON)).ok()
    }

    fn answer(&self, request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
        let (status, bytes) = self.runtime.block_on(async {
            let response = request.send().await?;
            let status = response.status().as_u16();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        })?;
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Ok(Answer { status, body })
    }
}
