//! The word count of a wild text is right, however it is started.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use flott_client::RunRequest;
use flott_core::JobStatus;
use flott_tests::{
    Binaries, Cluster, PATIENCE, run,
    text::{Counts, count_words, read_counts, wild_text},
};

/// Several splits for each of four subtasks.
const BYTES: usize = 9 << 20;

/// A text in one file, with its truth.
fn one_file(dir: &Path) -> (PathBuf, Counts) {
    let text = wild_text(BYTES, 1);
    let path = dir.join("text with spaces.txt");
    fs::write(&path, &text).unwrap();
    (path, count_words(&text))
}

/// A directory of files, some in a subdirectory, some hidden, with the truth of what must be read.
fn directory(dir: &Path) -> (PathBuf, Counts) {
    let root = dir.join("books");
    fs::create_dir_all(root.join("older")).unwrap();
    let mut truth = Counts::new();
    for (number, name) in ["a.txt", "b.txt", "older/c.txt", "empty.txt"].into_iter().enumerate() {
        let bytes =
            if name == "empty.txt" { Vec::new() } else { wild_text(700_000 + number, number as u64 + 5) };
        for (word, count) in count_words(&bytes) {
            *truth.entry(word).or_default() += count;
        }
        fs::write(root.join(name), bytes).unwrap();
    }
    fs::write(root.join(".hidden"), "hidden words").unwrap();
    fs::write(root.join("_SUCCESS"), "marker words").unwrap();
    (root, truth)
}

#[track_caller]
fn assert_counts(dir: &Path, truth: &Counts) {
    let counts = read_counts(dir);
    let wrong: Vec<_> =
        truth.iter().filter(|(word, count)| counts.get(*word) != Some(*count)).take(5).collect();
    assert!(wrong.is_empty(), "these are missing or miscounted: {wrong:?}");
    assert_eq!(counts.len(), truth.len(), "there are words that are not in the text");
}

#[test]
fn over_rest_at_parallelism_four_on_two_taskmanagers() {
    let cluster = Cluster::start();
    let (input, truth) = one_file(cluster.dir());
    let artifact = cluster.rest().upload(&cluster.binaries().word_count()).unwrap();
    let request = RunRequest {
        program_args_list: ["--input", &input.display().to_string(), "--output", &cluster.arg("counts")]
            .map(str::to_owned)
            .to_vec(),
        parallelism: Some(4),
        ..RunRequest::default()
    };
    let job = cluster.rest().run(&artifact, &request).unwrap();
    let detail = cluster.wait_for(job, JobStatus::Finished);
    assert_counts(&cluster.path("counts"), &truth);
    assert_eq!(fs::read_dir(cluster.path("counts")).unwrap().count(), 4, "one part file a subtask");

    // Each word of the text went through the exchange once.
    let words: u64 = truth.values().sum();
    let [source, sink] = &detail.vertices[..] else { panic!("{:#?}", detail.vertices) };
    assert_eq!((source.parallelism, sink.parallelism), (4, 4));
    assert_eq!((source.metrics.write_records, sink.metrics.read_records), (words, words));
    // Half of them came from the other TaskManager, over TCP.
    assert!(source.metrics.write_bytes > 0 && sink.metrics.read_bytes > 0, "{:#?}", detail.vertices);

    let hosts = cluster.rest().get(&format!("/jobs/{job}/vertices/{}/taskmanagers", sink.id));
    assert_eq!(hosts.body["taskmanagers"].as_array().map(Vec::len), Some(2), "{}", hosts.body);
    let result = cluster.rest().execution_result(job).unwrap().expect("it has ended");
    assert!(result.failure_cause.is_none());
    cluster.wait_until_idle(2);
}

#[test]
fn by_the_command_line_attached() {
    let cluster = Cluster::start();
    let (input, truth) = one_file(cluster.dir());
    let artifact = cluster.binaries().word_count().display().to_string();
    let address = format!("localhost:{}", cluster.rest_port());
    let ended = cluster.flott(&[
        "run",
        "-m",
        &address,
        "-p",
        "4",
        &artifact,
        "--input",
        &input.display().to_string(),
        "--output",
        &cluster.arg("counts"),
    ]);
    ended.expect_code(0).expect_output(&[
        "Job has been submitted with JobID ",
        "is RUNNING",
        "is FINISHED",
        "Program execution finished",
        "has finished.",
        "Job Runtime: ",
        " ms",
    ]);
    assert_counts(&cluster.path("counts"), &truth);
}

#[test]
fn of_a_directory_and_of_a_glob() {
    let cluster = Cluster::start();
    let (root, truth) = directory(cluster.dir());
    let artifact = cluster.binaries().word_count().display().to_string();
    let count = |input: &str, output: &str| {
        let output = cluster.arg(output);
        cluster.flott(&["run", "-p", "4", &artifact, "--input", input, "--output", &output]).expect_code(0);
    };
    count(&root.display().to_string(), "of directory");
    assert_counts(&cluster.path("of directory"), &truth);

    count(&format!("file://{}/[ab].*", root.display()), "of glob");
    let mut expected = count_words(&fs::read(root.join("a.txt")).unwrap());
    for (word, count) in count_words(&fs::read(root.join("b.txt")).unwrap()) {
        *expected.entry(word).or_default() += count;
    }
    assert_counts(&cluster.path("of glob"), &expected);
}

#[test]
fn in_local_mode() {
    let dir = tempfile::tempdir().unwrap();
    let (input, truth) = one_file(dir.path());
    let output = dir.path().join("counts");
    let mut command = Command::new(Binaries::find().word_count());
    command.arg("--input").arg(&input).arg("--output").arg(&output);
    run(&mut command, PATIENCE).expect_code(0);
    assert_counts(&output, &truth);
}

#[test]
fn of_the_built_in_text_on_the_terminal() {
    let ended = run(&mut Command::new(Binaries::find().word_count()), PATIENCE).expect_code(0);
    let line = |line: &str| line.rsplit_once("> ").map_or(line, |(_, text)| text).to_owned();
    let lines: Vec<_> = ended.stdout.lines().map(line).collect();
    for expected in ["the 15", "To 4", "question:-- 1"] {
        assert!(lines.iter().any(|line| line == expected), "no line {expected:?} in {}", ended.stdout);
    }
}

#[test]
fn each_update_in_streaming_mode() {
    let dir = tempfile::tempdir().unwrap();
    let (input, output) = (dir.path().join("text"), dir.path().join("updates"));
    fs::write(&input, "b a b\nb").unwrap();
    let mut command = Command::new(Binaries::find().word_count());
    command.args(["--execution-mode", "STREAMING", "--input"]).arg(&input).arg("--output").arg(&output);
    run(&mut command, PATIENCE).expect_code(0);
    assert_eq!(flott_tests::text::read_lines(&output), ["a 1", "b 1", "b 2", "b 3"]);
}
