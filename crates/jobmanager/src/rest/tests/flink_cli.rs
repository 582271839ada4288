//! What Flink 2.3's own command sends, byte for byte as it was recorded, and what it has to be answered.
//!
//! The answers are those with which the real command was seen to succeed, or to tell its user why not. Ids and paths were replaced
//! by others of the canned cluster, and the parts of `flink run`'s form by short ones.

use std::sync::Arc;

use flott_control::job_master::{AfterSavepoint, ManualCheckpoint};
use flott_core::checkpoint::{SavepointFormat, StopMode};
use serde::Deserialize;
use serde_json::Value;

use super::{shapes::difference, support::*, wire};
use crate::{SavepointOptions, rest::RestOptions};

#[derive(Deserialize)]
struct Exchange {
    command: String,
    /// The lines of the request; the last ones are its body.
    request: Vec<String>,
    status: u16,
    answer: Value,
}

fn exchanges() -> Vec<Exchange> {
    serde_json::from_str(include_str!("../../../tests/flink-cli.json")).unwrap()
}

#[tokio::test]
async fn flinks_own_command_is_answered_as_it_expects() {
    let cluster: Arc<FakeCluster> = Arc::default();
    let server = wire::start_with(service_with(&cluster, RestOptions::default())).await;
    for Exchange { command, request, status, answer } in exchanges() {
        let got = wire::exchange(server.address, request.join("\r\n").as_bytes()).await;
        let place = format!("{command}: {}", request[0]);
        let (head, body) = got.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{place}: {got}"));
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{place}: {got}");
        let head = head.to_ascii_lowercase();
        for header in
            ["content-type: application/json; charset=utf-8", "content-length: ", "connection: close"]
        {
            assert!(head.contains(header), "{place}: {head}");
        }
        let ours: Value = serde_json::from_str(body).unwrap();
        if let Some(difference) = difference("", &answer, &ours) {
            panic!("{place}: {difference}");
        }
        if status >= 400 {
            assert_eq!(ours, answer, "{place}");
        }
        // Flink's command waits for this field for ever, and shows the text in it.
        for name in ["failure-cause", "failureCause"] {
            if answer["operation"].get(name).is_some() {
                let cause = &ours["operation"][name]["serialized-throwable"];
                let stream = cause.as_str().unwrap_or_else(|| panic!("{place}: {ours}"));
                assert!(
                    stream.starts_with("rO0ABXNyAClvcmcuYXBhY2hlLmZsaW5r"),
                    "{place}: no Java object: {stream}"
                );
            }
        }
    }

    let wishes: Vec<_> = {
        let savepoints = cluster.savepoints.lock().unwrap();
        let wish =
            |(_, options): &(_, SavepointOptions)| (options.target.clone(), options.format, options.then);
        savepoints.iter().map(wish).collect()
    };
    let directory = |path: &str| Some(path.to_owned());
    let expected = [
        (directory("file:///mnt/savepoints"), SavepointFormat::Canonical, AfterSavepoint::GoOn),
        (None, SavepointFormat::Native, AfterSavepoint::GoOn),
        (None, SavepointFormat::Canonical, AfterSavepoint::GoOn),
        (
            directory("file:///mnt/savepoints"),
            SavepointFormat::Canonical,
            AfterSavepoint::Stop(StopMode::Suspend),
        ),
        (None, SavepointFormat::Canonical, AfterSavepoint::Stop(StopMode::Drain)),
        (None, SavepointFormat::Canonical, AfterSavepoint::Stop(StopMode::Suspend)),
        (directory("file:/mnt/savepoints"), SavepointFormat::Canonical, AfterSavepoint::Cancel),
    ];
    assert_eq!(wishes, expected);
    let checkpoints = [ManualCheckpoint::Configured, ManualCheckpoint::Full, ManualCheckpoint::Configured];
    assert_eq!(*cluster.checkpoints.lock().unwrap(), checkpoints);
    assert_eq!(cluster.disposed.lock().unwrap().len(), 2);
    assert_eq!(cluster.canceled.lock().unwrap().len(), 1);
}
