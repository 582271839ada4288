//! Splits that one source reads at the same time.
//!
//! A subtask reads its splits one after the other. After a restore at a lower parallelism it may have several that were
//! begun; each then has a *lane* of its own until its end: a reader, and a watermark generator where watermarks are made.
//! Otherwise the furthest of them would make the records of the others late.

use std::{
    collections::BTreeSet,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
};

/// Tells operators behind a source which split the batch at hand is from. Written and read by one thread at a time.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    current: AtomicU32,
    are_several: AtomicBool,
    open: Mutex<BTreeSet<u32>>,
}

impl Lanes {
    /// There are this many from the start.
    pub(crate) fn open(&self, count: u32) {
        let mut open = self.lock();
        *open = (0..count).collect();
        self.are_several.store(open.len() > 1, Relaxed);
    }

    /// The next batch is from this one.
    pub(crate) fn enter(&self, lane: u32) {
        self.current.store(lane, Relaxed);
    }

    /// Nothing more comes from this one.
    pub(crate) fn close(&self, lane: u32) {
        let mut open = self.lock();
        open.remove(&lane);
        self.are_several.store(open.len() > 1, Relaxed);
    }

    /// Whether batches of several splits take turns.
    #[inline]
    pub(crate) fn are_several(&self) -> bool {
        self.are_several.load(Relaxed)
    }

    /// The one that the batch at hand is from.
    pub(crate) fn current(&self) -> u32 {
        self.current.load(Relaxed)
    }

    /// Those from which more may come.
    pub(crate) fn all(&self) -> BTreeSet<u32> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<u32>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
