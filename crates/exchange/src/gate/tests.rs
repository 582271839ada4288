//! Blocked channels, and what barriers overtake.

use flott_core::{
    AttemptNumber, EdgeIndex, HostId, JobId, SubtaskIndex, TaskManagerId,
    checkpoint::{Alignment, Barrier, SnapshotKind},
    deployment::TaskHostAddress,
    time::Timestamp,
};
use tokio::runtime::Handle;

use super::*;
use crate::{CREDITS_PER_CHANNEL, ChannelPeer, ChannelSender, DataPlane, Mark};

/// A gate over channels of the same process.
struct Fixture {
    gate: InputGate<u64>,
    senders: Vec<ChannelSender<u64>>,
}

fn fixture(channels: u32) -> Fixture {
    let plane = DataPlane::new(JobId::from_bytes([1; 16]), [1; 32], Handle::current());
    let task_manager_id = TaskManagerId::new("tm");
    let data_address = "127.0.0.1:1".to_owned();
    plane.place(HostId(0), vec![TaskHostAddress { host: HostId(0), task_manager_id, data_address }]);
    let peers: Vec<_> = (0..channels)
        .map(|producer| {
            let (edge, producer) = (EdgeIndex(2), SubtaskIndex(producer));
            let channel = ChannelId { edge, producer, consumer: SubtaskIndex(0), attempt: AttemptNumber(0) };
            ChannelPeer { channel, host: HostId(0) }
        })
        .collect();
    let gate = plane.gate(&peers, &Arc::default()).unwrap();
    let senders = peers.iter().map(|peer| plane.sender(*peer, &Arc::default()).unwrap()).collect();
    Fixture { gate, senders }
}

fn barrier(id: u64) -> Arc<Barrier> {
    Arc::new(Barrier {
        id: CheckpointId(id),
        triggered_at: 0,
        kind: SnapshotKind::Checkpoint { full: false },
        alignment: Alignment::Unaligned,
    })
}

impl Fixture {
    fn send(&mut self, channel: usize, records: &[u64]) {
        assert!(self.senders[channel].try_send(&mut records.to_vec().into()).unwrap());
    }

    fn send_barrier(&mut self, channel: usize, records: &[u64], id: u64) {
        let mut buffer = Buffer::from(records.to_vec());
        buffer.set_barrier(barrier(id));
        assert!(self.senders[channel].try_send(&mut buffer).unwrap());
    }

    /// All that is delivered now, as text.
    fn delivered(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            texts.push(match self.gate.poll().unwrap() {
                GateItem::Batch { channel, records, .. } => {
                    let text = format!("{channel}: {:?}", records.records);
                    self.gate.recycle(channel, records);
                    text
                }
                GateItem::Mark { channel, mark } => format!("{channel}: {mark:?}"),
                GateItem::Barrier { channel, barrier } => format!("{channel}: barrier {}", barrier.id),
                GateItem::Announcement { barrier } => format!("barrier {} waits", barrier.id),
                GateItem::ChannelEnded { channel } => format!("{channel}: end"),
                GateItem::Empty | GateItem::Ended => return texts,
            });
        }
    }

    /// What a capture has kept, by producer.
    fn captured(&mut self) -> Option<Vec<(u32, Vec<Buffer<u64>>)>> {
        let captured = self.gate.take_capture().unwrap()?;
        let decode = |channel: CapturedChannel| {
            assert_eq!(channel.edge, EdgeIndex(2));
            let buffers = self.senders[channel.producer.0 as usize].restore(&channel.buffers).unwrap();
            (channel.producer.0, buffers)
        };
        Some(captured.into_iter().map(decode).collect())
    }
}

#[tokio::test]
async fn what_comes_in_a_blocked_channel_is_delivered_later_in_order() {
    let mut fixture = fixture(3);
    fixture.send_barrier(0, &[1], 1);
    fixture.send(0, &[2]);
    fixture.send(1, &[10]);
    for expected in ["[1]", "barrier"] {
        let item = fixture.gate.poll().unwrap();
        let matches = match &item {
            GateItem::Batch { records, .. } => format!("{:?}", records.records) == expected,
            GateItem::Barrier { .. } => expected == "barrier",
            _ => false,
        };
        assert!(matches, "{item:?} is not {expected}");
        if let GateItem::Batch { channel, records, .. } = item {
            fixture.gate.recycle(channel, records);
        }
    }
    fixture.gate.block(0);
    assert_eq!(fixture.delivered(), ["1: [10]"]);
    fixture.send(0, &[3]);
    fixture.send(1, &[11]);
    fixture.send(2, &[20]);
    assert!(fixture.senders[0].try_end().unwrap());
    assert_eq!(fixture.delivered(), ["1: [11]", "2: [20]"]);
    fixture.send(1, &[12]);
    fixture.gate.unblock_all();
    assert_eq!(fixture.delivered(), ["0: [2]", "0: [3]", "0: end", "1: [12]"]);
}

#[tokio::test]
async fn bytes_within_a_process_are_counted_once_at_both_ends() {
    let mut fixture = fixture(1);
    let mut buffer = Buffer::from(vec![1, 2]);
    buffer.batch.push(3, Timestamp::from_millis(5));
    // Each record has a timestamp then.
    let size = 3 * (size_of::<u64>() + size_of::<Timestamp>());
    let mut between = Buffer::default();
    between.mark(Mark::Idle);
    between.batch.push(4, Timestamp::MIN);
    between.mark(Mark::Active);
    between.batch.push(5, Timestamp::MIN);
    assert!(fixture.senders[0].try_send(&mut buffer).unwrap());
    assert!(fixture.senders[0].try_send(&mut between).unwrap());
    let mut received = Vec::new();
    loop {
        match fixture.gate.poll().unwrap() {
            GateItem::Batch { channel, records, bytes } => {
                received.push((records.records.clone(), bytes));
                fixture.gate.recycle(channel, records);
            }
            GateItem::Mark { .. } => {}
            _ => break,
        }
    }
    assert_eq!(received, [(vec![1, 2, 3], size), (vec![4], 16), (vec![5], 0)]);
    let all = size as u64 + 16;
    assert_eq!(fixture.senders[0].bytes_sent(), all);
    assert_eq!(fixture.gate.delivered(), Delivered { local: 2, local_bytes: all, remote: 0 });
}

#[tokio::test]
async fn a_barrier_that_may_overtake_later_is_announced_and_delivered_in_its_turn() {
    let mut fixture = fixture(2);
    fixture.send(0, &[1]);
    let mut patient = Barrier::clone(&barrier(1));
    patient.alignment = Alignment::Aligned { timeout_ms: Some(5) };
    let mut buffer = Buffer::from(vec![2]);
    buffer.set_barrier(Arc::new(patient));
    assert!(fixture.senders[0].try_send(&mut buffer).unwrap());
    assert_eq!(fixture.delivered(), ["barrier 1 waits", "0: [1]", "0: [2]", "0: barrier 1"]);
}

#[tokio::test]
async fn a_blocked_channel_holds_no_more_than_its_credits() {
    let mut fixture = fixture(2);
    fixture.gate.block(0);
    for record in 0..u64::from(CREDITS_PER_CHANNEL) {
        fixture.send(0, &[record]);
        assert!(fixture.delivered().is_empty());
    }
    assert!(!fixture.senders[0].try_send(&mut vec![99].into()).unwrap());
    fixture.gate.unblock_all();
    assert_eq!(fixture.delivered().len(), CREDITS_PER_CHANNEL as usize);
    assert!(fixture.senders[0].try_send(&mut vec![99].into()).unwrap(), "the credits have come back");
}

#[tokio::test]
async fn a_capture_keeps_what_is_before_the_barriers_and_nothing_else() {
    let mut fixture = fixture(4);
    // Channel 0 has delivered its barrier; 1 has it in the middle of what waits; 2 ends; in 3 it comes later.
    fixture.send_barrier(0, &[1], 1);
    assert_eq!(fixture.delivered(), ["0: [1]", "0: barrier 1"]);
    fixture.send(0, &[2]);
    let mut marked = Buffer::from(vec![10]);
    marked.mark(Mark::Watermark(Timestamp::from_millis(5)));
    assert!(fixture.senders[1].try_send(&mut marked.clone()).unwrap());
    fixture.send_barrier(1, &[11], 1);
    fixture.send(1, &[12]);
    fixture.send(2, &[20]);
    assert!(fixture.senders[2].try_end().unwrap());
    fixture.send(3, &[30]);
    fixture.gate.begin_capture(CheckpointId(1), |channel| channel != 0).unwrap();
    assert_eq!(fixture.captured(), None, "channel 3 has not delivered it");
    let delivered = fixture.delivered();
    let first = ["0: [2]", "1: [10]", "1: Watermark(Timestamp(5))", "1: [11]", "1: barrier 1", "1: [12]"];
    assert_eq!(delivered[..6], first, "all is delivered as ever");
    assert_eq!(delivered[6..], ["2: [20]", "2: end", "3: [30]"]);
    fixture.send(3, &[31]);
    assert_eq!(fixture.captured(), None);
    assert!(fixture.senders[3].try_send_barrier(&barrier(1)).unwrap());
    fixture.send(3, &[32]);
    let expected = vec![
        (1, vec![marked, vec![11].into()]),
        (2, vec![vec![20].into()]),
        (3, vec![vec![30].into(), vec![31].into()]),
    ];
    assert_eq!(fixture.captured(), Some(expected));
    assert!(!fixture.gate.is_capturing());
}

#[tokio::test]
async fn a_capture_keeps_the_rest_of_a_buffer_that_is_being_delivered() {
    let mut fixture = fixture(1);
    let mut buffer = Buffer::from(vec![1]);
    buffer.mark(Mark::Idle);
    buffer.batch.push(2, Timestamp::MIN);
    buffer.mark(Mark::Active);
    buffer.set_barrier(barrier(1));
    assert!(fixture.senders[0].try_send(&mut buffer).unwrap());
    assert!(matches!(fixture.gate.poll().unwrap(), GateItem::Batch { .. }));
    fixture.gate.begin_capture(CheckpointId(1), |_| true).unwrap();
    let mut rest = Buffer::default();
    rest.mark(Mark::Idle);
    rest.batch.push(2, Timestamp::MIN);
    rest.mark(Mark::Active);
    assert_eq!(fixture.captured(), Some(vec![(0, vec![rest])]));
    assert_eq!(fixture.delivered(), ["0: Idle", "0: [2]", "0: Active", "0: barrier 1"]);
}

#[tokio::test]
async fn what_was_captured_is_delivered_first_and_takes_no_credit() {
    let mut first = fixture(2);
    first.send(0, &[1]);
    first.send(0, &[2]);
    first.send(1, &[10]);
    first.gate.begin_capture(CheckpointId(1), |_| true).unwrap();
    for sender in &mut first.senders {
        assert!(sender.try_send_barrier(&barrier(1)).unwrap());
    }
    let captured = first.gate.take_capture().unwrap().unwrap();

    let mut second = fixture(2);
    second.send_barrier(0, &[3], 2);
    second.gate.restore(&captured);
    // Another overtaking barrier before it is processed keeps it once more.
    second.gate.begin_capture(CheckpointId(2), |_| true).unwrap();
    second.send_barrier(1, &[11], 2);
    let again = second.captured().unwrap();
    assert_eq!(again[0], (0, vec![vec![1].into(), vec![2].into(), vec![3].into()]));
    assert_eq!(again[1], (1, vec![vec![10].into(), vec![11].into()]));
    let expected = ["0: [1]", "0: [2]", "1: [10]", "0: [3]", "0: barrier 2", "1: [11]", "1: barrier 2"];
    assert_eq!(second.delivered(), expected);
    for record in 0..u64::from(CREDITS_PER_CHANNEL) {
        second.send(0, &[record]);
    }
    assert!(!second.senders[0].try_send(&mut vec![99].into()).unwrap(), "no credit came from nowhere");
}

#[tokio::test]
async fn damaged_captures_are_refused() {
    let mut fixture = fixture(1);
    fixture.send(0, &[1, 2, 3]);
    fixture.gate.begin_capture(CheckpointId(1), |_| true).unwrap();
    assert!(fixture.senders[0].try_send_barrier(&barrier(1)).unwrap());
    let mut captured = fixture.gate.take_capture().unwrap().unwrap();
    captured[0].buffers[0].pop();
    assert!(fixture.senders[0].restore(&captured[0].buffers).is_err());
    let mut other = self::fixture(1);
    other.gate.restore(&captured);
    assert!(other.gate.poll().is_err());
}
