//! Numbers by which the records of a subtask are told apart in the order in which they came.

use std::iter;

use serde::{Deserialize, Serialize};

use crate::{CheckpointEvent, Redistribution, Result, RuntimeContext};

/// The bits that are left for counting between two changes of the parallelism: enough for nine years of a million records
/// a second.
const COUNT_BITS: u32 = 48;

/// Counts what arrives.
///
/// Only the numbers of one key's records are ever compared, so those of different subtasks need not differ. But after a
/// restore at another parallelism a subtask has keys from several others, and what arrives then must come after all of it:
/// then the uppermost bits, which are the same in all subtasks, rise.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrivals {
    next: u64,
}

/// What of it is in a checkpoint.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Stored {
    next: u64,
    parallelism: u32,
}

impl Arrivals {
    /// Goes on behind all that is in the checkpoint.
    pub(super) fn restore(operator: &RuntimeContext) -> Result<Self> {
        let restored = operator.restored();
        let stored = restored.list::<Stored>("arrivals")?.first().copied();
        let next = match stored {
            Some(stored) if stored.parallelism == operator.task.parallelism => stored.next,
            Some(stored) => ((stored.next >> COUNT_BITS) + 1) << COUNT_BITS,
            None if restored.is_empty() => 0,
            None => 1 << COUNT_BITS,
        };
        Ok(Self { next })
    }

    /// The number of the record at work.
    #[inline]
    pub(super) fn take(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    pub(super) fn checkpoint(
        &self,
        operator: &RuntimeContext,
        event: &mut CheckpointEvent<'_>,
    ) -> Result<()> {
        let stored = Stored { next: self.next, parallelism: operator.task.parallelism };
        event
            .operator(operator)
            .list::<Stored, _>("arrivals", Redistribution::Broadcast, || iter::once(stored))
    }
}
