//! Requests made from the OpenAPI document, right and wrong ones, to every operation: all are answered in time, with a status
//! and a body that the document allows.

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use axum::body::Body;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::Value;

use super::{
    openapi::{DOCUMENT, Documented, known_values, operations},
    support::*,
};
use crate::rest::{RestOptions, json::JSON_LIMIT_BYTES, routes::RestService};

static RUNTIME: LazyLock<tokio::runtime::Runtime> =
    LazyLock::new(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap());

static SERVICE: LazyLock<RestService> = LazyLock::new(service);

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A value for the variable part of a path: one that is known, well-formed, or neither.
fn path_value(name: &str) -> BoxedStrategy<String> {
    prop_oneof![
        4 => prop::sample::select(known_values(name)).prop_map(|value| encoded(&value)),
        1 => "[0-9a-f]{32}",
        1 => prop::sample::select(vec!["0", "-1", "4294967296", "18446744073709551616", "xyz", "%00", "%ff", ".."])
            .prop_map(str::to_owned),
        1 => ".{1,12}".prop_map(|text| encoded(&text)),
    ]
    .boxed()
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9.,:-]{0,16}",
        ".{0,12}",
        prop::sample::select(vec![
            "true",
            "-1",
            "NaN",
            "1e999",
            "sum,max",
            "0-",
            "3-1",
            "0.numRecordsIn",
            "busyTimeMsPerSecond"
        ])
        .prop_map(str::to_owned),
    ]
}

/// Some of the names that the document has for the query, each with whatever value.
fn query(documented: &Documented) -> BoxedStrategy<String> {
    let names: Vec<String> = documented.operation["parameters"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .chain(["nosuch".to_owned()])
        .collect();
    let pair = (prop::sample::select(names), any_text());
    prop::collection::vec(pair.prop_map(|(name, value)| format!("{name}={}", encoded(&value))), 0..4)
        .prop_map(|pairs| pairs.join("&"))
        .boxed()
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any_text().prop_map(Value::from),
        prop::sample::select(vec!["CLAIM", "NATIVE", "FULL", DONE, "file:/sp", "a\0b"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z.]{0,8}", inner, 0..3)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// A body with some of the fields that the document names; cut off, or no JSON at all.
fn body(documented: &Documented) -> BoxedStrategy<Vec<u8>> {
    let schema = &documented.operation["requestBody"]["content"]["application/json"]["schema"];
    let name = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()).unwrap_or_default();
    let properties = DOCUMENT["components"]["schemas"][name]["properties"].as_object();
    let mut names: Vec<String> = properties.into_iter().flat_map(|all| all.keys().cloned()).collect();
    names.push("nosuch".to_owned());
    let object = prop::collection::vec((prop::sample::select(names), any_json()), 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()).to_string().into_bytes())
        .boxed();
    prop_oneof![
        6 => object.clone(),
        2 => (object, any::<prop::sample::Index>()).prop_map(|(bytes, end)| bytes[..end.index(bytes.len())].to_vec()),
        1 => Just(vec![b'['; 4096]),
        1 => Just(format!("{{\"nosuch\": \"{}\"}}", "x".repeat(JSON_LIMIT_BYTES)).into_bytes()),
        2 => prop::collection::vec(any::<u8>(), 0..64),
        1 => Just(Vec::new()),
    ]
    .boxed()
}

#[derive(Debug)]
struct Asked {
    documented: Documented,
    uri: String,
    body: Vec<u8>,
}

fn asked() -> impl Strategy<Value = Asked> {
    prop::sample::select(operations()).prop_flat_map(|documented| {
        let values: Vec<_> = documented.path_names().into_iter().map(path_value).collect();
        let prefix = prop::sample::select(vec!["", "/v1"]);
        (prefix, values, query(&documented), body(&documented)).prop_map(
            move |(prefix, values, query, body)| {
                let names = documented.path_names();
                let path = names.iter().zip(&values).fold(documented.path.clone(), |path, (name, value)| {
                    path.replace(&format!("{{{name}}}"), value)
                });
                Asked { documented: documented.clone(), uri: format!("{prefix}{path}?{query}"), body }
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_operation_answers_as_documented_whatever_is_asked(
        asked in asked(),
        content_type in prop::sample::select(vec![
            "application/json", "application/json; charset=UTF-8", "multipart/form-data; boundary=b", "text/plain",
        ]),
    ) {
        let Asked { documented, uri, body } = asked;
        let Ok(uri) = uri.parse::<axum::http::Uri>() else { return Ok(()) };
        let mut request = request(&documented.method, "/", Body::from(body.clone()));
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert("content-type", content_type.parse().unwrap());
        let (status, text) = RUNTIME.block_on(async {
            let answer = async {
                let response = send(&SERVICE, request).await;
                (response.status(), text(response).await)
            };
            tokio::time::timeout(Duration::from_secs(10), answer).await.expect("no request hangs")
        });
        let place = || format!("{} {uri} {}", documented.method, String::from_utf8_lossy(&body[..body.len().min(200)]));
        // A value such as `..` may lead to another path.
        if text.contains("Not found: /") || text.contains("Unable to load requested file") {
            prop_assert_eq!(status, 404);
        } else if let Some(problem) = documented.problem(status, &text) {
            prop_assert!(false, "{}: {problem}", place());
        }
    }
}

#[tokio::test]
async fn a_body_that_is_announced_and_never_comes_is_given_up() {
    tokio::time::pause();
    let service = service_with(&Arc::default(), RestOptions::default());
    for documented in operations() {
        if documented.operation["requestBody"].is_null() {
            continue;
        }
        let path = documented.path_names().into_iter().fold(documented.path.clone(), |path, name| {
            path.replace(&format!("{{{name}}}"), &known_values(name)[0])
        });
        let pending = Body::from_stream(tokio_stream::pending::<Result<bytes::Bytes, std::io::Error>>());
        let mut request = request(&documented.method, &path, pending);
        request.headers_mut().insert("content-type", "multipart/form-data; boundary=b".parse().unwrap());
        let answer = tokio::time::timeout(Duration::from_secs(60), send(&service, request)).await;
        let response = answer.unwrap_or_else(|_| panic!("{} {path} hangs", documented.method));
        assert_eq!(response.status(), 408, "{} {path}", documented.method);
    }
}
