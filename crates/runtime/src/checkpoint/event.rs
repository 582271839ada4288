//! What goes down an operator chain when a checkpoint is taken.

use std::sync::Arc;

#[cfg(feature = "sabotage")]
use flott_core::sabotage::{Sabotage, is};
use flott_core::{
    CheckpointId,
    checkpoint::{Barrier, SourceProgress},
    time::Timestamp,
};
use flott_exchange::ChannelCapture;
use flott_state::KeyedSnapshot;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    files::PieceSink,
    snapshot::{KeyedPart, OperatorSnapshot, TaskSnapshot},
};
use crate::{Result, RuntimeContext, operators::state_failure};

/// What happens to a checkpoint. It goes down the whole chain, and at its end into the channels.
pub struct CheckpointEvent<'a> {
    kind: EventKind<'a>,
    /// What is being collected; `None` for the events that collect nothing.
    snapshot: Option<&'a mut TaskSnapshot>,
    #[cfg(test)]
    probe: Option<&'a mut ChannelProbe>,
}

/// In tests of inputs and writers: what a snapshot would get from them.
#[cfg(test)]
#[derive(Default)]
pub(crate) struct ChannelProbe {
    pub(crate) id: CheckpointId,
    pub(crate) capture: ChannelCapture,
    pub(crate) awaited: bool,
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum EventKind<'a> {
    /// All records before the cut have been processed, and none behind it: the state as it is now is to be kept.
    Barrier(&'a Arc<Barrier>),
    /// More of what was frozen at the barrier can be written.
    Continue,
    /// This checkpoint and all before it will never be undone: what belongs to them can be made visible.
    Completed(CheckpointId),
    /// This checkpoint was given up.
    Aborted(CheckpointId),
}

/// How the elements of a list are given to the subtasks of another parallelism.
pub use flott_storage::manifest::Redistribution;

impl<'a> CheckpointEvent<'a> {
    /// At the barrier of the checkpoint that `snapshot` collects.
    pub(super) fn barrier(barrier: &'a Arc<Barrier>, snapshot: &'a mut TaskSnapshot) -> Self {
        Self { snapshot: Some(snapshot), ..Self::of(EventKind::Barrier(barrier)) }
    }

    pub(super) fn go_on(snapshot: &'a mut TaskSnapshot) -> Self {
        Self { snapshot: Some(snapshot), ..Self::of(EventKind::Continue) }
    }

    /// Without anything to collect: the ends of checkpoints. In tests also barriers of which nothing is kept.
    pub fn of(kind: EventKind<'a>) -> Self {
        Self {
            kind,
            snapshot: None,
            #[cfg(test)]
            probe: None,
        }
    }

    /// For a snapshot that consists of what comes from channels only.
    #[cfg(test)]
    pub(crate) fn probing(kind: EventKind<'a>, probe: &'a mut ChannelProbe) -> Self {
        probe.awaited = false;
        Self { probe: Some(probe), ..Self::of(kind) }
    }

    /// What happens.
    pub fn kind(&self) -> EventKind<'a> {
        self.kind
    }

    /// The part of one operator in it.
    pub fn operator(&mut self, context: &RuntimeContext) -> OperatorPart<'_> {
        let snapshot = self.snapshot.as_deref_mut();
        OperatorPart { kind: self.kind, context: context.clone(), snapshot }
    }

    /// How far the splits are that a source knows of.
    pub(crate) fn source_progress(
        &mut self,
        progress: impl FnOnce() -> Result<SourceProgress>,
    ) -> Result<()> {
        if let (EventKind::Barrier(_), Some(snapshot)) = (self.kind, self.snapshot.as_deref_mut()) {
            snapshot.source = Some(progress()?);
        }
        Ok(())
    }

    /// The watermark of the subtask's input.
    pub(crate) fn input_watermark(&mut self, watermark: Timestamp) {
        if let (EventKind::Barrier(_), Some(snapshot)) = (self.kind, self.snapshot.as_deref_mut()) {
            snapshot.watermark = watermark;
        }
    }

    /// The checkpoint whose snapshot is being collected, if one is.
    pub fn snapshot_id(&self) -> Option<CheckpointId> {
        #[cfg(test)]
        if let Some(probe) = &self.probe {
            return Some(probe.id);
        }
        self.snapshot.as_ref().map(|snapshot| snapshot.barrier.id)
    }

    /// Says that some records which the barrier has overtaken have not come yet: the snapshot is not complete, and this is
    /// asked again.
    pub fn await_channels(&mut self) {
        if let Some(snapshot) = self.snapshot.as_deref_mut() {
            snapshot.channels_awaited = true;
        }
        #[cfg(test)]
        if let Some(probe) = &mut self.probe {
            probe.awaited = true;
        }
    }

    /// Records that the barrier has overtaken, all or some of them.
    pub fn channels(&mut self, capture: ChannelCapture) {
        #[cfg(feature = "sabotage")]
        let capture = if is(Sabotage::DropCapturedBuffers) { ChannelCapture::default() } else { capture };
        #[cfg(test)]
        if let Some(probe) = &mut self.probe {
            probe.capture.extend(capture);
            return;
        }
        if let Some(snapshot) = self.snapshot.as_deref_mut() {
            snapshot.channels.extend(capture);
        }
    }
}

/// What one operator has to do with a checkpoint. All its methods are to be called on every event, in any order.
pub struct OperatorPart<'a> {
    kind: EventKind<'a>,
    context: RuntimeContext,
    snapshot: Option<&'a mut TaskSnapshot>,
}

impl OperatorPart<'_> {
    /// State that is kept by key. `name` is unique in the operator and the same in each version of the program.
    ///
    /// # Errors
    /// If it can't be encoded.
    pub fn keyed(&mut self, name: &'static str, state: &mut dyn KeyedSnapshot) -> Result<()> {
        #[cfg(feature = "sabotage")]
        if name.ends_with("timers") && is(Sabotage::ForgetTimers) {
            return Ok(());
        }
        let encoded = match (self.kind, self.snapshot.as_deref_mut()) {
            (EventKind::Barrier(barrier), Some(snapshot)) => {
                state.begin(barrier.id, snapshot.incremental);
                let part = KeyedPart::new(name);
                let operator = snapshot.operator(&self.context);
                operator.keyed.push(part);
                operator.entries += state.entries() as u64;
                Ok(())
            }
            (EventKind::Continue, Some(snapshot)) => {
                let TaskSnapshot { operators, files, unthrottled, barrier, .. } = snapshot;
                let operator = operators.iter_mut().find(|operator| operator.uid == self.context.uid);
                let part = operator.and_then(|OperatorSnapshot { keyed, inline, .. }| {
                    Some((keyed.iter_mut().find(|part| part.name == name)?, inline))
                });
                match part {
                    Some((part, inline)) if !part.complete && (*unthrottled || !files.is_full()) => {
                        let written = state.write(&mut PieceSink::new(part, inline, files, *unthrottled));
                        written.map(|complete| {
                            if complete {
                                part.complete = true;
                                part.tables = state.describe();
                                // Checkpoints never refer to the files of a savepoint: they are the user's.
                                if barrier.is_savepoint() {
                                    state.aborted(barrier.id);
                                }
                            }
                        })
                    }
                    _ => Ok(()),
                }
            }
            (EventKind::Barrier(_) | EventKind::Continue, None) => Ok(()),
            (EventKind::Completed(id), _) => {
                state.completed(id);
                Ok(())
            }
            (EventKind::Aborted(id), _) => {
                state.aborted(id);
                Ok(())
            }
        };
        encoded.map_err(|error| state_failure(&self.context, &error))
    }

    /// State that does not depend on keys: elements that can be given to other subtasks. `items` is called at the barrier
    /// only.
    ///
    /// # Errors
    /// If an element can't be encoded.
    pub fn list<T, I>(
        &mut self,
        name: &'static str,
        redistribution: Redistribution,
        items: impl FnOnce() -> I,
    ) -> Result<()>
    where
        T: Serialize + DeserializeOwned + 'static,
        I: IntoIterator,
        I::Item: std::borrow::Borrow<T>,
    {
        let (EventKind::Barrier(_), Some(snapshot)) = (self.kind, self.snapshot.as_deref_mut()) else {
            return Ok(());
        };
        let mut part = snapshot.list::<T>(name, redistribution);
        for item in items() {
            part.push(std::borrow::Borrow::borrow(&item))
                .map_err(|error| state_failure(&self.context, &error))?;
        }
        let operator: &mut OperatorSnapshot = snapshot.operator(&self.context);
        if !part.elements.is_empty() {
            operator.lists.push(part);
        }
        Ok(())
    }
}
