//! What a subtask shares with its task host: its metrics, and where it is in event time.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use flott_core::{
    metrics::{OperatorMetrics, TaskGauges, TaskMetrics},
    time::Timestamp,
};
use flott_exchange::{CREDITS_PER_CHANNEL, CreditUsage, Delivered};

use crate::{alignment::Alignments, metrics::Registry};

/// Cells that the subtask adds to, once a batch, and the reporter reads.
#[derive(Debug)]
pub struct TaskCounters {
    start: Instant,
    /// The current phase, and when it began, in microseconds after `start`.
    phase: AtomicU8,
    phase_began_us: AtomicU64,
    records_in: AtomicU64,
    records_out: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    busy_us: AtomicU64,
    buffers_out: AtomicU64,
    backpressured_us: AtomicU64,
    blocked_us: AtomicU64,
    idle_us: AtomicU64,
    bytes_in_local: AtomicU64,
    buffers_in_local: AtomicU64,
    buffers_in_remote: AtomicU64,
    /// The longest phases since they were read.
    max_backpressured_us: AtomicU64,
    max_blocked_us: AtomicU64,
    input_watermark: AtomicI64,
    output_watermark: AtomicI64,
    /// Of the last checkpoint, in milliseconds.
    checkpoint_alignment_ms: AtomicU64,
    checkpoint_start_delay_ms: AtomicU64,
    /// Only the reporter reads them, and only when channels are made they are added.
    inputs: Mutex<Vec<CreditUsage>>,
    outputs: Mutex<Vec<CreditUsage>>,
    /// What operators and user functions have registered.
    pub(crate) registry: Arc<Registry>,
    /// The alignment groups in which the subtask is.
    pub(crate) alignments: Alignments,
}

/// What a subtask spends its time with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    Busy = 0,
    Backpressured = BACKPRESSURED,
    Idle = IDLE,
    /// It waits for credit in the middle of a step.
    Blocked = BLOCKED,
}

const BACKPRESSURED: u8 = 1;
const IDLE: u8 = 2;
const BLOCKED: u8 = 3;

impl Default for TaskCounters {
    fn default() -> Self {
        Self {
            start: now(),
            phase: AtomicU8::new(Phase::Busy as u8),
            phase_began_us: AtomicU64::new(0),
            records_in: AtomicU64::default(),
            records_out: AtomicU64::default(),
            bytes_in: AtomicU64::default(),
            bytes_out: AtomicU64::default(),
            busy_us: AtomicU64::default(),
            buffers_out: AtomicU64::default(),
            backpressured_us: AtomicU64::default(),
            blocked_us: AtomicU64::default(),
            idle_us: AtomicU64::default(),
            bytes_in_local: AtomicU64::default(),
            buffers_in_local: AtomicU64::default(),
            buffers_in_remote: AtomicU64::default(),
            max_backpressured_us: AtomicU64::default(),
            max_blocked_us: AtomicU64::default(),
            input_watermark: AtomicI64::new(Timestamp::MIN.as_millis()),
            output_watermark: AtomicI64::new(Timestamp::MIN.as_millis()),
            checkpoint_alignment_ms: AtomicU64::default(),
            checkpoint_start_delay_ms: AtomicU64::default(),
            inputs: Mutex::default(),
            outputs: Mutex::default(),
            registry: Arc::default(),
            alignments: Alignments::default(),
        }
    }
}

impl TaskCounters {
    /// Counts records that came in, and the bytes that they took.
    pub fn received(&self, records: usize, bytes: usize) {
        self.records_in.fetch_add(records as u64, Relaxed);
        self.bytes_in.fetch_add(bytes as u64, Relaxed);
    }

    /// Counts records that went out.
    pub fn sent(&self, records: usize) {
        self.records_out.fetch_add(records as u64, Relaxed);
    }

    /// Counts bytes that went out.
    pub fn sent_bytes(&self, bytes: u64) {
        self.bytes_out.fetch_add(bytes, Relaxed);
    }

    /// Counts a batch that went out.
    pub(crate) fn sent_buffer(&self) {
        self.buffers_out.fetch_add(1, Relaxed);
    }

    /// Notes what came in, and from where. Only the subtask itself calls this.
    pub(crate) fn delivered(&self, all: Delivered) {
        self.bytes_in_local.store(all.local_bytes, Relaxed);
        self.buffers_in_local.store(all.local, Relaxed);
        self.buffers_in_remote.store(all.remote, Relaxed);
    }

    /// Notes how a checkpoint has begun.
    pub(crate) fn checkpoint_began(&self, alignment: Duration, start_delay_ms: u64) {
        self.checkpoint_alignment_ms.store(alignment.as_millis() as u64, Relaxed);
        self.checkpoint_start_delay_ms.store(start_delay_ms, Relaxed);
    }

    /// Shows the credits of these channels among those of the subtask's input.
    pub(crate) fn add_inputs(&self, channels: impl Iterator<Item = CreditUsage>) {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).extend(channels);
    }

    /// Shows the credits of these channels among those of the subtask's output.
    pub(crate) fn add_outputs(&self, channels: impl Iterator<Item = CreditUsage>) {
        self.outputs.lock().unwrap_or_else(PoisonError::into_inner).extend(channels);
    }

    /// Notes the watermark that all inputs have reached.
    pub fn set_input_watermark(&self, watermark: Timestamp) {
        self.input_watermark.store(watermark.as_millis(), Relaxed);
    }

    /// Notes the watermark that was sent.
    pub fn set_output_watermark(&self, watermark: Timestamp) {
        self.output_watermark.store(watermark.as_millis(), Relaxed);
    }

    /// Ends the current phase and begins another. Only the subtask itself calls this.
    pub(crate) fn enter(&self, phase: Phase) -> Instant {
        let now = now();
        let began = self.phase_began_us.swap(self.since_start(now), Relaxed);
        let ended = self.phase.swap(phase as u8, Relaxed);
        let lasted = self.since_start(now) - began;
        self.phase_cell(ended).fetch_add(lasted, Relaxed);
        match ended {
            BACKPRESSURED => drop(self.max_backpressured_us.fetch_max(lasted, Relaxed)),
            BLOCKED => drop(self.max_blocked_us.fetch_max(lasted, Relaxed)),
            _ => {}
        }
        now
    }

    /// The current phase.
    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            BACKPRESSURED => Phase::Backpressured,
            IDLE => Phase::Idle,
            _ => Phase::Busy,
        }
    }

    fn since_start(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_micros() as u64
    }

    fn phase_cell(&self, phase: u8) -> &AtomicU64 {
        match phase {
            BACKPRESSURED => &self.backpressured_us,
            IDLE => &self.idle_us,
            BLOCKED => &self.blocked_us,
            _ => &self.busy_us,
        }
    }

    /// The values now, with the time of the current phase so far. The longest phases are those since the last call.
    pub fn read(&self) -> TaskMetrics {
        let phase = self.phase.load(Relaxed);
        let running = self.since_start(now()).saturating_sub(self.phase_began_us.load(Relaxed));
        let time = |of: Phase, cell: &AtomicU64| {
            let running = if phase == of as u8 { running } else { 0 };
            Duration::from_micros(cell.load(Relaxed) + running).as_millis() as u64
        };
        let longest = |of: Phase, cell: &AtomicU64| {
            let running = if phase == of as u8 { running } else { 0 };
            Duration::from_micros(cell.swap(0, Relaxed).max(running)).as_millis() as u64
        };
        let blocked_ms = time(Phase::Blocked, &self.blocked_us);
        let (input_queue, input_credits) = credits(&self.inputs);
        let (output_queue, output_credits) = credits(&self.outputs);
        TaskMetrics {
            records_in: self.records_in.load(Relaxed),
            records_out: self.records_out.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            busy_ms: time(Phase::Busy, &self.busy_us),
            buffers_out: self.buffers_out.load(Relaxed),
            backpressured_ms: time(Phase::Backpressured, &self.backpressured_us) + blocked_ms,
            hard_backpressured_ms: blocked_ms,
            idle_ms: time(Phase::Idle, &self.idle_us),
            bytes_in_local: self.bytes_in_local.load(Relaxed),
            buffers_in_local: self.buffers_in_local.load(Relaxed),
            buffers_in_remote: self.buffers_in_remote.load(Relaxed),
            input_watermark: self.input_watermark.load(Relaxed).into(),
            output_watermark: self.output_watermark.load(Relaxed).into(),
            now: TaskGauges {
                is_backpressured: matches!(phase, BACKPRESSURED | BLOCKED),
                input_queue,
                input_credits,
                output_queue,
                output_credits,
                checkpoint_alignment_ms: self.checkpoint_alignment_ms.load(Relaxed),
                checkpoint_start_delay_ms: self.checkpoint_start_delay_ms.load(Relaxed),
                max_soft_backpressured_ms: longest(Phase::Backpressured, &self.max_backpressured_us),
                max_hard_backpressured_ms: longest(Phase::Blocked, &self.max_blocked_us),
            },
        }
    }

    /// What operators and user functions have registered, with its values now.
    pub fn read_operators(&self) -> OperatorMetrics {
        self.registry.read(now())
    }
}

/// How many credits of all these channels are in use, and how many there are.
fn credits(of: &Mutex<Vec<CreditUsage>>) -> (u32, u32) {
    let channels = of.lock().unwrap_or_else(PoisonError::into_inner);
    let used = channels.iter().map(CreditUsage::in_use).sum();
    (used, CREDITS_PER_CHANNEL * channels.len() as u32)
}

#[expect(clippy::disallowed_methods, reason = "a subtask measures its own phases")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_told_once() {
        let counters = TaskCounters::default();
        let pause = || std::thread::sleep(Duration::from_millis(3));
        counters.enter(Phase::Backpressured);
        pause();
        let now = counters.read().now;
        assert!(
            now.is_backpressured && now.max_soft_backpressured_ms >= 3,
            "the one that still lasts: {now:?}"
        );
        pause();
        counters.enter(Phase::Blocked);
        pause();
        counters.enter(Phase::Busy);
        let now = counters.read().now;
        assert!(now.max_soft_backpressured_ms >= 6 && now.max_hard_backpressured_ms >= 3, "{now:?}");
        assert_eq!(counters.read().now, TaskGauges::default(), "there was none since");
    }

    #[test]
    fn batches_are_counted_by_where_they_come_from() {
        let counters = TaskCounters::default();
        counters.delivered(Delivered { local: 3, local_bytes: 24, remote: 5 });
        let read = counters.read();
        assert_eq!((read.buffers_in_local, read.bytes_in_local, read.buffers_in_remote), (3, 24, 5));
    }
}
