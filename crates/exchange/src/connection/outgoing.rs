//! What waits to be sent to a peer.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use flott_core::ChannelId;
use tokio::sync::Notify;

use crate::frame::{self, FrameKind};

/// Frames and credits for one peer. Channels take turns frame by frame.
pub(crate) struct Outgoing {
    peer: u32,
    peer_name: Arc<str>,
    waiting: Mutex<Waiting>,
    writer: Notify,
    connected: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    frames: HashMap<ChannelId, VecDeque<Bytes>>,
    /// Channels with frames, the next one first.
    turns: VecDeque<ChannelId>,
    credits: BTreeMap<ChannelId, u32>,
    closed: bool,
}

impl Outgoing {
    pub(crate) fn new(peer: u32, peer_name: Arc<str>) -> Self {
        Self {
            peer,
            peer_name,
            waiting: Mutex::default(),
            writer: Notify::new(),
            connected: AtomicBool::new(false),
        }
    }

    /// Position of the peer in the placement.
    pub(crate) fn peer(&self) -> u32 {
        self.peer
    }

    /// Name of the peer, for people.
    pub(crate) fn peer_name(&self) -> Arc<str> {
        self.peer_name.clone()
    }

    /// Notes that the one connection to the peer is made. Returns `false` if there was one already.
    pub(crate) fn set_connected(&self) -> bool {
        !self.connected.swap(true, Ordering::AcqRel)
    }

    /// Whether the connection was made.
    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Acquire)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues frames of a channel behind its earlier ones.
    pub(crate) fn send(&self, channel: ChannelId, frames: Vec<Bytes>) {
        {
            let mut waiting = self.waiting();
            if waiting.closed {
                return;
            }
            let queue = waiting.frames.entry(channel).or_default();
            let was_empty = queue.is_empty();
            queue.extend(frames);
            if was_empty {
                waiting.turns.push_back(channel);
            }
        }
        self.writer.notify_one();
    }

    /// Grants credits to the producer of a channel. Grants that wait are merged.
    pub(crate) fn grant(&self, channel: ChannelId, count: u32) {
        {
            let mut waiting = self.waiting();
            if waiting.closed {
                return;
            }
            *waiting.credits.entry(channel).or_default() += count;
        }
        self.writer.notify_one();
    }

    /// Throws away what waits, and what is sent from now on.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.frames.clear();
        waiting.turns.clear();
        waiting.credits.clear();
    }

    /// Moves frames into `batch` until it holds `limit` bytes; credits go first, since they keep the peer busy.
    pub(super) fn take(&self, batch: &mut VecDeque<Bytes>, limit: usize) {
        let mut waiting = self.waiting();
        let credits = std::mem::take(&mut waiting.credits);
        batch.extend(
            credits.into_iter().map(|(channel, count)| frame::control(channel, FrameKind::Credit, count)),
        );
        let mut size: usize = batch.iter().map(Bytes::len).sum();
        while size < limit {
            let Some(channel) = waiting.turns.pop_front() else { break };
            let queue = waiting.frames.get_mut(&channel).expect("a channel with a turn has frames");
            if let Some(frame) = queue.pop_front() {
                size += frame.len();
                batch.push_back(frame);
            }
            if !queue.is_empty() {
                waiting.turns.push_back(channel);
            }
        }
    }

    /// Waits until something may be there to take.
    pub(super) async fn ready(&self) {
        self.writer.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use flott_core::{EdgeIndex, SubtaskIndex};

    use super::*;

    fn channel(consumer: u32) -> ChannelId {
        ChannelId { edge: EdgeIndex(0), producer: SubtaskIndex(0), consumer: SubtaskIndex(consumer) }
    }

    #[test]
    fn channels_take_turns_and_keep_their_order() {
        let outgoing = Outgoing::new(1, "peer".into());
        outgoing.send(channel(0), vec![Bytes::from("a1"), Bytes::from("a2"), Bytes::from("a3")]);
        outgoing.send(channel(1), vec![Bytes::from("b1")]);
        outgoing.send(channel(0), vec![Bytes::from("a4")]);
        let mut batch = VecDeque::new();
        outgoing.take(&mut batch, 1_000);
        assert_eq!(batch, ["a1", "b1", "a2", "a3", "a4"]);
    }

    #[test]
    fn credits_go_first_and_are_merged() {
        let outgoing = Outgoing::new(1, "peer".into());
        outgoing.send(channel(0), vec![Bytes::from("data")]);
        outgoing.grant(channel(1), 1);
        outgoing.grant(channel(1), 2);
        let mut batch = VecDeque::new();
        outgoing.take(&mut batch, 1_000);
        assert_eq!(batch, [frame::control(channel(1), FrameKind::Credit, 3), Bytes::from("data")]);
    }

    #[test]
    fn a_closed_connection_keeps_nothing() {
        let outgoing = Outgoing::new(1, "peer".into());
        outgoing.send(channel(0), vec![Bytes::from("data")]);
        outgoing.close();
        outgoing.send(channel(0), vec![Bytes::from("data")]);
        outgoing.grant(channel(0), 1);
        let mut batch = VecDeque::new();
        outgoing.take(&mut batch, 1_000);
        assert!(batch.is_empty());
    }
}
