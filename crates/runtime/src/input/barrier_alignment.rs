//! Aligns the barriers of checkpoints over the input channels of one subtask.
//!
//! A channel whose barrier has arrived is blocked until all have delivered theirs; then the subtask takes its snapshot and
//! hands the barrier on. As channels keep their order this is a consistent cut (Chandy & Lamport, 1985) that needs nothing
//! of what is in the channels (Carbone et al., "Lightweight Asynchronous Snapshots for Distributed Dataflows", 2015).
//!
//! If barriers overtake, the snapshot is taken at the first of them, nothing is blocked, and what was in front of the
//! barriers in the channels becomes part of the snapshot: the cut then lies before it. With at-least-once nothing is blocked
//! either, but what channels deliver behind their barrier is simply in the snapshot, too early.

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use flott_core::{
    CheckpointId,
    checkpoint::{Alignment, Barrier},
};

/// What the subtask has to do, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// What was to be kept of the channels for an earlier checkpoint is not needed any more.
    pub(super) stop_capture: bool,
    /// All channels are to deliver again.
    pub(super) unblock: bool,
    /// The channel that the barrier came from is to deliver no more for now.
    pub(super) block: bool,
    /// The snapshot is to be taken now.
    pub(super) take: Option<Take>,
}

/// A snapshot that is to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Take {
    /// With this barrier, which is to be handed on. If it is unaligned, what comes in the channels in front of theirs is to be
    /// kept, see [`BarrierAligner::is_passed`].
    pub(super) barrier: Arc<Barrier>,
    /// When the first barrier came.
    pub(super) began: Instant,
}

/// ```text
/// Waiting for none → Aligning → none     (the last barrier has come, or the checkpoint was given up)
///                       ↓
///                   Overtaken → none     (taken; the other barriers tell what was in front of them)
/// ```
/// Ids rise. An older one than the current is ignored, a newer one replaces it; a channel that has ended counts as one that
/// has delivered.
#[derive(Debug)]
pub(super) struct BarrierAligner {
    channels: Vec<Channel>,
    /// The highest id that was begun.
    last: CheckpointId,
    /// Higher ones that were given up before they have come.
    aborted: BTreeSet<CheckpointId>,
    /// Higher ones whose barriers are on their way, and since when.
    announced: BTreeMap<CheckpointId, (Arc<Barrier>, Instant)>,
    current: Option<Current>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Channel {
    ended: bool,
    /// Whether it has delivered the current barrier.
    arrived: bool,
    /// Whether it has delivered all that was in front of it, too.
    passed: bool,
}

#[derive(Debug)]
struct Current {
    barrier: Arc<Barrier>,
    began: Instant,
    /// When barriers begin to overtake, if they do not yet.
    due: Option<Instant>,
    blocks: bool,
    /// Whether the snapshot was taken already.
    taken: bool,
}

impl BarrierAligner {
    /// Over this many channels.
    pub(super) fn new(channels: usize) -> Self {
        Self {
            channels: vec![Channel::default(); channels],
            last: CheckpointId(0),
            aborted: BTreeSet::new(),
            announced: BTreeMap::new(),
            current: None,
        }
    }

    /// A barrier has come in a channel. Unless it is unaligned, the channel has delivered all that was in front of it.
    pub(super) fn on_barrier(&mut self, channel: usize, barrier: &Arc<Barrier>, now: Instant) -> Decision {
        let mut decision = Decision::default();
        if self.channels[channel].ended || !self.enter(barrier, now, &mut decision) {
            return decision;
        }
        let arrived = std::mem::replace(&mut self.channels[channel].arrived, true);
        // After it was announced in front of its turn, its turn brings no news.
        self.channels[channel].passed |= barrier.alignment != Alignment::Unaligned;
        if arrived {
            return decision;
        }
        let overtakes = barrier.alignment == Alignment::Unaligned;
        if overtakes {
            self.overtake(&mut decision);
        }
        let blocks = self.current.as_ref().is_some_and(|current| current.blocks && !current.taken);
        decision.block = blocks && !self.is_complete();
        self.settle(&mut decision);
        decision
    }

    /// A barrier is in a channel and waits for its turn, but only for as long as its timeout says.
    pub(super) fn on_announcement(&mut self, barrier: &Arc<Barrier>, now: Instant) {
        if barrier.id > self.last && !self.aborted.contains(&barrier.id) {
            self.announced.entry(barrier.id).or_insert_with(|| (barrier.clone(), now));
        }
    }

    /// The checkpoint begins here, since all who would send its barrier have finished: it is taken when the channels have
    /// ended.
    pub(super) fn on_trigger(&mut self, barrier: &Arc<Barrier>, now: Instant) -> Decision {
        let mut decision = Decision::default();
        if self.enter(barrier, now, &mut decision) {
            if barrier.alignment == Alignment::Unaligned {
                self.overtake(&mut decision);
            }
            self.settle(&mut decision);
        }
        decision
    }

    /// A channel has ended.
    pub(super) fn on_end(&mut self, channel: usize) -> Decision {
        self.channels[channel].ended = true;
        let mut decision = Decision::default();
        self.settle(&mut decision);
        decision
    }

    /// It is `now`: perhaps the barriers have waited long enough.
    pub(super) fn on_time(&mut self, now: Instant) -> Decision {
        let mut decision = Decision::default();
        if self.due().is_none_or(|due| now < due) {
            return decision;
        }
        if self.current.as_ref().is_none_or(|current| current.due.is_none_or(|due| now < due))
            && let Some((barrier, _)) = self.announced.values().next()
        {
            let barrier = barrier.clone();
            self.enter(&barrier, now, &mut decision);
        }
        self.overtake(&mut decision);
        self.settle(&mut decision);
        decision
    }

    /// A checkpoint was given up.
    pub(super) fn on_abort(&mut self, id: CheckpointId) -> Decision {
        let mut decision = Decision::default();
        if self.current.as_ref().is_some_and(|current| current.barrier.id == id) {
            self.drop_current(&mut decision);
        } else if id > self.last {
            self.aborted.insert(id);
            self.announced.remove(&id);
        }
        decision
    }

    /// When [`on_time`](Self::on_time) is to be called.
    #[inline]
    pub(super) fn due(&self) -> Option<Instant> {
        let current = self.current.as_ref().and_then(|current| current.due);
        let announced = self.announced.values().next().and_then(|(barrier, since)| due(barrier, *since));
        match (current, announced) {
            (Some(current), Some(announced)) => Some(current.min(announced)),
            (current, announced) => current.or(announced),
        }
    }

    /// Since when barriers are awaited; `None` if none are.
    pub(super) fn aligning_since(&self) -> Option<Instant> {
        self.current.as_ref().map(|current| current.began)
    }

    /// Whether a channel has delivered all that was in front of the current barrier.
    pub(super) fn is_passed(&self, channel: usize) -> bool {
        self.channels[channel].passed || self.channels[channel].ended
    }

    /// Makes `barrier` the current one. Returns `false` if it is too old.
    fn enter(&mut self, barrier: &Arc<Barrier>, now: Instant, decision: &mut Decision) -> bool {
        if barrier.id <= self.last || self.aborted.contains(&barrier.id) {
            return self.current.as_ref().is_some_and(|current| current.barrier.id == barrier.id);
        }
        self.drop_current(decision);
        self.last = barrier.id;
        self.aborted.retain(|id| *id > barrier.id);
        let began = self.announced.get(&barrier.id).map_or(now, |(_, since)| *since);
        self.announced.retain(|id, _| *id > barrier.id);
        for channel in &mut self.channels {
            (channel.arrived, channel.passed) = (false, false);
        }
        self.current = Some(Current {
            barrier: barrier.clone(),
            began,
            due: due(barrier, began),
            blocks: matches!(barrier.alignment, Alignment::Aligned { .. }),
            taken: false,
        });
        true
    }

    fn drop_current(&mut self, decision: &mut Decision) {
        if let Some(current) = self.current.take() {
            decision.stop_capture = current.taken;
            self.unblock(&current, decision);
        }
    }

    fn unblock(&self, current: &Current, decision: &mut Decision) {
        decision.unblock = current.blocks && self.channels.iter().any(|channel| channel.arrived);
    }

    /// Takes the snapshot without waiting for the other barriers.
    fn overtake(&mut self, decision: &mut Decision) {
        let Some(mut current) = self.current.take() else { return };
        if !current.taken {
            self.unblock(&current, decision);
            if current.barrier.alignment != Alignment::Unaligned {
                // From here on it overtakes everywhere.
                Arc::make_mut(&mut current.barrier).alignment = Alignment::Unaligned;
            }
            (current.taken, current.blocks, current.due) = (true, false, None);
            decision.take = Some(Take { barrier: current.barrier.clone(), began: current.began });
        }
        self.current = Some(current);
    }

    fn is_complete(&self) -> bool {
        self.channels.iter().all(|channel| channel.arrived || channel.ended)
    }

    /// Ends the alignment if all have delivered their barriers.
    fn settle(&mut self, decision: &mut Decision) {
        if !self.is_complete() {
            return;
        }
        if let Some(current) = self.current.take()
            && !current.taken
        {
            self.unblock(&current, decision);
            decision.take = Some(Take { barrier: current.barrier, began: current.began });
        }
    }
}

/// When a barrier that came at this time begins to overtake, if ever.
fn due(barrier: &Barrier, since: Instant) -> Option<Instant> {
    match barrier.alignment {
        // A time that is too far away for the clock never comes.
        Alignment::Aligned { timeout_ms } => since.checked_add(Duration::from_millis(timeout_ms?)),
        Alignment::Unaligned | Alignment::AtLeastOnce => None,
    }
}
