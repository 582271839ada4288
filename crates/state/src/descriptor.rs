//! How states are named and described.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{StateTtl, StateType, StateValue, schema::Migration};

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
    /// A list whose elements are spread over the subtasks, whatever the key.
    OperatorList,
    /// A list of which all subtasks get all elements at a restore, whatever the key.
    UnionList,
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
            Self::OperatorList => "split list",
            Self::UnionList => "union list",
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
    pub(crate) migrations: Vec<Migration>,
}

impl StateDescriptor {
    /// A state of this name, which must be unique among the states of its operator and the same in each version of the
    /// job: snapshots find it again by it.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), ttl: None, migrations: Vec::new() }
    }

    /// Lets the state's entries expire.
    #[must_use]
    pub fn ttl(mut self, ttl: StateTtl) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Says how values that an earlier version of the job kept in this state become values of its present type, for
    /// changes of a type that state does not [survive by itself](crate::schema). Values are those of a value state, the
    /// elements of a list, the values in a map, the accumulators of an aggregate.
    ///
    /// ```
    /// # use flott_core::SubtaskIndex;
    /// # use flott_state::{KeyedState, StateDescriptor, ValueState};
    /// # let mut state = KeyedState::<String>::new(SubtaskIndex(0), 1, 128);
    /// // Once it was a number of cents.
    /// let price = StateDescriptor::new("price").migrate_from(|cents: u64| (cents, "EUR".to_owned()));
    /// let price: ValueState<(u64, String)> = state.value(price)?;
    /// # Ok::<(), flott_state::Error>(())
    /// ```
    #[must_use]
    pub fn migrate_from<Old, New>(mut self, migrate: impl Fn(Old) -> New + Send + Sync + 'static) -> Self
    where
        Old: Serialize + DeserializeOwned,
        New: StateValue,
    {
        self.migrations.push(Migration::new(migrate));
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
