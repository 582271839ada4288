//! How much of the files of earlier snapshots is still in use.

use std::{collections::BTreeMap, num::NonZeroU32};

use crate::snapshot::SegmentLocation;

/// Where a segment was written to, and for which snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    file: NonZeroU32,
    length: u32,
    checksum: u32,
    /// The epoch that ended with the snapshot.
    pub(crate) epoch: u32,
    offset: u64,
}

impl Written {
    /// `None` if it is in no file, so that nothing can refer to it.
    pub(crate) fn new(location: SegmentLocation, epoch: u32) -> Option<Self> {
        let SegmentLocation { file, offset, length, checksum } = location;
        Some(Self { file: NonZeroU32::new(file)?, length, checksum, epoch, offset })
    }

    pub(crate) fn location(self) -> SegmentLocation {
        let Self { file, length, checksum, offset, .. } = self;
        SegmentLocation { file: file.get(), offset, length, checksum }
    }
}

/// The more files there are in which something is used, the more must be opened for a restore. Above this many the
/// smallest are written together.
const MAX_FILES: usize = 64;

/// A snapshot writes at most one such part of the whole anew to be rid of old files.
const REWRITTEN_SHARE: u64 = 8;

/// The files that segments refer to, with what they were written for.
#[derive(Debug, Default)]
pub(super) struct Files(BTreeMap<NonZeroU32, Usage>);

/// Bytes in a file; only those that this table wrote.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    written: u64,
    used: u64,
}

impl Files {
    pub(super) fn add(&mut self, written: Written) {
        let usage = self.0.entry(written.file).or_default();
        usage.written += u64::from(written.length);
        usage.used += u64::from(written.length);
    }

    /// A segment does not refer to it any more.
    pub(super) fn remove(&mut self, written: Written) {
        if let Some(usage) = self.0.get_mut(&written.file) {
            usage.used = usage.used.saturating_sub(u64::from(written.length));
            if usage.used == 0 {
                self.0.remove(&written.file);
            }
        }
    }

    /// The files that are not worth keeping: of which less than half is used, and the smallest if there are too many.
    pub(super) fn to_rewrite(&self) -> Rewrite {
        let mut files: Vec<_> = self.0.iter().map(|(file, usage)| (usage.used, *usage, *file)).collect();
        files.sort_unstable_by_key(|(used, _, file)| (*used, *file));
        let surplus = files.len().saturating_sub(MAX_FILES);
        let mut budget = files.iter().map(|(used, ..)| used).sum::<u64>() / REWRITTEN_SHARE;
        let rewrite = Rewrite { files: Vec::new(), budget };
        let candidates = files.iter().enumerate();
        let candidates = candidates.filter(|(i, (used, usage, _))| *i < surplus || used * 2 < usage.written);
        candidates.fold(rewrite, |mut rewrite, (_, (used, _, file))| {
            // The last one may be done in part: the rest comes next time.
            if budget > 0 {
                budget = budget.saturating_sub(*used);
                rewrite.files.push(*file);
            }
            rewrite
        })
    }
}

/// What of the files is written anew in a snapshot though it has not changed.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    files: Vec<NonZeroU32>,
    /// In bytes.
    budget: u64,
}

impl Rewrite {
    /// Whether a segment there is to be written.
    pub(super) fn takes(&mut self, written: Written) -> bool {
        if self.budget == 0 || !self.files.contains(&written.file) {
            return false;
        }
        self.budget = self.budget.saturating_sub(u64::from(written.length));
        true
    }
}
