//! What daemons measure: told to Prometheus by each of them, and kept for an hour by the one that leads.

use flott_core::JobStatus;
use flott_tests::{Answer, Cluster, Rest, eventually};
use reqwest::Method;
use serde_json::Value;

/// Where a daemon tells its metrics, by what it has logged.
fn reporter(cluster: &Cluster, daemon: &str) -> Rest {
    let address = eventually("the daemon serves its metrics", || {
        let log = cluster.rest().get(&format!("{daemon}/log")).body.as_str()?.to_owned();
        let line = log.lines().find(|line| line.contains("metrics are served"))?.to_owned();
        let address = line.split("address=").nth(1)?.split([' ', '}', ']']).next()?.to_owned();
        address.parse::<std::net::SocketAddr>().ok()
    });
    Rest::at(address.ip(), address.port())
}

/// The value of the first line of a metric that has all these parts.
fn value(text: &str, name: &str, parts: &[&str]) -> Option<f64> {
    let is_wanted = |line: &&str| line.starts_with(name) && parts.iter().all(|part| line.contains(part));
    text.lines().find(is_wanted)?.rsplit(' ').next()?.parse().ok()
}

fn text(answer: Answer) -> String {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body.as_str().unwrap().to_owned()
}

#[test]
fn prometheus_is_told_by_both_daemons() {
    let cluster = Cluster::builder().task_managers(1).set("metrics.reporter.prom.port", "0").start();
    let job = cluster.submit("endless", &[], 2);
    cluster.wait_for_records(job);
    let id = cluster.rest().task_managers().remove(0).id;
    let own = reporter(&cluster, "/jobmanager");
    let of_job = format!("job_id=\"{job}\"");
    for rest in [cluster.rest(), &own] {
        let text = text(rest.get("/metrics"));
        assert_eq!(value(&text, "flink_jobmanager_numRunningJobs{", &[]), Some(1.0), "{text}");
        assert_eq!(value(&text, "flink_jobmanager_numRegisteredTaskManagers{", &[]), Some(1.0), "{text}");
        assert_eq!(value(&text, "flink_jobmanager_job_numRestarts{", &[&of_job]), Some(0.0), "{text}");
    }
    let task_manager = reporter(&cluster, &format!("/taskmanagers/{id}"));
    let text = eventually("the TaskManager tells of records", || {
        let text = text(task_manager.get("/metrics"));
        let records = |subtask| {
            let subtask = format!("subtask_index=\"{subtask}\"");
            value(&text, "flink_taskmanager_job_task_numRecordsOut{", &[&of_job, &subtask])
        };
        (records(0)? > 0.0 && records(1)? > 0.0).then_some(text.clone())
    });
    assert!(value(&text, "flink_taskmanager_Status_JVM_CPU_Load{", &[&id]).is_some(), "{text}");

    for daemon in [&own, &task_manager] {
        assert_eq!(daemon.get("/jobs/overview").status, 404, "nothing else is told there");
        let foreign = daemon.send(Method::GET, "/metrics", |request| request.header("host", "evil.example"));
        assert_eq!(foreign.status, 403, "{foreign:?}");
    }
}

/// The series of an answer with this id, of a vertex or of none.
fn series<'a>(answer: &'a Value, id: &str, of_vertex: bool) -> Option<&'a Value> {
    let all = answer["series"].as_array().unwrap();
    all.iter().find(|series| series["id"] == id && series["vertex"].is_string() == of_vertex)
}

fn has_positive(series: &Value) -> bool {
    series["values"].as_array().unwrap().iter().any(|value| value.as_f64() > Some(0.0))
}

#[test]
fn the_past_can_be_asked_for() {
    let cluster = Cluster::builder().task_managers(1).start();
    let job = cluster.submit("endless", &[], 2);
    cluster.wait_for_records(job);
    let history = |path: &str| {
        let answer = cluster.rest().get(path);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    };
    let path = format!("/jobs/{job}/history");
    let all = eventually("rates are recorded, of the job and of its vertices", || {
        let all = history(&path);
        let is_known = |of_vertex| {
            series(&all, "numRecordsInPerSecond", of_vertex).is_some_and(has_positive)
                && series(&all, "numRecordsOutPerSecond", of_vertex).is_some_and(has_positive)
        };
        (is_known(false) && is_known(true)).then_some(all.clone())
    });
    assert_eq!(all["interval"], 5000);
    let points = all["series"][0]["values"].as_array().unwrap().len();
    for series in all["series"].as_array().unwrap() {
        assert_eq!(series["values"].as_array().unwrap().len(), points, "{series}");
        assert!(series["unit"].is_string() && series["aggregation"].is_string(), "{series}");
    }

    let own = history(&format!("{path}?own=true"));
    assert!(series(&own, "numRecordsInPerSecond", false).is_some(), "{own}");
    assert!(own["series"].as_array().unwrap().iter().all(|series| series["vertex"].is_null()), "{own}");
    let later = history(&format!("{path}?from={}", all["end"]));
    assert!(later["series"][0]["values"].as_array().unwrap().len() <= points, "{later}");
    let list = history(&format!("{path}?list=true"));
    let has_operators =
        list["series"].as_array().unwrap().iter().any(|series| series["id"].as_str().unwrap().contains('.'));
    assert!(has_operators && list["series"][0]["values"].is_null(), "{list}");

    let id = cluster.rest().task_managers().remove(0).id;
    for daemon in ["/jobmanager", &format!("/taskmanagers/{id}")] {
        // A load is known from the second look on.
        eventually("load and memory are recorded", || {
            let answer = history(&format!("{daemon}/history"));
            series(&answer, "cpuLoad", false)?;
            series(&answer, "memoryUsed", false).is_some_and(has_positive).then_some(())
        });
    }
    let of_cluster = history("/history");
    assert!(series(&of_cluster, "jobsRunning", false).is_some_and(has_positive), "{of_cluster}");
    assert!(series(&of_cluster, "slotsTotal", false).is_some_and(has_positive), "{of_cluster}");

    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);
    let ended = history(&path);
    assert!(series(&ended, "numRecordsInPerSecond", false).is_some_and(has_positive), "it outlives the job");
}
