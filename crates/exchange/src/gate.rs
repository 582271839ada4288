//! The consuming end: one queue for all channels of a subtask's input.

mod capture;
mod item;
mod queue;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::Bytes;
use flott_core::{ChannelId, CheckpointId};
use tokio::sync::Notify;

use self::{
    capture::Capture,
    queue::{Entries, News},
};
pub use item::{GateItem, UrgentItem};
pub(crate) use queue::{GateQueue, Queued, RemoteConsumer};

use crate::{
    Batch, Buffer, CapturedChannel, Error, Record,
    buffer::{Piece, Pieces},
    codec,
    connection::Outgoing,
    credit::CreditUsage,
    plane::{LocalEnd, Routes},
};

/// Where a channel's credits go back to. Ends the consumer's side of the channel when dropped.
pub(crate) enum CreditReturn<T> {
    Local(LocalEnd<T>),
    Remote(RemoteReceiver),
}

/// The consumer's side of a channel from another process.
pub(crate) struct RemoteReceiver {
    pub(crate) id: ChannelId,
    pub(crate) outgoing: Arc<Outgoing>,
    /// Credits that the producer has not spent yet, as far as is known here.
    pub(crate) unspent: Arc<AtomicU32>,
    pub(crate) routes: Arc<Routes>,
}

impl Drop for RemoteReceiver {
    fn drop(&mut self) {
        self.routes.consumer_left(self.id);
    }
}

pub(crate) struct InputChannel<T> {
    id: ChannelId,
    credit_return: CreditReturn<T>,
    ended: bool,
    blocked: bool,
}

impl<T> InputChannel<T> {
    pub(crate) fn new(id: ChannelId, credit_return: CreditReturn<T>) -> Self {
        Self { id, credit_return, ended: false, blocked: false }
    }
}

/// The input of a subtask: all channels over all edges that end in it.
///
/// A channel may be [blocked](Self::block): then what comes in it is stashed, at most as many batches as it has credits.
pub struct InputGate<T> {
    queue: Arc<GateQueue<T>>,
    /// Entries taken out of the queue, so that its lock is taken once for many.
    taken: Entries<T>,
    channels: Vec<InputChannel<T>>,
    open: usize,
    /// A buffer that is being handed out piece by piece.
    open_buffer: Option<OpenBuffer<T>>,
    /// Memory for its pieces.
    piece: Batch<T>,
    /// Empty buffers for what is decoded from the wire.
    spare: Vec<Buffer<T>>,
    /// Whether no credit was spent for the whole buffer that was handed out last.
    lent_for_free: bool,
    /// Number of channels that are blocked.
    blocked: usize,
    /// What came in blocked channels.
    stash: Entries<T>,
    /// Barriers that are to be told of before their turn.
    news: VecDeque<(u32, News)>,
    capture: Option<Capture>,
    delivered: Delivered,
}

/// What a gate has delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Batches from producers in this process.
    pub local: u64,
    /// Bytes of their records.
    pub local_bytes: u64,
    /// Batches from the wire.
    pub remote: u64,
}

struct OpenBuffer<T> {
    channel: u32,
    pieces: Pieces<T>,
    /// Bytes of all that was not handed out yet: the first records carry them.
    bytes: usize,
    /// Whether no credit was spent for it.
    for_free: bool,
}

impl<T> Drop for InputGate<T> {
    fn drop(&mut self) {
        // Producers that have not heard of it yet send on, for as long as they have credit.
        self.queue.close();
    }
}

impl<T: Record> InputGate<T> {
    pub(crate) fn queue(consumer: Arc<Notify>) -> Arc<GateQueue<T>> {
        Arc::new(GateQueue::new(consumer))
    }

    pub(crate) fn new(queue: Arc<GateQueue<T>>, channels: Vec<InputChannel<T>>) -> Self {
        let open = channels.len();
        Self {
            queue,
            taken: VecDeque::new(),
            channels,
            open,
            open_buffer: None,
            piece: Batch::new(),
            spare: Vec::new(),
            lent_for_free: false,
            blocked: 0,
            stash: VecDeque::new(),
            news: VecDeque::new(),
            capture: None,
            delivered: Delivered::default(),
        }
    }

    /// What was taken out so far.
    pub fn delivered(&self) -> Delivered {
        self.delivered
    }

    /// Number of channels, those that have ended included.
    pub fn channels(&self) -> usize {
        self.channels.len()
    }

    /// Shows how many credits of each channel are in use.
    pub fn credit_usage(&self) -> impl Iterator<Item = CreditUsage> + '_ {
        self.channels.iter().map(|channel| match &channel.credit_return {
            CreditReturn::Local(local) => CreditUsage::of_producer(local.credit.clone()),
            CreditReturn::Remote(remote) => CreditUsage::of_consumer(remote.unspent.clone()),
        })
    }

    /// Takes the next item, without waiting.
    ///
    /// # Errors
    /// If a channel broke or a batch can't be decoded. The gate must not be used after that.
    pub fn poll(&mut self) -> Result<GateItem<T>, Error> {
        match self.poll_urgent()? {
            Some(UrgentItem::Barrier { channel, barrier }) => {
                return Ok(GateItem::Barrier { channel, barrier });
            }
            Some(UrgentItem::Announcement { barrier }) => return Ok(GateItem::Announcement { barrier }),
            None => {}
        }
        loop {
            if let Some(item) = self.next_piece() {
                return Ok(item);
            }
            if self.taken.is_empty() {
                self.take_in()?;
            }
            let Some((channel, entry)) = self.taken.pop_front() else {
                return Ok(if self.open == 0 { GateItem::Ended } else { GateItem::Empty });
            };
            let input = &mut self.channels[channel as usize];
            if input.blocked && !matches!(entry, Queued::Failed(_)) {
                self.stash.push_back((channel, entry));
                continue;
            }
            let (buffer, bytes, for_free) = match entry {
                Queued::Buffer(buffer) => {
                    let bytes = buffer.size();
                    self.delivered.local += 1;
                    self.delivered.local_bytes += bytes as u64;
                    (buffer, bytes, false)
                }
                Queued::Encoded(frames) => {
                    self.delivered.remote += 1;
                    let mut buffer = self.spare.pop().unwrap_or_default();
                    let bytes = decode_frames(&frames, input.id, &mut buffer)?;
                    (buffer, bytes, false)
                }
                Queued::Restored(bytes) => {
                    let mut buffer = self.spare.pop().unwrap_or_default();
                    codec::decode(&bytes, input.id, &mut buffer)?;
                    (buffer, bytes.len(), true)
                }
                Queued::End if !input.ended => {
                    input.ended = true;
                    self.open -= 1;
                    return Ok(GateItem::ChannelEnded { channel });
                }
                // A connection may break after its channels have ended: that harms nobody.
                Queued::Failed(error) if !input.ended => return Err(error),
                // The barrier was told of when it came.
                Queued::End | Queued::Failed(_) | Queued::Barrier(_) => continue,
            };
            if buffer.is_plain() {
                self.lent_for_free = for_free;
                return Ok(GateItem::Batch { channel, records: buffer.batch, bytes });
            }
            self.open_buffer = Some(OpenBuffer { channel, pieces: Pieces::new(buffer), bytes, for_free });
        }
    }

    /// Takes the next item that does not wait for its turn, if there is one: an unaligned barrier or an announcement.
    /// [`poll`](Self::poll) delivers these first; this is for who can't take anything else.
    ///
    /// # Errors
    /// If what a barrier has overtaken can't be kept.
    #[inline]
    pub fn poll_urgent(&mut self) -> Result<Option<UrgentItem>, Error> {
        if self.queue.is_urgent() {
            self.take_in()?;
        }
        Ok(self.news.pop_front().map(|(channel, news)| match news {
            News::Arrived(barrier) => UrgentItem::Barrier { channel, barrier },
            News::Announced(barrier) => UrgentItem::Announcement { barrier },
        }))
    }

    /// Takes in what has come.
    fn take_in(&mut self) -> Result<(), Error> {
        let before = self.taken.len();
        let is_urgent = self.queue.take_all(&mut self.taken);
        if !is_urgent && self.capture.is_none() {
            return Ok(());
        }
        for (channel, entry) in self.taken.range(before..) {
            self.news.extend(entry.news().map(|news| (*channel, news)));
            if let Some(capture) = &mut self.capture {
                capture.entry(*channel, entry)?;
            }
        }
        Ok(())
    }

    /// Stashes what comes in a channel from now on. To be called for the channel that delivered the last item, if at all.
    pub fn block(&mut self, channel: u32) {
        let blocked = &mut self.channels[channel as usize].blocked;
        if !std::mem::replace(blocked, true) {
            self.blocked += 1;
        }
    }

    /// Delivers from all channels again, beginning with what was stashed.
    pub fn unblock_all(&mut self) {
        if self.blocked == 0 {
            return;
        }
        self.blocked = 0;
        for channel in &mut self.channels {
            channel.blocked = false;
        }
        self.stash.append(&mut self.taken);
        std::mem::swap(&mut self.stash, &mut self.taken);
    }

    /// Keeps a copy of all that is there, and still comes, before barrier `id` in the channels that are `pending`. All of it
    /// is delivered as ever. What another capture has kept is dropped.
    ///
    /// # Errors
    /// If records can't be encoded.
    pub fn begin_capture(
        &mut self,
        id: CheckpointId,
        mut pending: impl FnMut(u32) -> bool,
    ) -> Result<(), Error> {
        let channels = self.channels.iter().zip(0..);
        let channels = channels.map(|(input, channel)| (input.id, !input.ended && pending(channel)));
        let mut capture = Capture::new(id, channels);
        if let Some(OpenBuffer { channel, pieces, .. }) = &mut self.open_buffer {
            pieces.rest(|rest| capture.buffer(*channel, rest))?;
        }
        for (channel, entry) in self.stash.iter().chain(&self.taken) {
            capture.entry(*channel, entry)?;
        }
        self.capture = Some(capture);
        // What comes before the next look is seen by that.
        Ok(())
    }

    /// Whether a capture waits for barriers, or for being taken.
    pub fn is_capturing(&self) -> bool {
        self.capture.is_some()
    }

    /// What was captured, once all of it has come.
    ///
    /// # Errors
    /// If records can't be encoded.
    pub fn take_capture(&mut self) -> Result<Option<Vec<CapturedChannel>>, Error> {
        if self.capture.is_some() {
            self.take_in()?;
        }
        Ok(self.capture.take_if(|capture| capture.is_complete()).map(Capture::finish))
    }

    /// Gives up the capture.
    pub fn stop_capture(&mut self) {
        self.capture = None;
    }

    /// Delivers first what an earlier attempt had captured. To be called before the first item is taken; channels that are
    /// none of this gate's are left out.
    pub fn restore(&mut self, captured: &[CapturedChannel]) {
        debug_assert!(self.taken.is_empty() && self.open_buffer.is_none(), "nothing was taken yet");
        for channel in captured {
            let position = self.channels.iter().position(|input| channel.is_of(input.id));
            let Some(position) = position else { continue };
            let entries = channel.buffers.iter();
            self.taken.extend(entries.map(|bytes| (position as u32, Queued::Restored(bytes.to_vec()))));
        }
    }

    fn next_piece(&mut self) -> Option<GateItem<T>> {
        let open = self.open_buffer.as_mut()?;
        let channel = open.channel;
        match open.pieces.next(&mut self.piece) {
            Some(Piece::Records(records)) => {
                let bytes = std::mem::take(&mut open.bytes);
                Some(GateItem::Batch { channel, records, bytes })
            }
            Some(Piece::Mark(mark)) => Some(GateItem::Mark { channel, mark }),
            Some(Piece::Barrier(barrier)) => Some(GateItem::Barrier { channel, barrier }),
            None => {
                if let Some(OpenBuffer { channel, pieces, for_free, .. }) = self.open_buffer.take() {
                    self.give_back(channel, pieces.into_buffer(), for_free);
                }
                None
            }
        }
    }

    /// Takes back a processed batch: its credit goes to its producer, its memory to whoever can use it.
    pub fn recycle(&mut self, channel: u32, mut records: Batch<T>) {
        records.clear();
        if self.open_buffer.is_some() {
            self.piece = records;
        } else {
            self.give_back(channel, records.into(), self.lent_for_free);
        }
    }

    fn give_back(&mut self, channel: u32, buffer: Buffer<T>, for_free: bool) {
        let input = &self.channels[channel as usize];
        match &input.credit_return {
            _ if for_free => self.spare.push(buffer),
            CreditReturn::Local(local) => local.take_back(buffer),
            CreditReturn::Remote(remote) => {
                remote.unspent.fetch_add(1, Ordering::AcqRel);
                remote.outgoing.grant(input.id, 1);
                self.spare.push(buffer);
            }
        }
    }
}

fn decode_frames<T: Record>(
    frames: &[Bytes],
    channel: ChannelId,
    buffer: &mut Buffer<T>,
) -> Result<usize, Error> {
    let bytes = frames.iter().map(Bytes::len).sum();
    match frames {
        [frame] => codec::decode(frame, channel, buffer)?,
        frames => codec::decode(&frames.concat(), channel, buffer)?,
    }
    Ok(bytes)
}
