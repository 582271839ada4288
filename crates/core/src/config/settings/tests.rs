use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::config::options::{
    self, checkpointing, execution, heartbeat, io, jobmanager, pipeline, rest, s3, taskmanager, web,
};

fn parse(text: &str) -> Configuration {
    let (config, warnings) = Configuration::parse(text, "config.yaml").unwrap();
    assert_eq!(warnings, []);
    config
}

fn errors(text: &str) -> Vec<String> {
    Configuration::parse(text, "config.yaml").unwrap_err().iter().map(ToString::to_string).collect()
}

fn warnings(text: &str) -> Vec<String> {
    Configuration::parse(text, "config.yaml").unwrap().1.iter().map(ToString::to_string).collect()
}

#[test]
fn every_option_has_a_default_that_it_accepts_and_a_key_of_its_own() {
    let mut seen = std::collections::BTreeSet::new();
    for option in options::all() {
        if let Some(default) = option.default_text() {
            let check = option.check(&RawValue::Scalar(default.to_owned()));
            assert_eq!(check, Ok(()), "{}", option.key());
        }
        for key in std::iter::once(&option.key()).chain(option.older_keys()) {
            assert!(seen.insert(*key), "{key} stands for two options");
        }
        assert!(option.doc().trim().ends_with('.'), "{}", option.key());
    }
}

#[test]
fn every_option_without_default_may_be_unset() {
    // `check` of an Option accepts what its inner type accepts, so only `get` tells whether the type is right.
    let config = Configuration::default();
    for option in options::all().filter(|option| option.default_text().is_none()) {
        assert_eq!(config.text_of(option.key()), Ok(None));
    }
    assert_eq!(config.get(&taskmanager::NUMBER_OF_TASK_SLOTS), None);
    assert_eq!(config.get(&taskmanager::HOST), None);
    assert_eq!(config.get(&pipeline::MAX_PARALLELISM), None);
    assert_eq!(config.get(&pipeline::NAME), None);
    assert_eq!(config.get(&rest::BIND_PORT), None);
    assert_eq!(config.get(&rest::ADDRESS), None);
    assert_eq!(config.get(&web::UPLOAD_DIR), None);
    assert_eq!(config.get(&options::env::LOG_DIR), None);
    assert_eq!(config.get(&options::env::SSH_OPTS), None);
}

#[test]
fn the_shipped_file_is_valid_and_sets_only_defaults() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf/config.yaml");
    let config = parse(&std::fs::read_to_string(file).unwrap());
    for (key, value) in config.entries_redacted() {
        let default = lookup::option(key).unwrap().default_text();
        assert!(default.is_none_or(|default| default == value), "{key}: {value}");
    }
}

#[test]
fn defaults_hold_for_an_empty_file() {
    for text in ["", "# nothing\n", "---\n", "~", "rest:\n  # port: 1\n"] {
        let config = parse(text);
        assert_eq!(config.get(&heartbeat::TIMEOUT), Duration::from_secs(15), "{text:?}");
        assert_eq!(rest::bind_ports(&config).ports().collect::<Vec<_>>(), [8081]);
        assert_eq!(rest::client_host(&config).as_str(), "localhost");
        assert_eq!(config.origin("rest.port"), Origin::Default);
    }
}

#[test]
fn nested_flat_and_mixed_keys_are_the_same() {
    let flat = parse("rest.port: 9000\nrest.bind-port: 9000-9010\nweb.history: 7");
    let nested = parse("rest:\n  port: 9000\n  bind-port: 9000-9010\nweb: {history: 7}");
    for config in [&flat, &nested] {
        assert_eq!(config.get(&rest::PORT).0, 9000);
        assert_eq!(config.get(&rest::BIND_PORT).unwrap().to_string(), "9000-9010");
        assert_eq!(config.get(&web::HISTORY), 7);
    }
    let values = |config: &Configuration| {
        config.entries_redacted().map(|(key, value)| (key.to_owned(), value)).collect::<Vec<_>>()
    };
    assert_eq!(values(&flat), values(&nested));
    assert_eq!(nested.origin("rest.bind-port").to_string(), "config.yaml:3");
}

#[test]
fn scalars_keep_the_text_they_were_written_with() {
    assert_eq!(parse("pipeline.name: 2026.10").get(&pipeline::NAME).as_deref(), Some("2026.10"));
    assert_eq!(parse("pipeline.name: 'a: #b'").get(&pipeline::NAME).as_deref(), Some("a: #b"));
    assert_eq!(parse("rest.port: \"8082\"").get(&rest::PORT).0, 8082);
}

#[test]
fn lists_are_yaml_lists_or_separated_texts() {
    for text in [
        "io.tmp.dirs: [/a, /b c]",
        "io.tmp.dirs:\n- /a\n- /b c",
        "io.tmp.dirs: /a;/b c",
        "io.tmp.dirs: /a, /b c",
    ] {
        assert_eq!(parse(text).get(&io::TMP_DIRS), ["/a", "/b c"], "{text}");
    }
    assert_eq!(errors("io.tmp.dirs: []").len(), 1);
}

#[test]
fn all_errors_are_reported_at_once_with_their_lines() {
    let text = "\
rest:
  port: 70000
  bind-address: http://here
heartbeat.interval: 10 parsecs
heartbeat.timeout: -5 s
parallelism.default: 0
rest.server.max-content-length: 5 mb/s
web.submit.enable: maybe
rest.port: 8082
jobmanager.rpc.port: [1, 2]
web.history:
";
    assert_eq!(
        errors(text),
        [
            "config.yaml:2: rest.port: got \"70000\", allowed: a port from 0 to 65535",
            "config.yaml:3: rest.bind-address: got \"http://here\", allowed: a host name or an IP address, without scheme and port",
            "config.yaml:4: heartbeat.interval: got \"10 parsecs\", allowed: a duration of at least 10 ms, such as 3 s",
            "config.yaml:5: heartbeat.timeout: got \"-5 s\", allowed: a duration with a unit of d, h, min, s or ms, such as 10 s; a bare number counts milliseconds",
            "config.yaml:6: parallelism.default: got \"0\", allowed: a whole number from 1 to 32768",
            "config.yaml:7: rest.server.max-content-length: got \"5 mb/s\", allowed: a size of at least 16 kb, such as 1 gb",
            "config.yaml:8: web.submit.enable: got \"maybe\", allowed: true or false",
            "config.yaml:9: rest.port: set twice, first at config.yaml:2: remove one of the two",
            "config.yaml:10: jobmanager.rpc.port: got the list [\"1\", \"2\"], allowed: a port from 0 to 65535",
            "config.yaml:11: web.history: got no value, allowed: a value; remove the line to use the default",
        ]
    );
}

#[test]
fn duplicates_are_found_in_all_disguises() {
    for text in [
        "rest.port: 1\nrest.port: 1",
        "rest.port: 1\nrest: {port: 2}",
        "rest: {port: 1}\nrest:\n  port: 2",
        "rest.port: 1\nweb.port: 2",
        "my.own.key: 1\nmy: {own.key: 2}",
    ] {
        let found = errors(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found[0].contains("set twice, first at config.yaml:1"), "{found:?}");
    }
}

#[test]
fn broken_yaml_names_its_line() {
    for (text, line) in [
        ("rest.port: 1\n :", 2),
        ("rest:\n\tport: 1", 2),
        ("rest.port:8081", 1),
        ("- a\n- b", 1),
        ("a: 1\n---\nb: 2", 2),
        ("a: &x 1\nb: *x", 2),
        ("rest: {port: 1", 2),
        ("pipeline.name: \"open", 1),
        ("? [a, b]\n: 1", 1),
        ("rest.port: {a: 1}", 1),
        ("io.tmp.dirs: [{a: 1}]", 1),
    ] {
        let found = errors(text);
        assert!(found[0].starts_with(&format!("config.yaml:{line}: ")), "{text:?}: {found:?}");
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    for depth in [33, 100, 10_000] {
        for (open, close) in [("{a: ", "}"), ("a: [", "]"), ("[", "]")] {
            let text = format!("a: {}1{}", open.repeat(depth), close.repeat(depth));
            assert!(!errors(&text).is_empty(), "{open} {depth}");
        }
    }
}

#[test]
fn contradictions_are_errors_at_the_place_that_can_be_changed() {
    assert_eq!(
        errors("heartbeat.interval: 10 s\nheartbeat.timeout: 10 s"),
        ["config.yaml:2: heartbeat.timeout: got \"10 s\", allowed: more than heartbeat.interval (10 s)"]
    );
    assert_eq!(
        errors("pipeline.max-parallelism: 4\nparallelism.default: 8"),
        ["config.yaml:2: parallelism.default: got 8, allowed: at most pipeline.max-parallelism (4)"]
    );
    assert_eq!(
        errors("restart-strategy.exponential-delay.initial-backoff: 2 min"),
        ["default: restart-strategy.exponential-delay.max-backoff: got \"1 min\", allowed: at least \
          restart-strategy.exponential-delay.initial-backoff (2 min)"]
    );
    let found = errors("rest.bind-address: 0.0.0.0\ntaskmanager.bind-host: 10.0.0.7");
    assert!(found[0].starts_with("config.yaml:1: rest.bind-address: got \"0.0.0.0\""), "{found:?}");
    assert!(found[1].starts_with("config.yaml:2: taskmanager.bind-host: got \"10.0.0.7\""), "{found:?}");
    parse("rest.bind-address: 0.0.0.0\nsecurity.allow-unauthenticated: true");
}

#[test]
fn what_flink_uses_for_high_availability_is_refused_with_what_to_use() {
    for kind in ["NONE", "file", "etcd"] {
        parse(&format!("high-availability.type: {kind}"));
    }
    for kind in ["zookeeper", "kubernetes"] {
        let found = errors(&format!("high-availability.type: {kind}"));
        assert!(found[0].contains("etcd (which is used instead of zookeeper and kubernetes)"), "{found:?}");
    }
}

#[test]
fn job_managers_default_to_the_one_that_has_an_address() {
    let addresses = |text: &str| {
        let managers = options::high_availability::job_managers(&parse(text));
        managers.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(addresses("jobmanager.rpc: {address: a, port: 1}"), ["a:1"]);
    assert_eq!(addresses("high-availability.jobmanagers: [a:1, b:2]"), ["a:1", "b:2"]);
}

#[test]
fn the_password_of_etcd_is_shown_nowhere() {
    let config = parse("high-availability.etcd: {user: u, password: pass1234}");
    assert!(!format!("{config:?}").contains("pass1234"));
    let found = errors("high-availability.etcd.password: pass1234");
    assert!(found.len() == 1 && !found[0].contains("pass1234"), "{found:?}");
}

#[test]
fn state_on_disk_is_refused_until_it_is_there() {
    for heap in ["hashmap", "HashMap", "filesystem", "jobmanager"] {
        parse(&format!("state.backend.type: {heap}"));
    }
    for disk in ["rocksdb", "forst"] {
        let found = errors(&format!("state.backend.type: {disk}"));
        assert!(found[0].contains("allowed: hashmap") && found[0].contains("not supported"), "{found:?}");
    }
}

#[test]
fn places_of_checkpoints_are_checked() {
    let config = parse(
        "execution.checkpointing.dir: /data/checkpoints/\nexecution.checkpointing.savepoint-dir: s3a://bucket/sp",
    );
    assert_eq!(config.get(&checkpointing::DIR).unwrap().as_str(), "/data/checkpoints/");
    assert_eq!(config.get(&checkpointing::SAVEPOINT_DIR).unwrap().as_str(), "s3a://bucket/sp");
    let found = errors("execution.checkpointing.dir: hdfs://namenode/flink");
    assert!(
        found[0].contains("got \"hdfs://namenode/flink\", allowed: an absolute path, file:///path"),
        "{found:?}"
    );
}

#[test]
fn storage_gets_what_is_set_of_its_options() {
    let config = parse("s3.access-key: me\ns3.secret-key: hush\ns3.path.style.access: true");
    let options = s3::storage_options(&config);
    let options: Vec<_> = options.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    assert_eq!(
        options,
        [("s3.access-key", "me"), ("s3.path.style.access", "true"), ("s3.secret-key", "hush")]
    );
    assert_eq!(s3::storage_options(&parse("")), std::collections::BTreeMap::new());
    assert!(errors("s3.endpoint: http://me:hush@minio:9000")[0].contains("without user name"));
    let found = errors("fs.s3a.access.key: me");
    assert_eq!(
        found,
        [
            "config.yaml:1: s3.access-key: got it alone, allowed: it together with s3.secret-key, or none of the two"
        ]
    );
}

#[test]
fn unused_keys_warn_and_are_kept() {
    assert_eq!(
        warnings(
            "rest.prt: 1\nstate.backend.local-recovery: true\nhigh-availability: none\ncompletely-different: 1"
        ),
        [
            "config.yaml:1: rest.prt: unknown key, ignored; did you mean rest.port?",
            "config.yaml:2: state.backend.local-recovery: known to Flink, has no effect in Flott",
            "config.yaml:3: high-availability: older name of high-availability.type, which should be used instead",
            "config.yaml:4: completely-different: unknown key, ignored; docs/configuration.md lists all keys",
        ]
    );
    let (config, _) = Configuration::parse("metrics.reporter.prom.port: 9249\nslot: 3", "f").unwrap();
    assert_eq!(config.entries_redacted().count(), 2);
}

#[test]
fn overrides_beat_the_file_and_the_last_one_holds() {
    let (config, _) = Configuration::parse_with_overrides(
        "rest.port: 1",
        "f",
        ["rest.port=2", "rest.port = 3", "pipeline.name=a=b"],
    )
    .unwrap();
    assert_eq!(config.get(&rest::PORT).0, 3);
    assert_eq!(config.get(&pipeline::NAME).as_deref(), Some("a=b"));
    assert_eq!(config.origin("rest.port").to_string(), "command line");

    let found = Configuration::parse_with_overrides("", "f", ["rest.port", "=1", "rest.port=x"]).unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        [
            "command line: got \"rest.port\", allowed: key=value, such as -D rest.port=8082",
            "command line: got \"=1\", allowed: key=value, such as -D rest.port=8082",
            "command line: rest.port: got \"x\", allowed: a port from 0 to 65535",
        ]
    );
}

#[test]
fn overrides_are_held_against_the_file() {
    let found =
        Configuration::parse_with_overrides("heartbeat.interval: 20 s", "f", ["web.history=1"]).unwrap_err();
    assert_eq!(
        found[0].to_string(),
        "default: heartbeat.timeout: got \"15 s\", allowed: more than heartbeat.interval (20 s)"
    );
    assert!(
        Configuration::parse_with_overrides("heartbeat.interval: 20 s", "f", ["heartbeat.timeout=1 min"])
            .is_ok()
    );
}

#[test]
fn a_jobs_settings_go_over_the_clusters() {
    let cluster = parse("parallelism.default: 4\nexecution.runtime-mode: batch");
    let (job, _) = cluster.with_settings([("parallelism.default", "2")], &Origin::Submission).unwrap();
    assert_eq!(job.get(&execution::PARALLELISM), 2);
    assert_eq!(job.get(&execution::RUNTIME_MODE), crate::job_config::RuntimeMode::Batch);
    assert_eq!(job.origin("parallelism.default").to_string(), "job submission");
    assert!(cluster.with_settings([("parallelism.default", "-2")], &Origin::Submission).is_err());
}

#[test]
fn secrets_are_never_shown() {
    let text = "my.secret-key: hush\nmy.Password: hush\nauth.token: hush\nrest.port: 1";
    let (config, _) = Configuration::parse(text, "f").unwrap();
    let shown: Vec<String> = config.entries_redacted().map(|(_, value)| value).collect();
    assert_eq!(shown, ["******", "******", "******", "1"]);
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn options_can_be_asked_for_by_name() {
    let config = parse("rest.port: 1\nio.tmp.dirs: [/a, /b]");
    assert_eq!(config.text_of("web.port"), Ok(Some("1".to_owned())));
    assert_eq!(config.text_of("io.tmp.dirs"), Ok(Some("/a;/b".to_owned())));
    assert_eq!(config.text_of("env.pid.dir"), Ok(Some("/tmp".to_owned())));
    assert_eq!(
        config.text_of("rest.prt").unwrap_err().to_string(),
        "unknown configuration key rest.prt; did you mean rest.port?"
    );
    assert_eq!(config.get(&jobmanager::RPC_PORT).0, 6123);
}

proptest! {
    #[test]
    fn no_text_makes_parse_panic(text in "[ \\-\\[\\]{}:,&*!|>'\"%@`#?\ta-z0-9.\n]{0,80}|\\PC{0,60}") {
        let _ = Configuration::parse(&text, "f");
    }

    #[test]
    fn any_text_survives_as_a_value(value in "[ -~]{1,40}") {
        let text = format!("pipeline.name: {}", serde_json::to_string(&value).unwrap());
        prop_assert_eq!(parse(&text).get(&pipeline::NAME), Some(value.trim().to_owned()));
    }
}
