//! What daemons log of a job can be read in one place, and what they log can be changed.

use flott_core::{JobId, JobStatus};
use flott_tests::{Cluster, eventually};
use reqwest::Method;
use serde_json::{Value, json};

/// The lines of a job's log.
fn lines(cluster: &Cluster, job: JobId, query: &str) -> Vec<Value> {
    let answer = cluster.rest().get(&format!("/jobs/{job}/logs{query}"));
    assert_eq!(answer.status, 200, "{}", answer.errors());
    answer.body["lines"].as_array().unwrap().clone()
}

fn text(line: &Value) -> &str {
    line["text"].as_str().unwrap()
}

#[test]
fn a_jobs_log_is_of_all_daemons_and_of_no_other_job() {
    let cluster = Cluster::start();
    let other = cluster.submit("endless", &[], 1);
    let job = cluster.submit("endless", &["--keys", "8"], 2);
    cluster.wait_for_records(job);
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);

    let of_task_manager = |line: &Value| line["source"] != "jobmanager";
    let all = eventually("the TaskManager has logged the end", || {
        let all = lines(&cluster, job, "");
        let ended = all.iter().any(|line| of_task_manager(line) && text(line).contains("task host ended"));
        ended.then_some(all)
    });
    let ids: Vec<String> = cluster.rest().task_managers().into_iter().map(|tm| tm.id).collect();
    for line in &all {
        assert!(text(line).contains(&job.to_string()) && !text(line).contains(&other.to_string()), "{line}");
        let source = line["source"].as_str().unwrap();
        assert!(source == "jobmanager" || ids.iter().any(|id| id == source), "{line}");
    }
    let has = |part: &str| all.iter().any(|line| text(line).contains(part));
    assert!(has("job status changed") && has("task state changed") && has("state=RUNNING"), "{all:#?}");
    assert!(all.is_sorted_by_key(|line| line["time"].as_i64().unwrap()));

    let newest = lines(&cluster, job, "?lines=1");
    assert_eq!(newest, all[all.len() - 1..]);
    let searched = lines(&cluster, job, "?search=TASK%20STATE");
    assert!(!searched.is_empty() && searched.iter().all(|line| text(line).contains("task state changed")));
    assert!(lines(&cluster, job, "?level=ERROR").is_empty());
}

#[test]
fn what_is_logged_can_be_changed_while_all_runs() {
    let cluster = Cluster::start();
    let task_manager = cluster.rest().task_managers().remove(0).id;
    let job = cluster.submit("endless", &[], 1);
    cluster.wait_for_records(job);
    let debug = |job| lines(&cluster, job, "?level=DEBUG").iter().any(|line| line["level"] == "DEBUG");
    assert!(!debug(job));

    let put = |path: &str, body: &str| cluster.rest().send_text(Method::PUT, path, body);
    for path in ["/jobmanager/log-level".to_owned(), format!("/taskmanagers/{task_manager}/log-level")] {
        assert_eq!(cluster.rest().get(&path).body, json!({"filter": "info"}));
        let refused = put(&path, r#"{"filter": "inof"}"#);
        assert_eq!(refused.status, 400);
        assert!(refused.errors().contains("\"inof\" is no level"), "{}", refused.errors());
        let changed = put(&path, r#"{"filter": "INFO, flott_jobmanager = debug"}"#);
        assert_eq!((changed.status, changed.body), (200, json!({"filter": "info,flott_jobmanager=debug"})));
        assert_eq!(cluster.rest().get(&path).body, json!({"filter": "info,flott_jobmanager=debug"}));
    }
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);
    eventually("what is only told at DEBUG is in the log", || debug(job).then_some(()));
}
