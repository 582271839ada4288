//! Input that cannot be read and output that cannot be written.

use std::{fs, time::Duration};

use flott_tests::{Cluster, PATIENCE, now, run};

fn word_count(cluster: &Cluster, input: &str, output: &str) -> flott_tests::Ended {
    let artifact = cluster.binaries().word_count().display().to_string();
    let asked = now();
    let ended = cluster.flott(&["run", "-p", "2", &artifact, "--input", input, "--output", output]);
    assert!(asked.elapsed() < Duration::from_secs(10), "it took {} s", asked.elapsed().as_secs());
    ended
}

#[test]
fn unreadable_input_is_named() {
    let cluster = Cluster::start();
    let output = cluster.arg("out");
    for (input, expected) in [
        ("/no/such/text", "cannot read /no/such/text"),
        ("/no/such/*.txt", "no file matches"),
        ("relative/text", "relative path \"relative/text\""),
        ("s3://bucket/text", "\"s3\" is not supported"),
    ] {
        word_count(&cluster, input, &output).expect_code(1).expect_output(&[expected, "ended as FAILED"]);
    }
    cluster.wait_until_idle(2);
}

#[test]
fn unwritable_output_is_named() {
    let cluster = Cluster::start();
    let input = cluster.arg("text");
    fs::write(&input, "some words\n").unwrap();
    for (output, expected) in [
        (input.as_str(), "it is a file, but a directory is needed"),
        ("/proc/words", "cannot write to /proc/words"),
        ("/dev/null/words", "cannot write to /dev/null/words"),
    ] {
        word_count(&cluster, &input, output).expect_code(1).expect_output(&[expected, "ended as FAILED"]);
    }
    assert_eq!(fs::read_to_string(&input).unwrap(), "some words\n", "the file in the way is untouched");
}

#[test]
fn results_of_two_runs_are_not_mixed() {
    let cluster = Cluster::start();
    let (input, output) = (cluster.arg("text"), cluster.arg("out"));
    fs::write(&input, "some words\n").unwrap();
    word_count(&cluster, &input, &output).expect_code(0);
    let first = flott_tests::text::read_counts(&cluster.path("out"));
    word_count(&cluster, &input, &output).expect_code(1).expect_output(&["of another run"]);
    assert_eq!(flott_tests::text::read_counts(&cluster.path("out")), first);
}

#[test]
fn a_failed_run_leaves_no_part_that_looks_complete() {
    let cluster = Cluster::start();
    let output = cluster.arg("out");
    word_count(&cluster, "/no/such/text", &output).expect_code(1);
    assert_eq!(flott_tests::text::read_lines(&cluster.path("out")), [] as [String; 0]);
}

#[test]
fn local_mode_says_the_same() {
    let mut command = std::process::Command::new(flott_tests::Binaries::find().word_count());
    let ended = run(command.args(["--input", "/no/such/text"]), PATIENCE);
    assert_eq!(ended.code, Some(1), "{}", ended.output());
    ended.expect_output(&["cannot read /no/such/text"]);
}
