//! Checkpoints: where they lie, what is told of them, what they cost.

use flott_client::{Checkpoint, CheckpointStatus};
use flott_core::JobStatus;
use flott_tests::{
    Cluster, ClusterBuilder, counts::read_numbers, eventually, files_below, local_path, text::read_lines,
};
use nix::sys::signal::Signal;

const RETENTION: &str = "execution.checkpointing.externalized-checkpoint-retention";

fn builder() -> ClusterBuilder {
    Cluster::builder().checkpoints("200 ms")
}

#[test]
fn checkpoints_lie_in_numbered_directories_and_the_last_ones_are_kept() {
    let cluster = builder().set("execution.checkpointing.num-retained", "2").start();
    let job = cluster.submit("large-state", &["--keys", "2000", "--rate", "5000"], 2);
    let latest = cluster.wait_for_checkpoint_after(job, 5);
    let number = latest.id.0;
    let path = local_path(&latest.external_path.expect("it is somewhere"));
    assert_eq!(path, cluster.checkpoint_dir(job).join(format!("chk-{number}")));
    let two_are_left = || {
        // One more may be on its way, and one not deleted yet.
        let on_disk = cluster.checkpoints_on_disk(job);
        let complete = on_disk
            .iter()
            .filter(|number| cluster.checkpoint_dir(job).join(format!("chk-{number}/_metadata")).is_file());
        let (total, complete) = (on_disk.len(), complete.count());
        assert!(total <= 6, "{on_disk:?}");
        (complete == 2 && on_disk[0] > 1).then_some(())
    };
    eventually("two complete checkpoints are left", two_are_left);
    assert!(cluster.checkpoint_dir(job).join("shared").is_dir(), "state that later checkpoints refer to");
    let discarded = cluster.checkpoints(job).history.iter().filter(|checkpoint| checkpoint.discarded).count();
    assert!(discarded > 0, "those that were deleted are told so");

    // Without being told otherwise, nothing is left of a job that ends.
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);
    eventually("its files are gone", || files_below(&cluster.checkpoint_dir(job)).is_empty().then_some(()));
}

#[test]
fn checkpoints_are_retained_on_cancellation_by_configuration() {
    let cluster = builder().set(RETENTION, "RETAIN_ON_CANCELLATION").start();
    let records = 10_000;
    let job = cluster.submit_oracle(records, 2_000, 2, None);
    cluster.wait_for_checkpoint_after(job, 2);
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);
    let left = cluster.checkpoints_on_disk(job);
    let is_complete =
        |number: &&u64| cluster.checkpoint_dir(job).join(format!("chk-{number}/_metadata")).is_file();
    let complete = left.iter().rfind(is_complete).unwrap_or_else(|| panic!("nothing is left: {left:?}"));

    // And a job can begin with one, here at another parallelism.
    let path = cluster.checkpoint_dir(job).join(format!("chk-{complete}"));
    let again = cluster.submit_oracle(records, 2_000, 3, Some(&path.display().to_string()));
    cluster.expect_clean_oracle(again, records);
    assert!(path.join("_metadata").is_file(), "it is not the second job's");
}

#[test]
fn checkpoints_stay_when_a_job_fails_if_so_configured() {
    let cluster =
        builder().set(RETENTION, "DELETE_ON_CANCELLATION").set("restart-strategy.type", "none").start();
    let job = cluster.submit_oracle(100_000, 2_000, 2, None);
    cluster.wait_for_checkpoint(job);
    cluster.order_fault("panic");
    cluster.wait_for(job, JobStatus::Failed);
    assert!(!files_below(&cluster.checkpoint_dir(job)).is_empty());
}

#[test]
fn rest_tells_counts_history_details_and_configuration() {
    let cluster = builder().start();
    let job = cluster.submit("large-state", &["--keys", "5000", "--rate", "10000"], 2);
    cluster.wait_for_checkpoint_after(job, 3);
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    cluster.wait_for_restart(job, 1);
    let restored = cluster.checkpoints(job).latest.restored.expect("it began from one").id.0;
    cluster.wait_for_checkpoint_after(job, restored);

    let all = cluster.checkpoints(job);
    let counts = all.counts;
    assert!(counts.completed >= 4 && counts.restored == 1, "{counts:?}");
    assert_eq!(counts.total, counts.completed + counts.failed + counts.in_progress, "{counts:?}");
    assert!(all.history.is_sorted_by(|newer, older| newer.id.0 > older.id.0), "newest first");
    assert!(all.summary.state_size.max > 100_000, "{:?}", all.summary.state_size);
    assert!(all.summary.end_to_end_duration.p50.is_some(), "{:?}", all.summary);

    let latest = all.latest.completed.expect("there is one");
    assert_eq!(latest.status, CheckpointStatus::Completed);
    assert!(latest.parts.num_subtasks >= 4, "{latest:?}");
    assert_eq!(latest.parts.num_acknowledged_subtasks, latest.parts.num_subtasks);
    assert!(latest.parts.state_size > 0 && latest.parts.end_to_end_duration >= 0, "{latest:?}");

    let answer = cluster.rest().get(&format!("/jobs/{job}/checkpoints/details/{}", latest.id));
    let detail: Checkpoint = serde_json::from_value(answer.body).unwrap();
    assert_eq!(detail.tasks.len(), cluster.rest().job(job).unwrap().vertices.len());
    let sum: u64 = detail.tasks.values().map(|task| task.parts.state_size).sum();
    assert_eq!(sum, detail.parts.state_size, "vertices add up");
    for vertex in detail.tasks.keys() {
        let path = format!("/jobs/{job}/checkpoints/details/{}/subtasks/{vertex}", latest.id);
        let answer = cluster.rest().get(&path);
        let subtasks = answer.body["subtasks"].as_array().unwrap_or_else(|| panic!("{answer:?}"));
        assert_eq!(subtasks.len(), 2, "{answer:?}");
        assert!(subtasks.iter().all(|subtask| subtask["status"] == "completed"), "{answer:?}");
    }
    let config = cluster.rest().get(&format!("/jobs/{job}/checkpoints/config")).body;
    assert_eq!(config["interval"], 200, "{config}");
    assert_eq!(config["mode"], "exactly_once", "{config}");
    let unknown = cluster.rest().get(&format!("/jobs/{job}/checkpoints/details/999999"));
    assert_eq!(unknown.status, 404, "{unknown:?}");
}

#[test]
fn a_checkpoint_writes_what_has_changed() {
    let cluster = Cluster::builder().checkpoints("400 ms").start();
    let job = cluster.submit("large-state", &["--keys", "40000", "--hot", "10", "--rate", "40000"], 2);
    // 40 000 values of 100 bytes.
    let small = eventually("a checkpoint of all keys writes little", || {
        let latest = cluster.checkpoints(job).latest.completed?;
        let parts = latest.parts;
        (parts.state_size > 4_000_000 && parts.checkpointed_size < parts.state_size / 10).then_some(latest)
    });
    eprintln!("{} of {} bytes were written", small.parts.checkpointed_size, small.parts.state_size);

    // It is worth as much as a full one.
    let next = cluster.wait_for_checkpoint_after(job, small.id.0);
    cluster.task_hosts().remove(0).signal(Signal::SIGKILL);
    cluster.wait_for_restart(job, 1);
    let restored = cluster.checkpoints(job).latest.restored.expect("it began from one").id.0;
    assert!(restored >= next.id.0);
    let after = cluster.wait_for_checkpoint_after(job, restored);
    assert!(after.parts.state_size > 4_000_000, "{after:?}");

    // A full one is there for the asking.
    cluster.flott(&["checkpoint", "--full", &job.to_string()]).expect_code(0).expect_output(&["completed"]);
    eventually("a full one is told of", || {
        let history = cluster.checkpoints(job).history;
        let mut all = history.iter().map(|checkpoint| (checkpoint.id.0, checkpoint.parts));
        all.any(|(id, parts)| id > after.id.0 && parts.checkpointed_size > parts.state_size * 9 / 10)
            .then_some(())
    });
}

#[test]
fn checkpoints_go_on_when_a_source_has_ended() {
    let cluster = builder().start();
    let (short, long) = (100, 8_000);
    let args = ["--short", "100", "--long", "8000", "--rate", "2000", "--output", &cluster.arg("output")];
    let job = cluster.submit("short-and-long", &args, 2);
    let finished = |name: &str| {
        let detail = cluster.rest().job(job).unwrap();
        let vertex =
            detail.vertices.into_iter().find(|vertex| vertex.name.contains(name)).expect("it has it");
        vertex.tasks.get(&flott_core::ExecutionState::Finished) == Some(&vertex.parallelism)
    };
    eventually("the short source has finished", || finished("short").then_some(()));
    let number = cluster.checkpoints(job).latest.completed.map_or(0, |checkpoint| checkpoint.id.0);
    let checkpoint = cluster.wait_for_checkpoint_after(job, number + 1);
    for host in cluster.task_hosts() {
        host.signal(Signal::SIGKILL);
    }
    cluster.wait_for(job, JobStatus::Finished);
    assert!(cluster.restarts(job) >= 1);
    let restored = cluster.checkpoints(job).latest.restored.expect("it began from a checkpoint");
    assert!(restored.id.0 >= checkpoint.id.0);
    assert_eq!(read_numbers(&cluster.path("output")), (0..short + long).collect());
}

/// Runs the job `short-and-long` to its end, with so long an interval that none but the last checkpoint is taken.
#[track_caller]
fn ends_promptly(parallelism: u32) {
    let cluster = Cluster::builder().checkpoints("10 min").start();
    let args = ["--short", "1000", "--long", "2000", "--rate", "2000", "--output", &cluster.arg("output")];
    let job = cluster.submit("short-and-long", &args, parallelism);
    let detail = cluster.wait_for(job, JobStatus::Finished);
    assert!(detail.duration < 8_000, "it took {} ms, of which one second is for reading", detail.duration);
    assert_eq!(read_numbers(&cluster.path("output")), (0..3_000).collect());
    assert!(
        cluster.checkpoints(job).counts.completed >= 1,
        "the last one: {:?}",
        cluster.checkpoints(job).counts
    );
    let hidden: Vec<_> = files_below(&cluster.path("output"))
        .into_iter()
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with('.'))
        .collect();
    assert!(hidden.is_empty(), "unfinished files are left: {hidden:?}");
}

#[test]
fn a_bounded_job_ends_with_a_checkpoint_at_once() {
    ends_promptly(1);
    ends_promptly(4);
}

#[test]
fn output_becomes_visible_with_checkpoints_and_not_before() {
    let cluster = Cluster::builder().checkpoints("10 min").start();
    let output = cluster.arg("output");
    let job = cluster.submit("evolving", &["--output", &output], 2);
    cluster.wait_for_records(job);
    let visible = || read_lines(&cluster.path("output")).len();
    eventually("records are written", || {
        let files = files_below(&cluster.path("output"));
        (!files.is_empty() && cluster.rest().job(job).unwrap().duration > 1_000).then_some(())
    });
    assert_eq!(visible(), 0, "nothing is committed before a checkpoint");
    cluster
        .flott(&["checkpoint", &job.to_string()])
        .expect_code(0)
        .expect_output(&[&format!("Checkpoint 1 for job {job} completed.")]);
    eventually("what the checkpoint has is visible", || (visible() > 0).then_some(()));
    let first = visible();
    cluster.rest().cancel(job).unwrap();
    cluster.wait_for(job, JobStatus::Canceled);
    assert_eq!(visible(), first, "what came after the last checkpoint never becomes visible");
    read_numbers(&cluster.path("output"));
}
