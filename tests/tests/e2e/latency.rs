//! How long records take to their sinks, measured by marks between them.

use flott_core::JobId;
use flott_tests::{Cluster, eventually};
use serde_json::Value;

/// The ids of all metrics of a job that are latencies.
fn latencies(cluster: &Cluster, job: JobId) -> Vec<String> {
    let metrics = cluster.rest().get(&format!("/jobs/{job}/metrics")).body;
    let ids = metrics.as_array().into_iter().flatten().filter_map(|metric| metric["id"].as_str());
    ids.filter(|id| id.starts_with("latency.")).map(str::to_owned).collect()
}

/// The value of a metric of a job.
fn value(cluster: &Cluster, job: JobId, id: &str) -> f64 {
    let metrics = cluster.rest().get(&format!("/jobs/{job}/metrics?get={id}")).body;
    metrics[0]["value"].as_str().unwrap().parse().unwrap()
}

#[test]
fn the_latency_to_a_sink_is_told_over_rest_and_recorded() {
    let cluster = Cluster::builder().set("metrics.latency.interval", "50 ms").start();
    let job = cluster.submit("endless", &["--rate", "2000"], 2);
    let detail = cluster.wait_until_running(job);
    // The heads of chains have the ids of their vertices, the sink has one of its own.
    let [source, count] = [0, 1].map(|vertex: usize| detail.vertices[vertex].id.to_string());
    let to_sink = eventually("both subtasks of the sink know their latency", || {
        let p99 = |id: &String| {
            id.starts_with(&format!("latency.source_id.{source}.operator_id."))
                && id.ends_with(".latency_p99")
                && !id.contains(&format!("operator_id.{count}."))
        };
        let found: Vec<_> = latencies(&cluster, job).into_iter().filter(p99).collect();
        (found.len() == 2).then_some(found)
    });
    for p99 in to_sink {
        let name = p99.trim_end_matches("_p99");
        let latency = value(&cluster, job, &p99);
        // Batches wait for 100 ms at most; the machine may be busy.
        assert!(latency > 0.0 && latency < 60_000.0, "{p99}: {latency}");
        let before = value(&cluster, job, &format!("{name}_count"));
        eventually("more marks come", || {
            (value(&cluster, job, &format!("{name}_count")) > before).then_some(())
        });
    }
    let is_known = |series: &Value| series["values"].as_array().unwrap().iter().any(Value::is_number);
    eventually("it is recorded for the vertex and for the job", || {
        let history = cluster.rest().get(&format!("/jobs/{job}/history?get=latency")).body;
        let series = history["series"].as_array()?;
        let of_vertex = series.iter().any(|series| series["vertex"] == count.as_str() && is_known(series));
        let of_job = series.iter().any(|series| series["vertex"].is_null() && is_known(series));
        (of_vertex && of_job).then_some(())
    });
}

#[test]
fn without_an_interval_nothing_is_measured() {
    let cluster = Cluster::start();
    let job = cluster.submit("endless", &["--rate", "2000"], 2);
    cluster.wait_for_records(job);
    assert_eq!(latencies(&cluster, job), Vec::<String>::new());
}
