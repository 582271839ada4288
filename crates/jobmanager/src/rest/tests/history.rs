//! The recorded past over HTTP.

use axum::http::StatusCode;
use serde_json::json;

use super::support::*;

#[tokio::test]
async fn values_come_with_the_time_of_the_last() {
    let (service, vertex) = (service(), vertex());
    let path = format!("/v1/jobs/{RUNNING}/history?vertices={vertex}&get=a,b&from=17");
    let answer = text(send(&service, request("GET", &path, "")).await).await;
    let expected = [
        r#"{"interval":5000,"end":1795390000000,"series":["#,
        r#"{"id":"RUNNING [\"a\", \"b\"] Some(17)","unit":"records/s","aggregation":"sum","values":[1.5,null,7]},"#,
        r#"{"id":"busyTimeMsPerSecond","vertex":"VERTEX","unit":"records/s","aggregation":"max","#,
        r#""values":[0.33333334,-2,1000000000000.0]}]}"#,
    ];
    let expected = expected.concat().replace("RUNNING", RUNNING).replace("VERTEX", &vertex.to_string());
    assert_eq!(answer, expected);
}

#[tokio::test]
async fn a_job_may_be_asked_for_without_its_vertices() {
    let answer = get(&service(), &format!("/jobs/{RUNNING}/history?own=true&list=true")).await;
    assert_eq!(answer["series"][0]["id"], format!("{RUNNING} [] None own"));
}

#[tokio::test]
async fn a_list_has_no_values() {
    for (path, of) in [
        ("/history", "cluster"),
        ("/jobmanager/history", "jobmanager"),
        (&*format!("/taskmanagers/{TASK_MANAGER}/history"), TASK_MANAGER),
    ] {
        let answer = get(&service(), &format!("{path}?list=true")).await;
        let id = format!("{of} [] None");
        let expected = json!({"series": [{"id": id, "unit": "records/s", "aggregation": "sum"}]});
        assert_eq!(answer, expected, "{path}");
    }
}

#[tokio::test]
async fn what_is_not_known_has_no_history() {
    for (path, expected) in [
        (format!("/jobs/{UNKNOWN}/history"), StatusCode::NOT_FOUND),
        ("/taskmanagers/nosuch/history".to_owned(), StatusCode::INTERNAL_SERVER_ERROR),
        ("/jobs/x/history".to_owned(), StatusCode::BAD_REQUEST),
        (format!("/jobs/{RUNNING}/history?vertices=x"), StatusCode::BAD_REQUEST),
        (format!("/jobs/{RUNNING}/history?from=x"), StatusCode::BAD_REQUEST),
        ("/history?own=maybe".to_owned(), StatusCode::BAD_REQUEST),
        ("/history?list=maybe".to_owned(), StatusCode::BAD_REQUEST),
    ] {
        let (status, _) = ask(&service(), "GET", &path).await;
        assert_eq!(status, expected, "{path}");
    }
}
