//! Jobs whose parallelism changes while they run.

use flott_client::VertexDetail;
use flott_core::{ExecutionState, JobId, JobStatus};
use flott_tests::{Cluster, ClusterBuilder, eventually};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};

fn with_slots(slots: u32) -> ClusterBuilder {
    Cluster::builder()
        .slots(Some(slots))
        .checkpoints("500 ms")
        .set("restart-strategy.type", "fixed-delay")
        .set("restart-strategy.fixed-delay.attempts", "10")
        .set("restart-strategy.fixed-delay.delay", "50 ms")
}

fn highly_available() -> ClusterBuilder {
    with_slots(3)
        .set("high-availability.type", "file")
        .set("high-availability.storageDir", "{dir}/ha")
        .set("jobmanager.reconciliation-timeout", "5 s")
}

#[track_caller]
fn parallelisms(cluster: &Cluster, job: JobId) -> Vec<u32> {
    let detail = cluster.rest().job(job).expect("the job is known");
    detail.vertices.iter().map(|vertex| vertex.parallelism).collect()
}

fn all_have(cluster: &Cluster, job: JobId, parallelism: u32) -> bool {
    parallelisms(cluster, job).iter().all(|it| *it == parallelism)
}

/// Waits until each subtask runs, or has found nothing to read.
#[track_caller]
fn wait_until_whole(cluster: &Cluster, job: JobId) {
    eventually(&format!("all of job {job} runs"), || {
        let detail = cluster.rest().job(job).expect("the job is known");
        assert!(!detail.state.is_terminal(), "{} before it was looked at", detail.state);
        let whole = |vertex: &VertexDetail| {
            let count = |state| vertex.tasks.get(&state).copied().unwrap_or_default();
            count(ExecutionState::Running) + count(ExecutionState::Finished) == vertex.parallelism
        };
        (detail.state == JobStatus::Running && detail.vertices.iter().all(whole)).then_some(())
    });
}

/// What to send so that all vertices have this parallelism.
fn requirements(cluster: &Cluster, job: JobId, parallelism: u32) -> String {
    let vertices = cluster.rest().job(job).expect("the job is known").vertices.into_iter();
    let bounds = json!({"parallelism": {"lowerBound": 1, "upperBound": parallelism}});
    let body = vertices.map(|vertex| (vertex.id.to_string(), bounds.clone()));
    Value::from(body.collect::<serde_json::Map<_, _>>()).to_string()
}

#[track_caller]
fn require(cluster: &Cluster, job: JobId, parallelism: u32) {
    let path = format!("/jobs/{job}/resource-requirements");
    let answer = cluster.rest().send_text(Method::PUT, &path, &requirements(cluster, job, parallelism));
    assert_eq!((answer.status, &answer.body), (200, &json!({})));
}

#[track_caller]
fn fail_over(cluster: &Cluster) {
    let job_manager = cluster.job_manager();
    job_manager.signal(Signal::SIGKILL);
    eventually("the JobManager is gone", || (!job_manager.is_alive()).then_some(()));
    cluster.run_script("jobmanager.sh", &["start"]).expect_code(0);
}

#[test]
fn a_job_grows_and_shrinks_and_counts_each_record_once() {
    let cluster = with_slots(3).start();
    let records = 40_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    let id = job.to_string();
    for parallelism in [5, 1, 3] {
        let rescaled = cluster.flott(&["rescale", &id, "-p", &parallelism.to_string()]);
        rescaled.expect_code(0).expect_output(&[&format!("-> {parallelism}"), "Rescaled job"]);
        assert!(all_have(&cluster, job, parallelism), "{:?}", parallelisms(&cluster, job));
        assert_eq!(cluster.restarts(job), 0, "that is no failure");
        wait_until_whole(&cluster, job);
    }
    let overview = cluster.rest().get(&format!("/jobs/{job}/rescales/overview")).body;
    assert_eq!(overview["rescalesCounts"]["completed"], json!(4), "with the first deployment: {overview}");
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn all_subtasks_of_an_endless_generator_read_on_whatever_their_number() {
    let cluster = with_slots(3).start();
    let job = cluster.submit("endless", &[], 2);
    for parallelism in [6, 1, 4] {
        cluster.wait_for_checkpoint(job);
        let rescaled = cluster.flott(&["rescale", &job.to_string(), "-p", &parallelism.to_string()]);
        rescaled.expect_code(0);
        eventually("all subtasks run and have read", || {
            let detail = cluster.rest().job(job).expect("the job is known");
            let sources = cluster.rest().get(&format!("/jobs/{job}/vertices/{}", detail.vertices[0].id)).body;
            let subtasks = sources["subtasks"].as_array().expect("a list");
            assert!(subtasks.iter().all(|subtask| subtask["status"] != "FINISHED"), "{sources}");
            let reads = |subtask: &Value| {
                subtask["status"] == "RUNNING" && subtask["metrics"]["write-records"].as_u64() > Some(0)
            };
            (subtasks.len() == parallelism && subtasks.iter().all(reads)).then_some(())
        });
    }
    assert_eq!(cluster.restarts(job), 0);
}

#[test]
fn one_vertex_can_be_changed_alone() {
    let cluster = with_slots(3).start();
    let records = 16_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    let source = cluster.rest().job(job).unwrap().vertices[0].id;
    let rescaled = cluster.flott(&["rescale", &job.to_string(), "--vertex", &format!("{source}=4")]);
    rescaled.expect_code(0);
    let now = parallelisms(&cluster, job);
    assert_eq!((now[0], now[1]), (4, 2), "{now:?}");
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn with_fewer_slots_the_job_takes_what_there_is() {
    let cluster = with_slots(2).start();
    let records = 30_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    let rescaled = cluster.flott(&["rescale", &job.to_string(), "-p", "8"]);
    rescaled.expect_code(0).expect_output(&["slots for 4"]);
    assert!(all_have(&cluster, job, 4));
    let stays = cluster.flott(&["rescale", &job.to_string(), "-p", "9"]);
    stays.expect_code(1).expect_output(&["was not rescaled: it would need 9 slots"]);
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn a_job_without_checkpoints_is_not_rescaled() {
    let cluster = Cluster::start();
    let job = cluster.submit("endless", &[], 1);
    cluster.wait_until_running(job);
    let path = format!("/jobs/{job}/resource-requirements");
    let answer = cluster.rest().send_text(Method::PUT, &path, &requirements(&cluster, job, 2));
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.errors().contains("execution.checkpointing.interval"), "{answer:?}");
    assert!(all_have(&cluster, job, 1));
}

#[test]
fn a_jobmanager_that_is_killed_when_it_has_taken_note_leaves_it_to_the_next_one() {
    let cluster = highly_available().start();
    let records = 16_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    require(&cluster, job, 4);
    fail_over(&cluster);
    eventually("the job is rescaled", || all_have(&cluster, job, 4).then_some(()));
    wait_until_whole(&cluster, job);
    cluster.expect_clean_oracle(job, records);
}

#[test]
fn a_jobmanager_that_is_killed_while_subtasks_stop_or_start_does_no_harm() {
    let cluster = highly_available().start();
    let records = 40_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    for parallelism in [4, 1] {
        require(&cluster, job, parallelism);
        eventually("it is under way, or done", || {
            let restarting = cluster.rest().job(job).ok()?.state == JobStatus::Restarting;
            (restarting || all_have(&cluster, job, parallelism)).then_some(())
        });
        fail_over(&cluster);
        eventually("the job is rescaled", || all_have(&cluster, job, parallelism).then_some(()));
        wait_until_whole(&cluster, job);
    }
    // What is durable stays so.
    fail_over(&cluster);
    wait_until_whole(&cluster, job);
    assert!(all_have(&cluster, job, 1));
    cluster.expect_clean_oracle(job, records);
}
