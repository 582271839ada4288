//! The end of a chain that sends to other subtasks.

mod barriers;
mod distribution;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc};

use flott_core::{FailureKind, checkpoint::Barrier, hash::mix, time::Timestamp};
use flott_exchange::{BATCH_BYTES, BATCH_RECORDS, Buffer, ChannelCapture, ChannelSender};
use tokio::{runtime::Handle, task::block_in_place};

pub use distribution::{Broadcast, Custom, Distribution, Forward, Global, Hash, Rebalance, Shuffle};

use crate::{
    Batch, CheckpointEvent, EventKind, Mark, Output, Record, Result, RuntimeContext, TaskCounters, TaskEnd,
    TaskSignals, counters::Phase, output::Flush, scope,
};
use barriers::Sent;

/// Batches that one channel may hold back for want of credit before the subtask stops within a batch. Reached only by
/// operators that make very many records of one.
const HELD_LIMIT: usize = 16;

/// A channel with what is to be sent into it.
struct Channel<T> {
    sender: ChannelSender<T>,
    buffer: Buffer<T>,
    /// Full batches that wait for credit, oldest first.
    held: VecDeque<Buffer<T>>,
    /// A barrier that overtakes all these, but whose consumer is not there yet.
    urgent: Option<Arc<Barrier>>,
    bytes_counted: u64,
    closed: bool,
}

/// The channels of one edge, into which a [`Distribution`] puts records.
pub struct Channels<T> {
    channels: Vec<Channel<T>>,
    sent: Sent,
    /// Scattered, it chooses the channel for a mark that goes into one only.
    chance: u64,
    signals: Arc<TaskSignals>,
    counters: Arc<TaskCounters>,
}

impl<T: Record> Channels<T> {
    /// Over these senders, by consumer.
    pub fn new(
        senders: Vec<ChannelSender<T>>,
        signals: Arc<TaskSignals>,
        counters: Arc<TaskCounters>,
    ) -> Self {
        counters.add_outputs(senders.iter().map(ChannelSender::credit_usage));
        // Each edge of each producer chooses in another order.
        let of_edge = |sender: &ChannelSender<T>| {
            let id = sender.id();
            mix(u64::from(id.edge.0) << 32 | u64::from(id.producer.0))
        };
        let chance = senders.first().map_or(0, of_edge);
        let channels = senders
            .into_iter()
            .map(|sender| Channel {
                sender,
                buffer: Buffer::default(),
                held: VecDeque::new(),
                urgent: None,
                bytes_counted: 0,
                closed: false,
            })
            .collect();
        Self { channels, sent: Sent::default(), chance, signals, counters }
    }

    /// Number of consumers.
    pub fn len(&self) -> usize {
        self.channels.len()
    }

    /// Whether there is nobody to send to.
    pub fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Whether records own memory, so that each can have another size and must be measured.
    const MEASURED: bool = std::mem::needs_drop::<T>();

    /// How many records make a batch, unless they are large.
    const CAPACITY: usize = {
        let records =
            if Self::MEASURED || size_of::<T>() == 0 { BATCH_RECORDS } else { BATCH_BYTES / size_of::<T>() };
        if records == 0 {
            1
        } else if records > BATCH_RECORDS {
            BATCH_RECORDS
        } else {
            records
        }
    };

    /// Puts a record into a channel, and sends the channel's batch if it is full. Batches are bounded in bytes as well as
    /// in records, so that credits bound memory; a record that is larger than a batch should be is one by itself.
    ///
    /// # Errors
    /// If the channel is broken or the record too large.
    #[inline]
    pub fn push(&mut self, index: usize, record: T, timestamp: Timestamp) -> Result<()> {
        if Self::MEASURED {
            let size = ChannelSender::record_size(&record);
            if self.channels[index].buffer.measured + size > BATCH_BYTES {
                self.make_room(index, size)?;
            }
            self.channels[index].buffer.measured += size;
        }
        let batch = &mut self.channels[index].buffer.batch;
        batch.push(record, timestamp);
        if batch.len() >= Self::CAPACITY { self.send(index) } else { Ok(()) }
    }

    /// Puts a mark into all channels, behind the records that are there.
    fn mark(&mut self, mark: Mark) -> Result<()> {
        (0..self.channels.len()).try_for_each(|index| self.mark_one(index, mark))
    }

    /// Puts a mark into one channel, each time another one by chance.
    fn mark_any(&mut self, mark: Mark) -> Result<()> {
        self.chance = self.chance.wrapping_add(1);
        match distribution::scaled(mix(self.chance), self.channels.len()) {
            index if index < self.channels.len() => self.mark_one(index, mark),
            _ => Ok(()),
        }
    }

    fn mark_one(&mut self, index: usize, mark: Mark) -> Result<()> {
        let buffer = &mut self.channels[index].buffer;
        buffer.mark(mark);
        if buffer.is_full_of_marks() { self.send(index) } else { Ok(()) }
    }

    #[cold]
    fn make_room(&mut self, index: usize, size: usize) -> Result<()> {
        let channel = &self.channels[index];
        channel.sender.check_size(size)?;
        if channel.buffer.is_empty() { Ok(()) } else { self.send(index) }
    }

    /// Sends a channel's batch, or holds it back if there is no credit.
    #[inline(never)]
    fn send(&mut self, index: usize) -> Result<()> {
        // A function that makes very many records of one is within a single step for long.
        if self.signals.is_canceled() {
            return Err(TaskEnd::Canceled);
        }
        self.send_or_hold(index)?;
        if self.channels[index].held.len() > HELD_LIMIT && !self.signals.never_waits() {
            return self.wait_for_credit(index);
        }
        // Reserved at once and to the full: growing step by step copies.
        self.channels[index].buffer.batch.records.reserve(Self::CAPACITY);
        Ok(())
    }

    fn send_or_hold(&mut self, index: usize) -> Result<()> {
        let channel = &mut self.channels[index];
        let must_wait = channel.urgent.is_some() || !channel.held.is_empty();
        if must_wait || !channel.sender.try_send(&mut channel.buffer)? {
            channel.held.push_back(std::mem::take(&mut channel.buffer));
            self.signals.hold();
        } else {
            self.counters.sent_buffer();
        }
        self.count_bytes(index);
        Ok(())
    }

    /// Stops this thread until a channel has room again. The runtime lends the thread's other subtasks to a further one
    /// meanwhile, so the consumers go on.
    #[cold]
    fn wait_for_credit(&mut self, index: usize) -> Result<()> {
        self.counters.enter(Phase::Blocked);
        let result = block_in_place(|| {
            loop {
                self.send_held(index)?;
                if self.channels[index].held.len() < HELD_LIMIT / 2 {
                    return Ok(());
                }
                if self.signals.is_canceled() {
                    return Err(TaskEnd::Canceled);
                }
                Handle::current().block_on(self.signals.wake.notified());
            }
        });
        self.counters.enter(Phase::Busy);
        result
    }

    fn send_held(&mut self, index: usize) -> Result<()> {
        if !self.send_held_urgent(index)? {
            return Ok(());
        }
        let channel = &mut self.channels[index];
        while let Some(batch) = channel.held.front_mut() {
            if !channel.sender.try_send(batch)? {
                break;
            }
            channel.held.pop_front();
            self.signals.release();
            self.counters.sent_buffer();
        }
        self.count_bytes(index);
        Ok(())
    }

    fn count_bytes(&mut self, index: usize) {
        let channel = &mut self.channels[index];
        let sent = channel.sender.bytes_sent();
        if sent != channel.bytes_counted {
            self.counters.sent_bytes(sent - channel.bytes_counted);
            channel.bytes_counted = sent;
        }
    }
}

/// Sends the records of one edge.
pub struct EdgeWriter<T, D> {
    producer: RuntimeContext,
    channels: Channels<T>,
    distribution: D,
}

impl<T: Record, D: Distribution<T>> EdgeWriter<T, D> {
    /// Sends what `producer` emits into `channels` as `distribution` says.
    pub fn new(producer: RuntimeContext, channels: Channels<T>, distribution: D) -> Self {
        Self { producer, channels, distribution }
    }

    /// Calls into key selectors and serializers: their failures are the producer's.
    fn within_producer(&mut self, call: impl FnOnce(&mut Channels<T>, &mut D) -> Result<()>) -> Result<()> {
        let _scope = scope::enter(self.producer.position);
        call(&mut self.channels, &mut self.distribution).map_err(|end| match end {
            TaskEnd::Failed(cause) if cause.kind == FailureKind::UserError => {
                cause.in_operator(&*self.producer.name).into()
            }
            end => end,
        })
    }
}

impl<T: Record, D: Distribution<T>> Output<T> for EdgeWriter<T, D> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        self.channels.counters.sent(batch.len());
        self.within_producer(|channels, distribution| distribution.distribute(batch, channels))
    }

    fn mark(&mut self, mark: Mark) -> Result<()> {
        match mark {
            Mark::Watermark(watermark) => self.channels.counters.set_output_watermark(watermark),
            // As many as there are subtasks before would otherwise become as many times those behind.
            Mark::Latency(_) => return self.channels.mark_any(mark),
            Mark::Idle | Mark::Active => {}
        }
        self.channels.mark(mark)
    }

    fn on_processing_time(&mut self, _: Timestamp) -> Result<()> {
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        Ok(())
    }

    fn flush(&mut self, flush: Flush) -> Result<()> {
        self.within_producer(|channels, _| {
            channels.overtake_if_due()?;
            for index in 0..channels.len() {
                channels.send_held(index)?;
                if flush == Flush::All && !channels.channels[index].buffer.is_empty() {
                    channels.send(index)?;
                }
            }
            Ok(())
        })
    }

    fn close(&mut self) -> Result<bool> {
        let mut closed = true;
        for channel in &mut self.channels.channels {
            debug_assert!(
                channel.buffer.is_empty() && channel.held.is_empty(),
                "all batches were sent before"
            );
            if !channel.closed {
                channel.closed = channel.sender.try_end()?;
                closed &= channel.closed;
            }
        }
        Ok(closed)
    }

    fn checkpoint(&mut self, event: &mut CheckpointEvent<'_>) -> Result<()> {
        let kind = event.kind();
        self.within_producer(|channels, _| match kind {
            EventKind::Barrier(barrier) => channels.barrier(barrier),
            EventKind::Continue => channels.overtake_if_due(),
            EventKind::Aborted(id) => {
                channels.abort(id);
                Ok(())
            }
            EventKind::Completed(_) => Ok(()),
        })?;
        if matches!(kind, EventKind::Barrier(_) | EventKind::Continue) {
            let outputs = self.channels.take_captured();
            if !outputs.is_empty() {
                event.channels(ChannelCapture { inputs: Vec::new(), outputs });
            }
            if self.channels.may_capture_more() {
                event.await_channels();
            }
        }
        Ok(())
    }
}
