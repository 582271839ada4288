//! Errors have the statuses and texts of the contract, for each row of its table that exists here.

use std::{
    io,
    sync::{Arc, atomic::Ordering},
};

use flott_core::TaskManagerId;

use super::support::*;
use crate::{
    Error,
    rest::{Api, MAX_REQUESTS, RestOptions, routes},
};

async fn refused(method: &str, uri: &str) -> (u16, String) {
    let (status, json) = ask(&service(), method, uri).await;
    let object = json.as_object().unwrap();
    assert_eq!(object.len(), 1, "{method} {uri}: no field but errors");
    let texts: Vec<_> =
        object["errors"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    assert!(!texts.is_empty());
    (status.as_u16(), texts.join(" | "))
}

#[tokio::test]
async fn the_table_of_errors() {
    let vertex = vertex();
    let path_error = "Bad request, could not parse parameters: Cannot resolve path parameter";
    let cases = [
        ("GET", "/nosuch".to_owned(), 404, "Unable to load requested file /nosuch.".to_owned()),
        ("GET", "/v2/overview".to_owned(), 404, "Unable to load requested file /v2/overview.".to_owned()),
        ("POST", "/nosuch".to_owned(), 404, "Not found: /nosuch".to_owned()),
        ("POST", "/overview".to_owned(), 404, "Not found: /overview".to_owned()),
        ("PUT", "/v1/overview/".to_owned(), 404, "Not found: /v1/overview/".to_owned()),
        ("OPTIONS", "/overview".to_owned(), 404, "Not found: /overview".to_owned()),
        ("DELETE", "/health".to_owned(), 404, "Not found: /health".to_owned()),
        ("GET", "/jobs/xyz".to_owned(), 400, format!("{path_error} (jobid) from value \"xyz\".")),
        ("GET", "/jobs/%F0%9F%98%80".to_owned(), 400, format!("{path_error} (jobid) from value \"😀\".")),
        ("GET", "/jobs/%ff".to_owned(), 400, "Bad request, could not parse parameters:".to_owned()),
        ("GET", format!("/jobs/{RUNNING}/vertices/xyz"), 400, format!("{path_error} (vertexid) from value \"xyz\".")),
        ("GET", format!("/jobs/{RUNNING}/vertices/{vertex}/subtasks/-1"), 400, format!("{path_error} (subtaskindex)")),
        ("GET", format!("/jobs/{RUNNING}/vertices/{vertex}/subtasks/7"), 404, "Subtask 7 not found".to_owned()),
        ("GET", format!("/jobs/{RUNNING}/vertices/{vertex}/subtasks/0/attempts/3"), 404, "Attempt 3 not found".to_owned()),
        (
            "GET",
            format!("/jobs/{RUNNING}/vertices/{vertex}/subtasks/metrics?get=numRecordsIn&agg=foo"),
            400,
            "Bad request, could not parse parameters: Cannot resolve query parameter (agg) from value \"foo\"."
                .to_owned(),
        ),
        ("GET", format!("/jobs/{RUNNING}/exceptions?maxExceptions=many"), 400, "(maxExceptions)".to_owned()),
        ("GET", format!("/jobs/{RUNNING}/exceptions?failureLabelFilter=x"), 400, "(failureLabelFilter)".to_owned()),
        ("GET", "/jobs/metrics?jobs=xyz".to_owned(), 400, "(jobs) from value \"xyz\"".to_owned()),
        ("GET", format!("/jobs/{UNKNOWN}"), 404, format!("Job {UNKNOWN} not found")),
        ("GET", format!("/jobs/{UNKNOWN}/plan"), 404, format!("Job {UNKNOWN} not found")),
        ("PATCH", format!("/jobs/{UNKNOWN}?mode=cancel"), 404, "Job could not be found.".to_owned()),
        ("GET", format!("/jobs/{UNKNOWN}/yarn-cancel"), 404, "Job could not be found.".to_owned()),
        ("PATCH", format!("/jobs/{RUNNING}?mode=stop"), 308, "The termination mode \"stop\" has been removed.".to_owned()),
        ("PATCH", format!("/jobs/{RUNNING}?mode=kill"), 400, "(mode) from value \"kill\"".to_owned()),
        (
            "GET",
            format!("/jobs/{UNKNOWN}/status"),
            500,
            format!("Internal server error. | Could not find Flink job ({UNKNOWN})"),
        ),
        ("GET", format!("/jobs/{UNKNOWN}/execution-result"), 404, format!("Could not find Flink job ({UNKNOWN})")),
        ("GET", format!("/jobs/{RUNNING}/vertices/{UNKNOWN}"), 404, format!("JobVertex {UNKNOWN} not found")),
        ("GET", format!("/jobs/{RUNNING}/checkpoints/details/x"), 400, format!("{path_error} (checkpointid)")),
        ("GET", format!("/jobs/{UNKNOWN}/checkpoints"), 404, format!("Job {UNKNOWN} not found")),
        (
            "GET",
            format!("/jobs/{RUNNING}/checkpoints/details/4/subtasks/{UNKNOWN}"),
            404,
            format!("task {UNKNOWN} in checkpoint 4"),
        ),
        (
            "GET",
            format!("/jobs/{RUNNING}/savepoints/{UNKNOWN}"),
            404,
            format!("There is no savepoint operation with triggerId={UNKNOWN} for job {RUNNING}."),
        ),
        (
            "GET",
            format!("/jobs/{FAILED}/savepoints/{DONE}"),
            404,
            format!("There is no savepoint operation with triggerId={DONE} for job {FAILED}."),
        ),
        (
            "GET",
            format!("/jobs/{RUNNING}/checkpoints/{UNKNOWN}"),
            404,
            format!("There is no checkpoint operation with triggerId={UNKNOWN}"),
        ),
        ("GET", format!("/savepoint-disposal/{UNKNOWN}"), 404, format!("triggerId={UNKNOWN}.")),
        ("GET", format!("/jobs/{RUNNING}/savepoints/1"), 400, format!("{path_error} (triggerid) from value \"1\".")),
        ("POST", "/savepoint-disposal".to_owned(), 400, "Field savepoint-path must not be omitted".to_owned()),
        ("POST", "/jobs/xyz/stop".to_owned(), 400, format!("{path_error} (jobid) from value \"xyz\".")),
        ("GET", format!("/jobs/{RUNNING}/stop"), 404, "Not found:".to_owned()),
        (
            "GET",
            format!("/jobs/{RUNNING}/checkpoints/details/9"),
            404,
            "Could not find checkpointing statistics for checkpoint 9.".to_owned(),
        ),
        (
            "GET",
            "/taskmanagers/abc".to_owned(),
            500,
            "Internal server error. | No TaskExecutor registered under abc.".to_owned(),
        ),
        ("DELETE", "/jars/nosuch.jar".to_owned(), 400, "File nosuch.jar does not exist in".to_owned()),
        ("POST", "/jars/nosuch.jar/run".to_owned(), 500, "Internal server error. | Jar file nosuch.jar".to_owned()),
        ("GET", "/jars/nosuch.jar/plan".to_owned(), 500, "Internal server error. | Jar file nosuch.jar".to_owned()),
        ("POST", "/jars/upload".to_owned(), 400, "Exactly 1 file must be sent, received 0.".to_owned()),
        ("POST", "/jobs".to_owned(), 400, "This is a Flott cluster".to_owned()),
        ("GET", format!("/jobs/{RUNNING}/yarn-stop"), 308, "The termination mode \"stop\" has been removed.".to_owned()),
        ("GET", "/jobs/xyz/yarn-stop".to_owned(), 400, format!("{path_error} (jobid)")),
        (
            "PATCH",
            format!("/jobs/{RUNNING}/rescaling?parallelism=2"),
            503,
            "Rescaling is temporarily disabled. See FLINK-12312.".to_owned(),
        ),
        ("GET", format!("/jobs/{RUNNING}/rescaling/{DONE}"), 503, "Rescaling is temporarily disabled.".to_owned()),
        ("GET", format!("/jobs/{RUNNING}/rescaling/1"), 400, format!("{path_error} (triggerid)")),
        (
            "PATCH",
            format!("/jobs/{RUNNING}/clientHeartbeat"),
            400,
            "Field expiredTimestamp must not be omitted or be null.".to_owned(),
        ),
        ("PATCH", "/jobs/xyz/clientHeartbeat".to_owned(), 400, format!("{path_error} (jobid)")),
        (
            "POST",
            format!("/jobs/{RUNNING}/coordinators/uid-1"),
            400,
            "Field serializedCoordinationRequest must not be omitted or be null.".to_owned(),
        ),
        ("DELETE", "/datasets/xyz".to_owned(), 400, format!("{path_error} (datasetid)")),
        ("GET", format!("/datasets/delete/{UNKNOWN}"), 404, format!("triggerId={UNKNOWN}.")),
        ("GET", format!("/applications/{UNKNOWN}"), 404, format!("Application {UNKNOWN} not found")),
    ];
    for (method, uri, status, start) in cases {
        let (got, text) = refused(method, &uri).await;
        assert!(got == status && text.contains(&start), "{method} {uri}: {got} {text}, not {status} {start}");
    }
}

#[tokio::test]
async fn head_is_not_found_and_has_no_body() {
    for path in ["/", "/overview", "/nosuch"] {
        let response = send(&service(), request("HEAD", path, "")).await;
        assert_eq!(response.status(), 404);
        assert_eq!(text(response).await, "");
    }
}

#[tokio::test]
async fn cancel_is_accepted_whichever_way_it_is_asked_for() {
    let cluster = Arc::default();
    let service = service_with(&cluster, RestOptions::default());
    for (method, uri) in [
        ("PATCH", format!("/v1/jobs/{RUNNING}?mode=cancel")),
        ("PATCH", format!("/jobs/{RUNNING}")),
        ("GET", format!("/jobs/{RUNNING}/yarn-cancel")),
        ("POST", format!("/applications/{RUNNING}/cancel")),
    ] {
        assert_eq!(
            ask(&service, method, &uri).await,
            (202.try_into().unwrap(), serde_json::json!({})),
            "{uri}"
        );
    }
    assert_eq!(cluster.canceled.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn heartbeats_of_clients_are_taken() {
    let cluster: Arc<FakeCluster> = Arc::default();
    let service = service_with(&cluster, RestOptions::default());
    // As Flink's client sends it; of a job that is not known, too.
    for id in [RUNNING, UNKNOWN] {
        let uri = format!("/v1/jobs/{id}/clientHeartbeat");
        let response = send(&service, request("PATCH", &uri, r#"{"expiredTimestamp":1795390180000}"#)).await;
        assert_eq!((response.status().as_u16(), text(response).await.as_str()), (202, "{}"));
    }
    assert_eq!(cluster.heartbeats.lock().unwrap()[0], (RUNNING.parse().unwrap(), 1_795_390_180_000));
}

#[tokio::test]
async fn data_sets_are_deleted_at_once() {
    let service = service();
    let (status, json) = ask(&service, "DELETE", &format!("/datasets/{UNKNOWN}")).await;
    assert_eq!(status, 202);
    let path = format!("/datasets/delete/{}", json["request-id"].as_str().unwrap());
    let done = serde_json::json!({ "status": { "id": "COMPLETED" }, "operation": {} });
    for _ in 0..100 {
        if get(&service, &path).await == done {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("{}", get(&service, &path).await);
}

#[tokio::test]
async fn operators_have_no_coordinators() {
    let service = service();
    let ask = async |job: &str| {
        let body = r#"{"serializedCoordinationRequest":"rO0ABQ=="}"#;
        let response =
            send(&service, request("POST", &format!("/jobs/{job}/coordinators/uid-1"), body)).await;
        (response.status().as_u16(), text(response).await)
    };
    let (status, text) = ask(RUNNING).await;
    assert!(
        status == 404 && text.contains("Coordinator of operator uid-1 does not exist"),
        "{status} {text}"
    );
    let (status, text) = ask(UNKNOWN).await;
    assert!(status == 404 && text.contains(&format!("Job {UNKNOWN} not found")), "{status} {text}");
}

#[tokio::test]
async fn what_is_switched_off_is_refused() {
    let cluster = Arc::default();
    let options = RestOptions { submit_enabled: false, cancel_enabled: false, ..RestOptions::default() };
    let service = service_with(&cluster, options);
    let mut from_page = request("PATCH", &format!("/jobs/{RUNNING}"), "{}");
    from_page.headers_mut().insert("sec-fetch-site", "same-origin".parse().unwrap());
    assert_eq!(send(&service, from_page).await.status(), 403);
    assert_eq!(ask(&service, "GET", &format!("/jobs/{RUNNING}/yarn-cancel")).await.0, 403);
    for (method, uri) in
        [("GET", "/jars"), ("POST", "/jars/x/run"), ("DELETE", "/jars/x"), ("POST", "/jars/upload")]
    {
        assert_eq!(ask(&service, method, uri).await.0, 404, "{method} {uri}");
    }
    assert!(cluster.canceled.lock().unwrap().is_empty() && cluster.runs.lock().unwrap().is_empty());
    assert_eq!(ask(&service, "PATCH", &format!("/jobs/{RUNNING}")).await.0, 202, "from a tool");
    let features = get(&service, "/config").await["features"].clone();
    assert_eq!((&features["web-submit"], &features["web-cancel"]), (&false.into(), &false.into()));
}

#[tokio::test]
async fn bodies_are_checked_before_anything_happens() {
    let cluster = Arc::default();
    let service = service_with(&cluster, RestOptions::default());
    let uri = format!("/jars/{ARTIFACT}/run");
    let large = format!("{{\"x\": \"{}\"}}", "y".repeat(1 << 20));
    for (body, status, part) in [
        ("{bad", 400, "Request did not match expected format JarRunRequestBody."),
        ("[1]", 400, "JarRunRequestBody"),
        ("{\"parallelism\": \"x\"}", 400, "At \\\"/parallelism\\\""),
        (large.as_str(), 413, "larger than the 1048576 bytes"),
    ] {
        let response = send(&service, request("POST", &uri, body.to_owned())).await;
        assert_eq!(response.status(), status);
        let text = text(response).await;
        assert!(text.contains(part), "{text}");
    }
    assert!(cluster.runs.lock().unwrap().is_empty());
    let (status, json) = ask(&service, "POST", &format!("{uri}?parallelism=3")).await;
    assert_eq!(
        (status.as_u16(), &json["jobid"], &json["applicationId"]),
        (200, &RUNNING.into(), &RUNNING.into())
    );
    assert_eq!(cluster.runs.lock().unwrap()[0].parallelism, Some(3));
}

#[tokio::test]
async fn failures_of_the_cluster_keep_their_meaning_and_no_paths() {
    let file =
        |kind| Error::File { action: "write", path: "/secret/place".into(), source: io::Error::from(kind) };
    for (failure, status, part) in [
        (Error::Artifact(flott_artifact::Error::Empty), 422, "the artifact is empty"),
        (Error::Artifact(flott_artifact::Error::NoPlan { output: "x".into() }), 422, "execute()"),
        (Error::Setting("x is wrong".into()), 400, "x is wrong"),
        (Error::JobExists(RUNNING.parse().unwrap()), 409, RUNNING),
        (Error::ArtifactTooLarge { limit: 7 }, 413, "7 bytes"),
        (Error::ShuttingDown, 503, "shutting down"),
        (Error::Overloaded("Dispatcher"), 503, "Dispatcher"),
        (file(io::ErrorKind::StorageFull), 507, "cannot write"),
        (file(io::ErrorKind::PermissionDenied), 500, "permission denied"),
        (
            Error::TaskManagerUnreachable {
                task_manager_id: TaskManagerId::new("tm"),
                status: "deadline".into(),
            },
            500,
            "tm does not answer",
        ),
    ] {
        let cluster: Arc<FakeCluster> = Arc::default();
        *cluster.failure.lock().unwrap() = Some(failure);
        let service = service_with(&cluster, RestOptions::default());
        let (got, json) = ask(&service, "POST", &format!("/jars/{ARTIFACT}/run")).await;
        let text = json.to_string();
        assert!(got == status && text.contains(part) && !text.contains("secret"), "{got} {text}");
    }
}

#[tokio::test]
async fn the_cluster_is_stopped_on_request() {
    let cluster: Arc<FakeCluster> = Arc::default();
    let service = service_with(&cluster, RestOptions::default());
    assert_eq!(
        ask(&service, "DELETE", "/v1/cluster").await,
        (200.try_into().unwrap(), serde_json::json!({}))
    );
    assert_eq!(cluster.shut_down.load(Ordering::Relaxed), 1);
    assert_eq!(ask(&service, "GET", "/cluster").await.0, 404);
}

#[tokio::test]
async fn a_bug_costs_one_request() {
    let cluster: Arc<FakeCluster> = Arc::default();
    cluster.panics.store(true, Ordering::Relaxed);
    let service = service_with(&cluster, RestOptions::default());
    let (status, json) = ask(&service, "GET", "/overview").await;
    assert_eq!((status.as_u16(), &json["errors"][0]), (500, &"Internal server error.".into()));
    assert!(!json.to_string().contains("a bug of ours"));
    assert_eq!(ask(&service, "GET", "/jobs").await.0, 200);
}

#[tokio::test]
async fn too_many_requests_are_refused_but_for_health() {
    let api = Api::new(Arc::<FakeCluster>::default(), RestOptions::default());
    let service = routes::service(api.clone());
    let all = api.requests.acquire_many(MAX_REQUESTS as u32).await.unwrap();
    let refused = send(&service, request("GET", "/overview", "")).await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
    assert_eq!(ask(&service, "GET", "/health").await.0, 200);
    drop(all);
    assert_eq!(ask(&service, "GET", "/overview").await.0, 200);
}
