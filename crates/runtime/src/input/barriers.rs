use std::{sync::Arc, time::Instant};

use flott_core::{
    CheckpointId,
    checkpoint::{Alignment, Barrier},
};

use flott_exchange::{CapturedChannel, ChannelCapture};

use super::{
    AlignmentStats,
    barrier_alignment::{BarrierAligner, Decision, Take},
};
use crate::{CheckpointEvent, Result, counters::now};

/// The barriers of a subtask's input: what they wait for, and how long.
#[derive(Debug)]
pub(super) struct Barriers {
    aligner: BarrierAligner,
    /// Checkpoints that begin here.
    triggered: Option<Arc<Barrier>>,
    /// Bytes that were processed so far.
    processed: u64,
    /// The snapshot for which the gates keep what its barriers overtake.
    capturing: Option<CheckpointId>,
    /// The last one for which they did not keep all.
    missed: Option<CheckpointId>,
    /// When the first barrier came for which others are awaited, and how many bytes were processed by then.
    began: Option<(Instant, u64)>,
}

/// A snapshot that is due now.
pub(super) type Due = (Arc<Barrier>, AlignmentStats);

impl Barriers {
    /// Over this many channels.
    pub(super) fn new(channels: usize) -> Self {
        let aligner = BarrierAligner::new(channels);
        Self { aligner, triggered: None, processed: 0, capturing: None, missed: None, began: None }
    }

    /// Counts bytes that are processed.
    #[inline]
    pub(super) fn processed(&mut self, bytes: usize) {
        self.processed += bytes as u64;
    }

    /// Notes a checkpoint that begins here; one that waits for its turn is replaced.
    pub(super) fn trigger(&mut self, barrier: Arc<Barrier>) {
        self.triggered = Some(barrier);
    }

    /// What has to be done before anything else: a checkpoint begins here, or barriers have waited for long enough. Costs
    /// nothing if there is nothing.
    #[inline]
    pub(super) fn on_step(&mut self) -> Option<Decision> {
        if self.triggered.is_none() && self.aligner.due().is_none() {
            return None;
        }
        self.on_due(false)
    }

    /// As [`on_step`](Self::on_step), but only for what need not wait until the subtask can take input.
    pub(super) fn on_urgent_step(&mut self) -> Option<Decision> {
        self.on_due(true)
    }

    #[cold]
    fn on_due(&mut self, urgent: bool) -> Option<Decision> {
        let time = now();
        let begins = |barrier: &mut Arc<Barrier>| !urgent || barrier.alignment == Alignment::Unaligned;
        if let Some(barrier) = self.triggered.take_if(begins) {
            return Some(self.aligner.on_trigger(&barrier, time));
        }
        let is_due = self.aligner.due().is_some_and(|due| time >= due);
        is_due.then(|| self.aligner.on_time(time))
    }

    /// See [`BarrierAligner::on_barrier`].
    pub(super) fn on_barrier(&mut self, channel: usize, barrier: &Arc<Barrier>) -> Decision {
        self.aligner.on_barrier(channel, barrier, now())
    }

    /// See [`BarrierAligner::on_announcement`].
    pub(super) fn on_announcement(&mut self, barrier: &Arc<Barrier>) {
        self.aligner.on_announcement(barrier, now());
    }

    /// See [`BarrierAligner::on_end`].
    pub(super) fn on_end(&mut self, channel: usize) -> Decision {
        self.aligner.on_end(channel)
    }

    /// See [`BarrierAligner::on_abort`].
    pub(super) fn on_abort(&mut self, id: CheckpointId) -> Decision {
        self.triggered.take_if(|barrier| barrier.id <= id);
        self.aligner.on_abort(id)
    }

    /// When the next step is due even if nothing comes.
    pub(super) fn due(&self) -> Option<Instant> {
        self.aligner.due()
    }

    /// See [`BarrierAligner::is_passed`].
    pub(super) fn is_passed(&self, channel: usize) -> bool {
        self.aligner.is_passed(channel)
    }

    /// The gates keep what is overtaken for a snapshot, or, with `None`, for none any more.
    pub(super) fn capture(&mut self, id: Option<CheckpointId>) {
        if let Some(missed) = std::mem::replace(&mut self.capturing, id) {
            self.missed = Some(missed);
        }
    }

    /// Hands `event` what the gates have kept for its snapshot: `take` returns that, and whether it is all.
    ///
    /// # Errors
    /// What `take` returns.
    pub(super) fn hand_over(
        &mut self,
        event: &mut CheckpointEvent<'_>,
        take: impl FnOnce() -> Result<(Vec<CapturedChannel>, bool)>,
    ) -> Result<()> {
        let id = event.snapshot_id();
        if id.is_some() && id == self.capturing {
            let (inputs, complete) = take()?;
            event.channels(ChannelCapture { inputs, outputs: Vec::new() });
            if complete {
                self.capturing = None;
            } else {
                event.await_channels();
            }
        } else if id.is_some() && id == self.missed {
            // It never comes.
            event.await_channels();
        }
        Ok(())
    }

    /// Measures what a decision ends, and begins. To be called with each.
    pub(super) fn measure(&mut self, decision: Decision) -> Option<Due> {
        let before = self.began;
        let since = self.aligner.aligning_since();
        if since != before.map(|(since, _)| since) {
            self.began = since.map(|since| (since, self.processed));
        }
        let Take { barrier, began } = decision.take?;
        let processed = match before {
            Some((since, processed)) if since == began => self.processed - processed,
            _ => 0,
        };
        let duration = now().saturating_duration_since(began);
        let unaligned = barrier.alignment == Alignment::Unaligned;
        Some((barrier, AlignmentStats { duration, processed, unaligned }))
    }
}
