//! How states are named and described.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{StateTtl, StateType};

/// The kinds of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StateKind {
    /// One value a key.
    Value,
    /// A list of values a key.
    List,
    /// A map a key.
    Map,
    /// A value into which others of its type are reduced.
    Reducing,
    /// An accumulator into which values are aggregated.
    Aggregating,
    /// A map that all subtasks have, whatever the key.
    Broadcast,
    /// Timers of keys.
    Timers,
}

impl fmt::Display for StateKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Value => "value",
            Self::List => "list",
            Self::Map => "map",
            Self::Reducing => "reducing",
            Self::Aggregating => "aggregating",
            Self::Broadcast => "broadcast",
            Self::Timers => "timers",
        })
    }
}

/// What a state is asked for with: its name and, if it has one, its time to live. A name alone is a descriptor too.
///
/// ```
/// # use std::time::Duration;
/// # use flott_core::SubtaskIndex;
/// # use flott_state::{KeyedState, StateDescriptor, StateTtl, ValueState};
/// # let mut state = KeyedState::<String>::new(SubtaskIndex(0), 1, 128);
/// let count = state.value::<u64>("count")?;
/// let seen = state.value::<bool>(StateDescriptor::new("seen").ttl(StateTtl::new(Duration::from_secs(3600))))?;
/// # let _: (ValueState<u64>, ValueState<bool>) = (count, seen);
/// # Ok::<(), flott_state::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDescriptor {
    pub(crate) name: Arc<str>,
    pub(crate) ttl: Option<StateTtl>,
}

impl StateDescriptor {
    /// A state of this name, which must be unique among the states of its operator and the same in each version of the
    /// job: snapshots find it again by it.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), ttl: None }
    }

    /// Lets the state's entries expire.
    #[must_use]
    pub fn ttl(mut self, ttl: StateTtl) -> Self {
        self.ttl = Some(ttl);
        self
    }
}

impl From<&str> for StateDescriptor {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for StateDescriptor {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

/// What is known of a registered state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateInfo {
    /// The name.
    pub name: Arc<str>,
    /// Kind and types.
    pub state_type: StateType,
    /// When entries expire, if they do.
    pub ttl: Option<StateTtl>,
}
