//! State that expires: the settings, and how entries age.

use std::{cell::Cell, fmt, time::Duration};

use flott_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    StateValue,
    list_state::{AgedList, ListContent},
};

/// How long the entries of a state live, in processing time; as Flink's `StateTtlConfig`. In list state each element
/// and in map state each entry has its own life.
///
/// Values live at least as long as given. Expired ones are removed bit by bit, see [`TtlCleanup`].
///
/// ```
/// # use std::time::Duration;
/// use flott_state::{StateTtl, TtlUpdate};
/// let sessions = StateTtl::new(Duration::from_secs(30 * 60)).update(TtlUpdate::OnReadAndWrite);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StateTtl {
    duration: Duration,
    update: TtlUpdate,
    visibility: TtlVisibility,
    cleanup: TtlCleanup,
}

/// What begins an entry's life anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TtlUpdate {
    /// Creating and changing it. Borrowing it mutably counts as a change.
    #[default]
    OnCreateAndWrite,
    /// Reading it too.
    OnReadAndWrite,
}

/// Whether an entry whose time is over can still be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TtlVisibility {
    /// Never.
    #[default]
    NeverReturnExpired,
    /// Until it is cleaned up, which at the latest happens as it is read for the first time after its end. (List
    /// elements stay until no element of their list is alive.)
    ReturnExpiredIfNotCleanedUp,
}

/// How entries go that nobody touches after their end. Those that are touched go at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TtlCleanup {
    /// Whenever the state is told the time, it looks at some entries, turn by turn: at this many a write since the last
    /// time and this many more. With 5, the default, the entries that are kept are a small multiple of those alive.
    Incremental {
        /// How many entries, at least 1.
        entries: u32,
    },
    /// Not at all: for keys that all come back.
    WhenTouched,
}

impl Default for TtlCleanup {
    fn default() -> Self {
        Self::Incremental { entries: 5 }
    }
}

impl StateTtl {
    /// Entries live for `duration` (in whole milliseconds, at least one) after they were written last, then are never
    /// seen again and are removed incrementally.
    pub fn new(duration: Duration) -> Self {
        Self {
            duration,
            update: TtlUpdate::default(),
            visibility: TtlVisibility::default(),
            cleanup: TtlCleanup::default(),
        }
    }

    /// Says what begins an entry's life anew.
    #[must_use]
    pub fn update(mut self, update: TtlUpdate) -> Self {
        self.update = update;
        self
    }

    /// Says whether expired entries can be seen.
    #[must_use]
    pub fn visibility(mut self, visibility: TtlVisibility) -> Self {
        self.visibility = visibility;
        self
    }

    /// Says how expired entries are removed.
    #[must_use]
    pub fn cleanup(mut self, cleanup: TtlCleanup) -> Self {
        self.cleanup = cleanup;
        self
    }

    /// How long entries live.
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

impl fmt::Display for StateTtl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a time to live of {:?} ({:?}, {:?}, {:?})",
            self.duration, self.update, self.visibility, self.cleanup
        )
    }
}

/// How entries age. The tables of state are generic over this, so that without TTL there is neither a time in the
/// entries nor a check.
pub(crate) trait Aging: Send + Sized + 'static {
    /// What an entry remembers.
    type Stamp: Send + 'static;

    /// Whether it remembers anything.
    const AGES: bool;

    /// A list whose elements age each by itself.
    type List<V: StateValue>: ListContent<V, Self>;

    /// For an entry that is written now.
    fn stamp(&self, now: Timestamp) -> Self::Stamp;

    /// Whether an entry may be read now. Reading may prolong its life, or be the last time.
    fn read(&self, stamp: &Self::Stamp, now: Timestamp) -> bool;

    /// Whether an entry could be read now, without reading it.
    fn is_visible(&self, stamp: &Self::Stamp, now: Timestamp) -> bool;

    /// Whether an entry's life is over.
    fn is_expired(&self, stamp: &Self::Stamp, now: Timestamp) -> bool;

    /// How many entries to look at for each write.
    fn cleanup(&self) -> u32;

    /// Whether reading may change what an entry remembers so that it lives longer or is not seen again.
    fn is_changed_by_reading(&self) -> bool;

    /// When the life of an entry began.
    fn since(stamp: &Self::Stamp) -> Timestamp;
}

/// Entries live for ever.
pub(crate) struct Forever;

impl Aging for Forever {
    const AGES: bool = false;
    type Stamp = ();
    type List<V: StateValue> = Vec<V>;

    #[inline(always)]
    fn stamp(&self, _: Timestamp) {}

    #[inline(always)]
    fn read(&self, (): &(), _: Timestamp) -> bool {
        true
    }

    #[inline(always)]
    fn is_visible(&self, (): &(), _: Timestamp) -> bool {
        true
    }

    #[inline(always)]
    fn is_expired(&self, (): &(), _: Timestamp) -> bool {
        false
    }

    #[inline(always)]
    fn cleanup(&self) -> u32 {
        0
    }

    #[inline(always)]
    fn is_changed_by_reading(&self) -> bool {
        false
    }

    fn since((): &()) -> Timestamp {
        Timestamp::MIN
    }
}

/// Of an entry that was read after its end: it is not there any more, but could not be removed while it was borrowed.
pub(crate) const GONE: Timestamp = Timestamp::MIN;

/// Entries live for a while. The stamp is when life began, changed by readers too.
impl Aging for StateTtl {
    const AGES: bool = true;
    type Stamp = Cell<Timestamp>;
    type List<V: StateValue> = AgedList<V>;

    #[inline]
    fn stamp(&self, now: Timestamp) -> Cell<Timestamp> {
        Cell::new(now)
    }

    #[inline]
    fn read(&self, stamp: &Cell<Timestamp>, now: Timestamp) -> bool {
        if self.has_ended(stamp.get(), now) {
            let last_sight = self.returns_expired() && stamp.get() != GONE;
            stamp.set(GONE);
            return last_sight;
        }
        if self.updates_on_read() {
            stamp.set(now);
        }
        true
    }

    #[inline]
    fn is_visible(&self, stamp: &Cell<Timestamp>, now: Timestamp) -> bool {
        !self.has_ended(stamp.get(), now) || (self.returns_expired() && stamp.get() != GONE)
    }

    #[inline]
    fn is_expired(&self, stamp: &Cell<Timestamp>, now: Timestamp) -> bool {
        self.has_ended(stamp.get(), now)
    }

    #[inline]
    fn cleanup(&self) -> u32 {
        match self.cleanup {
            TtlCleanup::Incremental { entries } => entries.max(1),
            TtlCleanup::WhenTouched => 0,
        }
    }

    #[inline]
    fn is_changed_by_reading(&self) -> bool {
        self.updates_on_read() || self.returns_expired()
    }

    fn since(stamp: &Cell<Timestamp>) -> Timestamp {
        stamp.get()
    }
}

impl StateTtl {
    /// Whether a life that began at `start` is over: it ends `duration` later, that point excluded.
    #[inline]
    pub(crate) fn has_ended(&self, start: Timestamp, now: Timestamp) -> bool {
        start + self.duration <= now
    }

    #[inline]
    pub(crate) fn updates_on_read(&self) -> bool {
        self.update == TtlUpdate::OnReadAndWrite
    }

    #[inline]
    pub(crate) fn returns_expired(&self) -> bool {
        self.visibility == TtlVisibility::ReturnExpiredIfNotCleanedUp
    }
}
