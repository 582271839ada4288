//! A slow sink slows its source down, and memory stays flat.

use std::fs;

use flott_core::JobStatus;
use flott_tests::{Cluster, eventually};

/// Records of this run. `FLOTT_TEST_RECORDS=10000000` measures for real.
fn records() -> u64 {
    let given = std::env::var("FLOTT_TEST_RECORDS").ok();
    given.map_or(1_000_000, |text| text.parse().expect("FLOTT_TEST_RECORDS is a number"))
}

/// Each record has this many bytes, so that without backpressure the source would fill far more than the limit.
const RECORD_BYTES: u64 = 200;

/// How much more memory than early on a task host may have had at its peak.
const GROWTH_KIB: u64 = 32 << 10;

#[test]
fn a_slow_sink_keeps_memory_flat_and_every_record_arrives() {
    let cluster = Cluster::start();
    let records = records();
    assert!(records * RECORD_BYTES / 1024 > 4 * GROWTH_KIB, "too few records to tell");
    let job = cluster.submit(
        "slow-sink",
        &[
            "--records",
            &records.to_string(),
            "--bytes",
            &RECORD_BYTES.to_string(),
            // As long as a million records take with the default.
            "--pause-micros",
            &(10_000_000_000 / records).clamp(1000, 10_000).to_string(),
            "--output",
            &cluster.arg("out"),
        ],
        4,
    );
    // Early: when a tenth has arrived, every buffer on the way has long been full.
    let arrived = || {
        let detail = cluster.rest().job(job).unwrap();
        assert!(
            !detail.state.is_terminal() || detail.state == JobStatus::Finished,
            "{}",
            cluster.failure_text(job)
        );
        (detail.vertices.last().unwrap().metrics.read_records, detail.vertices[0].metrics.write_records)
    };
    eventually("a tenth has arrived", || (arrived().0 >= records / 10).then_some(()));
    let hosts = cluster.task_hosts();
    assert_eq!(hosts.len(), 2);
    let early: Vec<_> = hosts.iter().map(|host| host.peak_memory_kib().expect("it still runs")).collect();
    let (received, sent) = arrived();
    let on_the_way = sent.saturating_sub(received);
    assert!(on_the_way < records / 2, "the source does not wait: {on_the_way} records are on their way");

    // Late: the last measurement before the end.
    let mut late = early.clone();
    loop {
        for (peak, host) in late.iter_mut().zip(&hosts) {
            *peak = host.peak_memory_kib().unwrap_or(*peak);
        }
        if cluster.rest().status(job).unwrap().is_terminal() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    cluster.wait_for(job, JobStatus::Finished);
    println!("{records} records: peak memory of the task hosts early {early:?} KiB, at the end {late:?} KiB");
    for (early, late) in early.iter().zip(&late) {
        assert!(*late <= early + GROWTH_KIB, "memory grew from {early} to {late} KiB");
    }
    let counted: u64 = fs::read_dir(cluster.path("out"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(counted, records);
}
