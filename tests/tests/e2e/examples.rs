//! The examples give what their documentation promises, locally and on a cluster.

mod bounded;
mod server;
mod sockets;

use std::fs;

use bounded::{BOUNDED, TEXT};
use flott_client::RunRequest;
use flott_core::{JobId, JobStatus};
use flott_tests::{Binaries, Cluster, PATIENCE, run, text::read_lines};

/// All of them on one cluster, one after the other, as a cluster costs more time than they do.
#[test]
fn all_on_one_cluster() {
    let cluster = Cluster::builder().slots(Some(4)).start();
    let text = cluster.arg("text");
    fs::write(&text, TEXT).unwrap();
    for example in &BOUNDED {
        let output = cluster.arg(example.name);
        let mut args = example.args(&text);
        args.extend(["--output", &output]);
        let job = submit(&cluster, example.name, &args, 2);
        cluster.wait_for(job, JobStatus::Finished);
        example.check(&read_lines(&cluster.path(example.name)));
    }
    answers_in_order_and_as_they_come(&cluster);
    never_ending_ones_run_until_they_are_canceled(&cluster);
    sockets::fast_cars_are_told(&cluster);
    sockets::words_of_netcat_are_counted_window_by_window(&cluster);
    cluster.wait_until_idle(2);
}

#[test]
fn bounded_ones_in_local_mode() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("text");
    fs::write(&text, TEXT).unwrap();
    for example in &BOUNDED {
        let output = dir.path().join(example.name);
        let mut command = std::process::Command::new(Binaries::find().example(example.name));
        command.args(example.args(&text.display().to_string())).arg("--output").arg(&output);
        run(&mut command, PATIENCE).expect_code(0);
        example.check(&read_lines(&output));
    }
}

#[test]
fn each_explains_itself_and_what_it_was_given() {
    for name in flott_tests::EXAMPLES {
        let mut command = std::process::Command::new(Binaries::find().example(name));
        run(command.arg("--help"), PATIENCE).expect_code(0).expect_output(&["Usage: ", "--help"]);
        let mut command = std::process::Command::new(Binaries::find().example(name));
        run(command.arg("--no-such-thing"), PATIENCE).expect_code(2).expect_output(&["--no-such-thing"]);
    }
    for (name, args, problem) in [
        ("window-word-count", ["--slide", "0"], "CountTrigger"),
        ("state-machine", ["--error-rate", "2"], "it must be a number from 0 to 1"),
        ("window-join", ["--rate", "0"], "cannot emit 0 records a second"),
        ("life-expectancy-tracking", ["--input", "/no/such.csv"], "cannot read /no/such.csv"),
    ] {
        let mut command = std::process::Command::new(Binaries::find().example(name));
        let ended = run(command.args(args), PATIENCE);
        assert_ne!(ended.code, Some(0), "{}", ended.output());
        ended.expect_output(&[problem]);
    }
}

#[track_caller]
fn submit(cluster: &Cluster, example: &str, args: &[&str], parallelism: u32) -> JobId {
    let artifact = cluster.rest().upload(&cluster.binaries().example(example)).unwrap();
    let request = RunRequest {
        program_args_list: args.iter().map(|&arg| arg.to_owned()).collect(),
        parallelism: Some(parallelism),
        ..RunRequest::default()
    };
    let job = cluster.rest().run(&artifact, &request);
    job.unwrap_or_else(|error| panic!("{example} is not accepted: {error}"))
}

fn answers_in_order_and_as_they_come(cluster: &Cluster) {
    const COUNT: usize = 50;
    let ask = |wait_mode: &str| {
        let (count, output) = (COUNT.to_string(), cluster.arg(wait_mode));
        let args = ["--wait-mode", wait_mode, "--count", &count, "--rate", "1000000", "--output", &output];
        let job = submit(cluster, "async-io", &args, 2);
        cluster.wait_for(job, JobStatus::Finished);
        // Not sorted: there is one part file, as one subtask writes.
        let parts: Vec<_> = fs::read_dir(cluster.path(wait_mode)).unwrap().collect();
        let [Ok(part)] = &parts[..] else { panic!("{parts:?}") };
        fs::read_to_string(part.path()).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let expected: Vec<_> = (0..COUNT).map(|number| format!("{number}: key{}", number % 10)).collect();
    assert_eq!(ask("ordered"), expected);
    let mut unordered = ask("unordered");
    assert_ne!(unordered, expected, "slow answers hold up fast ones");
    let number = |line: &String| line.split(':').next().unwrap().parse::<u64>().unwrap();
    unordered.sort_by_key(number);
    assert_eq!(unordered, expected);
}

fn never_ending_ones_run_until_they_are_canceled(cluster: &Cluster) {
    let jobs = ["top-speed-windowing", "window-join", "state-machine", "async-io"].map(|example| {
        let job = submit(cluster, example, &[], 1);
        cluster.wait_for_records(job);
        job
    });
    for job in jobs {
        cluster.rest().cancel(job).unwrap();
        cluster.wait_for(job, JobStatus::Canceled);
    }
}
