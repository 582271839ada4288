//! Who is to get what comes from other processes.
//!
//! Of each way between two subtasks only the newest attempt is known. What remains of an attempt whose end here has gone is
//! the number, so that what still comes for it is told from what nobody ever waited for: the former is dropped, the latter
//! breaks the rules. So the tables are bounded by the job's channels, however often its regions restart.

use std::{
    cmp::Ordering,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicU32},
};

use flott_core::{AttemptNumber, ChannelId};

use crate::{
    CREDITS_PER_CHANNEL, Error,
    connection::{ConnectionKey, Outgoing, Way},
    credit::Credit,
    gate::RemoteConsumer,
};

/// Most channels that peers may grant credit for before their producers are there.
const MAX_CHANNELS: usize = 1 << 20;

/// A consumer in this process of a channel whose producer is elsewhere.
#[derive(Clone)]
pub(crate) struct RemoteInput {
    pub(crate) consumer: Arc<dyn RemoteConsumer>,
    pub(crate) position: u32,
    /// Credits that the producer has not spent yet, as far as is known here.
    pub(crate) unspent: Arc<AtomicU32>,
}

/// What is known of the consumer of a channel.
pub(crate) enum Lookup {
    /// It is there.
    Found(RemoteInput),
    /// It was there, or it belongs to a later attempt.
    Gone,
    /// Nobody ever waited for the channel, or has got its end.
    Unknown,
}

/// Who is to get what comes from other processes.
#[derive(Default)]
pub(crate) struct Routes {
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    producers: HashMap<Way, Producer>,
    consumers: HashMap<Way, Consumer>,
}

/// The producer of a channel, which may still be to come.
struct Producer {
    attempt: AttemptNumber,
    connection: ConnectionKey,
    /// `None` when it has gone.
    credit: Option<Arc<Credit>>,
}

impl Producer {
    fn new(attempt: AttemptNumber, connection: ConnectionKey) -> Self {
        Self { attempt, connection, credit: Some(Arc::default()) }
    }
}

struct Consumer {
    attempt: AttemptNumber,
    connection: ConnectionKey,
    state: ConsumerState,
}

enum ConsumerState {
    Waiting(RemoteInput),
    /// The end of the channel has come.
    Ended,
    Gone,
}

impl Routes {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The credit of a channel for its producer, whose consumer is reached by `outgoing`.
    pub(crate) fn add_producer(&self, channel: ChannelId, outgoing: &Outgoing) -> Arc<Credit> {
        let (attempt, connection) = (channel.attempt, outgoing.key());
        let credit = {
            let mut table = self.table();
            let producer =
                table.producers.entry(Way::of(channel)).or_insert_with(|| Producer::new(attempt, connection));
            let is_foreign = producer.connection.peer != connection.peer;
            match producer.attempt.cmp(&attempt) {
                // It was overtaken by its successor and will be told to stop.
                Ordering::Greater => return Arc::default(),
                Ordering::Less => *producer = Producer::new(attempt, connection),
                // A peer granted credit for a channel that is none of its own.
                Ordering::Equal if is_foreign => *producer = Producer::new(attempt, connection),
                // If the credit came over another connection, that has failed, and the channel with it.
                Ordering::Equal => {}
            }
            producer.credit.get_or_insert_default().clone()
        };
        // Whoever breaks the connection either sees the channel in the table, or is seen here.
        if let Some(error) = outgoing.failure() {
            credit.fail(error);
        }
        credit
    }

    /// Forgets the producer of a channel.
    pub(crate) fn producer_left(&self, channel: ChannelId) {
        if let Some(producer) = self.table().producers.get_mut(&Way::of(channel))
            && producer.attempt == channel.attempt
        {
            producer.credit = None;
        }
    }

    /// Gives credit that a peer grants to the channel's producer, which may still be to come.
    pub(crate) fn grant(
        &self,
        channel: ChannelId,
        connection: ConnectionKey,
        count: u32,
    ) -> Result<(), String> {
        let (way, attempt) = (Way::of(channel), channel.attempt);
        let mut table = self.table();
        if table.producers.len() >= MAX_CHANNELS && !table.producers.contains_key(&way) {
            return Err(format!("it granted credit for more than {MAX_CHANNELS} channels"));
        }
        let producer = table.producers.entry(way).or_insert_with(|| Producer::new(attempt, connection));
        match producer.attempt.cmp(&attempt) {
            Ordering::Greater => return Ok(()),
            Ordering::Less => *producer = Producer::new(attempt, connection),
            Ordering::Equal => {}
        }
        let Some(credit) = &producer.credit else { return Ok(()) };
        if producer.connection.peer != connection.peer {
            return Err(format!("it granted credit for {channel}, which does not lead to it"));
        }
        if producer.connection == connection && !credit.grant(count) {
            return Err(format!("it granted more than {CREDITS_PER_CHANNEL} credits for {channel}"));
        }
        Ok(())
    }

    /// Notes the consumer of a channel whose producer is reached by `outgoing`.
    pub(crate) fn add_consumer(&self, channel: ChannelId, outgoing: &Outgoing, input: &RemoteInput) {
        let consumer = Consumer {
            attempt: channel.attempt,
            connection: outgoing.key(),
            state: ConsumerState::Waiting(input.clone()),
        };
        {
            let mut table = self.table();
            let known = table.consumers.get(&Way::of(channel)).map(|known| known.attempt);
            if known.is_none_or(|known| known <= channel.attempt) {
                table.consumers.insert(Way::of(channel), consumer);
            }
        }
        if let Some(error) = outgoing.failure() {
            input.consumer.push_failure(input.position, error);
        }
    }

    /// The consumer of a channel whose producer is at the other end of `connection`.
    pub(crate) fn consumer(&self, channel: ChannelId, connection: ConnectionKey) -> Lookup {
        let table = self.table();
        let Some(known) = table.consumers.get(&Way::of(channel)) else { return Lookup::Unknown };
        match known.attempt.cmp(&channel.attempt) {
            Ordering::Greater => return Lookup::Gone,
            Ordering::Less => return Lookup::Unknown,
            Ordering::Equal => {}
        }
        match &known.state {
            ConsumerState::Gone => Lookup::Gone,
            ConsumerState::Waiting(input) if known.connection == connection => Lookup::Found(input.clone()),
            // It waits at another connection to the same peer, which has broken.
            ConsumerState::Waiting(_) if known.connection.peer == connection.peer => Lookup::Gone,
            ConsumerState::Waiting(_) | ConsumerState::Ended => Lookup::Unknown,
        }
    }

    /// Forgets a channel that has ended, so that a later failure of its connection is none of its own.
    pub(crate) fn consumer_ended(&self, channel: ChannelId) {
        self.end_consumer(channel, ConsumerState::Ended);
    }

    /// Forgets the consumer of a channel.
    pub(crate) fn consumer_left(&self, channel: ChannelId) {
        self.end_consumer(channel, ConsumerState::Gone);
    }

    fn end_consumer(&self, channel: ChannelId, state: ConsumerState) {
        if let Some(consumer) = self.table().consumers.get_mut(&Way::of(channel))
            && consumer.attempt == channel.attempt
            && matches!(consumer.state, ConsumerState::Waiting(_))
        {
            consumer.state = state;
        }
    }

    /// Fails all channels over a connection.
    pub(crate) fn fail(&self, connection: ConnectionKey, error: &Error) {
        let table = self.table();
        for producer in table.producers.values().filter(|producer| producer.connection == connection) {
            if let Some(credit) = &producer.credit {
                credit.fail(error.clone());
            }
        }
        for consumer in table.consumers.values().filter(|consumer| consumer.connection == connection) {
            if let ConsumerState::Waiting(input) = &consumer.state {
                input.consumer.push_failure(input.position, error.clone());
            }
        }
    }

    /// How many producers and consumers there are, and of how many something is known.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> [usize; 3] {
        let table = self.table();
        let producers = table.producers.values().filter(|producer| producer.credit.is_some());
        let consumers = table.consumers.values();
        let waiting = consumers.filter(|consumer| matches!(consumer.state, ConsumerState::Waiting(_)));
        [producers.count(), waiting.count(), table.producers.len() + table.consumers.len()]
    }
}
