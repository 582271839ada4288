//! Examples that read from a socket and print.

use std::collections::BTreeMap;

use flott_core::{JobId, JobStatus};
use flott_tests::{Cluster, eventually};

use super::{server::Server, submit};

/// What all TaskManagers have printed, without the numbers of subtasks.
fn printed(cluster: &Cluster) -> Vec<String> {
    let mut lines = Vec::new();
    for task_manager in cluster.rest().task_managers() {
        let stdout = cluster.rest().get(&format!("/taskmanagers/{}/stdout", task_manager.id)).body;
        for line in stdout.as_str().unwrap_or_default().lines() {
            lines.push(line.rsplit_once("> ").map_or(line, |(_, text)| text).to_owned());
        }
    }
    lines
}

/// A metric of an operator, of all subtasks together.
fn metric(cluster: &Cluster, job: JobId, name: &str) -> u64 {
    let mut sum = 0;
    for vertex in cluster.rest().job(job).unwrap().vertices {
        let ids: Vec<_> = (0..vertex.parallelism).map(|subtask| format!("{subtask}.{name}")).collect();
        let path = format!("/jobs/{job}/vertices/{}/metrics?get={}", vertex.id, ids.join(","));
        let metrics = cluster.rest().get(&path).body;
        let values = metrics.as_array().into_iter().flatten();
        sum += values.filter_map(|metric| metric["value"].as_str()?.parse::<u64>().ok()).sum::<u64>();
    }
    sum
}

pub(super) fn fast_cars_are_told(cluster: &Cluster) {
    let mut server = Server::start();
    let args = ["--hostname", "127.0.0.1", "--port", &server.port, "--limit", "65"];
    let job = submit(cluster, "high-speed-detection", &args, 2);
    server.write("Toyota, 67\nLada, 30\r\nno car\nAudi, 65\nBMW i3, 130.5\nLada, fast\n");
    let expected = ["BMW i3 drives at 130.5, the limit is 65", "Toyota drives at 67, the limit is 65"];
    let warnings = || {
        let mut warnings = printed(cluster);
        warnings.retain(|line| line.contains("the limit is"));
        warnings.sort();
        warnings
    };
    // It prints while the connection stands: a warning that comes with the end of the input would be too late.
    eventually("both fast cars are told", || (warnings().len() >= expected.len()).then_some(()));
    eventually("malformed lines are counted", || {
        (metric(cluster, job, "Parse.malformedLines") == 2).then_some(())
    });
    drop(server);
    cluster.wait_for(job, JobStatus::Finished);
    assert_eq!(warnings(), expected);
}

pub(super) fn words_of_netcat_are_counted_window_by_window(cluster: &Cluster) {
    let mut server = Server::netcat();
    let args = ["--hostname", "127.0.0.1", "--port", &server.port, "--window", "1"];
    let job = submit(cluster, "socket-window-word-count", &args, 2);
    // By word; a window may end between two of them, so what counts is the sum.
    let counts = || {
        let mut counts = BTreeMap::<String, u64>::new();
        for line in printed(cluster) {
            if let Some((word, count)) = line.split_once(" : ") {
                *counts.entry(word.to_owned()).or_default() += count.parse::<u64>().unwrap();
            }
        }
        counts
    };
    for (text, expected) in [
        ("to be or\nto be\n", vec![("be", 2), ("or", 1), ("to", 2)]),
        ("not\nto\n", vec![("be", 2), ("not", 1), ("or", 1), ("to", 3)]),
    ] {
        server.write(text);
        let expected = expected.into_iter().map(|(word, count)| (word.to_owned(), count)).collect();
        eventually(&format!("{text:?} is counted"), || (counts() == expected).then_some(()));
    }
    drop(server);
    cluster.wait_for(job, JobStatus::Finished);
}
