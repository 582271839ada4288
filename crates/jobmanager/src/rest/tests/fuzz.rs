//! Whatever is sent, the service answers, and never that it is at fault.

use std::{sync::LazyLock, time::Duration};

use axum::body::Body;
use proptest::prelude::*;

use super::support::*;
use crate::rest::routes::RestService;

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());

static SERVICE: LazyLock<RestService> = LazyLock::new(service);

/// The statuses 500 of the contract: lookups of what does not exist, at three places.
fn is_in_contract(text: &str) -> bool {
    ["Could not find Flink job", "No TaskExecutor registered under", "Jar file "]
        .iter()
        .any(|part| text.contains(part))
}

fn segment() -> impl Strategy<Value = String> {
    let known = [
        "v1",
        "jobs",
        "overview",
        "metrics",
        "history",
        "plan",
        "status",
        "vertices",
        "subtasks",
        "attempts",
        "accumulators",
        "config",
        "exceptions",
        "execution-result",
        "checkpoints",
        "details",
        "rescales",
        "history",
        "resource-requirements",
        "taskmanagers",
        "jobmanager",
        "logs",
        "log",
        "jars",
        "run",
        "upload",
        "cluster",
        "applications",
        "yarn-cancel",
        "0",
        "1",
        RUNNING,
        FAILED,
        UNKNOWN,
        TASK_MANAGER,
        ARTIFACT,
        "..",
        ".",
        "",
    ];
    prop_oneof![
        6 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => Just(vertex().to_string()),
        1 => "[a-zA-Z0-9._~!$&'()*+,;=:@-]{0,12}",
        1 => "(%[0-9a-fA-F]{2}){1,6}",
        1 => "%[g-z%]",
    ]
}

fn query() -> impl Strategy<Value = String> {
    let names = [
        "get",
        "agg",
        "mode",
        "subtasks",
        "maxExceptions",
        "parallelism",
        "programArg",
        "program-args",
        "entry-class",
        "jobs",
        "taskmanagers",
        "savepointPath",
        "jobId",
    ];
    let pair = (prop::sample::select(names.to_vec()), "[a-zA-Z0-9.,%+:'-]{0,16}");
    prop::collection::vec(pair.prop_map(|(name, value)| format!("{name}={value}")), 0..4)
        .prop_map(|pairs| pairs.join("&"))
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"{}".to_vec()),
        prop::collection::vec(any::<u8>(), 0..64),
        "[\\[\\]{}\":,a-z0-9 ]{0,64}".prop_map(String::into_bytes),
        r#"\{"(parallelism|jobId|programArgsList|flinkConfiguration)": ?("[a-z]{0,4}"|-?[0-9]{1,20}|null|\[\]|\{\})\}"#
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_request_gets_an_answer(
        method in prop::sample::select(vec!["GET", "POST", "PATCH", "PUT", "DELETE", "HEAD", "OPTIONS"]),
        segments in prop::collection::vec(segment(), 0..8),
        query in query(),
        body in body(),
        content_type in prop::sample::select(vec![
            "application/json", "multipart/form-data; boundary=b", "multipart/form-data", "text/plain",
        ]),
        range in prop::sample::select(vec!["bytes=-5", "bytes=0-", "bytes=99-1", "x"]),
    ) {
        let uri = format!("/{}?{query}", segments.join("/"));
        let Ok(uri) = uri.parse::<axum::http::Uri>() else { return Ok(()) };
        let mut request = request(method, "/", Body::from(body));
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        request.headers_mut().insert("range", range.parse().unwrap());
        let (status, text) = RUNTIME.block_on(async {
            let answer = async {
                let response = send(&SERVICE, request).await;
                (response.status(), text(response).await)
            };
            tokio::time::timeout(Duration::from_secs(10), answer).await.expect("no request hangs")
        });
        prop_assert!(!status.is_server_error() || is_in_contract(&text), "{method} {uri}: {status} {text}");
        if !status.is_success() && !text.is_empty() && status != 304 {
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert!(json["errors"][0].is_string(), "{method} {uri}: {text}");
        }
    }
}
