//! A server that answers as a JobManager does whose only job goes through given states.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Multipart, Path, State},
    http::StatusCode,
    routing::{get, patch, post, put},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

pub(crate) const JOB: &str = "2efff7fb0f9f04726989cc7c7eb9cb92";
pub(crate) const VERTEX: &str = "6bf01baa9d2ca23a3ef7ce311722523d";

/// What the server knows.
#[derive(Default)]
struct Facts {
    /// States that the job shows one after another; the last one stays.
    states: VecDeque<&'static str>,
    looks: u32,
    canceled: bool,
    /// Until when the client has said that it is there.
    heartbeats: Vec<i64>,
    uploads: Vec<(String, Vec<u8>)>,
    runs: Vec<Value>,
    refusal: Option<(u16, &'static str)>,
    task_managers: u32,
    has_no_leader: bool,
    /// Paths and bodies of the triggers.
    triggers: Vec<(String, Value)>,
    /// What becomes of an operation, one look after another; the last stays.
    outcomes: VecDeque<Value>,
    /// Bodies of the requirements.
    required: Vec<Value>,
}

#[derive(Clone)]
pub(crate) struct Cluster {
    pub(crate) address: SocketAddr,
    facts: Arc<Mutex<Facts>>,
}

type Answer = (StatusCode, Json<Value>);

impl Cluster {
    pub(crate) async fn with_job(states: &[&'static str]) -> Self {
        let facts = Facts { states: states.iter().copied().collect(), ..Facts::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let cluster = Self { address: listener.local_addr().unwrap(), facts: Arc::new(Mutex::new(facts)) };
        let router = Router::new()
            .route("/v1/overview", get(overview))
            .route("/v1/jars/upload", post(upload))
            .route("/v1/jars/{jar}/run", post(run))
            .route("/v1/jobs/overview", get(jobs))
            .route("/v1/jobs/{job}", get(job).merge(patch(cancel)))
            .route("/v1/jobs/{job}/clientHeartbeat", patch(heartbeat))
            .route("/v1/jobs/{job}/exceptions", get(exceptions))
            .route("/v1/jobs/{job}/savepoints", post(trigger))
            .route("/v1/jobs/{job}/stop", post(trigger))
            .route("/v1/jobs/{job}/checkpoints", post(trigger))
            .route("/v1/savepoint-disposal", post(trigger))
            .route("/v1/jobs/{job}/savepoints/{id}", get(outcome))
            .route("/v1/jobs/{job}/checkpoints/{id}", get(outcome))
            .route("/v1/savepoint-disposal/{id}", get(outcome))
            .route("/v1/jobs/{job}/resource-requirements", get(requirements).merge(put(require)))
            .route("/v1/jobs/{job}/rescales/history", get(rescales))
            .route("/v1/jobs/{job}/rescales/details/{id}", get(rescale))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(cluster.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        cluster
    }

    /// A server whose operations go like this, one look after another.
    pub(crate) async fn with_operation(outcomes: impl IntoIterator<Item = Value>) -> Self {
        let cluster = Self::with_job(&["RUNNING"]).await;
        cluster.facts.lock().unwrap().outcomes = outcomes.into_iter().collect();
        cluster
    }

    /// Until when the client has said that it is there.
    pub(crate) fn heartbeats(&self) -> Vec<i64> {
        self.facts.lock().unwrap().heartbeats.clone()
    }

    /// Paths and bodies of the triggers, without the ids that the command has chosen.
    pub(crate) fn triggers(&self) -> Vec<(String, Value)> {
        let mut triggers = self.facts.lock().unwrap().triggers.clone();
        for (path, body) in &mut triggers {
            let id = body.as_object_mut().unwrap().remove("triggerId");
            assert_eq!(id.unwrap().as_str().unwrap().len(), 32, "{path}");
        }
        triggers
    }

    /// Bodies of the requirements that were sent.
    pub(crate) fn required(&self) -> Vec<Value> {
        self.facts.lock().unwrap().required.clone()
    }

    /// Refuses to run artifacts and to begin operations from now on.
    pub(crate) fn refuse_runs(&self, status: u16, error: &'static str) {
        self.facts.lock().unwrap().refusal = Some((status, error));
    }

    pub(crate) fn has_no_leader(&self) {
        self.facts.lock().unwrap().has_no_leader = true;
    }

    pub(crate) fn register_task_managers(&self, count: u32) {
        self.facts.lock().unwrap().task_managers = count;
    }

    /// Bodies of the run requests, without the ids that the command has chosen.
    pub(crate) fn runs(&self) -> Vec<Value> {
        let mut runs = self.facts.lock().unwrap().runs.clone();
        for body in &mut runs {
            let id = body.as_object_mut().unwrap().remove("jobId");
            assert_eq!(id.unwrap().as_str().unwrap().len(), 32);
        }
        runs
    }

    /// Names and contents of what was uploaded.
    pub(crate) fn uploads(&self) -> Vec<(String, Vec<u8>)> {
        self.facts.lock().unwrap().uploads.clone()
    }

    pub(crate) fn is_canceled(&self) -> bool {
        self.facts.lock().unwrap().canceled
    }

    /// Waits until the job has been looked at this often.
    pub(crate) async fn looked_at(&self, times: u32) {
        while self.facts.lock().unwrap().looks < times {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    }
}

fn refuse(status: u16, error: &str) -> Answer {
    (StatusCode::from_u16(status).unwrap(), Json(json!({ "errors": [error] })))
}

fn accept(body: Value) -> Answer {
    (StatusCode::OK, Json(body))
}

async fn overview(State(cluster): State<Cluster>) -> Answer {
    let facts = cluster.facts.lock().unwrap();
    if facts.has_no_leader {
        return refuse(503, "there is no leader");
    }
    let task_managers = facts.task_managers;
    accept(json!({"taskmanagers": task_managers, "slots-total": 4, "slots-available": 4, "jobs-running": 0,
        "jobs-finished": 0, "jobs-cancelled": 0, "jobs-failed": 0, "flink-version": "0.1.0", "flink-commit": "x"}))
}

async fn upload(State(cluster): State<Cluster>, mut form: Multipart) -> Answer {
    let field = form.next_field().await.unwrap().unwrap();
    let name = field.file_name().unwrap().to_owned();
    let content = field.bytes().await.unwrap().to_vec();
    cluster.facts.lock().unwrap().uploads.push((name, content));
    accept(json!({"filename": "/data/abc_word-count", "status": "success"}))
}

async fn run(State(cluster): State<Cluster>, Path(jar): Path<String>, Json(body): Json<Value>) -> Answer {
    assert_eq!(jar, "abc_word-count");
    let mut facts = cluster.facts.lock().unwrap();
    if let Some((status, error)) = facts.refusal {
        return refuse(status, error);
    }
    facts.runs.push(body);
    accept(json!({ "jobid": JOB }))
}

async fn jobs(State(_): State<Cluster>) -> Answer {
    let job = |jid: &str, name: &str, state: &str, start: i64| {
        json!({"jid": jid, "name": name, "state": state, "start-time": start, "end-time": -1, "duration": 5,
            "last-modification": 7, "tasks": {"total": 1}})
    };
    accept(json!({"jobs": [
        job("00000000000000000000000000000003", "third", "RUNNING", 1_795_390_180_000),
        job("00000000000000000000000000000002", "over", "FINISHED", 1_795_390_175_000),
        job(JOB, "first", "RUNNING", 1_795_390_171_968),
    ]}))
}

async fn job(State(cluster): State<Cluster>, Path(id): Path<String>) -> Answer {
    if id != JOB {
        return refuse(404, &format!("Job {id} not found"));
    }
    let mut facts = cluster.facts.lock().unwrap();
    facts.looks += 1;
    let state = if facts.canceled {
        "CANCELED"
    } else if facts.states.len() > 1 {
        facts.states.pop_front().unwrap()
    } else {
        facts.states[0]
    };
    let vertex_state = if state == "RUNNING" || state == "FINISHED" { state } else { "CREATED" };
    accept(
        json!({"jid": JOB, "name": "word count", "state": state, "start-time": 1, "end-time": -1, "duration": 740,
        "now": 3, "timestamps": {}, "status-counts": {}, "plan": {"name": "word count", "nodes": []},
        "vertices": [{"id": VERTEX, "name": "Source: text -> split", "parallelism": facts.parallelism(),
            "maxParallelism": 128, "status": vertex_state,
            "start-time": 1, "end-time": -1, "duration": 1, "tasks": {}, "metrics": {"write-records": 7}}]}),
    )
}

async fn cancel(State(cluster): State<Cluster>, Path(id): Path<String>) -> Answer {
    if id != JOB {
        return refuse(404, "Job could not be found.");
    }
    cluster.facts.lock().unwrap().canceled = true;
    (StatusCode::ACCEPTED, Json(json!({})))
}

async fn heartbeat(State(cluster): State<Cluster>, Json(body): Json<Value>) -> Answer {
    cluster.facts.lock().unwrap().heartbeats.push(body["expiredTimestamp"].as_i64().unwrap());
    (StatusCode::ACCEPTED, Json(json!({})))
}

async fn trigger(State(cluster): State<Cluster>, uri: axum::http::Uri, Json(body): Json<Value>) -> Answer {
    let mut facts = cluster.facts.lock().unwrap();
    if let Some((status, error)) = facts.refusal {
        return refuse(status, error);
    }
    let answer = json!({ "request-id": body["triggerId"] });
    facts.triggers.push((uri.path().to_owned(), body));
    (StatusCode::ACCEPTED, Json(answer))
}

async fn outcome(State(cluster): State<Cluster>, uri: axum::http::Uri) -> Answer {
    let mut facts = cluster.facts.lock().unwrap();
    facts.looks += 1;
    let is_known =
        facts.triggers.iter().any(|(_, body)| uri.path().ends_with(body["triggerId"].as_str().unwrap()));
    if !is_known {
        return refuse(404, "There is no such operation.");
    }
    let outcomes = &mut facts.outcomes;
    let outcome = if outcomes.len() > 1 { outcomes.pop_front().unwrap() } else { outcomes[0].clone() };
    accept(outcome)
}

async fn exceptions() -> Answer {
    accept(json!({"exceptionHistory": {"truncated": false, "entries": [
        {"exceptionName": "PANIC", "stacktrace": "user code panicked: division by zero (src/main.rs:7:5)\n",
         "timestamp": 2, "taskName": "split (1/2)", "taskManagerId": "tm-1", "concurrentExceptions": []},
        {"exceptionName": "CONNECTION_LOST", "stacktrace": "an echo", "timestamp": 1, "concurrentExceptions": []},
    ]}}))
}

impl Facts {
    /// What the job's vertex has: what is wanted, once the rescale is completed.
    fn parallelism(&self) -> Value {
        let is_completed = self.outcomes.front().is_some_and(|it| it["terminalState"] == "COMPLETED");
        match self.required.last().filter(|_| is_completed) {
            Some(body) => body[VERTEX]["parallelism"]["upperBound"].clone(),
            None => json!(2),
        }
    }
}

impl Facts {
    /// The last one, another one for each wish.
    fn rescale(&self) -> Value {
        let mut rescale = self.outcomes[0].clone();
        rescale["rescaleUuid"] = json!(format!("{:032x}", self.required.len()));
        rescale
    }
}

async fn requirements() -> Answer {
    accept(json!({VERTEX: {"parallelism": {"lowerBound": 1, "upperBound": 2}}}))
}

async fn require(State(cluster): State<Cluster>, Json(body): Json<Value>) -> Answer {
    let mut facts = cluster.facts.lock().unwrap();
    if let Some((status, error)) = facts.refusal {
        return refuse(status, error);
    }
    facts.required.push(body);
    accept(json!({}))
}

async fn rescales(State(cluster): State<Cluster>) -> Answer {
    let mut facts = cluster.facts.lock().unwrap();
    if facts.required.is_empty() {
        return accept(json!([{"rescaleUuid": "old", "terminalState": "COMPLETED"}]));
    }
    if facts.outcomes.len() > 1 {
        facts.outcomes.pop_front();
    }
    accept(json!([facts.rescale(), {"rescaleUuid": "old", "terminalState": "COMPLETED"}]))
}

async fn rescale(State(cluster): State<Cluster>, Path((_, id)): Path<(String, String)>) -> Answer {
    let facts = cluster.facts.lock().unwrap();
    let mut rescale = facts.rescale();
    if rescale["rescaleUuid"] != id {
        return refuse(404, "There is no such rescale.");
    }
    let (before, after) = (json!(2), facts.parallelism());
    rescale["vertices"] = json!({VERTEX: {"jobVertexName": "Source: text -> split",
        "preRescaleParallelism": before, "postRescaleParallelism": after}});
    accept(rescale)
}
