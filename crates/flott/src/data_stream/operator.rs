//! What the builder methods return: the new operator, whose settings can still be changed.

use std::{cell::RefCell, ops::Deref};

use flott_runtime::{OutputTag, Record};

use crate::{
    DataStream, StreamExecutionEnvironment,
    graph::{Node, NodeId, StreamGraph, Upstream},
};

/// The stream of one operator, whose settings can still be changed.
///
/// It is a [`DataStream`] too. Settings are made first, since what follows belongs to the next operator:
///
/// ```
/// # use flott::prelude::*;
/// # let env = StreamExecutionEnvironment::new();
/// env.from_sequence(1, 100).map(|n| n * n).name("Squares").uid("squares").set_parallelism(2).print();
/// ```
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
///
/// ```
/// # use flott::prelude::*;
/// # let env = StreamExecutionEnvironment::new();
/// env.from_sequence(1, 100).print().name("Output").uid("output").set_parallelism(1);
/// ```
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
        ///
        /// ```
        /// # use flott::prelude::*;
        /// # let env = StreamExecutionEnvironment::new();
        /// env.from_sequence(1, 100).map(|n| n * n).name("Squares");
        /// ```
        pub fn name(self, name: impl Into<String>) -> Self {
            self.set(|node| node.name = name.into())
        }

        /// Gives the operator an identity that outlives changes of the program.
        ///
        /// ```
        /// # use flott::prelude::*;
        /// # let env = StreamExecutionEnvironment::new();
        /// env.from_sequence(1, 100).key_by(|n| n % 10).count().uid("counts");
        /// ```
        pub fn uid(self, uid: impl Into<String>) -> Self {
            self.set(|node| node.uid = Some(uid.into()))
        }

        /// Sets the operator's parallelism.
        ///
        /// ```
        /// # use flott::prelude::*;
        /// # let env = StreamExecutionEnvironment::new();
        /// env.from_sequence(1, 100).map(|n| n * n).set_parallelism(4);
        /// ```
        pub fn set_parallelism(self, parallelism: u32) -> Self {
            self.set(|node| node.parallelism = Some(parallelism))
        }

        /// Sets the operator's max parallelism: the number of its key groups.
        ///
        /// ```
        /// # use flott::prelude::*;
        /// # let env = StreamExecutionEnvironment::new();
        /// env.from_sequence(1, 100).key_by(|n| n % 10).count().set_max_parallelism(1_024);
        /// ```
        pub fn set_max_parallelism(self, max_parallelism: u32) -> Self {
            self.set(|node| node.max_parallelism = Some(max_parallelism))
        }

        /// Keeps the operator from being chained to the one before it.
        ///
        /// ```
        /// # use flott::prelude::*;
        /// # let env = StreamExecutionEnvironment::new();
        /// // Two vertices: the source with the first map, and the second map.
        /// env.from_sequence(1, 100).map(|n| n + 1).map(|n| n * n).start_new_chain();
        /// ```
        pub fn start_new_chain(self) -> Self {
            self.set(|node| node.chains_to_previous = false)
        }

        /// Keeps the operator from being chained to those before and behind it.
        ///
        /// ```
        /// # use flott::prelude::*;
        /// # let env = StreamExecutionEnvironment::new();
        /// env.from_sequence(1, 100).map(|n| n * n).disable_chaining();
        /// ```
        pub fn disable_chaining(self) -> Self {
            self.set(|node| {
                node.chains_to_previous = false;
                node.chains_next = false;
            })
        }

        /// Puts the operator, and those behind it that set none, into a slot sharing group.
        ///
        /// ```
        /// # use flott::prelude::*;
        /// # let env = StreamExecutionEnvironment::new();
        /// // Needs slots of its own, and all behind it, too.
        /// env.from_sequence(1, 100).map(|n| n * n).slot_sharing_group("heavy");
        /// ```
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

    /// The records are those of `last`, an operator right behind this one; settings are still those of this one.
    pub(crate) fn followed_by(self, last: SingleOutputStream<T>) -> Self {
        let last = last.set(|node| node.follows_input = true);
        Self { stream: last.stream, node: self.node }
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
