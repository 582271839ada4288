//! Uploads are streamed, and exactly one file is taken.

use std::sync::{Arc, atomic::Ordering};

use axum::{body::Body, extract::Request, http::StatusCode};
use bytes::Bytes;
use serde_json::Value;

use super::support::*;
use crate::{Error, rest::RestOptions};

const BOUNDARY: &str = "xxBOUNDARYxx";

fn part(disposition: &str, content: &str) -> String {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{content}\r\n")
}

fn form(body: impl Into<Body>) -> Request {
    let mut request = request("POST", "/jars/upload", body);
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    request.headers_mut().insert("content-type", content_type.parse().unwrap());
    request
}

async fn upload(cluster: &Arc<FakeCluster>, request: Request) -> (StatusCode, Value) {
    let response = send(&service_with(cluster, RestOptions::default()), request).await;
    (response.status(), serde_json::from_str(&text(response).await).unwrap())
}

#[tokio::test]
async fn one_file_is_stored_and_its_id_ends_the_answer() {
    let cluster = Arc::default();
    let body = part("name=\"comment\"", "not a file")
        + &part("name=\"jarfile\"; filename=\"../../word-count\"", "\x7fELF")
        + &format!("--{BOUNDARY}--\r\n");
    let (status, json) = upload(&cluster, form(body)).await;
    assert_eq!((status.as_u16(), &json["status"]), (200, &"success".into()));
    assert_eq!(json["filename"].as_str().unwrap().rsplit('/').next(), Some(ARTIFACT));
    assert_eq!(cluster.uploaded_bytes.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn other_numbers_of_files_are_refused_and_leave_nothing() {
    let end = format!("--{BOUNDARY}--\r\n");
    let file = |name: &str| part(&format!("name=\"f\"; filename=\"{name}\""), "x");
    for (body, count, deleted) in [
        (end.clone(), 0, 0),
        (part("name=\"f\"", "x") + &end, 0, 0),
        (file("a") + &file("b") + &end, 2, 1),
        (file("a") + &file("b") + &file("c") + &end, 3, 1),
    ] {
        let cluster: Arc<FakeCluster> = Arc::default();
        let (status, json) = upload(&cluster, form(body)).await;
        assert_eq!(status, 400);
        assert_eq!(json["errors"][0], format!("Exactly 1 file must be sent, received {count}."));
        assert_eq!(cluster.deleted.lock().unwrap().len(), deleted);
    }
}

#[tokio::test]
async fn broken_forms_are_refused() {
    let file = part("name=\"f\"; filename=\"a\"", "x");
    for body in [
        "garbage".to_owned(),
        file.clone(),
        format!("--{BOUNDARY}\r\nContent-Disp"),
        file.replace("\r\n\r\n", ""),
    ] {
        let cluster: Arc<FakeCluster> = Arc::default();
        let (status, json) = upload(&cluster, form(body.clone())).await;
        assert_eq!(status, 400, "{body:?}: {json}");
    }
    let (status, json) = upload(&Arc::default(), request("POST", "/jars/upload", "plain")).await;
    assert_eq!(
        (status.as_u16(), &json["errors"][0]),
        (400, &"Exactly 1 file must be sent, received 0.".into())
    );
}

#[tokio::test]
async fn refused_artifacts_are_422_with_the_reason() {
    let cluster: Arc<FakeCluster> = Arc::default();
    *cluster.failure.lock().unwrap() = Some(Error::Artifact(flott_artifact::Error::Empty));
    let body = part("name=\"f\"; filename=\"a\"", "") + &format!("--{BOUNDARY}--\r\n");
    let (status, json) = upload(&cluster, form(body)).await;
    assert_eq!(status, 422);
    assert!(json["errors"][0].as_str().unwrap().starts_with("the artifact is empty"));
}

#[tokio::test]
async fn two_files_are_refused_for_their_number_even_if_they_are_no_artifacts() {
    let cluster: Arc<FakeCluster> = Arc::default();
    *cluster.failure.lock().unwrap() = Some(Error::Artifact(flott_artifact::Error::Empty));
    let file = part("name=\"f\"; filename=\"a\"", "");
    let (status, json) = upload(&cluster, form(format!("{file}{file}--{BOUNDARY}--\r\n"))).await;
    assert_eq!(
        (status.as_u16(), &json["errors"][0]),
        (400, &"Exactly 1 file must be sent, received 2.".into())
    );
}

#[tokio::test(start_paused = true)]
async fn announced_excess_is_refused_unread() {
    let cluster: Arc<FakeCluster> = Arc::default();
    let mut request = form(Body::from_stream(futures::stream::pending::<Result<Bytes, std::io::Error>>()));
    request.headers_mut().insert("content-length", (2_u64 << 30).to_string().parse().unwrap());
    assert_eq!(upload(&cluster, request).await.0, 413);
}

#[tokio::test(start_paused = true)]
async fn a_stalled_upload_times_out() {
    let start = Bytes::from(part("name=\"f\"; filename=\"a\"", "x"));
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>(start)]);
    let body = Body::from_stream(futures::StreamExt::chain(chunks, futures::stream::pending()));
    let (status, json) = upload(&Arc::default(), form(body)).await;
    assert_eq!(status, 408, "{json}");
}

#[tokio::test]
async fn large_files_pass_in_small_pieces() {
    const CHUNKS: usize = 1600;
    let chunk = Bytes::from(vec![7; 64 * 1024]);
    let pieces = std::iter::once(Bytes::from(format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"big\"\r\n\r\n"
    )))
    .chain(std::iter::repeat_n(chunk.clone(), CHUNKS))
    .chain([Bytes::from(format!("\r\n--{BOUNDARY}--\r\n"))]);
    let body = Body::from_stream(futures::stream::iter(pieces.map(Ok::<_, std::io::Error>)));
    let cluster: Arc<FakeCluster> = Arc::default();
    assert_eq!(upload(&cluster, form(body)).await.0, 200);
    assert_eq!(cluster.uploaded_bytes.load(Ordering::Relaxed), (CHUNKS * chunk.len()) as u64);
    // Nothing gathers pieces on the way: what the store gets is never much larger than what came in.
    assert!(cluster.largest_chunk.load(Ordering::Relaxed) <= 2 * chunk.len() as u64);
}
