//! What a peer that knows the job's secret, but breaks the rules, achieves: its connection fails, and nothing else.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use flott_core::{
    AttemptNumber, ChannelId, EdgeIndex, HostId, JobId, SubtaskIndex, TaskManagerId,
    deployment::TaskHostAddress,
};
use tokio::{io::AsyncWriteExt, net::TcpStream, runtime::Handle, sync::Notify, time::timeout};

use crate::{
    BATCH_BYTES, CREDITS_PER_CHANNEL, ChannelPeer, DataPlane, GateItem, InputGate,
    frame::{self, FrameKind, HEADER_LEN, MAX_PAYLOAD, MORE},
    handshake::Identity,
};

const LIMIT: Duration = Duration::from_secs(10);
const CHANNEL: ChannelId = ChannelId {
    edge: EdgeIndex(0),
    producer: SubtaskIndex(0),
    consumer: SubtaskIndex(0),
    attempt: AttemptNumber(4),
};
const OTHER: ChannelId = ChannelId { producer: SubtaskIndex(7), ..CHANNEL };

fn identity() -> Identity {
    Identity { job: JobId::from_bytes([1; 16]), secret: [1; 32] }
}

/// A task host with a gate, and a connection to it from one that is written here byte by byte.
struct Victim {
    plane: DataPlane,
    gate: InputGate<Vec<u8>>,
    signal: Arc<Notify>,
    peer: TcpStream,
}

impl Victim {
    async fn new() -> Self {
        let plane = DataPlane::new(identity().job, identity().secret, Handle::current());
        let port = plane.listen("127.0.0.1", 0).await.unwrap();
        let host = |number: u32, name: &str| TaskHostAddress {
            host: HostId(number),
            task_manager_id: TaskManagerId::new(name.to_owned()),
            data_address: format!("127.0.0.1:{port}"),
        };
        plane.place(HostId(1), vec![host(0, "evil"), host(1, "good"), host(2, "third")]);
        let signal = Arc::new(Notify::new());
        let gate = plane.gate(&[ChannelPeer { channel: CHANNEL, host: HostId(0) }], &signal).unwrap();
        let mut peer = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        identity().introduce(&mut peer, HostId(0), HostId(1)).await.unwrap();
        Self { plane, gate, signal, peer }
    }

    async fn send(&mut self, frames: impl IntoIterator<Item = Bytes>) {
        for frame in frames {
            // The connection may be closed before all is sent.
            let _ = self.peer.write_all(&frame).await;
        }
    }

    /// Why the gate failed.
    async fn failure(&mut self) -> String {
        timeout(LIMIT, async {
            loop {
                match self.gate.poll() {
                    Ok(GateItem::Empty) => self.signal.notified().await,
                    Ok(_) => {}
                    Err(error) => return error.to_string(),
                }
            }
        })
        .await
        .unwrap()
    }

    async fn fails_after(frames: impl IntoIterator<Item = Bytes>) -> String {
        let mut victim = Self::new().await;
        victim.send(frames).await;
        victim.failure().await
    }
}

fn batch(channel: ChannelId, sequence: &mut u32) -> Vec<Bytes> {
    let mut message = vec![0; HEADER_LEN];
    message.extend_from_slice(&0u32.to_le_bytes());
    frame::data(channel, message, sequence)
}

#[tokio::test]
async fn more_batches_than_credits_are_refused() {
    let mut sequence = 0;
    let frames: Vec<_> = (0..=CREDITS_PER_CHANNEL).flat_map(|_| batch(CHANNEL, &mut sequence)).collect();
    let mut victim = Victim::new().await;
    victim.send(frames).await;
    // Nothing is recycled, so no further credit is given.
    assert!(victim.failure().await.contains("than it had credit for"));
}

#[tokio::test]
async fn data_for_an_unknown_channel_is_refused() {
    assert!(Victim::fails_after(batch(OTHER, &mut 0)).await.contains("which nobody waits for"));
}

#[tokio::test]
async fn a_gap_is_noticed() {
    assert!(Victim::fails_after(batch(CHANNEL, &mut 1)).await.contains("frame 1 of"));
}

#[tokio::test]
async fn too_much_credit_is_refused() {
    let grant = |channel, count| frame::control(channel, FrameKind::Credit, count);
    assert!(Victim::fails_after([grant(OTHER, u32::MAX)]).await.contains("credits at once"));
    let twice = [grant(OTHER, CREDITS_PER_CHANNEL), grant(OTHER, 1)];
    assert!(Victim::fails_after(twice).await.contains("more than 8 credits"));
}

#[tokio::test]
async fn credit_for_a_channel_to_somebody_else_is_refused() {
    let mut victim = Victim::new().await;
    let signal = Arc::new(Notify::new());
    let _sender =
        victim.plane.sender::<Vec<u8>>(ChannelPeer { channel: OTHER, host: HostId(2) }, &signal).unwrap();
    victim.send([frame::control(OTHER, FrameKind::Credit, 1)]).await;
    assert!(victim.failure().await.contains("does not lead to it"));
}

#[tokio::test]
async fn batches_without_end_are_refused() {
    let empty = frame::data_frame(CHANNEL, 0, &[], MORE);
    assert!(Victim::fails_after([empty]).await.contains("not full"));
}

#[tokio::test]
async fn an_end_within_a_batch_is_a_failure() {
    let begun = frame::data_frame(CHANNEL, 0, &vec![0; MAX_PAYLOAD], MORE);
    let end = frame::control(CHANNEL, FrameKind::EndOfPartition, 1);
    assert!(Victim::fails_after([begun, end]).await.contains("ended within a batch"));
}

#[tokio::test]
async fn damaged_barriers_are_refused() {
    let damaged = frame::barrier(CHANNEL, 0, &[0xff; 40]);
    assert!(Victim::fails_after([damaged]).await.contains("damaged barrier"));
    let within =
        [frame::data_frame(CHANNEL, 0, &vec![0; MAX_PAYLOAD], MORE), frame::barrier(CHANNEL, 1, &[])];
    assert!(Victim::fails_after(within).await.contains("within a batch"));
    assert!(Victim::fails_after([frame::barrier(CHANNEL, 1, &[])]).await.contains("frame 1 of"));
}

#[tokio::test]
async fn data_of_earlier_attempts_is_dropped_and_that_of_later_ones_refused() {
    let attempt = |attempt| ChannelId { attempt: AttemptNumber(attempt), ..CHANNEL };
    let mut victim = Victim::new().await;
    let earlier = [
        batch(attempt(3), &mut 17),
        vec![frame::control(attempt(3), FrameKind::EndOfPartition, 0)],
        vec![frame::control(attempt(3), FrameKind::Credit, 8)],
        batch(attempt(4), &mut 0),
        vec![frame::control(attempt(4), FrameKind::EndOfPartition, 1)],
    ];
    victim.send(earlier.concat()).await;
    let mut items = Vec::new();
    timeout(LIMIT, async {
        while items.last() != Some(&GateItem::Ended) {
            match victim.gate.poll().unwrap() {
                GateItem::Empty => victim.signal.notified().await,
                item => items.push(item),
            }
        }
    })
    .await
    .unwrap();
    assert_eq!(items.len(), 3, "one batch, the channel's end and that of all: {items:?}");

    assert!(Victim::fails_after(batch(attempt(5), &mut 0)).await.contains("which nobody waits for"));
}

#[tokio::test]
async fn garbage_is_refused() {
    assert!(Victim::fails_after([Bytes::from(vec![0xff; BATCH_BYTES])]).await.contains("frame"));
}

#[tokio::test]
async fn a_batch_that_is_none_fails_the_consumer_alone() {
    let mut message = vec![0; HEADER_LEN];
    message.extend_from_slice(&7u32.to_le_bytes());
    assert!(Victim::fails_after(frame::data(CHANNEL, message, &mut 0)).await.contains("cannot deserialize"));
}

#[tokio::test]
async fn a_task_host_that_is_to_be_dialed_does_not_dial() {
    let victim = Victim::new().await;
    let mut peer = TcpStream::connect(victim.peer.peer_addr().unwrap()).await.unwrap();
    for from in [1, 2, u32::MAX] {
        let error = identity().introduce(&mut peer, HostId(from), HostId(1)).await.unwrap_err();
        assert!(error.to_string().contains("must be dialed"), "{error}");
        peer = TcpStream::connect(victim.peer.peer_addr().unwrap()).await.unwrap();
    }
}

#[tokio::test]
async fn a_peer_may_dial_before_the_placement_is_known() {
    tokio::time::pause();
    let plane = DataPlane::new(identity().job, identity().secret, Handle::current());
    let port = plane.listen("127.0.0.1", 0).await.unwrap();
    let mut peer = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let identity = identity();
    let introduced = identity.introduce(&mut peer, HostId(0), HostId(1));
    let place = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let host = |number: u32, name: &str| TaskHostAddress {
            host: HostId(number),
            task_manager_id: TaskManagerId::new(name.to_owned()),
            data_address: format!("127.0.0.1:{port}"),
        };
        plane.place(HostId(1), vec![host(0, "first"), host(1, "second")]);
        // The answer takes the network some real time.
        tokio::time::resume();
    };
    let (introduced, ()) = tokio::join!(introduced, place);
    introduced.unwrap();
}
