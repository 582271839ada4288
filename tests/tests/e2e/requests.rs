//! REST requests that are wrong: a status and a reason each, and no harm done.

use flott_tests::Cluster;
use reqwest::Method;

const UNKNOWN: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn wrong_requests_get_a_status_and_a_reason() {
    let cluster = Cluster::builder().task_managers(1).start();
    let rest = cluster.rest();
    let jar = cluster.test_jobs().to_owned();
    let run = format!("/jars/{jar}/run");
    let long = format!("/jobs/{}", "x".repeat(10_000));
    let get = Method::GET;
    let cases: &[(&Method, &str, &str, u16, &str)] = &[
        (&get, &format!("/jobs/{UNKNOWN}"), "", 404, UNKNOWN),
        (&get, &format!("/jobs/{UNKNOWN}/exceptions"), "", 404, UNKNOWN),
        (&get, &format!("/jobs/{UNKNOWN}/status"), "", 500, UNKNOWN),
        (&get, &format!("/jobs/{UNKNOWN}/execution-result"), "", 404, UNKNOWN),
        (&Method::PATCH, &format!("/jobs/{UNKNOWN}?mode=cancel"), "{}", 404, "could not be found"),
        (&get, "/jobs/xyz", "", 400, "(jobid) from value \"xyz\""),
        (&Method::PATCH, &format!("/jobs/{UNKNOWN}?mode=explode"), "{}", 400, "explode"),
        (&get, &long, "", 400, "jobid"),
        (&get, "/nosuch", "", 404, "/nosuch"),
        (&Method::DELETE, "/overview", "", 404, "Not found"),
        (&get, "/taskmanagers/nobody", "", 500, "nobody"),
        (&get, "/jobmanager/logs/..%2f..%2fetc%2fpasswd", "", 404, ""),
        (&get, "/../../etc/passwd", "", 404, ""),
        (&Method::POST, &run, "{", 400, ""),
        (&Method::POST, &run, "[1, 2", 400, ""),
        (&Method::POST, &run, "\u{0}", 400, ""),
        (&Method::POST, &run, r#"{"parallelism": "many"}"#, 400, "parallelism"),
        (&Method::POST, &run, r#"{"parallelism": -1}"#, 400, "parallelism"),
        (&Method::POST, &run, r#"{"parallelism": 0}"#, 400, "at least 1"),
        (&Method::POST, &run, r#"{"programArgsList": 7}"#, 400, "programArgsList"),
        (
            &Method::POST,
            &run,
            r#"{"flinkConfiguration": {"execution.runtime-mode": "x"}, "entryClass": "endless"}"#,
            400,
            "execution.runtime-mode",
        ),
        (&Method::POST, "/jars/nosuch/run", "{}", 500, "nosuch"),
        (&Method::POST, "/jars/upload", "no form", 400, "Exactly 1 file"),
        (&Method::POST, "/jobs", "{}", 400, ""),
    ];
    for (method, path, body, status, part) in cases {
        let answer = rest.send_text((*method).clone(), path, body);
        let shown = &path[..path.len().min(80)];
        assert_eq!(answer.status, *status, "{method} {shown} {body}: {answer:?}");
        let errors = answer.errors();
        assert!(!errors.is_empty(), "{method} {shown}: no reason: {answer:?}");
        assert!(errors.contains(part), "{method} {shown}: no {part:?} in {errors}");
        assert!(!errors.contains(&cluster.arg("")), "a path of the server is told: {errors}");
    }
    assert_eq!(rest.jobs(), []);
    assert_eq!(rest.overview().taskmanagers, 1);
}

#[test]
fn other_web_sites_are_kept_out() {
    let cluster = Cluster::builder().task_managers(1).start();
    let foreign =
        cluster.rest().send(Method::GET, "/overview", |request| request.header("host", "evil.example"));
    assert_eq!(foreign.status, 403);
    let path = format!("/jars/{}/run", cluster.test_jobs());
    let foreign = cluster
        .rest()
        .send(Method::POST, &path, |request| request.header("origin", "http://evil.example").body("{}"));
    assert_eq!(foreign.status, 403);
    assert_eq!(cluster.rest().jobs(), []);
}

#[test]
fn large_bodies_are_refused_and_names_of_uploads_lead_nowhere() {
    let cluster = Cluster::builder().task_managers(1).set("rest.server.max-content-length", "1 mb").start();
    let answer = cluster.rest().upload_bytes("large", vec![0x7f; 2 << 20]);
    assert_eq!(answer.status, 413, "{answer:?}");
    assert!(answer.errors().contains("rest.server.max-content-length"), "{answer:?}");
    let body = format!("{{\"programArgs\": \"{}\"}}", "x".repeat(3 << 20));
    for name in ["../../../escaped", "/etc/escaped", "%2e%2e%2fescaped", "a\\..\\b"] {
        // The client keeps the connection for the next request, although most of the body was refused.
        assert_eq!(cluster.rest().send_text(Method::POST, "/jars/x/run", &body).status, 413);
        let answer = cluster.rest().upload_bytes(name, b"text".to_vec());
        assert_eq!(answer.status, 422, "{answer:?}");
    }
    assert!(!cluster.dir().parent().unwrap().join("escaped").exists());
}

#[test]
fn submitting_can_be_turned_off() {
    let cluster = Cluster::builder().task_managers(1).set("web.submit.enable", "false").start();
    let answer = cluster.rest().upload_bytes("x", b"text".to_vec());
    assert!((400..500).contains(&answer.status), "{answer:?}");
    let artifact = cluster.binaries().word_count().display().to_string();
    cluster.flott(&["run", &artifact]).expect_code(1);
    assert_eq!(cluster.rest().get("/config").body["features"]["web-submit"], false);
}
