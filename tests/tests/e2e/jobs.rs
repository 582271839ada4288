//! Jobs from their submission to their end.

use std::collections::BTreeMap;

use flott_client::ApplicationStatus;
use flott_core::JobStatus;
use flott_tests::{
    Cluster,
    text::{read_counts, read_lines},
};
use reqwest::Method;

#[test]
fn every_record_of_a_keyed_sum_counts_once() {
    let cluster = Cluster::start();
    let (records, keys) = (200_003u64, 997u64);
    let job = cluster.submit(
        "keyed-sum",
        &["--records", &records.to_string(), "--keys", &keys.to_string(), "--output", &cluster.arg("sums")],
        4,
    );
    cluster.wait_for(job, JobStatus::Finished);
    let mut truth = BTreeMap::new();
    for number in 0..records {
        *truth.entry((number % keys).to_string()).or_insert(0) += number;
    }
    assert_eq!(read_counts(&cluster.path("sums")), truth);
}

#[test]
fn every_operator_works_on_a_cluster() {
    let cluster = Cluster::start();
    let parallelism = 3;
    let job = cluster.submit("all-operators", &["--output", &cluster.arg("out")], parallelism);
    cluster.wait_for(job, JobStatus::Finished);
    let read = |kind: &str| read_counts(&cluster.path("out").join(kind));

    let even: Vec<u64> = (1..=1000).filter(|number| number % 2 == 0).collect();
    let by_key = |combine: fn(u64, u64) -> u64| {
        let mut values = BTreeMap::new();
        for &number in &even {
            values
                .entry((number % 10).to_string())
                .and_modify(|value| *value = combine(*value, number))
                .or_insert(number);
        }
        values
    };
    assert_eq!(read("min"), by_key(u64::min));
    assert_eq!(read("max"), by_key(u64::max));
    assert_eq!(read("sum"), by_key(|sum, number| sum + number));
    assert_eq!(read("reduce"), by_key(u64::max));
    assert_eq!(read("count"), [0, 2, 4, 6, 8].map(|key| (key.to_string(), 100)).into());

    let sorted = |numbers: Vec<u64>| {
        let mut lines: Vec<_> = numbers.iter().map(u64::to_string).collect();
        lines.sort();
        lines
    };
    let twice = even.iter().flat_map(|&number| [number, number]).collect();
    assert_eq!(read_lines(&cluster.path("out/twice")), sorted(twice));
    let to_each = even.iter().flat_map(|&number| vec![number + 1; parallelism as usize]).collect();
    assert_eq!(read_lines(&cluster.path("out/broadcast")), sorted(to_each));
}

#[test]
fn a_job_can_be_canceled_over_rest() {
    let cluster = Cluster::start();
    let job = cluster.submit("endless", &[], 4);
    cluster.wait_for_records(job);
    assert_eq!(cluster.rest().overview().slots_available, 0);

    let answer = cluster.rest().send_text(Method::PATCH, &format!("/jobs/{job}?mode=cancel"), "{}");
    assert_eq!(answer.status, 202, "{answer:?}");
    let detail = cluster.wait_for(job, JobStatus::Canceled);
    assert!(detail.end_time >= detail.start_time);
    let result = cluster.rest().execution_result(job).unwrap().expect("it has ended");
    assert_eq!(result.application_status, ApplicationStatus::Canceled);
    cluster.wait_until_idle(2);

    // Once more does no harm.
    let answer = cluster.rest().send_text(Method::PATCH, &format!("/jobs/{job}?mode=cancel"), "{}");
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(cluster.rest().status(job).unwrap(), JobStatus::Canceled);
}

#[test]
fn user_code_that_never_returns_is_killed_after_a_grace() {
    let cluster = Cluster::builder().set("task.cancellation.timeout", "1 s").start();
    let job = cluster.submit("spin-in-map", &["--at", "10"], 4);
    cluster.wait_for_records(job);
    cluster.rest().cancel(job).unwrap();
    let detail = cluster.wait_for(job, JobStatus::Canceled);
    let took_ms = detail.timestamps[&JobStatus::Canceled] - detail.timestamps[&JobStatus::Cancelling];
    assert!((900..8000).contains(&took_ms), "it took {took_ms} ms");
    flott_tests::eventually("no task host is left", || cluster.artifact_processes().is_empty().then_some(()));
    cluster.wait_until_idle(2);
}

#[test]
fn a_submission_may_choose_its_id_and_be_repeated() {
    let cluster = Cluster::start();
    let mut request = Cluster::request("endless", &[], 1);
    request.job_id = Some("0123456789abcdef0123456789abcdef".parse().unwrap());
    let first = cluster.rest().run(cluster.test_jobs(), &request).unwrap();
    let again = cluster.rest().run(cluster.test_jobs(), &request).unwrap();
    assert_eq!(Some(first), request.job_id);
    assert_eq!(first, again);
    assert_eq!(cluster.rest().jobs().len(), 1);

    request.parallelism = Some(2);
    let answer = cluster.rest().send_text(
        Method::POST,
        &format!("/jars/{}/run", cluster.test_jobs()),
        &serde_json::to_string(&request).unwrap(),
    );
    assert_eq!(answer.status, 409, "another job under the same id: {answer:?}");
}

#[test]
fn jobs_share_a_cluster_and_a_tiny_one_is_quick() {
    let cluster = Cluster::builder().slots(Some(4)).start();
    let steady = cluster.submit("endless", &[], 2);
    cluster.wait_for_records(steady);
    // The first job of an artifact fetches it; a tiny job after that is measured.
    let tiny = |output: &str| {
        let job = cluster.submit("keyed-sum", &["--records", "1000", "--output", &cluster.arg(output)], 2);
        cluster.wait_for(job, JobStatus::Finished).duration
    };
    tiny("first");
    let duration_ms = tiny("second");
    assert!(duration_ms < 1000, "a tiny job took {duration_ms} ms");
    assert_eq!(cluster.rest().status(steady).unwrap(), JobStatus::Running);
    let names: Vec<_> = cluster.rest().jobs().into_iter().map(|job| job.name).collect();
    assert_eq!(names, ["keyed-sum", "keyed-sum", "endless"], "newest first");
}

#[test]
fn what_jobs_print_is_in_the_taskmanagers_stdout() {
    let cluster = Cluster::builder().task_managers(1).start();
    let job = cluster.submit("print", &["--rate", "200"], 1);
    cluster.wait_until_running(job);
    let task_manager = cluster.rest().task_managers().remove(0).id;
    flott_tests::eventually("printed lines arrive", || {
        let stdout = cluster.rest().get(&format!("/taskmanagers/{task_manager}/stdout")).body;
        stdout.as_str().unwrap_or_default().contains("printed line 7").then_some(())
    });
}
