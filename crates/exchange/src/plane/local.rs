//! Channels within one process.

use std::{
    any::Any,
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use flott_core::ChannelId;

use crate::{
    Buffer, Error,
    credit::Credit,
    gate::{GateQueue, Queued},
};

/// A channel within this process. Both ends share it; it is created by whichever comes first.
pub(crate) struct LocalChannel<T> {
    pub(crate) credit: Arc<Credit>,
    gate: OnceLock<(Arc<GateQueue<T>>, u32)>,
    /// Emptied buffers on their way back to the producer.
    spare: Mutex<Vec<Buffer<T>>>,
}

impl<T> Default for LocalChannel<T> {
    fn default() -> Self {
        Self { credit: Arc::default(), gate: OnceLock::new(), spare: Mutex::default() }
    }
}

impl<T> LocalChannel<T> {
    fn spare(&self) -> MutexGuard<'_, Vec<Buffer<T>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Connects the consumer and grants the first credits.
    pub(crate) fn attach_gate(&self, gate: Arc<GateQueue<T>>, position: u32, credits: u32) {
        if self.gate.set((gate, position)).is_ok() {
            self.grant(credits);
        }
    }

    /// Whether the consumer is there, or was.
    pub(crate) fn has_gate(&self) -> bool {
        self.gate.get().is_some()
    }

    /// Takes back a processed buffer and its credit.
    pub(crate) fn take_back(&self, buffer: Buffer<T>) {
        self.spare().push(buffer);
        self.grant(1);
    }

    /// An empty buffer that has been used before, if there is one.
    pub(crate) fn take_spare(&self) -> Option<Buffer<T>> {
        self.spare().pop()
    }

    fn grant(&self, count: u32) {
        let within_bounds = self.credit.grant(count);
        debug_assert!(within_bounds, "credits that were spent come back once");
    }

    /// Hands something to the consumer; if that is gone, it is dropped.
    pub(crate) fn push(&self, entry: Queued<T>) {
        let (gate, position) = self.gate.get().expect("only a connected gate grants credits");
        gate.push(*position, entry);
    }
}

/// All channels within this process of which an end is there.
#[derive(Default)]
pub(crate) struct LocalChannels(Mutex<HashMap<ChannelId, Entry>>);

struct Entry {
    /// How many ends are there.
    ends: u32,
    /// The `Arc<LocalChannel<T>>`.
    channel: Arc<dyn Any + Send + Sync>,
}

/// One end of a channel. The channel is forgotten when both ends are dropped, or the only one that ever came.
pub(crate) struct LocalEnd<T> {
    id: ChannelId,
    channel: Arc<LocalChannel<T>>,
    channels: Arc<LocalChannels>,
}

impl<T> Deref for LocalEnd<T> {
    type Target = LocalChannel<T>;

    fn deref(&self) -> &LocalChannel<T> {
        &self.channel
    }
}

impl<T> Drop for LocalEnd<T> {
    fn drop(&mut self) {
        self.channels.leave(self.id);
    }
}

impl LocalChannels {
    fn table(&self) -> MutexGuard<'_, HashMap<ChannelId, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A further end of a channel.
    ///
    /// # Errors
    /// If the other end has another type of records.
    pub(crate) fn join<T: Send + 'static>(self: &Arc<Self>, id: ChannelId) -> Result<LocalEnd<T>, Error> {
        let mut table = self.table();
        let entry = table
            .entry(id)
            .or_insert_with(|| Entry { ends: 0, channel: Arc::new(LocalChannel::<T>::default()) });
        let channel = entry.channel.clone().downcast().map_err(|_| Error::TypeMismatch { channel: id })?;
        entry.ends += 1;
        Ok(LocalEnd { id, channel, channels: self.clone() })
    }

    fn leave(&self, id: ChannelId) {
        let mut table = self.table();
        let Some(entry) = table.get_mut(&id) else { return };
        entry.ends -= 1;
        if entry.ends == 0 {
            table.remove(&id);
        }
    }

    /// How many channels there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.table().len()
    }
}
