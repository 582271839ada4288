use std::sync::{Arc, Mutex};

use flott_core::{
    CheckpointId,
    checkpoint::{Alignment, Barrier, SavepointFormat, SnapshotKind, StopMode},
};

use super::*;
use crate::{BoxError, CommitOutcome, Committer, NoCommittable, testing::operator};

type BoxResult<T> = std::result::Result<T, BoxError>;

/// Writes nothing.
struct Strict {
    finished: bool,
}

struct StrictSink;

impl Sink<u64> for StrictSink {
    type Writer = Strict;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> BoxResult<Strict> {
        Ok(Strict { finished: false })
    }
}

impl SinkWriter<u64> for Strict {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, _: &mut Batch<u64>) -> BoxResult<()> {
        Err("disk full".into())
    }

    fn flush(&mut self) -> BoxResult<()> {
        assert!(!self.finished, "nothing comes after the end");
        Ok(())
    }

    fn finish(&mut self) -> BoxResult<()> {
        self.finished = true;
        Ok(())
    }
}

/// What the committer was told, and how it is to answer.
#[derive(Clone, Default)]
struct Ledger(Arc<Mutex<Entries>>);

#[derive(Default)]
struct Entries {
    committed: Vec<u64>,
    retained: Vec<u64>,
    /// How many more commits fail for now.
    busy: u32,
    flushed: u32,
}

struct LedgerWriter {
    ledger: Ledger,
    written: Vec<u64>,
}

impl Ledger {
    fn set_busy(&self, times: u32) {
        self.0.lock().unwrap().busy = times;
    }

    fn committed(&self) -> Vec<u64> {
        self.0.lock().unwrap().committed.clone()
    }
}

impl Sink<u64> for Ledger {
    type Writer = LedgerWriter;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> BoxResult<LedgerWriter> {
        Ok(LedgerWriter { ledger: self.clone(), written: Vec::new() })
    }

    fn committer(&self, _: &RuntimeContext) -> BoxResult<Option<Box<dyn Committer<u64>>>> {
        Ok(Some(Box::new(self.clone())))
    }
}

impl SinkWriter<u64> for LedgerWriter {
    type Committable = u64;
    type State = ();

    fn write(&mut self, batch: &mut Batch<u64>) -> BoxResult<()> {
        self.written.append(&mut batch.records);
        Ok(())
    }

    fn flush(&mut self) -> BoxResult<()> {
        self.ledger.0.lock().unwrap().flushed += 1;
        Ok(())
    }

    fn prepare_commit(&mut self) -> BoxResult<Vec<u64>> {
        Ok(std::mem::take(&mut self.written))
    }
}

impl Committer<u64> for Ledger {
    fn commit(&mut self, mut committables: Vec<u64>) -> BoxResult<CommitOutcome<u64>> {
        let mut entries = self.0.lock().unwrap();
        if entries.busy > 0 {
            entries.busy -= 1;
            // The first goes well.
            let remaining = committables.split_off(1);
            entries.committed.extend(committables);
            return Ok(CommitOutcome::Retry { remaining, after: std::time::Duration::from_millis(100) });
        }
        entries.committed.extend(committables);
        Ok(CommitOutcome::Done)
    }

    fn retain(&mut self, committables: &[&u64]) -> BoxResult<()> {
        self.0.lock().unwrap().retained.extend(committables.iter().copied());
        Ok(())
    }
}

fn context(takes_checkpoints: bool) -> RuntimeContext {
    let mut context = operator("Sink: ledger");
    context.task.takes_checkpoints = takes_checkpoints;
    context
}

fn ledger(takes_checkpoints: bool) -> (Ledger, RuntimeContext, SinkOperator<u64, LedgerWriter>) {
    let (ledger, context) = (Ledger::default(), context(takes_checkpoints));
    let sink = SinkOperator::open(context.clone(), &ledger).unwrap();
    (ledger, context, sink)
}

fn barrier(id: u64, kind: SnapshotKind) -> Arc<Barrier> {
    let alignment = Alignment::Aligned { timeout_ms: None };
    Arc::new(Barrier { id: CheckpointId(id), triggered_at: 0, kind, alignment })
}

fn checkpoint(id: u64) -> Arc<Barrier> {
    barrier(id, SnapshotKind::Checkpoint { full: false })
}

fn savepoint(id: u64, stop: Option<StopMode>) -> Arc<Barrier> {
    let directory = "file:///savepoints/1".to_owned();
    barrier(id, SnapshotKind::Savepoint { directory, format: SavepointFormat::Canonical, stop })
}

fn tell<W: SinkWriter<u64>>(sink: &mut SinkOperator<u64, W>, kind: EventKind<'_>) {
    sink.checkpoint(&mut CheckpointEvent::of(kind)).unwrap();
}

fn completed(id: u64) -> EventKind<'static> {
    EventKind::Completed(CheckpointId(id))
}

fn waiting(sink: &SinkOperator<u64, LedgerWriter>) -> Vec<(u64, u64)> {
    sink.commits.iter().map(|(id, committable)| (id.0, *committable)).collect()
}

#[test]
fn nothing_is_called_after_finish() {
    let mut sink = SinkOperator::open(operator("Sink: strict"), &StrictSink).unwrap();
    sink.flush(Flush::All).unwrap();
    sink.end().unwrap();
    sink.flush(Flush::All).unwrap();
    tell(&mut sink, EventKind::Barrier(&checkpoint(1)));
    assert!(sink.close().unwrap());
}

#[test]
fn an_error_names_the_sink() {
    let mut sink = SinkOperator::open(operator("Sink: strict"), &StrictSink).unwrap();
    let Err(TaskEnd::Failed(cause)) = sink.emit(&mut vec![1].into()) else { panic!("it must fail") };
    assert_eq!(cause.message, "disk full");
    assert_eq!(cause.operator.as_deref(), Some("Sink: strict"));
}

#[test]
fn what_was_prepared_is_committed_once_its_checkpoint_is_complete() {
    let (ledger, _, mut sink) = ledger(true);
    sink.emit(&mut vec![1, 2].into()).unwrap();
    tell(&mut sink, EventKind::Barrier(&checkpoint(5)));
    assert_eq!(ledger.0.lock().unwrap().flushed, 1, "sinks without commits must be flushed");
    assert_eq!(waiting(&sink), [(5, 1), (5, 2)]);
    sink.emit(&mut vec![3].into()).unwrap();
    tell(&mut sink, EventKind::Barrier(&checkpoint(6)));
    sink.emit(&mut vec![4].into()).unwrap();
    assert_eq!(ledger.committed(), [0; 0]);
    tell(&mut sink, completed(5));
    assert_eq!(ledger.committed(), [1, 2]);
    tell(&mut sink, completed(5));
    tell(&mut sink, completed(4));
    assert_eq!((ledger.committed(), waiting(&sink)), (vec![1, 2], vec![(6, 3)]), "once, and nothing more");
}

#[test]
fn a_lost_notice_and_an_aborted_checkpoint_are_made_up_for_by_the_next_one() {
    let (ledger, _, mut sink) = ledger(true);
    for id in 1..=3 {
        sink.emit(&mut vec![id].into()).unwrap();
        tell(&mut sink, EventKind::Barrier(&checkpoint(id)));
    }
    tell(&mut sink, EventKind::Aborted(CheckpointId(2)));
    assert_eq!(waiting(&sink), [(1, 1), (2, 2), (3, 3)], "all of it is in the third");
    tell(&mut sink, completed(3));
    assert_eq!(ledger.committed(), [1, 2, 3]);
}

#[test]
fn a_savepoint_keeps_what_it_holds_and_commits_nothing() {
    let (ledger, _, mut sink) = ledger(true);
    sink.emit(&mut vec![1].into()).unwrap();
    tell(&mut sink, EventKind::Barrier(&checkpoint(1)));
    sink.emit(&mut vec![2].into()).unwrap();
    tell(&mut sink, EventKind::Barrier(&savepoint(2, None)));
    assert_eq!(ledger.0.lock().unwrap().retained, [1, 2], "also what waits for a checkpoint before it");
    assert_eq!(ledger.committed(), [0; 0]);
    tell(&mut sink, EventKind::Barrier(&checkpoint(3)));
    tell(&mut sink, completed(3));
    assert_eq!(ledger.committed(), [1, 2]);
}

#[test]
fn a_sink_whose_input_has_ended_waits_for_a_checkpoint_that_begins_after_it() {
    let (ledger, context, mut sink) = ledger(true);
    let asked = || context.task.signals.take_awaits_checkpoint();
    sink.emit(&mut vec![1].into()).unwrap();
    tell(&mut sink, EventKind::Barrier(&checkpoint(1)));
    sink.emit(&mut vec![2].into()).unwrap();
    sink.end().unwrap();
    assert!(!sink.close().unwrap() && asked());
    tell(&mut sink, completed(1));
    assert!(!sink.close().unwrap() && !asked(), "it was asked for");
    tell(&mut sink, EventKind::Barrier(&checkpoint(2)));
    tell(&mut sink, EventKind::Aborted(CheckpointId(2)));
    assert!(!sink.close().unwrap() && asked(), "another one");
    tell(&mut sink, EventKind::Barrier(&checkpoint(3)));
    // What can't be committed at once must not get lost: nobody wakes an operator that has ended.
    ledger.set_busy(1);
    tell(&mut sink, completed(3));
    assert!(sink.close().unwrap());
    assert_eq!(ledger.committed(), [1, 2]);
}

#[test]
fn a_sink_with_nothing_to_commit_does_not_wait() {
    let (_, context, mut sink) = ledger(true);
    sink.end().unwrap();
    assert!(sink.close().unwrap() && !context.task.signals.take_awaits_checkpoint());
}

#[test]
fn without_checkpoints_all_is_committed_at_the_end_or_with_a_savepoint() {
    let (ledger, _, mut sink) = ledger(false);
    sink.emit(&mut vec![1].into()).unwrap();
    tell(&mut sink, EventKind::Barrier(&savepoint(1, None)));
    assert_eq!(ledger.committed(), [1], "no checkpoint will ever commit it");
    sink.emit(&mut vec![2].into()).unwrap();
    tell(&mut sink, EventKind::Barrier(&savepoint(2, Some(StopMode::Suspend))));
    assert_eq!(ledger.committed(), [1], "the job ends with it or goes on, which nobody knows yet");
    tell(&mut sink, EventKind::Aborted(CheckpointId(2)));
    assert_eq!(ledger.committed(), [1, 2]);
    sink.emit(&mut vec![3].into()).unwrap();
    sink.end().unwrap();
    assert!(sink.close().unwrap());
    assert_eq!(ledger.committed(), [1, 2, 3]);
}

#[test]
fn a_job_that_is_stopped_commits_what_its_savepoint_holds() {
    let (ledger, _, mut sink) = ledger(true);
    sink.emit(&mut vec![1, 2].into()).unwrap();
    tell(&mut sink, EventKind::Barrier(&savepoint(1, Some(StopMode::Suspend))));
    ledger.set_busy(1);
    tell(&mut sink, completed(1));
    assert_eq!(ledger.committed(), [1]);
    assert!(sink.close().unwrap());
    assert_eq!(ledger.committed(), [1, 2]);
}

#[test]
fn what_cannot_be_committed_yet_is_tried_again_later() {
    let (ledger, context, mut sink) = ledger(true);
    sink.emit(&mut vec![1, 2].into()).unwrap();
    tell(&mut sink, EventKind::Barrier(&checkpoint(1)));
    sink.emit(&mut vec![3].into()).unwrap();
    tell(&mut sink, EventKind::Barrier(&checkpoint(2)));
    ledger.set_busy(1);
    tell(&mut sink, completed(1));
    assert_eq!((ledger.committed(), waiting(&sink)), (vec![1], vec![(1, 2), (2, 3)]));
    let due = context.clock().next_due().unwrap();
    assert_eq!(due, Timestamp::from_millis(100));
    // Somebody else's time has come.
    context.clock().set(Timestamp::from_millis(99));
    context.clock().take_any();
    sink.on_processing_time(Timestamp::from_millis(99)).unwrap();
    assert_eq!((ledger.committed(), context.clock().next_due()), (vec![1], Some(due)));
    tell(&mut sink, completed(2));
    assert_eq!(ledger.committed(), [1], "all in its turn");
    context.clock().set(due);
    sink.on_processing_time(due).unwrap();
    assert_eq!(ledger.committed(), [1, 2, 3]);
}

#[test]
fn what_a_checkpoint_holds_is_committed_before_the_first_record_is_written() {
    let (ledger, context) = (Ledger::default(), context(true));
    let restored = vec![(CheckpointId(2), 3), (CheckpointId(1), 1), (CheckpointId(1), 2)];
    ledger.set_busy(1);
    Commits::new(Some(Box::new(ledger.clone())), restored).commit_restored(&context).unwrap();
    assert_eq!(ledger.committed(), [1, 2, 3], "in order, and with patience");
}

#[test]
fn committables_without_a_committer_are_refused() {
    let mut commits = Commits::<u64>::new(None, Vec::new());
    assert!(commits.prepared(vec![1]).unwrap_err().to_string().contains("implement Sink::committer"));
    let mut commits = Commits::<u64>::new(None, vec![(CheckpointId(1), 1)]);
    let error = commits.commit_restored(&operator("Sink: other")).unwrap_err().to_string();
    assert!(error.contains("has no committer"), "{error}");
}

/// Writes a byte for each record, when it is flushed.
struct Bytes {
    buffered: u64,
    written: u64,
}

struct BytesSink;

impl Sink<u64> for BytesSink {
    type Writer = Bytes;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> BoxResult<Bytes> {
        Ok(Bytes { buffered: 0, written: 0 })
    }
}

impl SinkWriter<u64> for Bytes {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<u64>) -> BoxResult<()> {
        self.buffered += batch.len() as u64;
        Ok(())
    }

    fn flush(&mut self) -> BoxResult<()> {
        self.written += std::mem::take(&mut self.buffered);
        Ok(())
    }

    fn bytes_written(&self) -> u64 {
        self.written
    }
}

#[test]
fn what_was_sent_is_counted() {
    let context = operator("Sink: bytes");
    let mut sink = SinkOperator::open(context.clone(), &BytesSink).unwrap();
    let shown = || {
        let metrics = context.task.counters.read_operators();
        metrics.iter().map(|metric| (metric.name.to_string(), metric.value)).collect::<Vec<_>>()
    };
    let integer = |name: &str, value| (name.to_owned(), flott_core::metrics::MetricValue::Integer(value));
    sink.emit(&mut vec![1, 2, 3].into()).unwrap();
    assert_eq!(shown(), [integer("numRecordsSend", 3)], "nothing is known of bytes");
    sink.flush(Flush::All).unwrap();
    assert_eq!(shown(), [integer("numBytesSend", 3), integer("numRecordsSend", 3)]);
    sink.emit(&mut vec![4].into()).unwrap();
    sink.flush(Flush::All).unwrap();
    assert_eq!(shown(), [integer("numBytesSend", 4), integer("numRecordsSend", 4)]);
}
