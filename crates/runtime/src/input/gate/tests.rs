//! Producers and consumers with little credit, whose checkpoint is taken while records are on their way, and which then
//! begin again from it: every record counts exactly once.

use std::time::Duration;

use flott_core::{
    AttemptNumber, ChannelId, CheckpointId, EdgeIndex, HostId, JobId, SubtaskIndex, TaskManagerId,
    checkpoint::{Alignment, SnapshotKind},
    deployment::TaskHostAddress,
};
use flott_exchange::{ChannelCapture, ChannelPeer, DataPlane};
use proptest::prelude::*;
use tokio::runtime::{Builder, Handle};

use super::*;
use crate::{
    TaskSignals,
    checkpoint::ChannelProbe,
    output::Output,
    testing::{self, Collected},
    writer::{Channels, EdgeWriter, Rebalance},
};

fn barrier(id: u64, alignment: Alignment) -> Arc<Barrier> {
    let kind = SnapshotKind::Checkpoint { full: false };
    Arc::new(Barrier { id: CheckpointId(id), triggered_at: 0, kind, alignment })
}

fn channel(producer: u32, consumer: u32, attempt: u32) -> ChannelPeer {
    let channel = ChannelId {
        edge: EdgeIndex(0),
        producer: SubtaskIndex(producer),
        consumer: SubtaskIndex(consumer),
        attempt: AttemptNumber(attempt),
    };
    ChannelPeer { channel, host: HostId(0) }
}

pub(in crate::input) fn plane(credits: u32) -> DataPlane {
    let plane = DataPlane::new(JobId::from_bytes([1; 16]), [1; 32], Handle::current()).with_credits(credits);
    let address = TaskHostAddress {
        host: HostId(0),
        task_manager_id: TaskManagerId::new("tm"),
        data_address: "127.0.0.1:1".to_owned(),
    };
    plane.place(HostId(0), vec![address]);
    plane
}

/// Emits the numbers from `next` on, a batch each.
struct Producer {
    writer: EdgeWriter<u64, Rebalance>,
    signals: Arc<TaskSignals>,
    next: u64,
    end: u64,
    closed: bool,
    probe: Option<ChannelProbe>,
    /// `next` at the barrier.
    snapshot: Option<u64>,
}

impl Producer {
    fn take(&mut self, barrier: &Arc<Barrier>) {
        let mut probe = ChannelProbe { id: barrier.id, ..ChannelProbe::default() };
        self.writer
            .checkpoint(&mut CheckpointEvent::probing(EventKind::Barrier(barrier), &mut probe))
            .unwrap();
        (self.probe, self.snapshot) = (Some(probe), Some(self.next));
    }

    /// As the loop of a subtask does it. Returns whether it could do anything.
    fn step(&mut self) -> bool {
        if self.closed {
            return false;
        }
        self.writer.flush(Flush::Held).unwrap();
        self.go_on();
        if self.signals.is_held_back() {
            return false;
        }
        if self.next == self.end {
            self.writer.flush(Flush::All).unwrap();
            self.closed = !self.signals.is_held_back() && self.writer.close().unwrap();
            return self.closed;
        }
        self.writer.emit(&mut vec![self.next].into()).unwrap();
        self.next += 1;
        // Some batches hold more than one record.
        if !self.next.is_multiple_of(3) {
            self.writer.flush(Flush::All).unwrap();
        }
        true
    }

    fn go_on(&mut self) {
        if let Some(probe) = &mut self.probe {
            self.writer.checkpoint(&mut CheckpointEvent::probing(EventKind::Continue, probe)).unwrap();
        }
    }
}

struct Consumer {
    input: GateInput<u64>,
    output: Collected<u64>,
    /// What was processed before.
    before: Vec<u64>,
    probe: Option<ChannelProbe>,
    /// What was processed by the barrier.
    snapshot: Option<Vec<u64>>,
    ended: bool,
}

impl Consumer {
    fn processed(&self) -> Vec<u64> {
        let mut all = self.before.clone();
        all.extend(self.output.records());
        all
    }

    fn take(&mut self, barrier: &Arc<Barrier>) {
        self.snapshot = Some(self.processed());
        let mut probe = ChannelProbe { id: barrier.id, ..ChannelProbe::default() };
        let mut event = CheckpointEvent::probing(EventKind::Barrier(barrier), &mut probe);
        self.input.checkpoint(&mut event).unwrap();
        self.probe = Some(probe);
    }

    /// Returns whether there was anything to do.
    fn step(&mut self, only_urgent: bool) -> bool {
        let step =
            if only_urgent { self.input.urgent_barrier().unwrap() } else { Some(self.input.step().unwrap()) };
        if let Some(probe) = &mut self.probe {
            self.input.checkpoint(&mut CheckpointEvent::probing(EventKind::Continue, probe)).unwrap();
        }
        match step {
            Some(Step::Barrier(barrier, _)) => self.take(&barrier),
            Some(Step::Worked) => {}
            Some(Step::Ended) => self.ended = true,
            Some(Step::Idle(_)) | None => return false,
        }
        !self.ended
    }
}

struct Job {
    producers: Vec<Producer>,
    consumers: Vec<Consumer>,
}

/// All that a checkpoint has kept.
#[derive(Default)]
struct Kept {
    next: Vec<u64>,
    processed: Vec<Vec<u64>>,
    channels: ChannelCapture,
}

/// Records of each producer.
const RECORDS: u64 = 40;

impl Job {
    fn new(plane: &DataPlane, producers: u32, consumers: u32, attempt: u32, kept: &Kept) -> Self {
        let make_producer = |producer: u32| {
            let signals = Arc::<TaskSignals>::default();
            let peers = (0..consumers).map(|consumer| channel(producer, consumer, attempt));
            let senders = peers.map(|peer| plane.sender(peer, &signals.wake).unwrap()).collect();
            let mut channels = Channels::new(senders, signals.clone(), Arc::default());
            channels.restore(&kept.channels.outputs).unwrap();
            let distribution = Rebalance::new(SubtaskIndex(producer));
            let first = u64::from(producer) * 1_000;
            Producer {
                writer: EdgeWriter::new(testing::operator("Source"), channels, distribution),
                signals,
                next: kept.next.get(producer as usize).copied().unwrap_or(first),
                end: first + RECORDS,
                closed: false,
                probe: None,
                snapshot: None,
            }
        };
        let make_consumer = |consumer: u32| {
            let peers: Vec<_> = (0..producers).map(|producer| channel(producer, consumer, attempt)).collect();
            let mut gate = plane.gate(&peers, &Arc::default()).unwrap();
            gate.restore(&kept.channels.inputs);
            let output = Collected::default();
            Consumer {
                input: GateInput::new(gate, Arc::default(), Box::new(output.clone())),
                output,
                before: kept.processed.get(consumer as usize).cloned().unwrap_or_default(),
                probe: None,
                snapshot: None,
                ended: false,
            }
        };
        Self {
            producers: (0..producers).map(make_producer).collect(),
            consumers: (0..consumers).map(make_consumer).collect(),
        }
    }

    /// Lets the part that `choice` picks do something. Returns whether it could.
    fn step(&mut self, choice: usize) -> bool {
        let count = self.producers.len();
        match choice % (count + self.consumers.len()) {
            producer if producer < count => self.producers[producer].step(),
            consumer => self.consumers[consumer - count].step(choice.is_multiple_of(7)),
        }
    }

    /// What the checkpoint has kept, once it is whole.
    fn kept(&self) -> Option<Kept> {
        let mut kept = Kept::default();
        for producer in &self.producers {
            kept.next.push(producer.snapshot?);
            let probe = producer.probe.as_ref().filter(|probe| !probe.awaited)?;
            kept.channels.extend(probe.capture.clone());
        }
        for consumer in &self.consumers {
            kept.processed.push(consumer.snapshot.clone()?);
            let probe = consumer.probe.as_ref().filter(|probe| !probe.awaited)?;
            kept.channels.extend(probe.capture.clone());
        }
        Some(kept)
    }

    /// Runs everything until nothing is left to do, or the checkpoint is whole.
    fn run(&mut self, until_kept: bool) -> Option<Kept> {
        let parts = self.producers.len() + self.consumers.len();
        let mut idle = 0;
        for choice in 0.. {
            if until_kept && let Some(kept) = self.kept() {
                return Some(kept);
            }
            // Also in steps that find nothing time goes on, of which barriers with a timeout wait for some.
            idle = if self.step(choice) { 0 } else { idle + 1 };
            if self.consumers.iter().all(|consumer| consumer.ended) {
                return self.kept();
            }
            assert!(idle < 100 * parts, "it is stuck");
        }
        None
    }

    /// Checks that each record was processed once, and those of each producer by each consumer in order.
    fn check(&self) {
        let mut all = Vec::new();
        for consumer in &self.consumers {
            let processed = consumer.processed();
            for producer in 0..self.producers.len() as u64 {
                let own = processed.iter().filter(|record| **record / 1_000 == producer);
                assert!(own.is_sorted(), "{processed:?}");
            }
            all.extend(processed);
        }
        all.sort_unstable();
        let of_producer = |producer: u64| producer * 1_000..producer * 1_000 + RECORDS;
        let expected: Vec<_> = (0..self.producers.len() as u64).flat_map(of_producer).collect();
        assert_eq!(all, expected);
    }
}

proptest! {
    #[test]
    fn every_record_counts_once_whatever_was_on_its_way(
        producers in 1u32..4,
        consumers in 1u32..4,
        credits in 1u32..3,
        mode in 0u8..4,
        before in prop::collection::vec(any::<u16>(), 0..150),
        between in prop::collection::vec(any::<u16>(), 0..60),
        after in prop::collection::vec(any::<u16>(), 0..150),
    ) {
        let alignment = match mode {
            0 => Alignment::Aligned { timeout_ms: None },
            // Overtakes as soon as anything has to wait.
            1 => Alignment::Aligned { timeout_ms: Some(0) },
            _ => Alignment::Unaligned,
        };
        let runtime = Builder::new_current_thread().build().unwrap();
        let _within = runtime.enter();
        let plane = plane(credits);
        let mut job = Job::new(&plane, producers, consumers, 0, &Kept::default());
        for choice in before {
            job.step(usize::from(choice));
        }
        // The sources begin one after the other, also such as wait for credit, if the barrier may overtake.
        let barrier = barrier(1, alignment);
        let mut between = between.into_iter();
        for producer in 0..producers as usize {
            while alignment != Alignment::Unaligned && job.producers[producer].signals.is_held_back() {
                job.run_until_free(producer);
            }
            let producer = &mut job.producers[producer];
            // One that has ended has nothing to take a snapshot of; its end counts.
            if producer.closed {
                (producer.probe, producer.snapshot) = (Some(ChannelProbe::default()), Some(producer.next));
            } else {
                producer.take(&barrier);
            }
            for choice in between.by_ref().take(20) {
                job.step(usize::from(choice));
            }
        }
        let all_ended = job.producers.iter().all(|producer| producer.closed);
        if all_ended {
            // Then it begins at the consumers.
            for consumer in &mut job.consumers {
                if consumer.snapshot.is_none() {
                    consumer.input.trigger(barrier.clone());
                }
            }
        }
        let kept = job.run(true);
        let Some(kept) = kept else { return Ok(()) };
        // The first attempt may go on for a while: what it does is lost.
        for choice in after {
            job.step(usize::from(choice));
        }
        if mode == 0 {
            prop_assert!(kept.channels.is_empty());
        }
        drop(job);
        let mut job = Job::new(&plane, producers, consumers, 1, &kept);
        job.run(false);
        job.check();
    }
}

impl Job {
    /// Lets all go on until a producer can take a barrier in its turn.
    fn run_until_free(&mut self, producer: usize) {
        for choice in 0..1_000 {
            self.step(choice);
            if !self.producers[producer].signals.is_held_back() {
                return;
            }
        }
        panic!("it is stuck");
    }
}

/// Two producers and one consumer with enough credit.
fn simple(plane: &DataPlane) -> Job {
    Job::new(plane, 2, 1, 0, &Kept::default())
}

#[tokio::test]
async fn an_aligned_barrier_lets_the_other_channels_go_on() {
    let mut job = simple(&plane(8));
    job.producers[0].step();
    job.producers[0].take(&barrier(1, Alignment::Aligned { timeout_ms: None }));
    job.producers[0].step();
    job.producers[1].step();
    let consumer = &mut job.consumers[0];
    while consumer.step(false) {}
    assert_eq!(consumer.processed(), [0, 1_000], "record 1 waits");
    job.producers[1].step();
    while job.consumers[0].step(false) {}
    job.producers[1].take(&barrier(1, Alignment::Aligned { timeout_ms: None }));
    job.producers[1].step();
    while job.consumers[0].step(false) {}
    assert_eq!(job.consumers[0].snapshot, Some(vec![0, 1_000, 1_001]));
    assert_eq!(job.consumers[0].processed()[3], 1, "it is the first to come then");
}

#[tokio::test]
async fn what_is_aborted_blocks_nothing() {
    let mut job = simple(&plane(8));
    job.producers[0].take(&barrier(1, Alignment::Aligned { timeout_ms: None }));
    job.producers[0].step();
    let consumer = &mut job.consumers[0];
    while consumer.step(false) {}
    assert!(consumer.processed().is_empty());
    consumer.input.checkpoint(&mut CheckpointEvent::of(EventKind::Aborted(CheckpointId(1)))).unwrap();
    while consumer.step(false) {}
    assert_eq!(consumer.processed(), [0]);
    job.producers[1].take(&barrier(1, Alignment::Aligned { timeout_ms: None }));
    while job.consumers[0].step(false) {}
    assert_eq!(job.consumers[0].snapshot, None);
}

#[tokio::test]
async fn an_alignment_that_takes_too_long_becomes_none() {
    let mut job = simple(&plane(8));
    let patient = barrier(1, Alignment::Aligned { timeout_ms: Some(3_600_000) });
    job.producers[0].take(&patient);
    job.producers[0].step();
    job.producers[1].step();
    let consumer = &mut job.consumers[0];
    assert_eq!(consumer.input.alignment_due(), None);
    while consumer.step(false) {}
    let due = consumer.input.alignment_due().expect("the other barrier is awaited");
    assert!(due > crate::counters::now() + Duration::from_secs(3_000));
    assert!(matches!(consumer.input.step().unwrap(), Step::Idle(Some(until)) if until == due));
    // The other one has waited too long at its producer.
    job.producers[1].take(&barrier(1, Alignment::Unaligned));
    let step = consumer.input.step().unwrap();
    let Step::Barrier(taken, stats) = step else { panic!("{step:?}") };
    assert_eq!(*taken, *barrier(1, Alignment::Unaligned), "and overtakes from here on, too");
    assert!(stats.unaligned);
    consumer.take(&taken);
    assert!(consumer.probe.as_ref().is_some_and(|probe| !probe.awaited && probe.capture.is_empty()));
}

#[tokio::test]
async fn what_was_captured_is_lost_with_the_next_barrier_and_awaited_for_ever() {
    let mut job = simple(&plane(8));
    job.producers[0].take(&barrier(1, Alignment::Unaligned));
    let consumer = &mut job.consumers[0];
    assert!(consumer.step(true));
    assert!(consumer.probe.as_ref().is_some_and(|probe| probe.awaited), "one barrier is missing");
    let mut first = consumer.probe.take().unwrap();
    job.producers[0].take(&barrier(2, Alignment::Unaligned));
    assert!(matches!(consumer.input.urgent_barrier().unwrap(), Some(Step::Barrier(..))));
    consumer.input.checkpoint(&mut CheckpointEvent::probing(EventKind::Continue, &mut first)).unwrap();
    assert!(first.awaited && first.capture.is_empty(), "it must not be taken for whole");
}

#[tokio::test]
async fn time_goes_on_from_where_it_was() {
    let mut job = simple(&plane(8));
    let watermark = |millis| Mark::Watermark(Timestamp::from_millis(millis));
    job.consumers[0].input.restore_watermark(Timestamp::from_millis(50)).unwrap();
    for (producer, millis) in [(0, 40), (1, 45), (0, 60), (1, 55)] {
        let producer = &mut job.producers[producer];
        producer.writer.mark(watermark(millis)).unwrap();
        producer.writer.flush(Flush::All).unwrap();
        while job.consumers[0].step(false) {}
    }
    let marks = job.consumers[0].output.events();
    assert_eq!(marks, [50, 55].map(|millis| testing::Event::Mark(watermark(millis))));
}
