use std::sync::Mutex;

use flott_core::{
    AttemptNumber, ChannelId, CheckpointId, EdgeIndex, HostId, SubtaskIndex,
    checkpoint::{Alignment, SnapshotKind},
};
use flott_exchange::{Buffer, ChannelPeer, ChannelSender};

use super::*;
use crate::{checkpoint::ChannelProbe, input::gate::tests::plane};

/// Notes what it is told, as text.
#[derive(Clone, Default)]
struct Noted {
    texts: Arc<Mutex<Vec<String>>>,
    right_first: bool,
}

impl Noted {
    fn note(&self, text: String) -> Result<()> {
        self.texts.lock().unwrap().push(text);
        Ok(())
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.texts.lock().unwrap())
    }
}

impl TwoInputs<u64, String> for Noted {
    fn emit_left(&mut self, batch: &mut Batch<u64>) -> Result<()> {
        batch.drain().try_for_each(|(record, _)| self.note(record.to_string()))
    }

    fn emit_right(&mut self, batch: &mut Batch<String>) -> Result<()> {
        batch.drain().try_for_each(|(record, _)| self.note(record))
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        self.note(format!("{mark:?}"))
    }

    fn on_processing_time(&mut self, _: Timestamp) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self, _: Flush) -> Result<()> {
        Ok(())
    }

    fn close(&mut self) -> Result<bool> {
        Ok(true)
    }

    fn checkpoint(&mut self, _: &mut CheckpointEvent<'_>) -> Result<()> {
        Ok(())
    }

    fn takes_right_first(&self) -> bool {
        self.right_first
    }
}

struct Fixture {
    input: TwoGatesInput<u64, String>,
    left: Vec<ChannelSender<u64>>,
    right: Vec<ChannelSender<String>>,
    noted: Noted,
}

/// Two channels from the left, one from the right.
fn fixture(right_first: bool) -> Fixture {
    let plane = plane(8);
    let peers = |edge, producers: u32| -> Vec<_> {
        let peer = |producer| {
            let (edge, producer, consumer) = (EdgeIndex(edge), SubtaskIndex(producer), SubtaskIndex(0));
            let channel = ChannelId { edge, producer, consumer, attempt: AttemptNumber(0) };
            ChannelPeer { channel, host: HostId(0) }
        };
        (0..producers).map(peer).collect()
    };
    let (left, right, signal) = (peers(0, 2), peers(1, 1), Arc::default());
    let noted = Noted { right_first, ..Noted::default() };
    let gates = (plane.gate(&left, &signal).unwrap(), plane.gate(&right, &signal).unwrap());
    Fixture {
        input: TwoGatesInput::new(gates.0, gates.1, Arc::default(), Box::new(noted.clone())),
        left: left.iter().map(|peer| plane.sender(*peer, &signal).unwrap()).collect(),
        right: right.iter().map(|peer| plane.sender(*peer, &signal).unwrap()).collect(),
        noted,
    }
}

fn barrier(id: u64, alignment: Alignment) -> Arc<Barrier> {
    let kind = SnapshotKind::Checkpoint { full: false };
    Arc::new(Barrier { id: CheckpointId(id), triggered_at: 0, kind, alignment })
}

const ALIGNED: Alignment = Alignment::Aligned { timeout_ms: None };

fn send<T: Record>(sender: &mut ChannelSender<T>, record: T) {
    assert!(sender.try_send(&mut vec![record].into()).unwrap());
}

fn send_barrier<T: Record>(sender: &mut ChannelSender<T>, barrier: Arc<Barrier>) {
    let mut buffer = Buffer::default();
    buffer.set_barrier(barrier);
    assert!(sender.try_send(&mut buffer).unwrap());
}

impl Fixture {
    /// Steps until there is nothing to do, or a barrier.
    fn run(&mut self) -> Option<Arc<Barrier>> {
        loop {
            match self.input.step().unwrap() {
                Step::Worked => {}
                Step::Barrier(barrier, _) => return Some(barrier),
                Step::Idle(_) | Step::Ended => return None,
            }
        }
    }
}

#[tokio::test]
async fn alignment_spans_both_inputs() {
    let mut fixture = fixture(false);
    send_barrier(&mut fixture.right[0], barrier(1, ALIGNED));
    send(&mut fixture.right[0], "late".to_owned());
    send(&mut fixture.left[0], 1);
    send_barrier(&mut fixture.left[1], barrier(1, ALIGNED));
    send(&mut fixture.left[1], 20);
    assert_eq!(fixture.run(), None);
    assert_eq!(fixture.noted.take(), ["1"], "the other two are blocked");
    send(&mut fixture.left[0], 2);
    send_barrier(&mut fixture.left[0], barrier(1, ALIGNED));
    send(&mut fixture.left[0], 3);
    assert_eq!(fixture.run(), Some(barrier(1, ALIGNED)));
    assert_eq!(fixture.noted.take(), ["2"]);
    assert_eq!(fixture.run(), None);
    let mut rest = fixture.noted.take();
    rest.sort();
    assert_eq!(rest, ["20", "3", "late"]);
}

#[tokio::test]
async fn an_input_that_has_ended_counts() {
    let mut fixture = fixture(false);
    assert!(fixture.right[0].try_end().unwrap());
    assert_eq!(fixture.run(), None);
    send_barrier(&mut fixture.left[0], barrier(1, ALIGNED));
    assert_eq!(fixture.run(), None);
    assert!(fixture.left[1].try_end().unwrap());
    assert_eq!(fixture.run(), Some(barrier(1, ALIGNED)));
    assert!(fixture.left[0].try_end().unwrap());
    assert_eq!(fixture.run(), None);
    fixture.input.trigger(barrier(2, ALIGNED));
    assert_eq!(fixture.run(), Some(barrier(2, ALIGNED)));
    assert_eq!(fixture.input.step().unwrap(), Step::Ended);
}

#[tokio::test]
async fn a_barrier_that_overtakes_keeps_what_is_in_both_inputs() {
    let mut fixture = fixture(false);
    let urgent = barrier(1, Alignment::Unaligned);
    send(&mut fixture.left[0], 1);
    send(&mut fixture.right[0], "a".to_owned());
    assert!(fixture.left[1].try_send_barrier(&urgent).unwrap());
    assert!(matches!(fixture.input.urgent_barrier().unwrap(), Some(Step::Barrier(..))));
    assert!(fixture.noted.take().is_empty());
    let mut probe = ChannelProbe { id: CheckpointId(1), ..ChannelProbe::default() };
    let mut hand_over = |fixture: &mut Fixture, kind| {
        fixture.input.checkpoint(&mut CheckpointEvent::probing(kind, &mut probe)).unwrap();
        probe.awaited
    };
    assert!(hand_over(&mut fixture, EventKind::Barrier(&urgent)));
    assert!(fixture.left[0].try_send_barrier(&urgent).unwrap());
    assert!(hand_over(&mut fixture, EventKind::Continue), "that of the right is missing");
    send(&mut fixture.right[0], "b".to_owned());
    assert!(fixture.right[0].try_send_barrier(&urgent).unwrap());
    send(&mut fixture.right[0], "c".to_owned());
    assert!(!hand_over(&mut fixture, EventKind::Continue));
    let kept: Vec<_> =
        probe.capture.inputs.iter().map(|kept| (kept.edge.0, kept.producer.0, kept.buffers.len())).collect();
    assert_eq!(kept, [(0, 0, 1), (1, 0, 2)]);
    assert_eq!(fixture.run(), None);
    let mut seen = fixture.noted.take();
    seen.sort();
    assert_eq!(seen, ["1", "a", "b", "c"]);
}

#[tokio::test]
async fn while_one_input_waits_for_the_other_no_checkpoint_is_taken() {
    let mut fixture = fixture(true);
    send(&mut fixture.left[0], 1);
    for sender in &mut fixture.left {
        send_barrier(sender, barrier(1, ALIGNED));
    }
    send_barrier(&mut fixture.right[0], barrier(1, ALIGNED));
    send(&mut fixture.right[0], "a".to_owned());
    fixture.input.trigger(barrier(1, ALIGNED));
    assert_eq!(fixture.run(), None);
    assert_eq!(fixture.noted.take(), ["a"]);
    assert!(fixture.right[0].try_end().unwrap());
    for sender in &mut fixture.left {
        assert!(sender.try_end().unwrap());
    }
    while fixture.input.step().unwrap() != Step::Ended && fixture.noted.texts.lock().unwrap().is_empty() {}
    assert_eq!(fixture.noted.take(), ["1"]);
}

#[tokio::test]
async fn time_goes_on_from_where_it_was_in_both_inputs() {
    let mut fixture = fixture(false);
    fixture.input.restore_watermark(Timestamp::from_millis(50)).unwrap();
    let watermark = |millis| Mark::Watermark(Timestamp::from_millis(millis));
    let mark = |mark| {
        let mut buffer = Buffer::default();
        buffer.mark(mark);
        buffer
    };
    for sender in &mut fixture.left {
        assert!(sender.try_send(&mut mark(watermark(60))).unwrap());
    }
    let mut buffer = Buffer::default();
    buffer.mark(watermark(40));
    assert!(fixture.right[0].try_send(&mut buffer).unwrap());
    assert_eq!(fixture.run(), None);
    buffer.mark(watermark(55));
    assert!(fixture.right[0].try_send(&mut buffer).unwrap());
    assert_eq!(fixture.run(), None);
    assert_eq!(fixture.noted.take(), [watermark(50), watermark(55)].map(|mark| format!("{mark:?}")));
}
