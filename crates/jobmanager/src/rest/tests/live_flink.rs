//! What a running Flink 2.3 answers to requests that no captured sample covers: mostly to those that are wrong.

use serde_json::json;

use super::support::*;

/// Status, and the beginning of an error's text or the whole of another answer.
async fn answered(method: &str, uri: &str, body: &str) -> (u16, String) {
    let response = send(&service(), request(method, uri, body.to_owned())).await;
    let status = response.status().as_u16();
    (status, text(response).await)
}

#[tokio::test]
async fn requests_are_answered_as_flink_answers_them() {
    let vertex = vertex();
    let subtasks = format!("/jobs/{RUNNING}/vertices/{vertex}/subtasks");
    let unreadable = "Bad request, could not parse parameters: Cannot resolve path parameter";
    let url = |path: &str| json!({"url": format!("http://localhost:8081/#/{path}")}).to_string();
    let cases = [
        // Who collects metrics asks for what has just gone, too.
        ("GET", format!("/jobs/{UNKNOWN}/metrics"), "", 200, "[]".to_owned()),
        ("GET", format!("/jobs/{UNKNOWN}/metrics?get=uptime"), "", 200, "[]".to_owned()),
        ("GET", format!("/jobs/{UNKNOWN}/vertices/{vertex}/metrics"), "", 200, "[]".to_owned()),
        ("GET", format!("/jobs/{RUNNING}/vertices/{UNKNOWN}/metrics"), "", 200, "[]".to_owned()),
        ("GET", format!("/jobs/{RUNNING}/vertices/{UNKNOWN}/jm-operator-metrics"), "", 200, "[]".to_owned()),
        ("GET", format!("/jobs/{RUNNING}/vertices/{UNKNOWN}/subtasks/metrics"), "", 200, "[]".to_owned()),
        ("GET", format!("/jobs/{RUNNING}/vertices/{UNKNOWN}/subtasks/0/metrics"), "", 200, "[]".to_owned()),
        ("GET", format!("{subtasks}/99/metrics"), "", 200, "[]".to_owned()),
        ("GET", "/taskmanagers/nosuch/metrics".to_owned(), "", 200, "[]".to_owned()),
        ("GET", "/jobs/xyz/metrics".to_owned(), "", 400, format!("{unreadable} (jobid)")),
        (
            "GET",
            format!("/jobs/{UNKNOWN}/vertices/{UNKNOWN}/subtasks/metrics?agg=foo"),
            "",
            400,
            "(agg)".to_owned(),
        ),
        ("GET", format!("{subtasks}/metrics?get=nosuch&agg=MIN,Skew"), "", 200, "[]".to_owned()),
        // What is malformed is told before what is not there.
        (
            "GET",
            format!("/jobs/{UNKNOWN}/vertices/{UNKNOWN}/subtasks/x"),
            "",
            400,
            format!("{unreadable} (subtaskindex)"),
        ),
        (
            "GET",
            format!("/jobs/{UNKNOWN}/vertices/{UNKNOWN}/subtasks/x/metrics"),
            "",
            400,
            format!("{unreadable} (subtaskindex)"),
        ),
        (
            "GET",
            format!("/jobs/{UNKNOWN}/vertices/{UNKNOWN}/subtasks/0/attempts/x"),
            "",
            400,
            format!("{unreadable} (attempt)"),
        ),
        (
            "GET",
            format!("/jobs/{RUNNING}/exceptions?maxExceptions=99999999999"),
            "",
            400,
            "(maxExceptions)".to_owned(),
        ),
        (
            "GET",
            format!("/jobs/{RUNNING}/exceptions?failureLabelFilter=a:"),
            "",
            400,
            "(failureLabelFilter)".to_owned(),
        ),
        ("PATCH", format!("/jobs/{RUNNING}/rescaling?parallelism=x"), "", 400, "(parallelism)".to_owned()),
        (
            "GET",
            format!("/jobs/{RUNNING}/rescales/details/{UNKNOWN}"),
            "",
            404,
            format!("Could not find rescale details of specified rescaleUuid {UNKNOWN}."),
        ),
        // A TaskManager that is not there.
        (
            "GET",
            "/taskmanagers/nosuch/logs".to_owned(),
            "",
            404,
            "Could not find TaskExecutor nosuch".to_owned(),
        ),
        (
            "GET",
            "/taskmanagers/nosuch/log".to_owned(),
            "",
            404,
            "Failed to transfer file from TaskExecutor nosuch because it was unknown.".to_owned(),
        ),
        ("GET", "/taskmanagers/nosuch/stdout".to_owned(), "", 404, "Failed to transfer file".to_owned()),
        ("GET", "/taskmanagers/nosuch/logs/a.log".to_owned(), "", 404, "Failed to transfer file".to_owned()),
        (
            "GET",
            "/taskmanagers/nosuch/profiler".to_owned(),
            "",
            404,
            "Could not find TaskExecutor nosuch".to_owned(),
        ),
        (
            "GET",
            "/taskmanagers/nosuch/profiler/a.html".to_owned(),
            "",
            404,
            "Failed to transfer file".to_owned(),
        ),
        (
            "POST",
            "/taskmanagers/nosuch/profiler".to_owned(),
            "{\"duration\":2}",
            500,
            "No TaskExecutor registered under".to_owned(),
        ),
        // The page of a log is where it is, whoever runs.
        ("GET", format!("/jobs/{UNKNOWN}/jobmanager/log-url"), "", 200, url("job-manager/logs")),
        ("GET", format!("/jobs/{UNKNOWN}/taskmanagers/gone/log-url"), "", 200, url("task-manager/gone/logs")),
        // Jobs that have ended can't be canceled.
        (
            "PATCH",
            format!("/jobs/{FINISHED}?mode=cancel"),
            "{}",
            409,
            "Job cancellation failed because the job has already reached another terminal state (FINISHED)."
                .to_owned(),
        ),
        ("PATCH", format!("/jobs/{FAILED}"), "{}", 409, "terminal state (FAILED).".to_owned()),
        ("GET", format!("/jobs/{FINISHED}/yarn-cancel"), "", 409, "terminal state (FINISHED).".to_owned()),
        (
            "POST",
            format!("/applications/{UNKNOWN}/cancel"),
            "",
            404,
            "Application could not be found.".to_owned(),
        ),
        // Bodies.
        (
            "POST",
            "/jars/a/plan".to_owned(),
            "x",
            400,
            "Request did not match expected format JarPlanRequestBody.".to_owned(),
        ),
        (
            "POST",
            "/jars/a/run-application".to_owned(),
            "x",
            400,
            "Request did not match expected format JarRunApplicationRequestBody.".to_owned(),
        ),
        (
            "PUT",
            format!("/jobs/{RUNNING}/resource-requirements"),
            &format!("{{\"{vertex}\":{{\"parallelism\":{{\"lowerBound\":1}}}}}}"),
            400,
            "Request did not match expected format JobResourceRequirementsBody.".to_owned(),
        ),
        // Slashes of those who put a path behind an address that ends with one.
        ("GET", "//jobs//overview?x=//".to_owned(), "", 200, "{\"jobs\":[".to_owned()),
    ];
    let mut problems = Vec::new();
    for (method, uri, body, status, expected) in cases {
        let (found, answer) = answered(method, &uri, body).await;
        let plain = answer.replace("\\\"", "\"");
        if found != status || !plain.contains(&expected) {
            problems.push(format!("{method} {uri}: {found} {answer} in place of {status} {expected}"));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[tokio::test]
async fn metrics_over_several_sources_have_skew_too() {
    for uri in ["/jobs/metrics?get=numRestarts", "/taskmanagers/metrics?get=Status.JVM.Memory.Heap.Used"] {
        let metrics = get(&service(), uri).await;
        assert_eq!(metrics[0]["skew"].as_f64().map(f64::is_finite), Some(true), "{metrics}");
    }
}
