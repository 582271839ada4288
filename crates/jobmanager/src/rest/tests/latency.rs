//! How long records take is a metric of the job.

use serde_json::json;

use super::support::*;

#[tokio::test]
async fn latencies_are_metrics_of_the_job_and_not_of_the_operator() {
    let service = service();
    let name = latency(1);
    let names = get(&service, &format!("/jobs/{RUNNING}/metrics")).await;
    let names: Vec<_> =
        names.as_array().unwrap().iter().map(|metric| metric["id"].as_str().unwrap()).collect();
    let suffixes: Vec<_> = names.iter().filter_map(|id| id.strip_prefix(name.as_str())).collect();
    let expected = [
        "_count", "_min", "_max", "_mean", "_median", "_stddev", "_p75", "_p90", "_p95", "_p98", "_p99",
        "_p999",
    ];
    // Both vertices of the made-up job have the same subtasks.
    assert_eq!(suffixes, [expected, expected].concat());

    let p99 = get(&service, &format!("/jobs/{RUNNING}/metrics?get={name}_p99,{name}_count")).await;
    assert_eq!(p99[0], json!({"id": format!("{name}_count"), "value": "4"}));
    assert_eq!(p99[1], json!({"id": format!("{name}_p99"), "value": "2.5"}));
    let max = get(&service, &format!("/jobs/metrics?get={name}_p99&agg=max")).await;
    assert_eq!(max, json!([{"id": format!("{name}_p99"), "max": 2.5}]));

    let of_vertex = get(&service, &format!("/jobs/{RUNNING}/vertices/{}/metrics", vertex())).await;
    assert!(!of_vertex.to_string().contains("latency"), "{of_vertex}");
}
