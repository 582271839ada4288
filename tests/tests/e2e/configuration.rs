//! Configurations that are wrong, or nearly.

use flott_tests::Cluster;

#[test]
fn everything_wrong_with_the_configuration_is_said_at_once() {
    let (cluster, started) = Cluster::builder()
        .set("heartbeat.interval", "5 parsecs")
        .set("taskmanager.numberOfTaskSlots", "0")
        .set("web.submit.enable", "perhaps")
        .set("rest.port", "123456")
        .try_start();
    let started = started.expect_code(78).expect_output(&[
        "config.yaml:",
        "heartbeat.interval",
        "5 parsecs",
        "a duration",
        "taskmanager.numberOfTaskSlots",
        "from 1 to 1024",
        "web.submit.enable",
        "true or false",
        "rest.port",
        "123456",
    ]);
    assert!(!started.output().contains("panicked"));
    assert_eq!(cluster.processes(), []);
}

#[test]
fn a_timeout_shorter_than_its_interval_is_refused() {
    let (_cluster, started) =
        Cluster::builder().set("heartbeat.interval", "10 s").set("heartbeat.timeout", "5 s").try_start();
    started.expect_code(78).expect_output(&["heartbeat.timeout", "heartbeat.interval"]);
}

#[test]
fn a_file_that_is_no_yaml_is_refused_with_its_place() {
    let cluster = Cluster::builder().prepare();
    std::fs::write(cluster.path("conf/config.yaml"), "rest:\n  port: [8081\nother: x\n").unwrap();
    cluster.run_script("start-cluster.sh", &[]).expect_code(78).expect_output(&["config.yaml:"]);
    assert_eq!(cluster.processes(), []);
}

#[test]
fn an_unknown_key_is_a_warning_that_names_the_nearest() {
    let cluster = Cluster::builder().set("taskmanager.numberOfTaskSlot", "3").task_managers(1).start();
    let log = cluster.rest().get("/jobmanager/log").body;
    let log = log.as_str().unwrap();
    assert!(log.contains("did you mean taskmanager.numberOfTaskSlots?"), "{log}");
}

#[test]
fn listening_everywhere_needs_consent() {
    let (_cluster, started) =
        Cluster::builder().set("rest.bind-address", "0.0.0.0").task_managers(1).try_start();
    assert_ne!(started.code, Some(0));
    started.expect_output(&["security.allow-unauthenticated"]);
}

#[test]
fn options_of_one_job_are_checked_too() {
    let cluster = Cluster::builder().task_managers(1).start();
    let artifact = cluster.binaries().word_count().display().to_string();
    cluster
        .flott(&["run", "-D", "execution.runtime-mode=SIDEWAYS", &artifact])
        .expect_code(78)
        .expect_output(&["execution.runtime-mode", "SIDEWAYS", "STREAMING, BATCH or AUTOMATIC"]);
}
