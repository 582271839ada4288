//! Keyed state of one subtask: values that belong to the key of the record at work.
//!
//! [`KeyedState`] holds all states of an operator, of which [`ValueState`], [`ListState`], [`MapState`],
//! [`ReducingState`] and [`AggregatingState`] are the handles. [`KeyedTable`] is the bare table for operators that know
//! what they keep, [`TimerQueue`] keeps their timers. [`BroadcastState`] and [`OperatorListState`] belong to an operator's subtask,
//! whatever the key.

mod aggregate_function;
mod aggregating_state;
mod codec;
mod descriptor;
mod entries;
mod error;
mod handle;
mod key_groups;
mod keyed_state;
mod keyed_table;
mod list_state;
pub mod map_state;
pub mod operator_list;
pub mod operator_state;
mod reducing_state;
pub mod schema;
mod segments;
mod snapshot;
mod table;
#[cfg(test)]
mod testing;
mod timer_queue;
mod ttl;
mod types;
mod value_state;

pub use aggregate_function::AggregateFunction;
pub use aggregating_state::AggregatingState;
pub use descriptor::{StateDescriptor, StateInfo, StateKind};
pub use error::{Error, Result, StateType};
pub use keyed_state::{InNamespace, KeyedState, StateContext, StateHandle};
pub use keyed_table::KeyedTable;
pub use list_state::ListState;
pub use map_state::MapState;
pub use operator_list::{OperatorListContext, OperatorListState, OperatorLists, StoredElement, StoredLists};
pub use operator_state::{
    BroadcastState, OperatorState, OperatorStateContext, OperatorStateContextMut, StoredState,
};
pub use reducing_state::ReducingState;
pub use snapshot::{
    KeyedSnapshot, RestoredSegment, SegmentAddress, SegmentLocation, SegmentSink, TableDescription,
};
pub use timer_queue::{Timer, TimerQueue};
pub use ttl::{StateTtl, TtlCleanup, TtlUpdate, TtlVisibility};
pub use types::{Key, MapKey, Namespace, StateValue};
pub use value_state::ValueState;
