//! Checkpoints, savepoints and restarts: what is shown, and what is passed on.

use std::sync::Arc;

use axum::http::StatusCode;
use flott_control::job_master::{AfterSavepoint, ManualCheckpoint};
use flott_core::checkpoint::{SavepointFormat, StopMode};
use serde_json::{Value, json};

use super::{
    shapes::{difference, sample},
    support::*,
};
use crate::{Error, SavepointOptions, rest::RestOptions};

async fn post(cluster: &Arc<FakeCluster>, uri: &str, body: Value) -> (u16, Value) {
    let service = service_with(cluster, RestOptions::default());
    let response = send(&service, request("POST", uri, body.to_string())).await;
    let status = response.status().as_u16();
    (status, serde_json::from_str(&text(response).await).unwrap())
}

#[tokio::test]
async fn what_a_trigger_says_is_passed_on() {
    let cluster: Arc<FakeCluster> = Arc::default();
    let (status, answer) = post(
        &cluster,
        &format!("/v1/jobs/{RUNNING}/savepoints"),
        json!({"target-directory": "file:/sp", "cancel-job": false, "formatType": "NATIVE", "triggerId": UNDERWAY}),
    )
    .await;
    assert_eq!((status, &answer), (202, &json!({"request-id": UNDERWAY})));
    assert_eq!(difference("", &sample("savepoint-trigger"), &answer), None);
    let cancel = json!({"cancel-job": true, "target-directory": null, "formatType": null, "triggerId": null});
    assert_eq!(post(&cluster, &format!("/jobs/{RUNNING}/savepoints"), cancel).await.0, 202);
    let stop = json!({"targetDirectory": "s3://b/sp", "drain": true, "formatType": "CANONICAL"});
    assert_eq!(post(&cluster, &format!("/jobs/{RUNNING}/stop"), stop).await.0, 202);
    assert_eq!(post(&cluster, &format!("/jobs/{UNKNOWN}/stop"), json!({})).await.0, 202, "as in Flink");
    let options = |target: Option<&str>, format, then, trigger: Option<&str>| SavepointOptions {
        target: target.map(str::to_owned),
        format,
        then,
        trigger_id: trigger.map(|id| id.parse().unwrap()),
    };
    use AfterSavepoint as A;
    use SavepointFormat as F;
    let (running, unknown) = (RUNNING.parse().unwrap(), UNKNOWN.parse().unwrap());
    assert_eq!(
        *cluster.savepoints.lock().unwrap(),
        [
            (running, options(Some("file:/sp"), F::Native, A::GoOn, Some(UNDERWAY))),
            (running, options(None, F::Canonical, A::Cancel, None)),
            (running, options(Some("s3://b/sp"), F::Canonical, A::Stop(StopMode::Drain), None)),
            (unknown, options(None, F::Canonical, A::Stop(StopMode::Suspend), None)),
        ]
    );
    for kind in [json!({}), json!({"checkpointType": "FULL"}), json!({"checkpointType": "INCREMENTAL"})] {
        assert_eq!(post(&cluster, &format!("/jobs/{RUNNING}/checkpoints"), kind).await.0, 202);
    }
    let wanted = [ManualCheckpoint::Configured, ManualCheckpoint::Full, ManualCheckpoint::Incremental];
    assert_eq!(*cluster.checkpoints.lock().unwrap(), wanted);
    let (status, answer) = post(&cluster, "/savepoint-disposal", json!({"savepoint-path": "file:/x"})).await;
    assert_eq!((status, answer), (200, json!({"request-id": DONE})), "200, unlike the others");
    assert_eq!(*cluster.disposed.lock().unwrap(), ["file:/x"]);
}

#[tokio::test]
async fn what_is_wrong_in_a_trigger_is_told() {
    let cluster: Arc<FakeCluster> = Arc::default();
    for (path, body, part) in [
        ("savepoints", json!({"formatType": "JSON"}), "SavepointTriggerRequestBody. At \"/formatType\""),
        ("savepoints", json!({"triggerId": "1"}), "/triggerId"),
        ("stop", json!({"drain": "yes"}), "StopWithSavepointRequestBody. At \"/drain\""),
        ("checkpoints", json!({"checkpointType": "HALF"}), "CheckpointTriggerRequestBody"),
    ] {
        let (status, answer) = post(&cluster, &format!("/jobs/{RUNNING}/{path}"), body).await;
        assert!(status == 400 && answer["errors"][0].as_str().unwrap().contains(part), "{status} {answer}");
    }
    let (status, answer) = post(&cluster, "/savepoint-disposal", json!({"savepoint-path": 3})).await;
    assert!(status == 400 && answer.to_string().contains("SavepointDisposalRequest"), "{answer}");
    assert!(cluster.savepoints.lock().unwrap().is_empty());

    for (failure, expected) in [
        (Error::NoSavepointDirectory, 400),
        (Error::TriggerIdInUse(DONE.parse().unwrap()), 409),
        (Error::Overloaded("JobManager"), 503),
    ] {
        *cluster.failure.lock().unwrap() = Some(failure);
        assert_eq!(post(&cluster, &format!("/jobs/{RUNNING}/stop"), json!({})).await.0, expected);
    }
}

#[tokio::test]
async fn the_dashboard_ends_no_job_where_it_is_not_to() {
    let cluster: Arc<FakeCluster> = Arc::default();
    let options = RestOptions { cancel_enabled: false, ..RestOptions::default() };
    let service = service_with(&cluster, options);
    for (path, body, status) in
        [("stop", "{}", 403), ("savepoints", r#"{"cancel-job": true}"#, 403), ("savepoints", "{}", 202)]
    {
        let mut from_page = request("POST", &format!("/jobs/{RUNNING}/{path}"), body);
        from_page.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
        assert_eq!(send(&service, from_page).await.status(), status, "{path} {body}");
    }
    assert_eq!(cluster.savepoints.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn operations_are_under_way_done_or_failed_for_a_reason() {
    let service = service();
    for place in [
        format!("/jobs/{RUNNING}/savepoints"),
        format!("/jobs/{RUNNING}/checkpoints"),
        "/savepoint-disposal".into(),
    ] {
        let underway = get(&service, &format!("{place}/{UNDERWAY}")).await;
        assert_eq!(underway, json!({"status": {"id": "IN_PROGRESS"}, "operation": null}));
        let (status, failed) = ask(&service, "GET", &format!("/v1{place}/{BROKEN}/")).await;
        assert_eq!((status, &failed["status"]["id"]), (StatusCode::OK, &"COMPLETED".into()));
        let cause = &failed["operation"]["failure-cause"];
        assert_eq!(cause["class"], "CHECKPOINT_FAILED");
        let text = "no space left on device\n  while writing savepoint 7";
        assert_eq!(cause["stack-trace"], text, "the root cause comes first");
        assert!(cause["serialized-throwable"].as_str().unwrap().starts_with("rO0ABXNy"));
    }
    let done = |path: String| {
        let service = service.clone();
        async move { get(&service, &path).await["operation"].clone() }
    };
    let location = json!({"location": "file:/sp/savepoint-111111-x"});
    assert_eq!(done(format!("/jobs/{RUNNING}/savepoints/{DONE}")).await, location);
    assert_eq!(done(format!("/jobs/{RUNNING}/checkpoints/{DONE}")).await, json!({"checkpointId": 7}));
    assert_eq!(done(format!("/savepoint-disposal/{DONE}")).await, json!({}));
}

#[tokio::test]
async fn checkpoints_are_counted_summed_up_and_listed() {
    let service = service();
    let all = get(&service, &format!("/jobs/{RUNNING}/checkpoints")).await;
    let counts = json!({"restored": 1, "total": 5, "in_progress": 1, "completed": 3, "failed": 1});
    assert_eq!(all["counts"], counts);
    let duration = &all["summary"]["end_to_end_duration"];
    assert_eq!(
        (&duration["min"], &duration["avg"], &duration["p99"]),
        (&20.into(), &20.into(), &20.0.into())
    );
    assert_eq!(all["summary"]["checkpointed_size"]["max"], 400);
    let latest = &all["latest"];
    assert_eq!((&latest["completed"]["id"], &latest["savepoint"]["id"]), (&4.into(), &3.into()));
    assert_eq!(latest["failed"]["failure_message"], "subtask count (2/2) declined");
    assert_eq!(latest["failed"]["end_to_end_duration"], 900);
    assert_eq!((&latest["restored"]["id"], &latest["restored"]["is_savepoint"]), (&253.into(), &true.into()));
    let history = all["history"].as_array().unwrap();
    let of = |field: &str| history.iter().map(|checkpoint| checkpoint[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("id"), [5, 4, 3, 2, 1]);
    assert_eq!(of("className"), ["in_progress", "completed", "completed", "failed", "completed"]);
    assert_eq!(of("status"), ["IN_PROGRESS", "COMPLETED", "COMPLETED", "FAILED", "COMPLETED"]);
    assert_eq!(of("num_acknowledged_subtasks"), [2, 4, 4, 0, 4]);
    assert_eq!((&history[1]["discarded"], &history[4]["discarded"]), (&false.into(), &true.into()));
    assert_eq!(
        (&history[2]["savepointFormat"], &history[2]["is_savepoint"]),
        (&"CANONICAL".into(), &true.into())
    );
    assert_eq!(history[3]["latest_ack_timestamp"], -1);
    assert!(history[0].get("external_path").is_none() && history[0]["tasks"] == json!({}));

    let nothing = get(&service, &format!("/jobs/{CREATED}/checkpoints")).await;
    assert_eq!((&nothing["latest"]["completed"], &nothing["history"]), (&Value::Null, &json!([])));
    assert_eq!(nothing["summary"]["state_size"]["p50"], "NaN");
}

#[tokio::test]
async fn details_go_down_to_subtasks() {
    let service = service();
    let place = format!("/jobs/{RUNNING}/checkpoints/details");
    let detail = get(&service, &format!("{place}/4")).await;
    let task = &detail["tasks"][vertex().to_string()];
    assert_eq!((&task["state_size"], &task["end_to_end_duration"]), (&1000.into(), &20.into()));
    assert_eq!((&task["id"], &task["status"]), (&4.into(), &"COMPLETED".into()));

    let task = get(&service, &format!("{place}/5/subtasks/{}", vertex())).await;
    assert_eq!((&task["num_subtasks"], &task["num_acknowledged_subtasks"]), (&2.into(), &1.into()));
    assert_eq!(task["summary"]["end_to_end_duration"]["max"], 10);
    assert_eq!(task["summary"]["checkpoint_duration"]["async"]["avg"], 4);
    assert_eq!(task["subtasks"][0]["checkpoint"], json!({"sync": 1, "async": 4}));
    let pending = json!({"className": "pending", "index": 1, "status": "pending_or_failed"});
    assert_eq!(task["subtasks"][1], pending);
}

#[tokio::test]
async fn metrics_tell_of_restarts_and_checkpoints() {
    let service = service();
    let value = |job: &'static str, name: &'static str| {
        let service = service.clone();
        async move { get(&service, &format!("/jobs/{job}/metrics?get={name}")).await[0]["value"].clone() }
    };
    for (name, expected) in [
        ("numRestarts", "1"),
        ("restartingTime", "0"),
        ("restartingTimeTotal", "40"),
        ("lastCheckpointDuration", "20"),
        ("lastCheckpointSize", "400"),
        ("lastCheckpointFullSize", "2000"),
        ("lastCheckpointExternalPath", "file:/checkpoints/chk-4"),
        ("lastCompletedCheckpointId", "4"),
        ("totalNumberOfCheckpoints", "5"),
        ("numberOfInProgressCheckpoints", "1"),
        ("numberOfCompletedCheckpoints", "3"),
        ("numberOfFailedCheckpoints", "1"),
    ] {
        assert_eq!(value(RUNNING, name).await, expected, "{name}");
    }
    assert_eq!(value(CREATED, "lastCheckpointExternalPath").await, "n/a");
    assert_eq!(value(CREATED, "lastCheckpointDuration").await, "-1");
    let sum = get(&service, "/jobs/metrics?get=numRestarts,lastCheckpointExternalPath&agg=sum").await;
    assert_eq!(sum, json!([{"id": "numRestarts", "sum": 1.0}]), "a path is no number");
}

#[tokio::test]
async fn earlier_attempts_of_a_subtask_are_shown() {
    let service = service();
    let subtask = format!("/jobs/{RUNNING}/vertices/{}/subtasks/1", vertex());
    assert_eq!(get(&service, &subtask).await["attempt"], 1);
    let first = get(&service, &format!("{subtask}/attempts/0")).await;
    assert_eq!(difference("", &sample("subtask-attempt"), &first), None);
    assert_eq!((&first["status"], &first["metrics"]["read-records"]), (&"FAILED".into(), &5.into()));
    let accumulators = get(&service, &format!("{subtask}/attempts/0/accumulators")).await;
    assert_eq!(accumulators["attempt"], 0);
}

#[tokio::test]
async fn settings_of_checkpoints_and_restarts_are_shown() {
    let service = service();
    let config = get(&service, &format!("/jobs/{CREATED}/checkpoints/config")).await;
    assert_eq!((&config["mode"], &config["interval"]), (&"exactly_once".into(), &(-1).into()));
    assert_eq!(config["externalization"], json!({"enabled": false, "delete_on_cancellation": true}));
    assert_eq!(config["directory"], "file:/checkpoints/job");
    let job = get(&service, &format!("/jobs/{CREATED}/config")).await;
    assert_eq!(job["execution-config"]["restart-strategy"], "Restart deactivated.");
}
