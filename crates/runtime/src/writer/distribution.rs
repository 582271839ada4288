//! To which consumers the records of an edge go.

use flott_core::{
    FailureKind, SubtaskIndex,
    hash::mix,
    key_group::{key_group, subtask_of_group},
};

use super::Channels;
use crate::{Batch, Record, Result, TaskEnd, operators::KeySelector};

/// Puts each record of a batch into channels.
pub trait Distribution<T>: Send {
    /// Empties `batch` into `channels`.
    ///
    /// # Errors
    /// If a channel is broken.
    fn distribute(&mut self, batch: &mut Batch<T>, channels: &mut Channels<T>) -> Result<()>;
}

/// All records to the only consumer.
pub struct Forward;

impl<T: Record> Distribution<T> for Forward {
    fn distribute(&mut self, batch: &mut Batch<T>, channels: &mut Channels<T>) -> Result<()> {
        batch.drain().try_for_each(|(record, timestamp)| channels.push(0, record, timestamp))
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
    fn distribute(&mut self, batch: &mut Batch<T>, channels: &mut Channels<T>) -> Result<()> {
        for (record, timestamp) in batch.drain() {
            if self.next >= channels.len() {
                self.next %= channels.len();
            }
            channels.push(self.next, record, timestamp)?;
            self.next += 1;
        }
        Ok(())
    }
}

/// Each record to all consumers.
pub struct Broadcast;

impl<T: Record> Distribution<T> for Broadcast {
    fn distribute(&mut self, batch: &mut Batch<T>, channels: &mut Channels<T>) -> Result<()> {
        let last = channels.len() - 1;
        for (record, timestamp) in batch.drain() {
            for channel in 0..last {
                channels.push(channel, record.clone(), timestamp)?;
            }
            channels.push(last, record, timestamp)?;
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
    fn distribute(&mut self, batch: &mut Batch<T>, channels: &mut Channels<T>) -> Result<()> {
        let groups = self.owners.len() as u32;
        for (record, timestamp) in batch.drain() {
            let group = key_group(self.selector.hash(&record), groups);
            channels.push(self.owners[group as usize] as usize, record, timestamp)?;
        }
        Ok(())
    }
}

/// Each record to a random consumer.
pub struct Shuffle {
    state: u64,
}

impl Shuffle {
    /// Each producer draws other numbers.
    pub fn new(producer: SubtaskIndex) -> Self {
        Self { state: mix(u64::from(producer.0)) }
    }
}

impl<T: Record> Distribution<T> for Shuffle {
    fn distribute(&mut self, batch: &mut Batch<T>, channels: &mut Channels<T>) -> Result<()> {
        let consumers = channels.len();
        for (record, timestamp) in batch.drain() {
            self.state = self.state.wrapping_add(1);
            channels.push(scaled(mix(self.state), consumers), record, timestamp)?;
        }
        Ok(())
    }
}

/// The upper half of a random number, scaled to the number of consumers.
#[inline]
pub(super) fn scaled(random: u64, consumers: usize) -> usize {
    (((random >> 32) * consumers as u64) >> 32) as usize
}

/// All records to the first consumer.
pub struct Global;

impl<T: Record> Distribution<T> for Global {
    fn distribute(&mut self, batch: &mut Batch<T>, channels: &mut Channels<T>) -> Result<()> {
        batch.drain().try_for_each(|(record, timestamp)| channels.push(0, record, timestamp))
    }
}

/// As a function of the record's key and the number of consumers says.
pub struct Custom<P, S> {
    partitioner: P,
    selector: S,
}

impl<P, S> Custom<P, S> {
    /// To the consumer whose number `partitioner` computes of the key and the number of consumers.
    pub fn new(partitioner: P, selector: S) -> Self {
        Self { partitioner, selector }
    }
}

impl<T, P, S> Distribution<T> for Custom<P, S>
where
    T: Record,
    S: KeySelector<T>,
    P: FnMut(&S::Key, usize) -> usize + Send,
{
    fn distribute(&mut self, batch: &mut Batch<T>, channels: &mut Channels<T>) -> Result<()> {
        let consumers = channels.len();
        for (record, timestamp) in batch.drain() {
            let index = self.selector.with(&record, |key| (self.partitioner)(key, consumers));
            if index >= consumers {
                return Err(TaskEnd::failed(
                    FailureKind::UserError,
                    format!(
                        "the partitioner chose subtask {index}, there are {consumers}: it must return less"
                    ),
                ));
            }
            channels.push(index, record, timestamp)?;
        }
        Ok(())
    }
}
