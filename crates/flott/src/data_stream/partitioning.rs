//! To which subtasks of the next operator the records of a stream go.

use flott_core::Partitioner;
use flott_runtime::{Record, operators::ByValue, writer::Custom};
use flott_state::Key;

use super::DataStream;
use crate::graph::writer_by;

impl<T: Record> DataStream<T> {
    fn partitioned(&self, partitioner: Partitioner) -> DataStream<T> {
        self.with_upstreams(
            self.upstreams.iter().map(|upstream| upstream.partitioned::<T>(partitioner)).collect(),
        )
    }

    /// Sends one record to each subtask of the next operator in turn.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 100).filter(|n| n % 7 == 0).rebalance().map(|n| n * n);
    /// ```
    #[must_use]
    pub fn rebalance(&self) -> DataStream<T> {
        self.partitioned(Partitioner::Rebalance)
    }

    /// Sends each record to all subtasks of the next operator.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 3).broadcast().map(|n| n * n); // three records in each subtask of the map
    /// ```
    #[must_use]
    pub fn broadcast(&self) -> DataStream<T> {
        self.partitioned(Partitioner::Broadcast)
    }

    /// Sends to the subtask of the same number. `execute` refuses it if the next operator has another parallelism.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 100).map(|n| n + 1).forward().filter(|n| n % 7 == 0);
    /// ```
    #[must_use]
    pub fn forward(&self) -> DataStream<T> {
        self.partitioned(Partitioner::Forward)
    }

    /// Sends one record to each of a few subtasks of the next operator in turn. As many channels as possible stay within
    /// a TaskManager; loads that differ between TaskManagers stay different.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// // Each subtask of the source sends to two of the map.
    /// env.from_sequence(1, 100).set_parallelism(2).rescale().map(|n| n * n).set_parallelism(4);
    /// ```
    #[must_use]
    pub fn rescale(&self) -> DataStream<T> {
        self.partitioned(Partitioner::Rescale)
    }

    /// Sends each record to a random subtask of the next operator.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 100).shuffle().map(|n| n * n);
    /// ```
    #[must_use]
    pub fn shuffle(&self) -> DataStream<T> {
        self.partitioned(Partitioner::Shuffle)
    }

    /// Sends all records to the first subtask of the next operator.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// env.from_sequence(1, 100).global().map(|n| n * n);
    /// ```
    #[must_use]
    pub fn global(&self) -> DataStream<T> {
        self.partitioned(Partitioner::Global)
    }

    /// Sends each record to the subtask of the next operator that `partitioner` chooses, given the key that `key`
    /// computes and the number of subtasks. To choose a subtask that is not there fails the job.
    ///
    /// ```
    /// # use flott::prelude::*;
    /// # let env = StreamExecutionEnvironment::new();
    /// let rooms = env.from_collection([(7u32, "door"), (8, "window")].map(|(room, event)| (room, event.to_owned())));
    /// rooms.partition_custom(|room, subtasks| *room as usize % subtasks, |(room, _)| *room).map(|(_, event)| event);
    /// ```
    #[must_use]
    pub fn partition_custom<K, P, F>(&self, partitioner: P, key: F) -> DataStream<T>
    where
        K: Key,
        P: FnMut(&K, usize) -> usize + Clone + Send + Sync + 'static,
        F: Fn(&T) -> K + Clone + Send + Sync + 'static,
    {
        let writer =
            writer_by::<T, _>(move |_, _| Custom::new(partitioner.clone(), ByValue::new(key.clone())));
        let upstreams = self.upstreams.iter();
        self.with_upstreams(
            upstreams.map(|upstream| upstream.spread(Partitioner::Custom, writer.clone())).collect(),
        )
    }
}
