//! What a subtask collects for one checkpoint.

use std::{
    any::TypeId,
    collections::{BTreeSet, HashMap},
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use flott_core::{
    FailureCause,
    checkpoint::{Barrier, SourceProgress},
    time::Timestamp,
};
use flott_exchange::ChannelCapture;
use flott_state::{SegmentAddress, SegmentLocation, TableDescription, schema::Schema};
use flott_storage::manifest::Redistribution;
use serde::{Serialize, de::DeserializeOwned};

use super::{files::SnapshotFiles, storage::too_slow};
use crate::{RuntimeContext, input::AlignmentStats, metrics::MetricGroup};

/// The schemas of types, each found out once.
#[derive(Clone, Default)]
pub(super) struct Schemas(Arc<Mutex<HashMap<TypeId, Arc<Schema>>>>);

impl Schemas {
    fn of<T: Serialize + DeserializeOwned + 'static>(&self) -> Arc<Schema> {
        let mut schemas = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        schemas.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(Schema::of::<T>())).clone()
    }
}

/// A checkpoint that is being written.
pub(super) struct TaskSnapshot {
    pub(super) barrier: Arc<Barrier>,
    pub(super) operators: Vec<OperatorSnapshot>,
    pub(super) source: Option<SourceProgress>,
    pub(super) watermark: Timestamp,
    pub(super) finished: bool,
    pub(super) channels: ChannelCapture,
    /// Whether some of them have not come yet.
    pub(super) channels_awaited: bool,
    /// Where keyed state goes.
    pub(super) files: SnapshotFiles,
    /// Whether state that has not changed need not be written again.
    pub(super) incremental: bool,
    /// Set if the rest is to be written however long it takes.
    pub(super) unthrottled: bool,
    pub(super) began: Instant,
    /// By when the storage must have taken it.
    pub(super) deadline: Instant,
    pub(super) alignment: AlignmentStats,
    /// From the trigger to the first barrier, in milliseconds.
    pub(super) start_delay_ms: u64,
    /// Schemas of the elements of lists, which take too long to find out at each barrier.
    pub(super) schemas: Schemas,
    /// For how long nothing else was done.
    pub(super) sync: std::time::Duration,
}

/// One operator's part of it.
pub(super) struct OperatorSnapshot {
    pub(super) uid: Arc<str>,
    pub(super) groups: Range<u32>,
    pub(super) keyed: Vec<KeyedPart>,
    /// Segments that are kept in the manifest.
    pub(super) inline: Vec<u8>,
    pub(super) lists: Vec<ListPart>,
    /// How many entries of state by key it has.
    pub(super) entries: u64,
    /// Where to show how much it is.
    pub(super) metrics: MetricGroup,
}

/// State by key, of one name.
pub(super) struct KeyedPart {
    pub(super) name: &'static str,
    /// What its tables are, once it is written.
    pub(super) tables: Vec<TableDescription>,
    pub(super) segments: Vec<(SegmentAddress, SegmentLocation)>,
    /// Whether all of it is written.
    pub(super) complete: bool,
}

impl KeyedPart {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, tables: Vec::new(), segments: Vec::new(), complete: false }
    }
}

/// A list, of one name.
pub(super) struct ListPart {
    pub(super) name: &'static str,
    pub(super) redistribution: Redistribution,
    pub(super) schema: Arc<Schema>,
    pub(super) elements: Vec<Vec<u8>>,
}

impl ListPart {
    pub(super) fn push<T: Serialize>(&mut self, element: &T) -> flott_state::Result<()> {
        let bytes = postcard::to_stdvec(element).map_err(|error| flott_state::Error::Encode {
            what: std::any::type_name::<T>(),
            reason: error.to_string(),
        })?;
        self.elements.push(bytes);
        Ok(())
    }
}

impl TaskSnapshot {
    /// An empty list of `T`s.
    pub(super) fn list<T: Serialize + DeserializeOwned + 'static>(
        &self,
        name: &'static str,
        redistribution: Redistribution,
    ) -> ListPart {
        ListPart { name, redistribution, schema: self.schemas.of::<T>(), elements: Vec::new() }
    }

    /// The part of an operator, at first an empty one.
    pub(super) fn operator(&mut self, context: &RuntimeContext) -> &mut OperatorSnapshot {
        let at = self.operators.iter().position(|operator| operator.uid == context.uid);
        let at = at.unwrap_or_else(|| {
            self.operators.push(OperatorSnapshot {
                uid: context.uid.clone(),
                groups: context.key_groups(),
                keyed: Vec::new(),
                inline: Vec::new(),
                lists: Vec::new(),
                entries: 0,
                metrics: context.metrics(),
            });
            self.operators.len() - 1
        });
        &mut self.operators[at]
    }

    /// The numbers of the files in which its state by key is.
    pub(super) fn files_in_use(&self) -> BTreeSet<u32> {
        let parts = self.operators.iter().flat_map(|operator| &operator.keyed);
        parts.flat_map(|part| &part.segments).map(|(_, location)| location.file).collect()
    }

    /// Whether all state by key is written.
    fn is_written(&self) -> bool {
        self.operators.iter().flat_map(|operator| &operator.keyed).all(|part| part.complete)
    }

    /// Whether all of it is there.
    pub(super) fn is_complete(&self) -> bool {
        self.is_written() && !self.channels_awaited
    }

    /// Why it can't be written, if so.
    pub(super) fn failure(&self, now: Instant) -> Option<FailureCause> {
        let is_too_slow = || self.files.is_stuffed() && now >= self.deadline;
        self.files.failure().or_else(|| is_too_slow().then(too_slow))
    }

    /// Whether nothing is missing but what barriers overtake.
    pub(super) fn awaits_channels(&self) -> bool {
        self.is_written() && self.channels_awaited
    }
}
