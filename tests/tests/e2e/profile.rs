//! Flame graphs, profiles and thread dumps show the functions of a job.

use flott_core::JobStatus;
use flott_tests::Cluster;
use flott_tests::eventually;
use reqwest::Method;
use serde_json::Value;

/// How often a tree has a function whose name contains this.
fn samples_of(node: &Value, name: &str) -> u64 {
    if node["name"].as_str().is_some_and(|own| own.contains(name)) {
        return node["value"].as_u64().unwrap();
    }
    node["children"].as_array().into_iter().flatten().map(|child| samples_of(child, name)).sum()
}

fn cluster() -> Cluster {
    Cluster::builder()
        .task_managers(1)
        .slots(Some(2))
        .set("rest.flamegraph.num-samples", "40")
        .set("rest.flamegraph.delay-between-samples", "5 ms")
        .set("rest.flamegraph.refresh-interval", "1 s")
        .start()
}

#[test]
fn what_uses_the_processor_is_seen_by_its_name() {
    let cluster = cluster();
    let job = cluster.submit("busy", &[], 2);
    let detail = cluster.wait_for_records(job);
    let vertex = &detail.vertices.last().unwrap().id;
    let graph =
        |query: &str| cluster.rest().get(&format!("/jobs/{job}/vertices/{vertex}/flamegraph{query}")).body;
    assert_eq!(graph("?type=on_cpu")["endTimestamp"], -3);
    let data = eventually("the processor is seen to burn", || {
        let graph = graph("?type=on_cpu");
        (samples_of(&graph["data"], "burn_the_processor") > 0).then_some(graph["data"].clone())
    });
    assert_eq!(data["name"], "root");
    // What is between the system and the operators is left out.
    assert_eq!(samples_of(&data, "run_subtask") + samples_of(&data, "std::panicking"), 0, "{data:#}");
    let whole = graph("?type=full")["data"]["value"].as_u64().unwrap();
    let parts: u64 =
        (0..2).map(|n| graph(&format!("?subtaskindex={n}"))["data"]["value"].as_u64().unwrap()).sum();
    assert!(whole > 0 && parts > 0);

    let task_manager = cluster.rest().task_managers().remove(0).id;
    let dump = eventually("a thread is seen to burn", || {
        let dump = cluster.rest().get(&format!("/taskmanagers/{task_manager}/thread-dump")).body;
        dump.to_string().contains("burn_the_processor").then_some(dump)
    });
    let names: Vec<_> =
        dump["threadInfos"].as_array().unwrap().iter().map(|thread| &thread["threadName"]).collect();
    assert!(names.iter().any(|name| *name == "flott-slot"), "{names:?}");

    let profiler = format!("/taskmanagers/{task_manager}/profiler");
    let body = r#"{"mode":"ITIMER","duration":1}"#;
    let begun = cluster.rest().send_text(Method::POST, &profiler, body);
    assert_eq!((begun.status, &begun.body["status"]), (200, &"RUNNING".into()), "{}", begun.errors());
    let again = cluster.rest().send_text(Method::POST, &profiler, body);
    assert_eq!(again.status, 409);
    let file = eventually("the profile is taken", || {
        let newest = cluster.rest().get(&profiler).body["profilingList"][0].clone();
        assert_ne!(newest["status"], "FAILED", "{newest}");
        newest["outputFile"].as_str().map(str::to_owned)
    });
    let page = cluster.rest().get(&format!("{profiler}/{file}")).body;
    assert!(page.as_str().unwrap().contains("burn_the_processor"));
    let tree = cluster.rest().get(&format!("{profiler}/{}", file.replace(".html", ".json"))).body;
    assert!(samples_of(&tree, "burn_the_processor") > 0, "{tree:#}");

    // The job has noticed nothing.
    assert_eq!(cluster.rest().status(job).unwrap(), JobStatus::Running);
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);
    assert_eq!(graph("?type=on_cpu")["endTimestamp"], -1);
}

#[test]
fn what_subtasks_wait_for_is_seen() {
    let cluster = cluster();
    let job = cluster.submit("spin-in-map", &["--at", "10"], 1);
    let detail = cluster.wait_until_running(job);
    let off_cpu = |vertex: &str, wanted: &str| {
        eventually(wanted, || {
            let path = format!("/jobs/{job}/vertices/{vertex}/flamegraph?type=off_cpu");
            (samples_of(&cluster.rest().get(&path).body["data"], wanted) > 0).then_some(())
        });
    };
    // A function of the user that sleeps, with its name, and a source that waits for the clock or for whoever sleeps.
    off_cpu(&detail.vertices.last().unwrap().id.to_string(), "never_return");
    off_cpu(&detail.vertices[0].id.to_string(), "waiting for");
    cluster.rest().cancel(job).unwrap();
}
