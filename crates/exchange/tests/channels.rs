//! Channels within a task host and between two of them.
#![allow(clippy::disallowed_methods, reason = "the test's runtime ends what it spawns")]
#![expect(clippy::unwrap_used, reason = "a test that can't go on may panic")]

use std::{sync::Arc, time::Duration};

use flott_core::{
    AttemptNumber, ChannelId, EdgeIndex, HostId, JobId, SubtaskIndex, TaskManagerId,
    deployment::TaskHostAddress,
};
use flott_exchange::{
    Buffer, CREDITS_PER_CHANNEL, ChannelPeer, ChannelSender, DataPlane, Error, GateItem, InputGate,
};
use tokio::{runtime::Handle, sync::Notify, time::timeout};

const LIMIT: Duration = Duration::from_secs(10);

fn channel(producer: u32, consumer: u32) -> ChannelId {
    let (producer, consumer) = (SubtaskIndex(producer), SubtaskIndex(consumer));
    ChannelId { edge: EdgeIndex(0), producer, consumer, attempt: AttemptNumber(0) }
}

fn plane(secret: u8) -> DataPlane {
    DataPlane::new(JobId::from_bytes([1; 16]), [secret; 32], Handle::current())
}

async fn pair(secrets: [u8; 2]) -> [DataPlane; 2] {
    let planes = secrets.map(plane);
    let mut hosts = Vec::new();
    for (index, plane) in planes.iter().enumerate() {
        let port = plane.listen("127.0.0.1", 0).await.unwrap();
        hosts.push(TaskHostAddress {
            host: HostId(index as u32),
            task_manager_id: TaskManagerId::new(format!("tm-{index}")),
            data_address: format!("127.0.0.1:{port}"),
        });
    }
    for (index, plane) in planes.iter().enumerate() {
        plane.place(HostId(index as u32), hosts.clone());
    }
    planes
}

async fn send_all(
    sender: &mut ChannelSender<String>,
    signal: &Notify,
    records: &[String],
) -> Result<(), Error> {
    for chunk in records.chunks(10) {
        let mut batch = Buffer::from(chunk.to_vec());
        while !sender.try_send(&mut batch)? {
            signal.notified().await;
        }
        assert!(batch.is_empty());
    }
    while !sender.try_end()? {
        signal.notified().await;
    }
    Ok(())
}

async fn receive_all(gate: &mut InputGate<String>, signal: &Notify) -> Result<Vec<String>, Error> {
    let mut received = Vec::new();
    loop {
        match gate.poll()? {
            GateItem::Batch { channel, mut records, .. } => {
                received.append(&mut records.records);
                gate.recycle(channel, records);
            }
            GateItem::Empty => signal.notified().await,
            GateItem::Ended => return Ok(received),
            _ => {}
        }
    }
}

fn words(count: usize) -> Vec<String> {
    (0..count).map(|i| format!("word {i}")).collect()
}

async fn transfers(from: &DataPlane, to: &DataPlane, from_host: u32, to_host: u32, records: Vec<String>) {
    let (produced, consumed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let id = channel(0, 0);
    let mut sender = from.sender(ChannelPeer { channel: id, host: HostId(to_host) }, &produced).unwrap();
    let mut gate = to.gate(&[ChannelPeer { channel: id, host: HostId(from_host) }], &consumed).unwrap();
    let expected = records.clone();
    let sent = tokio::spawn(async move { send_all(&mut sender, &produced, &records).await });
    let received = timeout(LIMIT, receive_all(&mut gate, &consumed)).await.unwrap().unwrap();
    sent.await.unwrap().unwrap();
    assert_eq!(received, expected);
}

#[tokio::test]
async fn a_local_channel_keeps_all_records_in_order() {
    let [plane, _] = pair([1, 1]).await;
    transfers(&plane, &plane, 0, 0, words(5_000)).await;
}

#[tokio::test]
async fn a_remote_channel_keeps_all_records_in_order_both_ways() {
    let [first, second] = pair([1, 1]).await;
    transfers(&first, &second, 0, 1, words(5_000)).await;
    let [first, second] = pair([1, 1]).await;
    transfers(&second, &first, 1, 0, words(5_000)).await;
}

#[tokio::test]
async fn a_record_larger_than_a_frame_arrives_whole() {
    let [first, second] = pair([1, 1]).await;
    transfers(&first, &second, 0, 1, vec!["x".repeat(1 << 20), "small".to_owned()]).await;
}

#[tokio::test]
async fn a_producer_has_no_more_batches_underway_than_credits() {
    let [plane, _] = pair([1, 1]).await;
    let signal = Arc::new(Notify::new());
    let peer = ChannelPeer { channel: channel(0, 0), host: HostId(0) };
    let mut sender = plane.sender::<u64>(peer, &signal).unwrap();
    assert!(!sender.try_send(&mut vec![1].into()).unwrap(), "there is no credit before the consumer came");
    assert!(!sender.try_end().unwrap());
    let mut gate = plane.gate::<u64>(&[peer], &signal).unwrap();
    for _ in 0..CREDITS_PER_CHANNEL {
        assert!(sender.try_send(&mut vec![1].into()).unwrap());
    }
    assert!(!sender.try_send(&mut vec![1].into()).unwrap());
    let GateItem::Batch { channel, records, .. } = gate.poll().unwrap() else { panic!("a batch is waiting") };
    assert!(!sender.try_send(&mut vec![1].into()).unwrap(), "credit comes back only after processing");
    gate.recycle(channel, records);
    assert!(sender.try_send(&mut vec![1].into()).unwrap());
}

#[tokio::test]
async fn task_hosts_of_another_secret_are_refused() {
    let [first, second] = pair([1, 2]).await;
    let (produced, consumed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let id = channel(0, 0);
    let mut sender = first.sender::<String>(ChannelPeer { channel: id, host: HostId(1) }, &produced).unwrap();
    let _gate = second.gate::<String>(&[ChannelPeer { channel: id, host: HostId(0) }], &consumed).unwrap();
    let error = timeout(Duration::from_secs(30), send_all(&mut sender, &produced, &words(1))).await.unwrap();
    assert!(error.unwrap_err().to_string().contains("secret"));
}

#[tokio::test]
async fn both_ends_fail_when_the_peer_process_is_gone() {
    let hosts_of_dead_peer = {
        // The second task host lives on a runtime of its own, so that all its sockets close when that ends.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let second = DataPlane::new(JobId::from_bytes([1; 16]), [1; 32], runtime.handle().clone());
        let port = runtime.spawn({
            let second = second.clone();
            async move { second.listen("127.0.0.1", 0).await }
        });
        let port = port.await.unwrap().unwrap();
        let first = plane(1);
        let own = first.listen("127.0.0.1", 0).await.unwrap();
        let hosts: Vec<_> = [own, port]
            .iter()
            .enumerate()
            .map(|(index, port)| TaskHostAddress {
                host: HostId(index as u32),
                task_manager_id: TaskManagerId::new(format!("tm-{index}")),
                data_address: format!("127.0.0.1:{port}"),
            })
            .collect();
        first.place(HostId(0), hosts.clone());
        second.place(HostId(1), hosts.clone());
        (first, second, runtime)
    };
    let (first, second, runtime) = hosts_of_dead_peer;
    let signal = Arc::new(Notify::new());
    let mut gate =
        first.gate::<String>(&[ChannelPeer { channel: channel(0, 0), host: HostId(1) }], &signal).unwrap();
    let produced = Arc::new(Notify::new());
    let mut sender =
        second.sender::<String>(ChannelPeer { channel: channel(0, 0), host: HostId(0) }, &produced).unwrap();
    timeout(LIMIT, async {
        while !sender.try_send(&mut vec!["one".to_owned()].into()).unwrap() {
            produced.notified().await;
        }
    })
    .await
    .unwrap();
    timeout(LIMIT, async {
        while gate.poll().unwrap() == GateItem::Empty {
            signal.notified().await;
        }
    })
    .await
    .unwrap();
    runtime.shutdown_background();
    let error = timeout(LIMIT, receive_all(&mut gate, &signal)).await.unwrap().unwrap_err();
    assert!(error.to_string().contains("TaskManager tm-1"), "{error}");
}

#[tokio::test]
async fn a_producer_without_records_may_be_done_before_its_consumer_comes() {
    let [first, second] = pair([1, 1]).await;
    // This channel makes the connection, over which an early end of the other one would arrive.
    transfers(&first, &second, 0, 1, words(10)).await;

    let (produced, consumed) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let id = channel(0, 1);
    let mut sender = first.sender::<String>(ChannelPeer { channel: id, host: HostId(1) }, &produced).unwrap();
    assert!(!sender.try_end().unwrap(), "nobody knows yet whom the end is for");
    let mut gate = second.gate::<String>(&[ChannelPeer { channel: id, host: HostId(0) }], &consumed).unwrap();
    let received = tokio::spawn(async move { receive_all(&mut gate, &consumed).await });
    timeout(LIMIT, send_all(&mut sender, &produced, &[])).await.unwrap().unwrap();
    assert!(timeout(LIMIT, received).await.unwrap().unwrap().unwrap().is_empty());
}
