//! The client against a small server.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Multipart, Path, RawQuery},
    http::{HeaderMap, HeaderValue, StatusCode},
    routing::{get, patch, post},
};
use flott_client::{
    ApplicationStatus, Client, ClientOptions, Error, ErrorKind, RetryAdvice, RetryPolicy, RunRequest,
};
use flott_core::{ExecutionState, JobId, JobStatus};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const JOB: &str = "2efff7fb0f9f04726989cc7c7eb9cb92";
const VERTEX: &str = "6bf01baa9d2ca23a3ef7ce311722523d";

fn job() -> JobId {
    JOB.parse().unwrap()
}

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

fn fast() -> ClientOptions {
    let retry = RetryPolicy { first_delay: Duration::from_millis(1), ..RetryPolicy::SHORT };
    ClientOptions { retry, ..ClientOptions::default() }
}

async fn client(router: Router) -> Client {
    Client::new(&serve(router).await.to_string(), fast()).unwrap()
}

/// An address where nobody listens.
async fn nobody() -> String {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string()
}

fn answers(path: &str, body: Value) -> Router {
    Router::new().route(path, get(move || async move { Json(body) }))
}

#[tokio::test]
async fn bodies_of_the_cluster_are_read() {
    let router = answers(
        "/v1/overview",
        json!({"taskmanagers": 2, "slots-total": 4, "slots-available": 1, "jobs-running": 3, "jobs-finished": 4,
            "jobs-cancelled": 5, "jobs-failed": 6, "flink-version": "0.1.0", "flink-commit": "c0f8d1a", "new": 1}),
    )
    .merge(answers(
        "/v1/config",
        json!({"refresh-interval": 3000, "timezone-name": "Coordinated Universal Time", "timezone-offset": 0,
            "flink-version": "0.1.0", "flink-revision": "c0f8d1a @ 2026-06-14T16:29:03+02:00",
            "features": {"web-submit": true, "web-cancel": true, "web-rescale": false, "web-history": false}}),
    ))
    .merge(answers(
        "/v1/taskmanagers",
        json!({"taskmanagers": [{"id": "host:36371-d09e4b", "path": "http://host:1", "dataPort": 39045, "jmxPort": -1,
            "timeSinceLastHeartbeat": 1795390333700_i64, "slotsNumber": 2, "freeSlots": 1, "assignedTasks": 6,
            "hardware": {"cpuCores": 2, "physicalMemory": 25276510208_u64, "freeMemory": 518979584,
                "managedMemory": 0}}]}),
    ));
    let client = client(router).await;
    let overview = client.overview().await.unwrap();
    assert_eq!((overview.taskmanagers, overview.slots_total, overview.slots_available), (2, 4, 1));
    assert_eq!((overview.jobs_running, overview.jobs_cancelled, overview.jobs_failed), (3, 5, 6));
    let config = client.config().await.unwrap();
    assert_eq!(config.refresh_interval, 3000);
    assert!(config.features.web_submit && !config.features.web_history);
    let task_managers = client.task_managers().await.unwrap();
    assert_eq!((task_managers[0].id.as_str(), task_managers[0].free_slots), ("host:36371-d09e4b", 1));
}

#[tokio::test]
async fn bodies_of_jobs_are_read() {
    let tasks = json!({"total": 3, "created": 0, "scheduled": 0, "deploying": 0, "initializing": 0, "running": 3,
        "finished": 0, "canceling": 0, "canceled": 0, "failed": 0, "reconciling": 0});
    let router = answers(
        "/v1/jobs/overview",
        json!({"jobs": [{"jid": JOB, "name": "win-job", "jobType": "STREAMING", "schedulerType": "Default",
            "start-time": 1795390171968_i64, "end-time": -1, "duration": 5, "state": "CANCELLING",
            "last-modification": 7, "tasks": tasks, "pending-operators": 0}]}),
    )
    .merge(answers(
        "/v1/jobs/{job}",
        json!({"jid": JOB, "application-id": JOB, "name": "win-job", "isStoppable": false, "state": "RUNNING",
            "start-time": 1, "end-time": -1, "duration": 2, "maxParallelism": -1, "now": 3,
            "timestamps": {"RUNNING": 4, "CANCELLING": 0}, "status-counts": {"RUNNING": 1, "CANCELING": 0},
            "vertices": [{"id": VERTEX, "slotSharingGroupId": VERTEX, "name": "Source: gen", "maxParallelism": 128,
                "parallelism": 2, "status": "RUNNING", "start-time": 5, "end-time": -1, "duration": 6,
                "tasks": {"RUNNING": 2}, "metrics": {"read-bytes": 1, "read-bytes-complete": true, "write-bytes": 2,
                    "read-records": 3, "write-records": 4, "accumulated-busy-time": "NaN"}}],
            "plan": {"jid": JOB, "name": "win-job", "type": "STREAMING", "nodes": [
                {"id": VERTEX, "operator": "", "parallelism": 2, "description": "Source: gen<br/>",
                 "inputs": [{"id": VERTEX, "num": 0, "exchange": "pipelined_bounded", "ship_strategy": "HASH"}]}]}}),
    ))
    .merge(answers("/v1/jobs/{job}/status", json!({"status": "RESTARTING"})))
    .merge(answers(
        "/v1/jobs/{job}/exceptions",
        json!({"exceptionHistory": {"truncated": true, "entries": [{"exceptionName": "PANIC", "stacktrace": "boom",
            "timestamp": 1, "failureLabels": {}, "taskName": "map (1/2)", "endpoint": "localhost:1",
            "taskManagerId": "tm", "concurrentExceptions": [
                {"exceptionName": "X", "stacktrace": "y", "timestamp": 2, "concurrentExceptions": []}]}]}}),
    ))
    .merge(answers(
        "/v1/jobs/{job}/execution-result",
        json!({"status": {"id": "COMPLETED"}, "job-execution-result": {"id": JOB, "name": "win-job",
            "application-status": "FAILED", "accumulator-results": {}, "net-runtime": 740,
            "failure-cause": {"class": "PANIC", "stack-trace": "boom", "serialized-throwable": ""}}}),
    ));
    let client = client(router).await;
    let jobs = client.jobs_overview().await.unwrap();
    assert_eq!((jobs[0].state, jobs[0].tasks["running"]), (JobStatus::Cancelling, 3));
    let detail = client.job(job()).await.unwrap();
    assert_eq!(detail.vertices[0].tasks[&ExecutionState::Running], 2);
    assert_eq!(detail.vertices[0].metrics.write_records, 4);
    assert_eq!(detail.plan.nodes[0].inputs[0].ship_strategy, "HASH");
    assert_eq!(client.job_status(job()).await.unwrap(), JobStatus::Restarting);
    let history = client.exceptions(job()).await.unwrap();
    assert!(history.truncated);
    assert_eq!(history.entries[0].task_name.as_deref(), Some("map (1/2)"));
    assert_eq!(history.entries[0].concurrent_exceptions[0].stacktrace, "y");
    let result = client.execution_result(job()).await.unwrap().unwrap();
    assert_eq!(result.application_status, ApplicationStatus::Failed);
    assert_eq!(result.failure_cause.unwrap().stack_trace, "boom");
}

#[tokio::test]
async fn running_job_has_no_result() {
    let body = json!({"status": {"id": "IN_PROGRESS"}});
    let client = client(answers("/v1/jobs/{job}/execution-result", body)).await;
    assert_eq!(client.execution_result(job()).await.unwrap(), None);
}

#[tokio::test]
async fn cancel_patches_the_job() {
    let router = Router::new().route(
        "/v1/jobs/{job}",
        patch(async |Path(job): Path<String>, RawQuery(query): RawQuery, Json(body): Json<Value>| {
            assert_eq!((job.as_str(), query.as_deref(), body), (JOB, Some("mode=cancel"), json!({})));
            (StatusCode::ACCEPTED, Json(json!({})))
        }),
    );
    client(router).await.cancel(job()).await.unwrap();
}

#[tokio::test]
async fn artifact_is_uploaded_whole_and_run() {
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| n as u8).collect();
    let expected = content.clone();
    let upload = async move |mut form: Multipart| {
        let field = form.next_field().await.unwrap().unwrap();
        assert_eq!(field.file_name(), Some("word count"));
        assert_eq!(field.bytes().await.unwrap(), expected);
        assert!(form.next_field().await.unwrap().is_none());
        Json(json!({"filename": "/data/jars/abc_word-count", "status": "success"}))
    };
    let run = async |Path(jar): Path<String>, Json(body): Json<Value>| {
        assert_eq!(jar, "abc_word-count");
        assert_eq!(
            body,
            json!({"programArgsList": ["--input", "a b"], "parallelism": 4, "entryClass": "main"})
        );
        Json(json!({"jobid": JOB, "applicationId": JOB}))
    };
    let router = Router::new()
        .route("/v1/jars/upload", post(upload))
        .route("/v1/jars/{jar}/run", post(run))
        .layer(axum::extract::DefaultBodyLimit::disable());
    let client = client(router).await;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("program");
    std::fs::write(&path, &content).unwrap();
    let seen = Arc::new(AtomicU64::new(0));
    let progress = Arc::clone(&seen);
    let id = client
        .upload(&path, "word count", move |bytes| progress.store(bytes, Ordering::Relaxed))
        .await
        .unwrap();
    assert_eq!(id, "abc_word-count");
    assert_eq!(seen.load(Ordering::Relaxed), content.len() as u64);
    let request = RunRequest {
        entry_class: Some("main".to_owned()),
        program_args_list: vec!["--input".to_owned(), "a b".to_owned()],
        parallelism: Some(4),
        ..RunRequest::default()
    };
    assert_eq!(client.run_jar(&id, &request).await.unwrap(), job());

    let missing = client.upload(&dir.path().join("missing"), "x", |_| {}).await.unwrap_err();
    assert!(matches!(missing, Error::File { .. }));
    assert!(missing.to_string().contains("missing"), "names the file: {missing}");
}

#[tokio::test]
async fn absent_server_is_named_with_a_way_out() {
    let address = nobody().await;
    let error = Client::new(&address, fast()).unwrap().overview().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::External, RetryAdvice::WithBackoff));
    let text = error.to_string();
    assert!(text.contains(&address) && text.contains("bin/start-cluster.sh"), "{text}");
}

#[tokio::test]
async fn reasons_of_the_server_are_handed_on() {
    let refuse =
        async || (StatusCode::NOT_FOUND, Json(json!({"errors": ["Job could not be found.", "more"]})));
    let client = client(Router::new().route("/v1/jobs/{job}", get(refuse))).await;
    let error = client.job(job()).await.unwrap_err();
    assert_eq!(error.to_string(), "Job could not be found.\nmore");
    assert!(error.is_not_found());
    assert_eq!((error.kind(), error.retry()), (ErrorKind::User, RetryAdvice::Never));

    let bare = client.overview().await.unwrap_err(); // a 404 without a body
    assert_eq!(bare.to_string(), "the JobManager refused with HTTP status 404 and gave no reason");
}

#[tokio::test]
async fn other_servers_are_noticed() {
    let router = Router::new()
        .route("/v1/overview", get(async || "<html>welcome</html>"))
        .route("/v1/jars", get(async || Json(json!({"file": []}))));
    let client = client(router).await;
    let text = client.overview().await.unwrap_err().to_string();
    assert!(text.contains("GET /v1/overview") && text.contains("<html>welcome"), "{text}");
    assert!(text.contains(&client.address()), "{text}");
    assert!(matches!(client.jars().await, Err(Error::UnexpectedBody { .. })));
}

#[tokio::test]
async fn silent_server_is_not_waited_for_without_end() {
    let router = Router::new().route("/v1/overview", get(std::future::pending::<String>));
    let options = ClientOptions { timeout: Duration::from_millis(50), ..fast() };
    let client = Client::new(&serve(router).await.to_string(), options).unwrap();
    let error = client.overview().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(error.to_string().contains("within 0.05 s"), "{error}");
}

/// A server without a leader for the first `failures` calls.
fn electing(path: &str, failures: u32, calls: &Arc<AtomicU32>) -> Router {
    let calls = Arc::clone(calls);
    let answer = move || async move {
        if calls.fetch_add(1, Ordering::Relaxed) < failures {
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({"errors": ["leader election"]})))
        } else {
            (StatusCode::OK, Json(json!({"status": "RUNNING", "jobid": JOB})))
        }
    };
    Router::new().route(path, get(answer.clone()).post(answer))
}

#[tokio::test]
async fn elections_are_waited_out() {
    let calls = Arc::new(AtomicU32::new(0));
    let client = client(electing("/v1/jobs/{job}/status", 2, &calls)).await;
    assert_eq!(client.job_status(job()).await.unwrap(), JobStatus::Running);
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn long_elections_are_given_up() {
    let calls = Arc::new(AtomicU32::new(0));
    let client = client(electing("/v1/jobs/{job}/status", u32::MAX, &calls)).await;
    assert_eq!(client.job_status(job()).await.unwrap_err().to_string(), "leader election");
    assert_eq!(calls.load(Ordering::Relaxed), RetryPolicy::SHORT.max_attempts);
}

#[tokio::test]
async fn broken_connection_repeats_only_what_is_safe() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            // Reads the request, so that it has arrived, and hangs up.
            let mut request = [0; 1024];
            stream.readable().await.unwrap();
            let _ = stream.try_read(&mut request);
        }
    });
    let client = Client::new(&address.to_string(), fast()).unwrap();
    assert!(matches!(client.overview().await, Err(Error::Broken { .. })));
    assert_eq!(connections.swap(0, Ordering::Relaxed), 3);
    assert!(matches!(client.run_jar("x", &RunRequest::default()).await, Err(Error::Broken { .. })));
    assert_eq!(connections.load(Ordering::Relaxed), 1);
}

/// A server of a cluster of several, which answers like this and counts its calls.
async fn member(status: StatusCode, body: Value) -> (SocketAddr, Arc<AtomicU32>) {
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&calls);
    let answer = move || async move {
        count.fetch_add(1, Ordering::Relaxed);
        let mut headers = HeaderMap::new();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert("retry-after", HeaderValue::from_static("1"));
        }
        (status, headers, Json(body))
    };
    let router = Router::new()
        .route("/v1/jobs/{job}/status", get(answer.clone()))
        .route("/v1/jars/{jar}/run", post(answer));
    (serve(router).await, calls)
}

fn standby() -> impl Future<Output = (SocketAddr, Arc<AtomicU32>)> {
    member(StatusCode::SERVICE_UNAVAILABLE, json!({"errors": ["leader election"]}))
}

fn leader() -> impl Future<Output = (SocketAddr, Arc<AtomicU32>)> {
    member(StatusCode::OK, json!({"status": "RUNNING", "jobid": JOB}))
}

/// Hangs up on every call that has arrived.
async fn breaking() -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
            let mut request = [0; 1024];
            stream.readable().await.unwrap();
            let _ = stream.try_read(&mut request);
        }
    });
    (address, connections)
}

#[tokio::test]
async fn the_first_that_answers_is_asked_first_from_then_on() {
    let (nobody, (standby, standbys_calls), (leader, leaders_calls)) =
        (nobody().await, standby().await, leader().await);
    let client = Client::new(&format!("{nobody},{standby}, http://{leader}"), fast()).unwrap();
    for _ in 0..3 {
        assert_eq!(client.job_status(job()).await.unwrap(), JobStatus::Running);
    }
    assert_eq!(client.address(), format!("http://{leader}"));
    let calls = [&standbys_calls, &leaders_calls].map(|calls| calls.load(Ordering::Relaxed));
    assert_eq!(calls, [1, 3]);
    // What may not be repeated too, as neither of the others has done anything.
    let other = Client::new(&format!("{nobody},{standby},{leader}"), fast()).unwrap();
    assert_eq!(other.run_jar("x", &RunRequest::default()).await.unwrap(), job());
}

#[tokio::test]
async fn without_a_leader_all_are_asked_again_and_named_in_the_end() {
    let (nobody, (standby, calls)) = (nobody().await, standby().await);
    let await_leader = Duration::from_millis(250);
    let options = ClientOptions { await_leader, ..fast() };
    let client = Client::new(&format!("{nobody},{standby}"), options).unwrap();
    let error = client.job_status(job()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::External, RetryAdvice::WithBackoff));
    let text = error.to_string();
    let expected = format!(
        "within 0.25 s, asked were http://{nobody} (cannot connect), http://{standby} (leader election);"
    );
    assert!(text.contains(&expected), "{text}");
    assert!(calls.load(Ordering::Relaxed) >= 2);
}

#[tokio::test]
async fn an_election_is_waited_for_longer_than_an_outage() {
    let calls = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&calls);
    let answer = move || async move {
        let is_over = count.fetch_add(1, Ordering::Relaxed) > RetryPolicy::NONE.max_attempts;
        let status = if is_over { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (status, [("retry-after", "1")], Json(json!({"status": "RUNNING", "errors": ["leader election"]})))
    };
    let router = Router::new().route("/v1/jobs/{job}/status", get(answer));
    let options = ClientOptions { retry: RetryPolicy::NONE, ..fast() };
    let client = Client::new(&serve(router).await.to_string(), options).unwrap();
    assert_eq!(client.job_status(job()).await.unwrap(), JobStatus::Running);
    assert_eq!(calls.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn submissions_are_repeated_elsewhere_only_under_an_id_of_their_own() {
    let ((broken, connections), (leader, calls)) = (breaking().await, leader().await);
    let servers = format!("{broken},{leader}");
    let client = Client::new(&servers, fast()).unwrap();
    let error = client.run_jar("x", &RunRequest::default()).await.unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error:?}");
    assert_eq!((connections.load(Ordering::Relaxed), calls.load(Ordering::Relaxed)), (1, 0));
    let own = RunRequest { job_id: Some(job()), ..RunRequest::default() };
    assert_eq!(client.run_jar("x", &own).await.unwrap(), job());
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn one_of_several_that_hangs_is_left_for_the_next() {
    let hanging = Router::new().route("/v1/jobs/{job}/status", get(std::future::pending::<String>));
    let (hanging, (leader, _)) = (serve(hanging).await, leader().await);
    let options = ClientOptions { timeout: Duration::from_millis(50), ..fast() };
    let client = Client::new(&format!("{hanging},{leader}"), options).unwrap();
    assert_eq!(client.job_status(job()).await.unwrap(), JobStatus::Running);
}

#[tokio::test]
async fn a_refusal_of_one_that_leads_is_the_answer() {
    let (standby, _) = standby().await;
    let (leader, calls) = member(StatusCode::NOT_FOUND, json!({"errors": ["Job not found"]})).await;
    let client = Client::new(&format!("{standby},{leader}"), fast()).unwrap();
    let error = client.job_status(job()).await.unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}
