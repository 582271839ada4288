use flott_core::{checkpoint::SnapshotKind, time::Timestamp};
use flott_exchange::{CREDITS_PER_CHANNEL, GateItem};

use super::*;
use crate::{
    CheckpointEvent, EventKind, Output,
    checkpoint::ChannelProbe,
    output::Flush,
    writer::{
        Forward, Rebalance,
        tests::{Edge, edge},
    },
};

const ALIGNED: Alignment = Alignment::Aligned { timeout_ms: None };

fn barrier(id: u64, alignment: Alignment) -> Arc<Barrier> {
    let kind = SnapshotKind::Checkpoint { full: false };
    Arc::new(Barrier { id: CheckpointId(id), triggered_at: 0, kind, alignment })
}

impl<D: crate::writer::Distribution<u64>> Edge<u64, D> {
    /// A batch of its own for each record.
    fn emit(&mut self, records: impl IntoIterator<Item = u64>) {
        for record in records {
            self.writer.emit(&mut vec![record].into()).unwrap();
            self.writer.flush(Flush::All).unwrap();
        }
    }

    fn checkpoint(&mut self, kind: EventKind<'_>) -> ChannelProbe {
        let id = match kind {
            EventKind::Barrier(barrier) => barrier.id,
            _ => CheckpointId(0),
        };
        let mut probe = ChannelProbe { id, ..ChannelProbe::default() };
        self.writer.checkpoint(&mut CheckpointEvent::probing(kind, &mut probe)).unwrap();
        probe
    }

    /// What a consumer has got, as text; credits go back, but are not used yet.
    fn seen(&mut self, consumer: usize) -> Vec<String> {
        let gate = &mut self.gates[consumer];
        let mut texts = Vec::new();
        loop {
            match gate.poll().unwrap() {
                GateItem::Batch { channel, records, .. } => {
                    texts.extend(records.records.iter().map(u64::to_string));
                    gate.recycle(channel, records);
                }
                GateItem::Barrier { barrier, .. } => {
                    let way = if barrier.alignment == Alignment::Unaligned { "over" } else { "in turn" };
                    texts.push(format!("{} {way}", barrier.id));
                }
                GateItem::Mark { mark, .. } => texts.push(format!("{mark:?}")),
                GateItem::Announcement { .. } => {}
                GateItem::ChannelEnded { .. } => texts.push("end".to_owned()),
                GateItem::Empty | GateItem::Ended => break,
            }
        }
        texts
    }

    /// All that a consumer gets until nothing is held back.
    fn seen_at_last(&mut self, consumer: usize) -> Vec<String> {
        let mut texts = Vec::new();
        loop {
            self.writer.flush(Flush::All).unwrap();
            let more = self.seen(consumer);
            if more.is_empty() && !self.signals.is_held_back() {
                return texts;
            }
            texts.extend(more);
        }
    }

    /// The captured records, by consumer.
    fn records_of(&self, captured: &[CapturedChannel]) -> Vec<(u32, Vec<u64>)> {
        let decode = |captured: &CapturedChannel| {
            let channel = &self.writer.channels.channels[captured.consumer.0 as usize];
            let buffers = channel.sender.restore(&captured.buffers).unwrap();
            assert!(buffers.iter().all(|buffer| buffer.barrier().is_none()));
            let records = buffers.into_iter().flat_map(|buffer| buffer.batch.records).collect();
            (captured.consumer.0, records)
        };
        captured.iter().map(decode).collect()
    }
}

/// More records than a channel has credit for, each a batch.
const MANY: u64 = CREDITS_PER_CHANNEL as u64 + 3;

fn texts(records: impl IntoIterator<Item = u64>) -> Vec<String> {
    records.into_iter().map(|record| record.to_string()).collect()
}

#[tokio::test]
async fn a_barrier_goes_behind_the_records_of_each_channel_at_once() {
    let mut edge = edge(2, Rebalance::new(flott_core::SubtaskIndex(0)));
    edge.writer.emit(&mut vec![0, 1, 2].into()).unwrap();
    let probe = edge.checkpoint(EventKind::Barrier(&barrier(1, ALIGNED)));
    assert!(probe.capture.is_empty() && !probe.awaited);
    edge.writer.emit(&mut vec![3].into()).unwrap();
    assert_eq!([edge.seen(0), edge.seen(1)], [vec!["0", "2", "1 in turn"], vec!["1", "1 in turn"]]);
    edge.writer.flush(Flush::All).unwrap();
    assert_eq!(edge.seen(1), ["3"]);
}

#[tokio::test]
async fn without_credit_a_barrier_waits_in_its_place() {
    for alignment in [ALIGNED, Alignment::AtLeastOnce, Alignment::Aligned { timeout_ms: Some(600_000) }] {
        let mut edge = edge(1, Forward);
        edge.emit(0..MANY);
        let probe = edge.checkpoint(EventKind::Barrier(&barrier(1, alignment)));
        assert!(probe.capture.is_empty());
        assert_eq!(probe.awaited, matches!(alignment, Alignment::Aligned { timeout_ms: Some(_) }));
        edge.emit([100]);
        let mut expected = texts(0..MANY);
        expected.extend(["1 in turn".to_owned(), "100".to_owned()]);
        assert_eq!(edge.seen_at_last(0), expected);
        let probe = edge.checkpoint(EventKind::Continue);
        assert!(probe.capture.is_empty() && !probe.awaited, "it has overtaken nothing");
    }
}

#[tokio::test]
async fn an_unaligned_barrier_overtakes_what_was_not_sent_and_keeps_it() {
    let mut edge = edge(2, Forward);
    let credits = u64::from(CREDITS_PER_CHANNEL);
    edge.emit(0..MANY);
    edge.writer.emit(&mut vec![50, 51].into()).unwrap();
    edge.writer.mark(crate::Mark::Watermark(Timestamp::from_millis(7))).unwrap();
    let probe = edge.checkpoint(EventKind::Barrier(&barrier(1, Alignment::Unaligned)));
    assert!(!probe.awaited);
    let kept: Vec<_> = (credits..MANY).chain([50, 51]).collect();
    let expected = [(0, kept), (1, Vec::new())];
    assert_eq!(edge.records_of(&probe.capture.outputs), expected, "the watermark went to both");
    let mut seen = edge.seen(0);
    assert_eq!(seen.remove(0), "1 over", "in front of all that waits");
    assert_eq!(seen, texts(0..credits));
    assert_eq!(edge.seen(1), ["1 over"], "no credit was needed");
    let rest = ["8", "9", "10", "50", "51", "Watermark(Timestamp(7))"];
    assert_eq!(edge.seen_at_last(0), rest, "what was kept is sent all the same");
}

#[tokio::test]
async fn a_barrier_that_waits_too_long_overtakes() {
    let mut edge = edge(1, Forward);
    let credits = u64::from(CREDITS_PER_CHANNEL);
    edge.emit(0..MANY);
    edge.writer.emit(&mut vec![50].into()).unwrap();
    let probe = edge.checkpoint(EventKind::Barrier(&barrier(1, Alignment::Aligned { timeout_ms: Some(0) })));
    assert!(probe.capture.is_empty() && probe.awaited, "it was not sent yet");
    edge.emit([100]);
    let probe = edge.checkpoint(EventKind::Continue);
    assert!(!probe.awaited);
    let kept: Vec<_> = (credits..MANY).chain([50]).collect();
    assert_eq!(edge.records_of(&probe.capture.outputs), [(0, kept)], "what came after it is none of its own");
    let mut seen = edge.seen_at_last(0);
    assert_eq!(seen.remove(0), "1 over");
    assert_eq!(seen, texts((0..MANY).chain([50, 100])));
}

#[tokio::test]
async fn an_aborted_barrier_does_not_overtake_any_more() {
    let mut edge = edge(1, Forward);
    edge.emit(0..MANY);
    edge.checkpoint(EventKind::Barrier(&barrier(1, Alignment::Aligned { timeout_ms: Some(0) })));
    edge.checkpoint(EventKind::Aborted(CheckpointId(1)));
    let probe = edge.checkpoint(EventKind::Continue);
    assert!(probe.capture.is_empty() && !probe.awaited);
    let mut expected = texts(0..MANY);
    expected.push("1 in turn".to_owned());
    assert_eq!(edge.seen_at_last(0), expected);
}

#[tokio::test]
async fn what_an_earlier_attempt_had_not_sent_goes_first() {
    let mut first = edge(1, Forward);
    first.emit(0..MANY);
    let captured = first.checkpoint(EventKind::Barrier(&barrier(1, Alignment::Unaligned))).capture.outputs;
    for alignment in [ALIGNED, Alignment::Unaligned] {
        let mut second = edge(1, Forward);
        second.writer.channels.restore(&captured).unwrap();
        assert!(second.signals.is_held_back(), "it takes no input before it has sent them");
        second.emit([100]);
        let probe = second.checkpoint(EventKind::Barrier(&barrier(2, alignment)));
        let seen = second.seen_at_last(0);
        if alignment == ALIGNED {
            assert_eq!(seen, ["8", "9", "10", "100", "2 in turn"]);
        } else {
            assert_eq!(seen[0], "2 over");
            let kept = second.records_of(&probe.capture.outputs);
            assert!(kept.iter().all(|(_, records)| records.ends_with(&[100])) || kept.is_empty(), "{kept:?}");
        }
    }
    let mut unsent = edge(1, Forward);
    unsent.writer.channels.restore(&captured).unwrap();
    let probe = unsent.checkpoint(EventKind::Barrier(&barrier(2, Alignment::Unaligned)));
    assert_eq!(unsent.records_of(&probe.capture.outputs), [(0, vec![8, 9, 10])], "they are kept once more");
}

#[tokio::test]
async fn whoever_was_told_of_the_end_gets_no_barrier() {
    let mut edge = edge(1, Forward);
    edge.emit([1]);
    assert!(edge.writer.close().unwrap());
    edge.checkpoint(EventKind::Barrier(&barrier(1, ALIGNED)));
    edge.checkpoint(EventKind::Barrier(&barrier(2, Alignment::Unaligned)));
    assert_eq!(edge.seen(0), ["1", "end"]);
    assert!(!edge.signals.is_held_back());
}
