//! Logs are text, can be read by ranges, and no name leads out of the list.

use axum::{extract::Request, response::Response};

use super::support::*;

fn with_range(uri: &str, range: &str) -> Request {
    let mut request = request("GET", uri, "");
    request.headers_mut().insert("range", range.parse().unwrap());
    request
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn whole_logs_are_plain_text() {
    let service = service();
    for uri in [
        "/jobmanager/log".to_owned(),
        "/v1/jobmanager/logs/daemon.log".to_owned(),
        format!("/taskmanagers/{TASK_MANAGER}/log"),
        format!("/taskmanagers/{}/logs/daemon.log", TASK_MANAGER.replace(':', "%3A")),
    ] {
        let response = send(&service, request("GET", &uri, "")).await;
        assert_eq!(response.status(), 200, "{uri}");
        assert_eq!(header(&response, "content-type"), "text/plain; charset=UTF-8");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        assert_eq!(header(&response, "accept-ranges"), "bytes");
        assert_eq!(text(response).await, LOG);
    }
}

#[tokio::test]
async fn ranges_let_a_viewer_tail() {
    let service = service();
    let size = LOG.len();
    for uri in ["/jobmanager/log".to_owned(), format!("/taskmanagers/{TASK_MANAGER}/logs/daemon.log")] {
        for (range, expected, place) in [
            ("bytes=-7".to_owned(), &LOG[size - 7..], format!("bytes {}-{}/{size}", size - 7, size - 1)),
            ("bytes=-65536".to_owned(), LOG, format!("bytes 0-{}/{size}", size - 1)),
            ("bytes=4-6".to_owned(), "log", format!("bytes 4-6/{size}")),
            (format!("bytes={}-", size - 1), "\n", format!("bytes {0}-{0}/{size}", size - 1)),
        ] {
            let response = send(&service, with_range(&uri, &range)).await;
            assert_eq!(response.status(), 206, "{uri} {range}");
            assert_eq!(header(&response, "content-range"), place);
            assert_eq!(text(response).await, expected);
        }
        let beyond = send(&service, with_range(&uri, &format!("bytes={size}-"))).await;
        assert_eq!(beyond.status(), 416);
        assert_eq!(header(&beyond, "content-range"), format!("bytes */{size}"));
        let odd = send(&service, with_range(&uri, "bytes=0-1,3-4")).await;
        assert_eq!((odd.status().as_u16(), text(odd).await.as_str()), (200, LOG));
    }
    let empty = send(&service, with_range("/jobmanager/logs/daemon.log.1", "bytes=-10")).await;
    assert_eq!((empty.status().as_u16(), text(empty).await.as_str()), (200, ""));
}

#[tokio::test]
async fn names_with_path_parts_are_not_found() {
    let service = service();
    for process in ["/jobmanager".to_owned(), format!("/taskmanagers/{TASK_MANAGER}")] {
        for name in [
            "nosuch.log",
            "%2e%2e%2fetc%2fpasswd",
            "..%2f..%2fetc%2fpasswd",
            "%252e%252e%252fpasswd",
            "..",
            "%2e%2e",
            "%2fetc%2fpasswd",
            "daemon.log%00",
            "daemon.log%2f..%2fdaemon.log",
            "..%5cdaemon.log",
        ] {
            let (status, json) = ask(&service, "GET", &format!("{process}/logs/{name}")).await;
            assert_eq!(status, 404, "{process} {name}: {json}");
        }
        for path in ["logs/../../etc/passwd", "logs//etc/passwd"] {
            assert_eq!(ask(&service, "GET", &format!("{process}/{path}")).await.0, 404, "{path}");
        }
        assert_eq!(ask(&service, "GET", &format!("{process}/stdout")).await.0, 404, "it has none");
    }
}
