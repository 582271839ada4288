//! Write dataflows in Rust and run them in one process or on a Flott cluster.
//!
//! ```no_run
//! use flott::prelude::*;
//!
//! fn main() -> Result<(), flott::Error> {
//!     let env = StreamExecutionEnvironment::new();
//!     env.read_text_file("/data/books")
//!         .flat_map(|line: String, out| out.extend(line.split_whitespace().map(|word| (word.to_owned(), 1u64))))
//!         .key_by_ref(|(word, _)| word)
//!         .sum(|(_, count)| count)
//!         .map(|(word, count)| format!("{word} {count}"))
//!         .write_text("/data/counts");
//!     env.execute("WordCount")?;
//!     Ok(())
//! }
//! ```
//!
//! The program is the artifact: the same binary runs alone (`cargo run`), tells a cluster its plan, and runs subtasks
//! in task hosts. In each case its `main` builds the dataflow again, so it must build the same one each time: what it
//! reads must be its arguments, not the clock or the machine.

mod async_io;
mod broadcast;
mod connect;
mod connected;
mod data_stream;
mod entry;
mod environment;
mod error;
mod execution;
mod graph;
#[cfg(doctest)]
mod guide;
mod joins;
mod keyed_stream;
mod marker;
pub mod testing;
pub mod windowing;

pub use broadcast::{BroadcastConnectedStream, BroadcastStream, KeyedBroadcastConnectedStream};
pub use compact_str::CompactString;
pub use connected::{ConnectedStreams, KeyedConnectedStreams};
pub use data_stream::{DataStream, DataStreamSink, SingleOutputStream};
pub use entry::{Entry, run_entry};
pub use environment::StreamExecutionEnvironment;
pub use error::Error;
pub use execution::JobExecutionResult;
pub use flott_connectors as connectors;
pub use flott_core::hash::mix;
pub use flott_core::{
    CheckpointId, FailureCause, FailureKind, JobId, checkpoint, job_config::RuntimeMode,
    restart::RestartStrategy,
};
pub use flott_runtime::metrics;
pub use flott_runtime::{
    Batch, Boundedness, BoxError, CommitOutcome, Committer, Discovery, NoCommittable, OutputTag,
    ProcessingClock, ReadStatus, Record, RuntimeContext, Sink, SinkWriter, Source, SourceReader,
    SplitEnumerator, Timestamp, Waker, all_splits,
    functions::{
        BroadcastOnTimerContext, BroadcastOpenContext, BroadcastProcessFunction, BroadcastReadContext,
        BroadcastWriteContext, CoProcessFunction, JoinContext, KeyedBroadcastProcessFunction,
        KeyedBroadcastReadContext, KeyedBroadcastWriteContext, KeyedCoProcessFunction, KeyedContext,
        KeyedProcessFunction, OnTimerContext, OpenContext, ProcessContext, ProcessFunction,
        ProcessJoinFunction, RichContext, RichFilterFunction, RichFlatMapFunction, RichMapFunction,
        TimeDomain,
    },
    operators::{ByRef, ByValue, Collector, KeySelector, TaggedUnion},
    watermark::{self, TimestampAssigner, WatermarkGenerator, WatermarkOutput, WatermarkStrategy},
};
pub use flott_runtime::{
    functions::AsyncFunction,
    operators::{AsyncOptions, RetryStrategy},
};
pub use flott_state::{
    AggregateFunction, AggregatingState, BroadcastState, Key, ListState, MapKey, MapState, Namespace,
    OperatorListContext, OperatorListState, OperatorStateContext, OperatorStateContextMut, ReducingState,
    StateContext, StateDescriptor, StateTtl, StateValue, TtlCleanup, TtlUpdate, TtlVisibility, ValueState,
};
pub use joins::{
    Groups, IntervalJoin, IntervalJoined, JoinedByKey, JoinedStreams, JoinedWhere, JoinedWindows, Pairs,
};
pub use keyed_stream::KeyedStream;

pub use windowing::{AllWindowedStream, TimeOffset, WindowedStream};

/// What most programs need.
pub mod prelude {
    pub use crate::windowing::{
        AllWindowedStream, ContinuousEventTimeTrigger, ContinuousProcessingTimeTrigger, CountEvictor,
        CountTrigger, DeltaEvictor, DeltaTrigger, EventTimeSessionWindows, EventTimeTrigger, GlobalWindow,
        GlobalWindows, ProcessWindowFunction, ProcessingTimeSessionWindows, ProcessingTimeTrigger,
        PurgingTrigger, SlidingEventTimeWindows, SlidingProcessingTimeWindows, TimeEvictor, TimeOffset,
        TimeWindow, TumblingEventTimeWindows, TumblingProcessingTimeWindows, Window, WindowContext,
        WindowOpenContext, WindowedStream,
    };
    pub use crate::{
        AggregateFunction, AggregatingState, BoxError, Collector, CompactString, DataStream, KeyedContext,
        KeyedProcessFunction, KeyedStream, ListState, MapState, OnTimerContext, OpenContext, OutputTag,
        ProcessContext, ProcessFunction, ReducingState, RichContext, RichFilterFunction, RichFlatMapFunction,
        RichMapFunction, RuntimeContext, RuntimeMode, SingleOutputStream, StateDescriptor, StateTtl,
        StreamExecutionEnvironment, Timestamp, ValueState, WatermarkStrategy,
    };
    pub use crate::{AsyncFunction, AsyncOptions, RetryStrategy};
    pub use crate::{
        BroadcastOnTimerContext, BroadcastOpenContext, BroadcastProcessFunction, BroadcastReadContext,
        BroadcastState, BroadcastStream, BroadcastWriteContext, CoProcessFunction, ConnectedStreams,
        JoinContext, KeyedBroadcastProcessFunction, KeyedBroadcastReadContext, KeyedBroadcastWriteContext,
        KeyedCoProcessFunction, KeyedConnectedStreams, ProcessJoinFunction,
    };
    pub use crate::{
        DataStreamSink, Key, OperatorListState, TimeDomain, WatermarkGenerator, WatermarkOutput,
    };
}
