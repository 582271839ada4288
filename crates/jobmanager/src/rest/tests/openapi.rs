//! The OpenAPI document against the handlers: what stands in it is served, and answers are as it says.

use std::{collections::BTreeMap, sync::LazyLock};

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::support::*;
use crate::rest::{openapi, routes};

/// The document.
pub(super) static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document(&routes::operations()));

/// One operation of the document.
#[derive(Clone, Debug)]
pub(super) struct Documented {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) operation: &'static Value,
}

/// All operations of the document.
pub(super) fn operations() -> Vec<Documented> {
    let paths = DOCUMENT["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, methods)| {
            methods.as_object().unwrap().iter().map(|(method, operation)| Documented {
                method: method.to_uppercase(),
                path: path.clone(),
                operation,
            })
        })
        .collect()
}

impl Documented {
    /// The names of the variable parts of its path.
    pub(super) fn path_names(&self) -> Vec<&str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
    }

    /// What it says of a status.
    fn response(&self, status: StatusCode) -> Option<&'static Value> {
        let responses = &self.operation["responses"];
        let class = format!("{}XX", status.as_u16() / 100);
        responses.get(status.as_str()).or_else(|| responses.get(class))
    }

    /// Whether the contract has this status, of 500 or above, as an answer to what was asked.
    fn may_fail(&self, status: StatusCode) -> bool {
        let about = &self.operation["responses"][status.as_str()]["description"];
        about.is_string() && about != openapi::NO_LEADER
    }

    /// What is wrong about an answer, if anything.
    pub(super) fn problem(&self, status: StatusCode, body: &str) -> Option<String> {
        let Some(response) = self.response(status) else {
            return Some(format!("the status {status} is not in the document: {body}"));
        };
        if status.is_server_error() && !self.may_fail(status) {
            return Some(format!("it fails: {status} {body}"));
        }
        // Logs are text.
        let schema = &response["content"]["application/json"]["schema"];
        if schema.is_null() {
            return None;
        }
        let value: Value = match serde_json::from_str(body) {
            Ok(value) => value,
            Err(error) => return Some(format!("{error}: {body}")),
        };
        let validator = VALIDATORS.get(&schema.to_string()).expect("all schemas of the document are there");
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        (!errors.is_empty()).then(|| format!("{status}: {}", errors.join("; ")))
    }
}

/// For the schema of each response.
static VALIDATORS: LazyLock<BTreeMap<String, jsonschema::Validator>> = LazyLock::new(|| {
    let mut validators = BTreeMap::new();
    for documented in operations() {
        for response in documented.operation["responses"].as_object().unwrap().values() {
            let schema = &response["content"]["application/json"]["schema"];
            if schema.is_object() {
                let mut root = schema.clone();
                root["components"] = DOCUMENT["components"].clone();
                let validator = || jsonschema::validator_for(&root).unwrap();
                validators.entry(schema.to_string()).or_insert_with(validator);
            }
        }
    }
    validators
});

/// Values of the canned cluster for the variable part of a path with this name.
pub(super) fn known_values(name: &str) -> Vec<String> {
    let texts: &[&str] = match name {
        "jobid" | "applicationid" => &[RUNNING, FINISHED, FAILED, CREATED],
        "vertexid" => return graph().vertices.iter().map(|vertex| vertex.id.to_string()).collect(),
        "triggerid" => &[DONE, UNDERWAY, BROKEN],
        "datasetid" => &[DONE],
        "subtaskindex" | "attempt" => &["0", "1"],
        "checkpointid" => &["1", "2", "3", "4", "5"],
        "taskmanagerid" => &[TASK_MANAGER],
        "jarid" => &[ARTIFACT],
        "filename" => &["daemon.log"],
        "file" => &[PROFILE],
        _ => &["x"],
    };
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The paths of an operation with all values that the canned cluster knows.
fn known_paths(documented: &Documented) -> Vec<String> {
    documented.path_names().into_iter().fold(vec![documented.path.clone()], |paths, name| {
        let variable = format!("{{{name}}}");
        let values = known_values(name);
        paths.iter().flat_map(|path| values.iter().map(|value| path.replace(&variable, value))).collect()
    })
}

/// A body with which the operation can succeed.
fn body(documented: &Documented) -> Value {
    match documented.path.as_str() {
        "/savepoint-disposal" => json!({ "savepoint-path": "file:/sp" }),
        "/jobs/{jobid}/clientHeartbeat" => json!({ "expiredTimestamp": 1_795_390_000_000_i64 }),
        "/jobmanager/log-level" | "/taskmanagers/{taskmanagerid}/log-level" => json!({ "filter": "debug" }),
        "/jobs/{jobid}/resource-requirements" => {
            let bounds = json!({ "parallelism": { "lowerBound": 1, "upperBound": 2 } });
            graph().vertices.iter().map(|vertex| (vertex.id.to_string(), bounds.clone())).collect()
        }
        _ => json!({}),
    }
}

/// Those that never succeed, or not by a body of JSON.
const NEVER: [(&str, &str); 8] = [
    ("POST", "/jobs"),
    ("GET", "/jobs/{jobid}/yarn-stop"),
    ("POST", "/jobs/{jobid}/coordinators/{operatoruid}"),
    ("PATCH", "/jobs/{jobid}/rescaling"),
    ("GET", "/jobs/{jobid}/rescaling/{triggerid}"),
    ("POST", "/jars/upload"),
    // The canned cluster prints nothing.
    ("GET", "/taskmanagers/{taskmanagerid}/stdout"),
    ("GET", "/jobmanager/stdout"),
];

#[tokio::test]
async fn whatever_is_documented_is_served_as_documented() {
    let service = service();
    let mut problems = Vec::new();
    for documented in operations() {
        let mut succeeded = false;
        for path in known_paths(&documented) {
            let place = format!("{} {path}", documented.method);
            let sent = request(&documented.method, &path, body(&documented).to_string());
            let response = send(&service, sent).await;
            let status = response.status();
            let body = text(response).await;
            succeeded |= status.is_success();
            // What nobody serves is answered so.
            if body.contains("Not found: /") || body.contains("Unable to load requested file") {
                problems.push(format!("{place}: it is not served"));
            }
            problems.extend(documented.problem(status, &body).map(|problem| format!("{place}: {problem}")));
        }
        let never = NEVER.contains(&(&documented.method, &documented.path));
        // They are looked up by ids that only other answers tell.
        let by_answer = ["/datasets/delete/{triggerid}", "/jobs/{jobid}/rescales/details/{rescaleuuid}"];
        if !succeeded && !never && !by_answer.contains(&documented.path.as_str()) {
            problems.push(format!("{} {}: it never succeeds", documented.method, documented.path));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_operation_has_a_name_and_says_what_it_does() {
    let mut names = BTreeMap::new();
    for documented in operations() {
        let place = format!("{} {}", documented.method, documented.path);
        let summary = documented.operation["summary"].as_str().unwrap();
        assert!(summary.ends_with('.'), "{place}: add .about(\"…\") to its route");
        let name = documented.operation["operationId"].as_str().unwrap();
        if let Some(other) = names.insert(name, place.clone()) {
            panic!("{other} and {place} are both {name}");
        }
        for parameter in documented.operation["parameters"].as_array().into_iter().flatten() {
            let about = parameter["description"].as_str().unwrap();
            assert!(!about.is_empty(), "{place}: describe {} in openapi::parameters", parameter["name"]);
        }
    }
    assert!(names.len() > 80);
}

#[test]
fn no_two_types_have_one_name() {
    for name in DOCUMENT["components"]["schemas"].as_object().unwrap().keys() {
        assert!(
            !name.ends_with(|c: char| c.is_ascii_digit()) || name.ends_with("_uint64"),
            "two types want the name of {name}: give one another by #[schemars(rename = \"…\")]"
        );
    }
}

#[tokio::test]
async fn the_document_is_served_and_kept_in_docs() {
    let served = get(&service(), "/v1/openapi.json").await;
    assert_eq!(served, *DOCUMENT);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let text = format!("{}\n", serde_json::to_string_pretty(&served).unwrap());
    if std::env::var_os("FLOTT_UPDATE_DOCS").is_some() {
        std::fs::write(path, &text).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == text,
        "docs/openapi.json is out of date: FLOTT_UPDATE_DOCS=1 cargo test -p flott-jobmanager kept_in_docs"
    );
}
