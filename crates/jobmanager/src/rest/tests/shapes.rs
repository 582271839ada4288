//! Answers have the shape of those that were captured from Flink: every key, with the same type.

use serde_json::Value;

use super::support::*;

/// What keeps `ours` from passing for `theirs`. Additional keys are fine; where the sample is null, or an empty list
/// or object, anything of ours is.
pub(super) fn difference(place: &str, theirs: &Value, ours: &Value) -> Option<String> {
    match (theirs, ours) {
        (Value::Null, _) => None,
        // Keyed by the states that something is or was in, or by ids.
        (Value::Object(theirs), Value::Object(ours)) if is_map(place) || has_ids(theirs) => {
            let sample = theirs.values().next()?;
            ours.iter().find_map(|(key, ours)| difference(&format!("{place}/{key}"), sample, ours))
        }
        (Value::Object(theirs), Value::Object(ours)) => theirs.iter().find_map(|(key, value)| {
            let place = format!("{place}/{key}");
            match ours.get(key) {
                None if key == "inputs" => None, // sources have none
                // A failure of the whole job has no task.
                None if ["endpoint", "taskName", "taskManagerId"].contains(&key.as_str())
                    && ours.get("rootCause").is_some_and(|cause| cause["subtask"].is_null()) =>
                {
                    None
                }
                // The sample is of a completed checkpoint.
                None if ["external_path", "discarded"].contains(&key.as_str())
                    && ours["className"] != "completed" =>
                {
                    None
                }
                None => Some(format!("{place} is missing")),
                Some(ours) => difference(&place, value, ours),
            }
        }),
        (Value::Array(theirs), Value::Array(ours)) => {
            let sample = theirs.first()?;
            ours.iter().enumerate().find_map(|(i, ours)| difference(&format!("{place}/{i}"), sample, ours))
        }
        (Value::Number(theirs), Value::Number(ours)) => (theirs.is_f64() != ours.is_f64())
            .then(|| format!("{place}: one of {theirs} and {ours} is an integer, the other is not")),
        // Percentiles over too few values.
        (Value::Number(theirs), Value::String(ours)) if theirs.is_f64() && ours == "NaN" => None,
        // And more values than Flink has taken in there.
        (Value::String(theirs), Value::Number(ours)) if ours.is_f64() && theirs == "NaN" => None,
        // A JVM's memory pools may be unknown by the type's declaration.
        (Value::Number(_), Value::Null) if place.starts_with("/taskmanagers/0/memoryConfiguration") => None,
        (Value::Number(_), Value::Null) if place.starts_with("/memoryConfiguration") => None,
        // There is no latest checkpoint yet.
        (Value::Object(_), Value::Null) if place.starts_with("/latest/") => None,
        (Value::String(_), Value::String(_)) | (Value::Bool(_), Value::Bool(_)) => None,
        (theirs, ours) => Some(format!("{place}: {ours} in place of {theirs}")),
    }
}

/// Whether the keys of this object are states or ids.
/// Whether all keys are ids.
fn has_ids(map: &serde_json::Map<String, Value>) -> bool {
    let is_id = |key: &String| key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
    !map.is_empty() && map.keys().all(is_id)
}

fn is_map(place: &str) -> bool {
    // Not the tasks of a vertex, by state, which are all there.
    place == "/tasks" || place.ends_with("/jobs") || place.ends_with("/status-duration")
}

pub(super) fn sample(name: &str) -> Value {
    let path = format!("{}/tests/rest-samples/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

fn cases() -> Vec<(&'static str, String)> {
    let vertex = format!("/jobs/{RUNNING}/vertices/{}", vertex());
    let tm = format!("/taskmanagers/{TASK_MANAGER}");
    let mut cases: Vec<(&'static str, String)> = [
        ("config", "/config"),
        ("overview", "/overview"),
        ("datasets", "/datasets"),
        ("applications-overview", "/applications/overview"),
        ("jobs", "/jobs"),
        ("jobs-overview", "/jobs/overview"),
        ("jobs-metrics", "/jobs/metrics"),
        ("jobs-metrics-agg", "/jobs/metrics?get=numRestarts"),
        ("taskmanagers", "/taskmanagers"),
        ("taskmanagers-metrics", "/taskmanagers/metrics"),
        ("taskmanagers-metrics-agg", "/taskmanagers/metrics?get=Status.JVM.Memory.Heap.Used"),
        ("jobmanager-config", "/jobmanager/config"),
        ("jobmanager-environment", "/jobmanager/environment"),
        ("jobmanager-logs", "/jobmanager/logs"),
        ("jobmanager-metrics-list", "/jobmanager/metrics"),
        ("jobmanager-metrics-get", "/jobmanager/metrics?get=Status.JVM.Memory.Heap.Used"),
        ("jars", "/jars"),
    ]
    .map(|(name, path)| (name, path.to_owned()))
    .to_vec();
    for id in [RUNNING, FINISHED, FAILED, CREATED] {
        cases.push(("job", format!("/jobs/{id}")));
        cases.push(("application-detail", format!("/applications/{id}")));
        cases.push(("application-exceptions", format!("/applications/{id}/exceptions")));
        for (name, path) in [
            ("job-plan", "plan"),
            ("job-config", "config"),
            ("job-status", "status"),
            ("job-accumulators", "accumulators?includeSerializedValue=true"),
            ("job-checkpoints", "checkpoints"),
            ("job-checkpoints-config", "checkpoints/config"),
            ("job-metrics-list", "metrics"),
            ("job-metrics-get", "metrics?get=numRestarts,uptime"),
            ("job-jobmanager-config", "jobmanager/config"),
            ("job-jobmanager-environment", "jobmanager/environment"),
        ] {
            cases.push((name, format!("/jobs/{id}/{path}")));
        }
    }
    let checkpoints = format!("/jobs/{RUNNING}/checkpoints");
    for id in 1..=5 {
        cases.push(("job-checkpoint-details", format!("{checkpoints}/details/{id}")));
    }
    cases.extend([
        ("job-checkpoint-subtasks", format!("{checkpoints}/details/4/subtasks/{}", self::vertex())),
        ("checkpoint-status", format!("{checkpoints}/{DONE}")),
        ("savepoint-status", format!("/jobs/{RUNNING}/savepoints/{DONE}")),
        ("savepoint-disposal-status", format!("/savepoint-disposal/{DONE}")),
        ("savepoint-disposal-status-failed", format!("/savepoint-disposal/{BROKEN}")),
    ]);
    cases.extend([
        ("job-finished", format!("/jobs/{FINISHED}")),
        ("job-exceptions", format!("/jobs/{RUNNING}/exceptions?maxExceptions=10")),
        ("job-execution-result-running", format!("/jobs/{RUNNING}/execution-result")),
        ("job-execution-result-finished", format!("/jobs/{FINISHED}/execution-result")),
        ("vertex", vertex.clone()),
        ("vertex-subtasktimes", format!("{vertex}/subtasktimes")),
        ("vertex-taskmanagers", format!("{vertex}/taskmanagers")),
        ("vertex-watermarks", format!("{vertex}/watermarks")),
        ("vertex-accumulators", format!("{vertex}/accumulators")),
        ("vertex-subtasks-accumulators", format!("{vertex}/subtasks/accumulators")),
        ("vertex-backpressure", format!("{vertex}/backpressure")),
        ("vertex-metrics-list", format!("{vertex}/metrics")),
        ("vertex-metrics-get", format!("{vertex}/metrics?get=0.numRecordsIn,1.busyTimeMsPerSecond")),
        ("vertex-subtasks-metrics-list", format!("{vertex}/subtasks/metrics")),
        (
            "vertex-subtasks-metrics-get",
            format!("{vertex}/subtasks/metrics?get=busyTimeMsPerSecond,numRecordsInPerSecond"),
        ),
        ("vertex-jm-operator-metrics", format!("{vertex}/jm-operator-metrics")),
        ("subtask", format!("{vertex}/subtasks/1")),
        ("subtask-attempt", format!("{vertex}/subtasks/1/attempts/1")),
        ("subtask-attempt-accumulators", format!("{vertex}/subtasks/1/attempts/0/accumulators")),
        ("subtask-metrics-list", format!("{vertex}/subtasks/1/metrics")),
        ("taskmanager", tm.clone()),
        ("taskmanager-logs", format!("{tm}/logs")),
        ("taskmanager-metrics-list", format!("{tm}/metrics")),
        ("taskmanager-metrics-get", format!("{tm}/metrics?get=Status.JVM.Memory.Heap.Used")),
    ]);
    cases
}

#[tokio::test]
async fn every_answer_has_flinks_shape_with_and_without_prefix() {
    let service = service();
    for (name, path) in cases() {
        let sample = sample(name);
        let (route, query) = path
            .split_once('?')
            .map_or((path.as_str(), String::new()), |(route, query)| (route, format!("?{query}")));
        for path in
            [path.clone(), format!("/v1{path}"), format!("{route}/{query}"), format!("/v1{route}/{query}")]
        {
            let ours = get(&service, &path).await;
            if let Some(difference) = difference("", &sample, &ours) {
                panic!("{path} against {name}: {difference}\n{ours:#}");
            }
        }
    }
}

#[test]
fn the_comparison_sees_differences() {
    let sample = sample("overview");
    let mut ours = sample.clone();
    assert_eq!(difference("", &sample, &ours), None);
    ours["slots-total"] = "2".into();
    assert!(difference("", &sample, &ours).unwrap().contains("/slots-total"));
    ours.as_object_mut().unwrap().remove("slots-total");
    assert_eq!(difference("", &sample, &ours).unwrap(), "/slots-total is missing");
}

#[tokio::test]
async fn exceptions_have_flinks_shape_and_the_cause_by_parts() {
    let service = service();
    let ours = get(&service, &format!("/jobs/{FAILED}/exceptions?maxExceptions=1")).await;
    assert_eq!(difference("", &sample("job-exceptions-failing"), &ours), None);
    let history = &ours["exceptionHistory"];
    assert_eq!(history["truncated"], true);
    let entry = &history["entries"][0];
    assert_eq!(entry["exceptionName"], "PANIC");
    assert_eq!(entry["concurrentExceptions"][0]["exceptionName"], "CONNECTION_LOST");
    assert_eq!(entry["rootCause"]["location"], "src/main.rs:12:5");
    assert!(entry["stacktrace"].as_str().unwrap().starts_with("index out of bounds\n  operator: count\n"));

    let all = get(&service, &format!("/jobs/{FAILED}/exceptions")).await;
    let global = &all["exceptionHistory"]["entries"][1];
    for absent in ["taskName", "endpoint", "taskManagerId"] {
        assert!(global.get(absent).is_none(), "{absent} of a global failure");
    }
    let filtered = get(&service, &format!("/jobs/{FAILED}/exceptions?failureLabelFilter=a:b")).await;
    assert_eq!(filtered["exceptionHistory"]["entries"], serde_json::json!([]));
}

#[tokio::test]
async fn a_failed_jobs_result_carries_a_serialized_throwable() {
    let service = service();
    let result = get(&service, &format!("/jobs/{FAILED}/execution-result")).await;
    assert_eq!(result["status"]["id"], "COMPLETED");
    let result = &result["job-execution-result"];
    assert_eq!(result["application-status"], "FAILED");
    let cause = &result["failure-cause"];
    assert!(cause["stack-trace"].as_str().unwrap().contains("src/main.rs:12:5"));
    assert!(cause["serialized-throwable"].as_str().unwrap().starts_with("rO0ABXNy"), "Java's stream header");
}

#[tokio::test]
async fn the_plan_lists_sinks_first_and_escapes_names() {
    let plan = get(&service(), &format!("/jobs/{RUNNING}/plan")).await;
    let nodes = &plan["plan"]["nodes"];
    assert_eq!(nodes[0]["description"], "count<br/>+- Sink: print<br/>");
    assert_eq!(nodes[0]["inputs"][0]["ship_strategy"], "HASH");
    assert_eq!(nodes[1]["description"], "Source: text<br/>+- split &lt;b&gt;<br/>");
    assert!(nodes[1].get("inputs").is_none(), "sources have no inputs");
}

#[tokio::test]
async fn numbers_are_those_of_the_views() {
    let service = service();
    let overview = get(&service, "/overview").await;
    assert_eq!((&overview["jobs-running"], &overview["slots-available"]), (&2.into(), &1.into()));
    let job = get(&service, &format!("/jobs/{RUNNING}")).await;
    assert_eq!(job["status-counts"]["RUNNING"], 4);
    assert_eq!(job["vertices"][1]["metrics"]["read-records"], 201);
    assert_eq!(job["vertices"][1]["rates"]["numRecordsInPerSecond"], 10.5);
    let vertex = format!("/jobs/{RUNNING}/vertices/{}", vertex());
    let metrics =
        get(&service, &format!("{vertex}/metrics?get=1.numRecordsIn,1.numRecordsInPerSecond")).await;
    let expected = serde_json::json!([
        {"id": "1.numRecordsIn", "value": "101"}, {"id": "1.numRecordsInPerSecond", "value": "10.5"}
    ]);
    assert_eq!(metrics, expected);
    let sums =
        get(&service, &format!("{vertex}/subtasks/metrics?get=numRecordsIn&agg=sum&subtasks=1-9")).await;
    assert_eq!(sums, serde_json::json!([{"id": "numRecordsIn", "sum": 101.0}]));
    let pressure = get(&service, &format!("{vertex}/backpressure")).await;
    assert_eq!(pressure["backpressure-level"], "high");
    assert_eq!(pressure["subtasks"][0]["backpressureLevel"], "ok");
    let task_manager = get(&service, &format!("/taskmanagers/{TASK_MANAGER}")).await;
    assert_eq!(task_manager["allocatedSlots"][0]["assignedTasks"], 4);
    assert_eq!(task_manager["metrics"]["heapUsed"], 1 << 25);
}

#[tokio::test]
async fn watermarks_and_operators_metrics_have_flinks_ids() {
    let service = service();
    let vertex = format!("/jobs/{RUNNING}/vertices/{}", vertex());
    let watermarks = get(&service, &format!("{vertex}/watermarks")).await;
    let expected = serde_json::json!([
        {"id": "0.currentInputWatermark", "value": "1795390337729"},
        {"id": "1.currentInputWatermark", "value": "1795390337730"}
    ]);
    assert_eq!(watermarks, expected);
    let ended = get(&service, &format!("/jobs/{FINISHED}/vertices/{}/watermarks", self::vertex())).await;
    assert_eq!(ended, serde_json::json!([]));
    let metrics = get(&service, &format!("{vertex}/metrics?get=1.count_by__key.numLateRecordsDropped")).await;
    let expected = serde_json::json!([{"id": "1.count_by__key.numLateRecordsDropped", "value": "4"}]);
    assert_eq!(metrics, expected);
    let of_subtask = "count_by__key.my.size_p99,count_by__key.load,currentInputWatermark";
    let metrics = get(&service, &format!("{vertex}/subtasks/0/metrics?get={of_subtask}")).await;
    let expected = serde_json::json!([
        {"id": "currentInputWatermark", "value": "1795390337729"},
        {"id": "count_by__key.my.size_p99", "value": "2.5"},
        {"id": "count_by__key.load", "value": "NaN"}
    ]);
    assert_eq!(metrics, expected);
    let over_subtasks = "count_by__key.numLateRecordsDropped,count_by__key.load";
    let sums = get(&service, &format!("{vertex}/subtasks/metrics?get={over_subtasks}&agg=sum")).await;
    let expected = serde_json::json!([
        {"id": "count_by__key.load", "sum": 0.5}, {"id": "count_by__key.numLateRecordsDropped", "sum": 7.0}
    ]);
    assert_eq!(sums, expected);
    let names = get(&service, &format!("{vertex}/metrics")).await;
    let outputs =
        names.as_array().unwrap().iter().filter(|metric| metric["id"] == "0.currentOutputWatermark");
    assert_eq!(outputs.count(), 0, "nothing reads from it");
}

#[tokio::test]
async fn sources_have_an_output_watermark_only() {
    let service = service();
    let source = graph().vertices[0].id;
    let vertex = format!("/jobs/{RUNNING}/vertices/{source}");
    assert_eq!(get(&service, &format!("{vertex}/watermarks")).await, serde_json::json!([]));
    let asked = "currentInputWatermark,currentOutputWatermark";
    let metrics = get(&service, &format!("{vertex}/subtasks/0/metrics?get={asked}")).await;
    let expected = serde_json::json!([{"id": "currentOutputWatermark", "value": i64::MIN.to_string()}]);
    assert_eq!(metrics, expected);
}

#[tokio::test]
async fn secrets_of_a_job_are_hidden() {
    let config = get(&service(), &format!("/jobs/{RUNNING}/config")).await;
    assert_eq!(config["execution-config"]["user-config"]["my.password"], "******");
}
