//! What `flott new` makes is a project that builds without a network, passes its tests, and runs alone and on a cluster.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use flott_tests::{Binaries, Cluster, Ended, PATIENCE, run, workspace};

/// How long a build may take: the first one compiles Flott.
const BUILD_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Cargo's target directory for the project. It stays, so that the next build is quick.
fn target() -> PathBuf {
    Binaries::find().path("flott").ancestors().nth(2).unwrap().join("new-project")
}

#[track_caller]
fn cargo(project: &Path, args: &[&str]) -> Ended {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(project).env("CARGO_TARGET_DIR", target());
    // A tenth of the time and of the space, for what nobody debugs.
    command.env("CARGO_PROFILE_DEV_DEBUG", "0");
    run(&mut command, BUILD_PATIENCE)
}

/// The last line of output for each word: what it was counted to.
#[track_caller]
fn assert_counted(output: &str, word: &str, count: u64) {
    let counts = output.lines().map(|line| line.rsplit_once("> ").map_or(line, |(_, text)| text));
    let last = counts.filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).next_back();
    assert_eq!(last, Some(&*count.to_string()), "{word} in:\n{output}");
}

#[test]
fn a_new_project_builds_offline_passes_its_tests_and_runs() {
    let dir = tempfile::tempdir().unwrap();
    // It lies within another workspace, which must not claim it.
    fs::write(dir.path().join("Cargo.toml"), "[workspace]\nmembers = []\n").unwrap();
    let project = dir.path().join("my-job");
    let mut new = Command::new(Binaries::find().path("flott"));
    new.args(["new", "my-job", "--flott-path"]).arg(workspace()).current_dir(&dir);
    run(&mut new, PATIENCE).expect_code(0).expect_output(&["Created the job project my-job", "cargo run"]);

    cargo(&project, &["build", "--offline"]).expect_code(0);
    cargo(&project, &["test", "--offline"]).expect_code(0).expect_output(&["test result: ok."]);
    cargo(&project, &["fmt", "--check"]).expect_code(0);
    let alone = cargo(&project, &["run", "--offline", "--quiet"]).expect_code(0);
    assert_counted(&alone.stdout, "to", 4);
    assert_counted(&alone.stdout, "question", 1);

    let text = dir.path().join("text");
    fs::write(&text, "to be or not to be\nBE!\n").unwrap();
    let text = text.display().to_string();
    let program = target().join("debug/my-job").display().to_string();
    let of_file = run(Command::new(&program).args(["--input", &text]), PATIENCE).expect_code(0);
    assert_counted(&of_file.stdout, "be", 3);

    let cluster = Cluster::start();
    let output = cluster.arg("counts");
    let args = ["run", "-p", "2", &program, "--input", &text, "--output", &output];
    cluster.flott(&args).expect_code(0);
    let counts = flott_tests::text::read_lines(Path::new(&output));
    assert_eq!(counts, ["be 1", "be 2", "be 3", "not 1", "or 1", "to 1", "to 2"]);
    cluster.flott(&["info", &program]).expect_code(0).expect_output(&["words", "counts"]);
}

#[test]
fn nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let mut new = Command::new(Binaries::find().path("flott"));
    new.args(["new", "my-job"]).current_dir(&dir);
    run(&mut new, PATIENCE).expect_code(0);
    let program = dir.path().join("my-job/src/main.rs");
    fs::write(&program, "// mine").unwrap();
    run(&mut new, PATIENCE).expect_code(1).expect_output(&["my-job exists and is not empty", "--path"]);
    assert_eq!(fs::read_to_string(&program).unwrap(), "// mine");
}
