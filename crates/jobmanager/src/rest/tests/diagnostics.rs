//! What daemons log, and what threads and subtasks do.

use std::sync::Arc;

use flott_core::config::{Configuration, LogLevel};
use serde_json::json;

use super::support::*;
use crate::{Error, profiles::Profiled, rest::RestOptions};

#[tokio::test]
async fn logs_of_a_job_come_from_all_daemons() {
    let cluster = Arc::<FakeCluster>::default();
    let service = service_with(&cluster, RestOptions::default());
    let uri = format!("/v1/jobs/{RUNNING}/logs?lines=7&level=warn&search=a%20b");
    let logs = get(&service, &uri).await;
    assert_eq!((&logs["truncated"], &logs["unavailable"]), (&json!(true), &json!(["gone"])));
    assert_eq!(logs["lines"][0]["source"], "jobmanager");
    assert_eq!(logs["lines"][1]["source"], TASK_MANAGER);
    assert_eq!(logs["lines"][0]["level"], "WARN");
    assert_eq!(logs["lines"][0]["text"], format!("t [] - {RUNNING}"));
    assert!(logs["lines"][0]["time"].is_i64());
    get(&service, &format!("/jobs/{RUNNING}/logs")).await;
    let searched = std::mem::take(&mut *cluster.searched.lock().unwrap());
    assert_eq!((searched[0].lines, searched[0].level), (7, LogLevel::Warn));
    assert_eq!((searched[0].search.as_str(), searched[0].about.as_str()), ("a b", RUNNING));
    assert_eq!((searched[1].lines, searched[1].level), (500, LogLevel::Trace));
    for (uri, expected) in [
        (format!("/jobs/{UNKNOWN}/logs"), 404),
        (format!("/jobs/{RUNNING}/logs?level=loud"), 400),
        (format!("/jobs/{RUNNING}/logs?lines=0"), 400),
        (format!("/jobs/{RUNNING}/logs?lines=-1"), 400),
        (format!("/jobs/{RUNNING}/logs?lines=100000000"), 400),
    ] {
        assert_eq!(ask(&service, "GET", &uri).await.0, expected, "{uri}");
    }
}

#[tokio::test]
async fn what_is_logged_can_be_changed() {
    let service = service();
    for uri in ["/jobmanager/log-level".to_owned(), format!("/v1/taskmanagers/{TASK_MANAGER}/log-level")] {
        assert_eq!(get(&service, &uri).await, json!({"filter": "info"}));
        let put = |body: &'static str| send(&service, request("PUT", &uri, body));
        let changed = put(r#"{"filter":"info,flott_rpc=debug"}"#).await;
        assert_eq!(changed.status(), 200);
        assert_eq!(text(changed).await, r#"{"filter":"info,flott_rpc=debug"}"#);
        for body in [r#"{"filter":"loud"}"#, "", "{}", "[]", r#"{"filter":3}"#] {
            assert_eq!(put(body).await.status(), 400, "{body}");
        }
        let refused = text(put(r#"{"filter":"loud"}"#).await).await;
        assert!(refused.contains("is no level"), "{refused}");
    }
    assert_eq!(ask(&service, "GET", "/taskmanagers/other/log-level").await.0, 500);
}

#[tokio::test]
async fn threads_are_told_as_java_tells_them() {
    let service = service();
    let dump = get(&service, "/jobmanager/thread-dump").await;
    let text = "\"flott-slot\" Id=7 WAITING in futex_wait\n\t-  process: task host\n\t-  CPU time: 12 ms\n\
                \t-  subtask: count (1/2)\n\tat read\n\tat map\n\n";
    let expected = json!({"threadInfos": [{"threadName": "flott-slot", "stringifiedThreadInfo": text}]});
    assert_eq!(dump, expected);
    assert_eq!(get(&service, &format!("/taskmanagers/{TASK_MANAGER}/thread-dump")).await, expected);
    assert_eq!(ask(&service, "GET", "/taskmanagers/other/thread-dump").await.0, 500);
}

#[tokio::test]
async fn flame_graphs_have_flinks_shape_and_numbers() {
    let service = service();
    let uri = format!("/jobs/{RUNNING}/vertices/{}/flamegraph", vertex());
    let node = |value| {
        let children = json!([{"name": "step", "value": value, "children": []}]);
        json!({"name": "root", "value": value, "children": children})
    };
    for (query, value) in [
        ("", 5),
        ("?type=full", 5),
        ("?type=ON_CPU", 3),
        ("?type=off_cpu", 2),
        ("?type=on_cpu&subtaskindex=0", 3),
        ("?subtaskindex=1", 2),
    ] {
        let graph = get(&service, &format!("{uri}{query}")).await;
        assert_eq!(graph["data"], node(value), "{query}");
        assert!(graph["endTimestamp"].as_i64().unwrap() > 0);
    }
    let nothing = get(&service, &format!("{uri}?type=on_cpu&subtaskindex=1")).await;
    assert_eq!(nothing["data"], json!({"name": "root", "value": 0, "children": []}));
    for (query, expected) in [("?type=hot", 400), ("?subtaskindex=x", 400), ("?subtaskindex=2", 404)] {
        assert_eq!(ask(&service, "GET", &format!("{uri}{query}")).await.0, expected, "{query}");
    }

    let first = graph().vertices[0].id;
    let waiting = get(&service, &format!("/jobs/{RUNNING}/vertices/{first}/flamegraph")).await;
    assert_eq!(waiting, json!({"endTimestamp": -3}));
    let ended = get(&service, &format!("/jobs/{FINISHED}/vertices/{first}/flamegraph")).await;
    assert_eq!(ended, json!({"endTimestamp": -1}));
    let (config, _) = Configuration::parse("rest.flamegraph.enabled: false", "config.yaml").unwrap();
    let disabled = service_with(&Arc::default(), RestOptions::from_config(&config, 8081, None));
    assert_eq!(get(&disabled, &uri).await, json!({"endTimestamp": -2}));
}

#[tokio::test]
async fn profiles_are_taken_listed_and_read() {
    let cluster = Arc::<FakeCluster>::default();
    profiles_of(&cluster, &format!("/taskmanagers/{TASK_MANAGER}/profiler")).await;
    profiles_of(&cluster, "/v1/jobmanager/profiler").await;
}

async fn profiles_of(cluster: &Arc<FakeCluster>, uri: &str) {
    let service = service_with(cluster, RestOptions::default());
    let list = get(&service, uri).await;
    assert_eq!(list["profilingList"][0]["status"], "FINISHED");
    assert_eq!(list["profilingList"][0]["outputFile"], PROFILE);
    assert_eq!(list["profilingList"][1]["status"], "FAILED");
    assert_eq!(list["profilingList"][1]["message"], "it was gone");

    let post = |body: &'static str| send(&service, request("POST", uri, body));
    let begun: serde_json::Value =
        serde_json::from_str(&text(post(r#"{"mode":"CPU","duration":5}"#).await).await).unwrap();
    let trigger_time = begun["triggerTime"].as_i64().unwrap();
    let expected = json!({
        "status": "RUNNING", "mode": "CPU", "profilingMode": "CPU", "triggerTime": trigger_time,
        "finishedTime": null, "duration": 5, "message": null, "outputFile": null,
    });
    assert_eq!(begun, expected);
    assert_eq!(post("").await.status(), 200);
    for body in [
        r#"{"mode":"ALLOC"}"#,
        r#"{"duration":0}"#,
        r#"{"duration":301}"#,
        r#"{"duration":-1}"#,
        r#"{"duration":"x"}"#,
    ] {
        assert_eq!(post(body).await.status(), 400, "{body}");
    }
    *cluster.failure.lock().unwrap() = Some(Error::ProfileUnderway(Profiled::JobManager));
    assert_eq!(post("{}").await.status(), 409);

    let stem = PROFILE.trim_end_matches(".html");
    for (ending, kind, content) in [
        ("html", "text/html; charset=UTF-8", "<svg"),
        ("txt", "text/plain; charset=UTF-8", "job;map 4\n"),
        ("json", "application/json; charset=UTF-8", r#"{"name":"root","value":4"#),
    ] {
        let response = send(&service, request("GET", &format!("{uri}/{stem}.{ending}"), "")).await;
        assert_eq!(response.status(), 200, "{ending}");
        assert_eq!(response.headers()["content-type"], kind);
        assert!(text(response).await.contains(content), "{ending}");
    }
    for file in ["other.html", "noending", "..%2Fx.html", &format!("{stem}.exe")] {
        assert_eq!(ask(&service, "GET", &format!("{uri}/{file}")).await.0, 404, "{file}");
    }

    let (config, _) = Configuration::parse("rest.profiling.enabled: false", "config.yaml").unwrap();
    let disabled = service_with(&Arc::default(), RestOptions::from_config(&config, 8081, None));
    assert_eq!(ask(&disabled, "GET", uri).await.0, 404);
}
