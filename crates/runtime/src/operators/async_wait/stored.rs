//! What checkpoints have of records whose results have not gone on.

use std::{collections::VecDeque, iter};

use flott_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Element;
use crate::{CheckpointEvent, Mark, Record, Redistribution, Result, RuntimeContext};

/// The names in checkpoints.
const ELEMENTS: &str = "not handed on";
const PARALLELISM: &str = "parallelism";

/// What has not gone on.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Stored<T, U> {
    /// Its request was under way, or had not begun.
    Record(T, Timestamp),
    /// What has come of a record.
    Results(Vec<U>, Timestamp),
    /// The first one is the watermark that has gone on last: what is behind the operator must know it before any record.
    Mark(Mark),
}

pub(super) fn checkpoint<T: Record, U: Record>(
    operator: &RuntimeContext,
    event: &mut CheckpointEvent<'_>,
    stored: impl FnOnce() -> Vec<Stored<T, U>>,
) -> Result<()> {
    let mut part = event.operator(operator);
    let parallelism = operator.task.parallelism;
    part.list::<u32, _>(PARALLELISM, Redistribution::Broadcast, || iter::once(parallelism))?;
    part.list::<Stored<T, U>, _>(ELEMENTS, Redistribution::Split, stored)
}

pub(super) fn restore<T: Record, U: Record>(operator: &RuntimeContext) -> Result<VecDeque<Element<T, U>>> {
    let restored = operator.restored();
    let same = restored.list::<u32>(PARALLELISM)?.first() == Some(&operator.task.parallelism);
    let elements = restored.list::<Stored<T, U>>(ELEMENTS)?.into_iter();
    let elements = elements.filter_map(|stored| match stored {
        Stored::Record(record, timestamp) => Some(Element::Record(record, timestamp)),
        Stored::Results(results, timestamp) => Some(Element::Results(results, timestamp)),
        // At another parallelism elements of several subtasks come together. A mark of one would make records of others
        // late; the watermark of the input comes behind all of them.
        Stored::Mark(mark) => same.then_some(Element::Mark(mark)),
    });
    Ok(elements.collect())
}
