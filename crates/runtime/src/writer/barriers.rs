//! How barriers get into the channels of an edge.

#[cfg(test)]
mod tests;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use flott_core::{
    CheckpointId,
    checkpoint::{Alignment, Barrier},
};
use flott_exchange::CapturedChannel;

use super::{Channel, Channels};
use crate::{Record, Result, counters::now};

/// The barrier that went into the channels last.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// What it has overtaken, and was not taken yet.
    captured: Vec<CapturedChannel>,
    /// Set while it waits for credit in some channels: which one, and when it overtakes there.
    waiting: Option<(CheckpointId, Instant)>,
}

impl<T: Record> Channel<T> {
    /// Sends the barrier that needs no credit, if there is one. Returns whether there is none left.
    pub(super) fn send_urgent(&mut self) -> Result<bool> {
        if let Some(barrier) = &self.urgent {
            if !self.sender.try_send_barrier(barrier)? {
                return Ok(false);
            }
            self.urgent = None;
        }
        Ok(true)
    }

    /// Whether this barrier waits for credit.
    fn holds(&self, id: CheckpointId) -> bool {
        self.held.iter().any(|buffer| buffer.barrier().is_some_and(|barrier| barrier.id == id))
    }
}

impl<T: Record> Channels<T> {
    /// Puts a barrier into all channels and sends it at once. Behind the records that are there, if it does not overtake;
    /// those that it does overtake are captured, and sent after it.
    pub(super) fn barrier(&mut self, barrier: &Arc<Barrier>) -> Result<()> {
        self.sent = Sent::default();
        let timeout = match barrier.alignment {
            Alignment::Unaligned => {
                for index in 0..self.channels.len() {
                    self.overtake_all(index, barrier)?;
                }
                return Ok(());
            }
            Alignment::Aligned { timeout_ms } => timeout_ms,
            Alignment::AtLeastOnce => None,
        };
        for index in 0..self.channels.len() {
            // Whoever was told of the end does not wait for barriers.
            if !self.channels[index].closed {
                self.channels[index].buffer.set_barrier(barrier.clone());
                self.send_or_hold(index)?;
            }
        }
        let is_held = || self.channels.iter().any(|channel| channel.holds(barrier.id));
        self.sent.waiting = timeout
            .and_then(|timeout| now().checked_add(Duration::from_millis(timeout)))
            .filter(|_| is_held())
            .map(|due| (barrier.id, due));
        Ok(())
    }

    /// Lets a barrier overtake all that was not sent.
    fn overtake_all(&mut self, index: usize, barrier: &Arc<Barrier>) -> Result<()> {
        let channel = &mut self.channels[index];
        if channel.closed {
            return Ok(());
        }
        let captured = channel.sender.capture(channel.held.iter().chain([&channel.buffer]))?;
        self.keep(captured);
        self.send_urgently(index, barrier.clone())
    }

    fn keep(&mut self, captured: CapturedChannel) {
        if !captured.buffers.is_empty() {
            self.sent.captured.push(captured);
        }
    }

    fn send_urgently(&mut self, index: usize, barrier: Arc<Barrier>) -> Result<()> {
        let channel = &mut self.channels[index];
        if channel.urgent.replace(barrier).is_none() {
            self.signals.hold();
        }
        self.send_held_urgent(index).map(drop)
    }

    /// Sends the barrier that needs no credit, if there is one. Returns whether there is none left.
    pub(super) fn send_held_urgent(&mut self, index: usize) -> Result<bool> {
        let channel = &mut self.channels[index];
        if channel.urgent.is_none() {
            return Ok(true);
        }
        let sent = channel.send_urgent()?;
        if sent {
            self.signals.release();
        }
        Ok(sent)
    }

    /// Lets a barrier that has waited for credit long enough overtake what it waits behind. Costs nothing if none waits.
    #[inline]
    pub(super) fn overtake_if_due(&mut self) -> Result<()> {
        match self.sent.waiting {
            Some((id, due)) => self.overtake_waiting(id, due),
            None => Ok(()),
        }
    }

    #[cold]
    fn overtake_waiting(&mut self, id: CheckpointId, due: Instant) -> Result<()> {
        let is_due = now() >= due;
        let mut waits = false;
        for index in 0..self.channels.len() {
            if !self.channels[index].holds(id) {
                continue;
            }
            if is_due {
                self.overtake_to(index, id)?;
            } else {
                waits = true;
            }
        }
        if !waits {
            self.sent.waiting = None;
        }
        Ok(())
    }

    /// Lets a held barrier overtake what is in front of it.
    fn overtake_to(&mut self, index: usize, id: CheckpointId) -> Result<()> {
        let channel = &mut self.channels[index];
        let is_here = |barrier: &Arc<Barrier>| barrier.id == id;
        let Some(at) = channel.held.iter().position(|buffer| buffer.barrier().is_some_and(is_here)) else {
            return Ok(());
        };
        let Some(mut barrier) = channel.held[at].take_barrier() else { return Ok(()) };
        let captured = channel.sender.capture(channel.held.iter().take(at + 1))?;
        if channel.held[at].is_empty() {
            channel.held.remove(at);
            self.signals.release();
        }
        self.keep(captured);
        Arc::make_mut(&mut barrier).alignment = Alignment::Unaligned;
        self.send_urgently(index, barrier)
    }

    /// What the last barrier has overtaken since the last call.
    pub(super) fn take_captured(&mut self) -> Vec<CapturedChannel> {
        std::mem::take(&mut self.sent.captured)
    }

    /// Whether the last barrier may still overtake something.
    pub(super) fn may_capture_more(&self) -> bool {
        self.sent.waiting.is_some()
    }

    /// A checkpoint was given up: nothing need be kept for it.
    pub(super) fn abort(&mut self, id: CheckpointId) {
        if self.sent.waiting.is_some_and(|(waiting, _)| waiting == id) {
            self.sent = Sent::default();
        }
    }

    /// Sends first what an earlier attempt had emitted and not sent. To be called before anything is sent; channels that are
    /// none of this edge's are left out.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn restore(&mut self, captured: &[CapturedChannel]) -> Result<()> {
        for channel in &mut self.channels {
            let of_channel = captured.iter().filter(|captured| captured.is_of(channel.sender.id()));
            for captured in of_channel {
                for buffer in channel.sender.restore(&captured.buffers)? {
                    channel.held.push_back(buffer);
                    self.signals.hold();
                }
            }
        }
        Ok(())
    }
}
