//! The handles of the timers of one time, in the order of registration.

use std::{collections::VecDeque, mem};

/// Leads to a timer, if that still stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handle {
    /// By which the timer is found in its group.
    pub(super) hash: u64,
    /// Its number above its group, so that handles are ordered as numbers are.
    order: u64,
}

/// There are at most 2^15 groups.
const GROUP_BITS: u32 = 16;

/// With so many timers a second that this is reached within the life of a job, it has other problems.
pub(super) const MAX_NUMBER: u64 = u64::MAX >> GROUP_BITS;

impl Handle {
    #[inline]
    pub(super) fn new(group: usize, hash: u64, number: u64) -> Self {
        Self { hash, order: number << GROUP_BITS | group as u64 }
    }

    #[inline]
    pub(super) fn group(self) -> usize {
        (self.order & ((1 << GROUP_BITS) - 1)) as usize
    }

    #[inline]
    pub(super) fn number(self) -> u64 {
        self.order >> GROUP_BITS
    }
}

/// The timers of one time.
pub(super) enum Bucket {
    /// A single one, as nearly always when times are those of records. Needs no memory of its own.
    One(Handle),
    Many(Box<Many>),
    /// None; dropped by the queue at once.
    Empty,
}

pub(super) struct Many {
    /// In the order of registration, also of timers that were deleted.
    handles: VecDeque<Handle>,
    /// How many were not.
    standing: usize,
    /// Whether the order is still to be made, as after a restore.
    is_unordered: bool,
}

/// More handles of deleted timers than this and than there are others are not kept.
const MAX_DELETED: usize = 64;

impl Bucket {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Adds the handle of a timer that was registered, or restored.
    pub(super) fn push(&mut self, handle: Handle) {
        match self {
            Self::Many(many) => many.push(handle),
            Self::One(first) => {
                let mut many = Many { handles: VecDeque::with_capacity(4), standing: 0, is_unordered: false };
                many.push(*first);
                many.push(handle);
                *self = Self::Many(Box::new(many));
            }
            Self::Empty => *self = Self::One(handle),
        }
    }

    /// One of the timers has been deleted.
    pub(super) fn forget_one(&mut self, is_standing: impl Fn(&Handle) -> bool) {
        match self {
            Self::Many(many) if many.standing > 1 => many.forget_one(is_standing),
            _ => *self = Self::Empty,
        }
    }

    /// The first handle, perhaps of a deleted timer.
    pub(super) fn first(&mut self) -> Option<Handle> {
        match self {
            Self::One(handle) => Some(*handle),
            Self::Many(many) => {
                if mem::take(&mut many.is_unordered) {
                    many.handles.make_contiguous().sort_unstable_by_key(|handle| handle.order);
                }
                many.handles.front().copied()
            }
            Self::Empty => None,
        }
    }

    /// Drops the first handle; its timer stood until now or was deleted before.
    pub(super) fn drop_first(&mut self, stood: bool) {
        match self {
            Self::Many(many) => {
                many.handles.pop_front();
                many.standing -= usize::from(stood);
                if many.standing == 0 {
                    *self = Self::Empty;
                }
            }
            _ => *self = Self::Empty,
        }
    }

    /// The handles, in no particular order after a restore.
    #[cfg(test)]
    pub(super) fn handles(&self) -> Vec<Handle> {
        match self {
            Self::One(handle) => vec![*handle],
            Self::Many(many) => many.handles.iter().copied().collect(),
            Self::Empty => Vec::new(),
        }
    }
}

impl Many {
    #[inline]
    fn push(&mut self, handle: Handle) {
        self.is_unordered |= self.handles.back().is_some_and(|last| last.order > handle.order);
        self.handles.push_back(handle);
        self.standing += 1;
    }

    fn forget_one(&mut self, is_standing: impl Fn(&Handle) -> bool) {
        self.standing -= 1;
        if self.handles.len() - self.standing > self.standing.max(MAX_DELETED) {
            self.handles.retain(is_standing);
        }
    }
}
