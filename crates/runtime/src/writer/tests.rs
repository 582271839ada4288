use flott_core::{
    AttemptNumber, ChannelId, EdgeIndex, HostId, JobId, SubtaskIndex, TaskManagerId,
    deployment::TaskHostAddress, hash::stable_hash,
};
use flott_exchange::{CREDITS_PER_CHANNEL, ChannelPeer, DataPlane, GateItem, InputGate, MAX_BATCH_BYTES};
use flott_state::KeyedTable;

use super::*;
use crate::{operators::ByValue, testing};

/// A writer into gates of the same process.
pub(super) struct Edge<T, D> {
    pub(super) writer: EdgeWriter<T, D>,
    pub(super) gates: Vec<InputGate<T>>,
    pub(super) signals: Arc<TaskSignals>,
}

pub(super) fn edge<T: Record, D: Distribution<T>>(consumers: u32, distribution: D) -> Edge<T, D> {
    let plane = DataPlane::new(JobId::from_bytes([1; 16]), [1; 32], Handle::current());
    let (host, task_manager_id) = (HostId(0), TaskManagerId::new("tm".to_owned()));
    plane
        .place(host, vec![TaskHostAddress { host, task_manager_id, data_address: "127.0.0.1:1".to_owned() }]);
    let signals = Arc::<TaskSignals>::default();
    let peers: Vec<_> = (0..consumers)
        .map(|consumer| {
            let consumer = SubtaskIndex(consumer);
            let (edge, producer, attempt) = (EdgeIndex(0), SubtaskIndex(0), AttemptNumber(0));
            ChannelPeer { channel: ChannelId { edge, producer, consumer, attempt }, host }
        })
        .collect();
    let senders = peers.iter().map(|peer| plane.sender(*peer, &signals.wake).unwrap()).collect();
    let gates = peers.iter().map(|peer| plane.gate(&[*peer], &Arc::default()).unwrap()).collect();
    let channels = Channels::new(senders, signals.clone(), Arc::default());
    Edge { writer: EdgeWriter::new(testing::operator("Map"), channels, distribution), gates, signals }
}

impl<T: Record, D: Distribution<T>> Edge<T, D> {
    /// The batches that a consumer has got, whose credits go back.
    fn received(&mut self, consumer: usize) -> Vec<Vec<T>> {
        let gate = &mut self.gates[consumer];
        let mut batches = Vec::new();
        while let GateItem::Batch { channel, records, .. } = gate.poll().unwrap() {
            batches.push(records.records.clone());
            gate.recycle(channel, records);
        }
        batches
    }

    fn records(&mut self, consumer: usize) -> Vec<T> {
        self.received(consumer).concat()
    }
}

#[tokio::test]
async fn batches_are_bounded_in_bytes_whatever_came_before() {
    let mut edge = edge(1, Forward);
    // Small ones first: their size says nothing about those that follow.
    edge.writer.emit(&mut vec!["x".to_owned(); 10].into()).unwrap();
    edge.writer.emit(&mut vec!["x".repeat(BATCH_BYTES / 4); 12].into()).unwrap();
    edge.writer.flush(Flush::All).unwrap();
    let batches = edge.received(0);
    assert_eq!(batches.concat().len(), 22);
    for batch in &batches {
        assert!(batch.iter().map(String::len).sum::<usize>() <= BATCH_BYTES, "{}", batch.len());
    }
    assert!(batches.len() <= 5, "batches are filled: {}", batches.len());
    let sent = edge.writer.channels.channels[0].sender.bytes_sent() as usize;
    let large = 12 * (BATCH_BYTES / 4);
    assert!((large..large + 1024).contains(&sent), "all are counted: {sent}");
}

#[tokio::test]
async fn a_record_larger_than_a_batch_goes_alone() {
    let mut edge = edge(1, Forward);
    let large = "x".repeat(BATCH_BYTES * 2);
    edge.writer.emit(&mut vec!["a".to_owned(), large.clone(), "b".to_owned()].into()).unwrap();
    edge.writer.flush(Flush::All).unwrap();
    assert_eq!(edge.received(0), [vec!["a".to_owned()], vec![large], vec!["b".to_owned()]]);
}

#[tokio::test]
async fn a_record_too_large_for_the_wire_fails_everywhere_and_names_its_producer() {
    let mut edge = edge(1, Forward);
    let end = edge.writer.emit(&mut vec!["x".repeat(MAX_BATCH_BYTES)].into());
    let Err(TaskEnd::Failed(cause)) = end else { panic!("it must fail") };
    assert_eq!(cause.kind, FailureKind::UserError);
    assert_eq!(cause.operator.as_deref(), Some("Map"));
    assert!(cause.message.contains("at most 67108864"), "{}", cause.message);
}

#[tokio::test]
async fn without_credit_batches_are_held_back_in_order() {
    let mut edge = edge(1, Forward);
    let batches = CREDITS_PER_CHANNEL as u64 + 3;
    let mut records: Batch<u64> = (0..batches * BATCH_RECORDS as u64).collect();
    edge.writer.emit(&mut records).unwrap();
    assert!(edge.signals.is_held_back());
    let mut received = edge.records(0);
    edge.writer.flush(Flush::Held).unwrap();
    assert!(!edge.signals.is_held_back());
    received.extend(edge.records(0));
    assert_eq!(received, (0..batches * BATCH_RECORDS as u64).collect::<Vec<_>>());
    assert!(edge.writer.close().unwrap() && edge.writer.close().unwrap());
    assert_eq!(edge.gates[0].poll().unwrap(), GateItem::ChannelEnded { channel: 0 });
    assert_eq!(edge.gates[0].poll().unwrap(), GateItem::Ended);
}

#[tokio::test]
async fn a_canceled_task_sends_nothing_more() {
    let mut edge = edge(1, Forward);
    edge.signals.cancel();
    assert!(matches!(edge.writer.emit(&mut vec![0u64; BATCH_RECORDS].into()), Err(TaskEnd::Canceled)));
}

#[tokio::test]
async fn rebalance_begins_with_the_producers_number() {
    let mut edge = edge(3, Rebalance::new(SubtaskIndex(4)));
    edge.writer.emit(&mut (0..7u64).collect()).unwrap();
    edge.writer.flush(Flush::All).unwrap();
    assert_eq!([edge.records(0), edge.records(1), edge.records(2)], [vec![2, 5], vec![0, 3, 6], vec![1, 4]]);
}

#[tokio::test]
async fn broadcast_sends_each_record_to_all() {
    let mut edge = edge(3, Broadcast);
    edge.writer.emit(&mut vec![1u64, 2].into()).unwrap();
    edge.writer.flush(Flush::All).unwrap();
    for consumer in 0..3 {
        assert_eq!(edge.records(consumer), [1, 2]);
    }
}

#[tokio::test]
async fn records_reach_the_subtask_whose_table_owns_their_key() {
    for (parallelism, max_parallelism) in [(1, 1), (3, 3), (3, 128), (5, 7)] {
        let key = ByValue::new(|record: &u64| record.to_string());
        let mut edge = edge(parallelism, Hash::new(key, parallelism, max_parallelism));
        edge.writer.emit(&mut (0..1_000u64).collect()).unwrap();
        edge.writer.flush(Flush::All).unwrap();
        let mut count = 0;
        for consumer in 0..parallelism {
            let mut table = KeyedTable::new(SubtaskIndex(consumer), parallelism, max_parallelism);
            for record in edge.records(consumer as usize) {
                let key = record.to_string();
                // Panics if the key's group is another subtask's.
                table.insert(stable_hash(&key), key, record);
                count += 1;
            }
        }
        assert_eq!(count, 1_000);
    }
}

#[tokio::test]
async fn marks_keep_their_place_between_the_records_of_each_channel() {
    let mut edge = edge(2, Rebalance::new(SubtaskIndex(0)));
    let watermark = |millis| Mark::Watermark(Timestamp::from_millis(millis));
    edge.writer.emit(&mut vec![0u64, 1, 2].into()).unwrap();
    edge.writer.mark(watermark(5)).unwrap();
    edge.writer.emit(&mut vec![3u64].into()).unwrap();
    edge.writer.mark(Mark::Idle).unwrap();
    edge.writer.flush(Flush::All).unwrap();
    let mut seen = Vec::new();
    for gate in &mut edge.gates {
        let mut texts = Vec::new();
        loop {
            match gate.poll().unwrap() {
                GateItem::Batch { channel, records, .. } => {
                    texts.push(format!("{:?}", records.records));
                    gate.recycle(channel, records);
                }
                GateItem::Mark { mark, .. } => texts.push(format!("{mark:?}")),
                _ => break,
            }
        }
        seen.push(texts.join(" "));
    }
    assert_eq!(seen, ["[0, 2] Watermark(Timestamp(5)) Idle", "[1] Watermark(Timestamp(5)) [3] Idle"]);
}

#[tokio::test]
async fn shuffle_reaches_all_and_global_only_the_first() {
    let mut shuffled = edge(3, Shuffle::new(SubtaskIndex(1)));
    shuffled.writer.emit(&mut (0..3_000u64).collect()).unwrap();
    shuffled.writer.flush(Flush::All).unwrap();
    let counts = [0, 1, 2].map(|consumer| shuffled.records(consumer).len());
    assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    let mut global = edge(3, Global);
    global.writer.emit(&mut (0..10u64).collect()).unwrap();
    global.writer.flush(Flush::All).unwrap();
    assert_eq!([0, 1, 2].map(|consumer| global.records(consumer).len()), [10, 0, 0]);
}

#[tokio::test]
async fn a_custom_partitioner_chooses_the_consumer_or_fails_naming_its_mistake() {
    let key = ByValue::new(|record: &u64| *record);
    let mut edge = edge(2, Custom::new(|key: &u64, _: usize| *key as usize, key));
    edge.writer.emit(&mut vec![1u64, 0, 1].into()).unwrap();
    edge.writer.flush(Flush::All).unwrap();
    assert_eq!([edge.records(0), edge.records(1)], [vec![0], vec![1, 1]]);
    let Err(TaskEnd::Failed(cause)) = edge.writer.emit(&mut vec![2u64].into()) else {
        panic!("it must fail")
    };
    assert_eq!(cause.operator.as_deref(), Some("Map"));
    assert!(cause.message.contains("chose subtask 2"), "{}", cause.message);
}

#[tokio::test]
async fn a_mark_of_latency_goes_into_one_channel_and_others_into_all() {
    let mut edge = edge::<u64, _>(3, Broadcast);
    let marker = |n: i64| {
        let (source, subtask) = (flott_core::VertexIndex(0), SubtaskIndex(0));
        Mark::Latency(flott_exchange::LatencyMarker { marked_at_us: n, source, subtask })
    };
    for n in 0..60 {
        edge.writer.mark(marker(n)).unwrap();
    }
    edge.writer.mark(Mark::Idle).unwrap();
    edge.writer.flush(Flush::All).unwrap();
    let mut received = Vec::new();
    for gate in &mut edge.gates {
        let before = received.len();
        let mut marks = std::iter::from_fn(|| match gate.poll().unwrap() {
            GateItem::Mark { mark, .. } => Some(mark),
            _ => None,
        });
        received.extend(marks.by_ref().take_while(|mark| *mark != Mark::Idle));
        assert!(received.len() > before + 5, "by chance each gets about as many");
    }
    received.sort_by_key(|mark| match mark {
        Mark::Latency(marker) => marker.marked_at_us,
        _ => i64::MAX,
    });
    assert_eq!(received, (0..60).map(marker).collect::<Vec<_>>());
}
