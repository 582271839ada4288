//! Checkpoints and savepoints, against a small server.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::Path,
    http::StatusCode,
    routing::{get, post},
};
use flott_client::{
    CheckpointRequest, CheckpointStatus, CheckpointType, Client, ClientOptions, OperationStatus, RetryPolicy,
    SavepointRequest, StopRequest,
};
use flott_core::{CheckpointId, JobId, TriggerId, checkpoint::SavepointFormat};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const JOB: &str = "2efff7fb0f9f04726989cc7c7eb9cb92";
const TRIGGER: &str = "e0e59a0f2a9c68560652734706a4a059";

fn job() -> JobId {
    JOB.parse().unwrap()
}

fn trigger() -> TriggerId {
    TRIGGER.parse().unwrap()
}

async fn client(router: Router) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let retry = RetryPolicy { first_delay: Duration::from_millis(1), ..RetryPolicy::SHORT };
    Client::new(&address, ClientOptions { retry, ..ClientOptions::default() }).unwrap()
}

/// Answers a trigger if its body is this one.
fn takes(path: &str, expected: Value) -> Router {
    let answer = move |Json(body): Json<Value>| async move {
        assert_eq!(body, expected);
        (StatusCode::ACCEPTED, Json(json!({ "request-id": TRIGGER })))
    };
    Router::new().route(path, post(answer))
}

#[tokio::test]
async fn triggers_have_flinks_bodies() {
    let router = takes(
        "/v1/jobs/{job}/savepoints",
        json!({"target-directory": "file:/sp", "cancel-job": true, "formatType": "NATIVE", "triggerId": null}),
    )
    .merge(takes(
        "/v1/jobs/{job}/stop",
        json!({"targetDirectory": null, "drain": true, "formatType": "CANONICAL", "triggerId": TRIGGER}),
    ))
    .merge(takes("/v1/jobs/{job}/checkpoints", json!({"checkpointType": "FULL", "triggerId": null})))
    .merge(takes("/v1/savepoint-disposal", json!({"savepoint-path": "file:/sp/x", "triggerId": null})));
    let client = client(router).await;
    let savepoint = SavepointRequest {
        target_directory: Some("file:/sp".to_owned()),
        cancel_job: true,
        format_type: SavepointFormat::Native,
        trigger_id: None,
    };
    assert_eq!(client.trigger_savepoint(job(), &savepoint).await.unwrap(), trigger());
    let stop = StopRequest { drain: true, trigger_id: Some(trigger()), ..StopRequest::default() };
    assert_eq!(client.stop(job(), &stop).await.unwrap(), trigger());
    let full = CheckpointRequest { checkpoint_type: CheckpointType::Full, trigger_id: None };
    assert_eq!(client.trigger_checkpoint(job(), &full).await.unwrap(), trigger());
    assert_eq!(client.dispose_savepoint("file:/sp/x", None).await.unwrap(), trigger());
}

#[tokio::test]
async fn operations_are_under_way_done_or_failed() {
    let answers = Arc::new(AtomicU32::new(0));
    let savepoint = move |Path((_, id)): Path<(String, String)>| {
        let count = answers.fetch_add(1, Ordering::Relaxed);
        async move {
            assert_eq!(id, TRIGGER);
            Json(match count {
                0 => json!({"status": {"id": "IN_PROGRESS"}, "operation": null}),
                1 => {
                    json!({"status": {"id": "COMPLETED"}, "operation": {"location": "file:/sp/savepoint-1"}})
                }
                _ => json!({"status": {"id": "COMPLETED"}, "operation": {"failure-cause":
                    {"class": "EXTERNAL", "stack-trace": "disk full", "serialized-throwable": "rO0"}}}),
            })
        }
    };
    let checkpoint =
        async || Json(json!({"status": {"id": "COMPLETED"}, "operation": {"checkpointId": 273}}));
    let disposal = async || Json(json!({"status": {"id": "COMPLETED"}, "operation": {}}));
    let router = Router::new()
        .route("/v1/jobs/{job}/savepoints/{id}", get(savepoint))
        .route("/v1/jobs/{job}/checkpoints/{id}", get(checkpoint))
        .route("/v1/savepoint-disposal/{id}", get(disposal));
    let client = client(router).await;
    let status = async || client.savepoint_status(job(), trigger()).await.unwrap();
    assert_eq!(status().await, OperationStatus::InProgress);
    assert_eq!(status().await, OperationStatus::Done("file:/sp/savepoint-1".to_owned()));
    match status().await {
        OperationStatus::Failed(cause) => assert_eq!(cause.stack_trace, "disk full"),
        other => panic!("{other:?}"),
    }
    let checkpoint = client.checkpoint_status(job(), trigger()).await.unwrap();
    assert_eq!(checkpoint, OperationStatus::Done(CheckpointId(273)));
    assert_eq!(client.disposal_status(trigger()).await.unwrap(), OperationStatus::Done(()));
}

#[tokio::test]
async fn checkpoints_are_read_as_flink_writes_them() {
    let statistics = json!({"min": 1, "max": 2, "avg": 1, "p50": 1.5, "p90": "NaN", "p95": "NaN", "p99": "NaN",
        "p999": "NaN"});
    let completed = json!({"className": "completed", "id": 271, "status": "COMPLETED", "is_savepoint": false,
        "savepointFormat": null, "trigger_timestamp": 1795390337480_i64, "latest_ack_timestamp": 1795390337491_i64,
        "checkpointed_size": 5402, "state_size": 5402, "end_to_end_duration": 11, "alignment_buffered": 0,
        "processed_data": 0, "persisted_data": 0, "num_subtasks": 3, "num_acknowledged_subtasks": 3,
        "checkpoint_type": "CHECKPOINT", "tasks": {}, "external_path": "file:/ckpt/chk-271", "discarded": true});
    let mut underway = completed.clone();
    underway["status"] = "IN_PROGRESS".into();
    underway.as_object_mut().unwrap().remove("external_path");
    let body = json!({
        "counts": {"restored": 11, "total": 19, "in_progress": 0, "completed": 18, "failed": 1},
        "summary": {"checkpointed_size": statistics, "state_size": statistics, "end_to_end_duration": statistics,
            "alignment_buffered": statistics, "processed_data": statistics, "persisted_data": statistics},
        "latest": {"completed": completed, "savepoint": null, "failed": null, "restored": {"id": 253,
            "restore_timestamp": 1, "is_savepoint": true, "external_path": "file:/sp"}},
        "history": [underway, completed]
    });
    let router = Router::new()
        .route("/v1/jobs/{job}/checkpoints", get(async move || Json(body)))
        .route("/v1/jobs/{job}/checkpoints/details/{id}", get(async move || Json(completed)));
    let client = client(router).await;
    let checkpoints = client.checkpoints(job()).await.unwrap();
    assert_eq!((checkpoints.counts.total, checkpoints.summary.state_size.p50), (19, Some(1.5)));
    assert_eq!(checkpoints.summary.state_size.p99, None);
    assert_eq!(checkpoints.latest.restored.unwrap().id, CheckpointId(253));
    assert_eq!(checkpoints.history[0].status, CheckpointStatus::InProgress);
    assert_eq!(checkpoints.history[0].parts.num_subtasks, 3);
    let detail = client.checkpoint(job(), CheckpointId(271)).await.unwrap();
    assert_eq!(detail.external_path.as_deref(), Some("file:/ckpt/chk-271"));
}
