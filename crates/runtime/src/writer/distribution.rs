//! To which consumers the records of an edge go.

use flott_core::{
    SubtaskIndex,
    key_group::{key_group, subtask_of_group},
};

use super::Channels;
use crate::{Record, Result, operators::KeySelector};

/// Puts each record of a batch into channels.
pub trait Distribution<T>: Send {
    /// Empties `batch` into `channels`.
    ///
    /// # Errors
    /// If a channel is broken.
    fn distribute(&mut self, batch: &mut Vec<T>, channels: &mut Channels<T>) -> Result<()>;
}

/// All records to the only consumer.
pub struct Forward;

impl<T: Record> Distribution<T> for Forward {
    fn distribute(&mut self, batch: &mut Vec<T>, channels: &mut Channels<T>) -> Result<()> {
        batch.drain(..).try_for_each(|record| channels.push(0, record))
    }
}

/// One record to each consumer in turn.
pub struct Rebalance {
    next: usize,
}

impl Rebalance {
    /// Starts with the producer's own number, so that producers of few records don't all begin at consumer 0.
    pub fn new(producer: SubtaskIndex) -> Self {
        Self { next: producer.0 as usize }
    }
}

impl<T: Record> Distribution<T> for Rebalance {
    fn distribute(&mut self, batch: &mut Vec<T>, channels: &mut Channels<T>) -> Result<()> {
        for record in batch.drain(..) {
            if self.next >= channels.len() {
                self.next %= channels.len();
            }
            channels.push(self.next, record)?;
            self.next += 1;
        }
        Ok(())
    }
}

/// Each record to all consumers.
pub struct Broadcast;

impl<T: Record> Distribution<T> for Broadcast {
    fn distribute(&mut self, batch: &mut Vec<T>, channels: &mut Channels<T>) -> Result<()> {
        let last = channels.len() - 1;
        for record in batch.drain(..) {
            for channel in 0..last {
                channels.push(channel, record.clone())?;
            }
            channels.push(last, record)?;
        }
        Ok(())
    }
}

/// By the key group of the record's key.
pub struct Hash<S> {
    selector: S,
    /// For each key group the consumer that owns it.
    owners: Vec<u32>,
}

impl<S> Hash<S> {
    /// To the subtasks of a vertex with this parallelism and this many key groups.
    pub fn new(selector: S, parallelism: u32, max_parallelism: u32) -> Self {
        let owners = (0..max_parallelism)
            .map(|group| subtask_of_group(group, parallelism, max_parallelism).0)
            .collect();
        Self { selector, owners }
    }
}

impl<T: Record, S: KeySelector<T>> Distribution<T> for Hash<S> {
    fn distribute(&mut self, batch: &mut Vec<T>, channels: &mut Channels<T>) -> Result<()> {
        let groups = self.owners.len() as u32;
        for record in batch.drain(..) {
            let group = key_group(self.selector.hash(&record), groups);
            channels.push(self.owners[group as usize] as usize, record)?;
        }
        Ok(())
    }
}
