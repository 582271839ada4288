//! Wrong use, help, and `flott config get`.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

use crate::command::{conf_dir, done, flott};

const HINT: &str = "Use the help option (-h or --help) to get help on the command.\n";

#[tokio::test]
async fn wrong_use_ends_with_2_and_a_hint() {
    for args in [
        &["fly"][..],
        &[],
        &["run"],
        &["run", "--unknown", "artifact"],
        &["run", "-p", "0", "artifact"],
        &["run", "-p", "many", "artifact"],
        &["cancel"],
        &["cancel", "xyz"],
        &["cancel", "-s"],
        &["stop"],
        &["stop", "-p", "xyz"],
        &["stop", "--type", "json", "2efff7fb0f9f04726989cc7c7eb9cb92"],
        &["savepoint"],
        &["savepoint", "xyz"],
        &["savepoint", "-d"],
        &["savepoint", "-d", "/sp", "2efff7fb0f9f04726989cc7c7eb9cb92"],
        &["savepoint", "inspect"],
        &["savepoint", "inspect", "ftp://host/sp"],
        &["checkpoint"],
        &["rescale"],
        &["rescale", "2efff7fb0f9f04726989cc7c7eb9cb92"],
        &["rescale", "-p", "0", "2efff7fb0f9f04726989cc7c7eb9cb92"],
        &["rescale", "--vertex", "count", "2efff7fb0f9f04726989cc7c7eb9cb92"],
        &["run", "-cm", "mine", "artifact"],
        &["run", "-cm", "legacy", "artifact"],
        &["list", "-m", "a:b:c"],
        &["config", "get", "rest.prot"],
        &["new"],
        &["new", "2fast"],
        &["new", "my-job", "--flott-version", "latest"],
        &["new", "my-job", "--flott-version", "0.1", "--flott-path", "/"],
    ] {
        let done = done(flott(args)).await;
        assert_eq!(done.code, Some(2), "{args:?}: {done:?}");
        assert!(done.stderr.ends_with(HINT), "{args:?}: {}", done.stderr);
        assert_eq!(done.stdout, "");
    }
}

#[tokio::test]
async fn malformed_job_id_is_refused_as_by_flink() {
    let done = done(flott(["cancel", "xyz"])).await;
    let expected = "Cannot parse JobID from \"xyz\". The expected format is [0-9a-fA-F]{32}, e.g. ";
    assert!(done.stderr.starts_with(expected), "{}", done.stderr);
}

#[tokio::test]
async fn missing_jobs_and_gone_modes_are_told() {
    for (args, text) in [
        (&["cancel"][..], "Missing JobID. Specify a JobID to cancel a job."),
        (&["stop"], "Missing JobID. Specify a JobID to stop a job with a savepoint."),
        (&["savepoint"], "Missing JobID. Specify a JobID to trigger a savepoint."),
        (&["checkpoint"], "Missing JobID. Specify a JobID to trigger a checkpoint."),
        (&["rescale", "-p", "2"], "Missing JobID. Specify a JobID to rescale a job."),
        (&["run", "-cm", "legacy", "artifact"], "use no_claim to keep them"),
        (&["run", "--restoreMode", "LEGACY", "artifact"], "use no_claim to keep them"),
    ] {
        let done = done(flott(args)).await;
        assert!(done.stderr.contains(text), "{args:?}: {}", done.stderr);
    }
}

#[tokio::test]
async fn arguments_that_are_no_text_are_refused() {
    let done = done(flott([OsStr::new("run"), OsStr::from_bytes(b"caf\xe9")])).await;
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.starts_with("Argument 2 is not valid UTF-8: \"caf\u{fffd}\"."), "{}", done.stderr);
}

#[tokio::test]
async fn help_and_version_are_printed() {
    let help = done(flott(["--help"])).await;
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""));
    for verb in ["new", "run", "info", "list", "cancel", "stop", "savepoint", "checkpoint", "rescale"] {
        assert!(help.stdout.contains(&format!("\n  {verb} ")), "{}", help.stdout);
        assert_eq!(done(flott([verb, "-h"])).await.code, Some(0));
    }
    assert!(!help.stdout.contains("wait-ready"), "verbs for scripts are hidden");
    assert_eq!(done(flott(["savepoint", "inspect", "--help"])).await.code, Some(0));
    for (verb, option) in
        [("run", "--fromSavepoint"), ("run", "--claimMode"), ("stop", "--drain"), ("savepoint", "--dispose")]
    {
        let help = done(flott([verb, "-help"])).await;
        assert!(help.code == Some(0) && help.stdout.contains(option), "{verb}: {help:?}");
    }
    assert_eq!(done(flott(["--version"])).await.stdout, format!("flott {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn config_get_prints_a_line_for_each_key() {
    let conf = conf_dir("rest:\n  port: 9091\n");
    let mut command = flott(["config", "get", "-Dparallelism.default=3"]);
    command.args(["rest.port", "rest.bind-port", "parallelism.default"]).env("FLOTT_CONF_DIR", conf.path());
    let get = done(command).await;
    assert_eq!((get.code, get.stdout.as_str(), get.stderr.as_str()), (Some(0), "9091\n\n3\n", ""));

    let defaults = done(flott(["config", "get", "rest.port"])).await;
    assert_eq!(defaults.stdout, "8081\n", "without a file");
}

#[tokio::test]
async fn config_show_prints_what_is_set_as_yaml_and_hides_secrets() {
    let conf = conf_dir("rest:\n  port: 9091\nmy.password: geheim\n");
    let mut command = flott(["config", "show", "-Dparallelism.default=3"]);
    command.env("FLOTT_CONF_DIR", conf.path());
    let show = done(command).await;
    assert_eq!(show.code, Some(0), "{show:?}");
    let shown = "my.password: '******'\nparallelism.default: '3'\nrest.port: '9091'\n";
    assert_eq!(show.stdout, shown);
    assert!(show.stderr.contains("warning: ") && show.stderr.contains("my.password"), "{}", show.stderr);
}

#[tokio::test]
async fn wrong_configuration_ends_with_78_and_all_errors() {
    let conf = conf_dir("rest.port: many\nparallelism.default: 0\n");
    for args in [&["config", "get", "rest.port"][..], &["list"], &["run", "artifact"]] {
        let mut command = flott(args);
        command.env("FLOTT_CONF_DIR", conf.path());
        let done = done(command).await;
        assert_eq!(done.code, Some(78), "{args:?}: {done:?}");
        assert!(done.stderr.contains("config.yaml:1: rest.port: got \"many\""), "{}", done.stderr);
        assert!(done.stderr.contains("config.yaml:2: parallelism.default: "), "{}", done.stderr);
    }
    let override_ = done(flott(["config", "get", "-D", "rest.port=x", "rest.port"])).await;
    assert_eq!(override_.code, Some(78));
    assert!(override_.stderr.contains("command line: rest.port: got \"x\""), "{}", override_.stderr);
}

#[tokio::test]
async fn unreadable_configuration_is_told() {
    let conf = tempfile::tempdir().unwrap();
    std::fs::create_dir(conf.path().join("config.yaml")).unwrap();
    let mut command = flott(["config", "get", "rest.port"]);
    command.env("FLOTT_CONF_DIR", conf.path());
    let done = done(command).await;
    assert_eq!(done.code, Some(1));
    assert!(done.stderr.contains("config.yaml: Is a directory"), "{}", done.stderr);
}
