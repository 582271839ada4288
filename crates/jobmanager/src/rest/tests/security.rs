//! Foreign web sites are kept out, and every answer tells browsers to be careful.

use std::sync::{Arc, atomic::Ordering};

use axum::{body::Body, extract::Request};
use flott_core::config::Configuration;

use super::support::*;
use crate::rest::RestOptions;

fn request_with(method: &str, uri: &str, headers: &[(&str, &str)]) -> Request {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from("{}")).unwrap()
}

#[tokio::test]
async fn every_answer_has_security_headers_and_none_opens_cors() {
    let service = service();
    for uri in ["/", "/overview", "/nosuch", "/jobs/xyz", "/jobmanager/log", "/health"] {
        let response = send(&service, request("GET", uri, "")).await;
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap());
        assert!(header("content-security-policy").contains("default-src 'self'"), "{uri}");
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"), "{uri}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{uri}");
        assert_eq!(header("access-control-allow-origin"), "", "{uri}");
    }
}

#[tokio::test]
async fn an_operator_can_let_other_sites_read_but_not_change() {
    for origin in ["*", "https://portal.example:8443"] {
        let text = format!("web.access-control-allow-origin: \"{origin}\"");
        let (config, _) = Configuration::parse(&text, "config.yaml").unwrap();
        let service = service_with(&Arc::default(), RestOptions::from_config(&config, 8081, None));
        let headers = [("host", "localhost:8081"), ("origin", "https://portal.example:8443")];
        for (method, uri, status) in
            [("GET", "/overview", 200), ("GET", "/nosuch", 404), ("POST", "/jars/upload", 403)]
        {
            let response = send(&service, request_with(method, uri, &headers)).await;
            assert_eq!(response.status(), status, "{method} {uri}");
            assert_eq!(response.headers()["access-control-allow-origin"], origin, "{method} {uri}");
        }
    }
    for text in ["portal.example", "https://", "https://a.example/path", "https://a.example\r\nset-cookie: x"]
    {
        let text = format!("web.access-control-allow-origin: {text:?}");
        let errors = Configuration::parse(&text, "config.yaml").unwrap_err();
        assert!(errors[0].to_string().contains("an origin without path"), "{}", errors[0]);
    }
}

#[tokio::test]
async fn foreign_hosts_reach_nothing_but_health() {
    let service = service();
    let foreign = ("host", "evil.example:8081");
    for (method, uri, status) in [
        ("GET", "/overview", 403),
        ("GET", "/", 403),
        ("GET", "/nosuch", 403),
        ("POST", "/jars/upload", 403),
        ("GET", "/health", 200),
    ] {
        let response = send(&service, request_with(method, uri, &[foreign])).await;
        assert_eq!(response.status(), status, "{method} {uri}");
    }
}

#[tokio::test]
async fn names_of_the_configuration_are_known() {
    let text = "rest.address: flink.example\nrest.bind-address: 10.0.0.7\nsecurity.allowed-hosts: proxy.example\n\
                security.allow-unauthenticated: true";
    let (config, _) = Configuration::parse(text, "config.yaml").unwrap();
    let options = RestOptions::from_config(&config, 8081, Some("box7"));
    assert_eq!(options.address, "http://flink.example:8081");
    let service = service_with(&Arc::default(), options);
    for (host, status) in [
        ("flink.example:8081", 200),
        ("10.0.0.7", 200),
        ("proxy.example", 200),
        ("box7:1", 200),
        ("127.0.0.1", 200),
        ("other.example", 403),
        ("10.0.0.8", 403),
    ] {
        let response = send(&service, request_with("GET", "/overview", &[("host", host)])).await;
        assert_eq!(response.status(), status, "{host}");
    }
}

#[tokio::test]
async fn other_sites_change_nothing() {
    let cluster: Arc<FakeCluster> = Arc::default();
    let service = service_with(&cluster, RestOptions::default());
    let host = ("host", "localhost:8081");
    for (method, uri) in [
        ("PATCH", format!("/jobs/{RUNNING}?mode=cancel")),
        ("GET", format!("/jobs/{RUNNING}/yarn-cancel")),
        ("POST", format!("/jars/{ARTIFACT}/run")),
        ("DELETE", format!("/jars/{ARTIFACT}")),
        ("DELETE", "/cluster".to_owned()),
    ] {
        for foreign in
            [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
        {
            let response = send(&service, request_with(method, &uri, &[host, foreign])).await;
            assert_eq!(response.status(), 403, "{method} {uri} {foreign:?}");
        }
    }
    assert!(cluster.canceled.lock().unwrap().is_empty());
    assert!(cluster.runs.lock().unwrap().is_empty());
    assert!(cluster.deleted.lock().unwrap().is_empty());
    assert_eq!(cluster.shut_down.load(Ordering::Relaxed), 0);
    let own = [host, ("origin", "http://localhost:8081"), ("sec-fetch-site", "same-origin")];
    let response = send(&service, request_with("PATCH", &format!("/jobs/{RUNNING}"), &own)).await;
    assert_eq!(response.status(), 202);
}

#[tokio::test]
async fn the_dashboard_is_served_and_revalidated() {
    let service = service();
    let response = send(&service, request("GET", "/", "")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    let etag = response.headers()["etag"].to_str().unwrap().to_owned();
    let again = request_with("GET", "/", &[("host", "localhost"), ("if-none-match", &etag)]);
    let response = send(&service, again).await;
    assert_eq!(response.status(), 304);
    assert_eq!(text(response).await, "");
}
