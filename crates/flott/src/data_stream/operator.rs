//! What the builder methods return: the new operator, whose settings can still be changed.

use std::{cell::RefCell, ops::Deref};

use flott_runtime::{OutputTag, Record};

use crate::{
    DataStream, StreamExecutionEnvironment,
    graph::{Node, NodeId, StreamGraph, Upstream},
};

/// The stream of one operator, whose settings can still be changed.
pub struct SingleOutputStream<T> {
    stream: DataStream<T>,
    node: NodeId,
}

impl<T> Deref for SingleOutputStream<T> {
    type Target = DataStream<T>;

    fn deref(&self) -> &DataStream<T> {
        &self.stream
    }
}

/// A sink, whose settings can still be changed.
pub struct DataStreamSink {
    env: StreamExecutionEnvironment,
    node: NodeId,
}

/// The settings that each operator has.
macro_rules! operator_settings {
    () => {
        fn set(self, change: impl FnOnce(&mut Node)) -> Self {
            change(&mut self.graph().borrow_mut().nodes[self.node.0]);
            self
        }

        /// Names the operator, for plans and the dashboard.
        pub fn name(self, name: impl Into<String>) -> Self {
            self.set(|node| node.name = name.into())
        }

        /// Gives the operator an identity that outlives changes of the program.
        pub fn uid(self, uid: impl Into<String>) -> Self {
            self.set(|node| node.uid = Some(uid.into()))
        }

        /// Sets the operator's parallelism.
        pub fn set_parallelism(self, parallelism: u32) -> Self {
            self.set(|node| node.parallelism = Some(parallelism))
        }

        /// Sets the operator's max parallelism: the number of its key groups.
        pub fn set_max_parallelism(self, max_parallelism: u32) -> Self {
            self.set(|node| node.max_parallelism = Some(max_parallelism))
        }

        /// Keeps the operator from being chained to the one before it.
        pub fn start_new_chain(self) -> Self {
            self.set(|node| node.chains_to_previous = false)
        }

        /// Keeps the operator from being chained to those before and behind it.
        pub fn disable_chaining(self) -> Self {
            self.set(|node| {
                node.chains_to_previous = false;
                node.chains_next = false;
            })
        }

        /// Puts the operator, and those behind it that set none, into a slot sharing group.
        pub fn slot_sharing_group(self, group: impl Into<String>) -> Self {
            self.set(|node| node.slot_sharing_group = Some(group.into()))
        }
    };
}

impl<T: Record> SingleOutputStream<T> {
    pub(crate) fn add(env: &StreamExecutionEnvironment, node: Node) -> Self {
        let node = env.graph.borrow_mut().add(node);
        Self { stream: DataStream::new(env, Upstream::of::<T>(node)), node }
    }

    fn graph(&self) -> &RefCell<StreamGraph> {
        &self.stream.env.graph
    }

    operator_settings!();

    /// The records that the operator emits into a side output.
    ///
    /// ```
    /// # use flott::{OutputTag, prelude::*};
    /// # let env = StreamExecutionEnvironment::new();
    /// # let sizes = env.from_sequence(1, 10).map(|n| n);
    /// let late = OutputTag::<u64>::new("late");
    /// // .. an operator that emits into it, then:
    /// sizes.side_output(&late).print();
    /// ```
    pub fn side_output<X: Record>(&self, tag: &OutputTag<X>) -> DataStream<X> {
        DataStream::new(&self.stream.env, Upstream::of_side(self.node, tag))
    }
}

impl DataStreamSink {
    pub(crate) fn add(env: &StreamExecutionEnvironment, node: Node) -> Self {
        let node = env.graph.borrow_mut().add(node);
        Self { env: env.clone(), node }
    }

    fn graph(&self) -> &RefCell<StreamGraph> {
        &self.env.graph
    }

    operator_settings!();
}
