//! The checkpoints from which the job can recover, and the files that only they need.
//!
//! Files in a checkpoint's own directory go with it. Shared files go when no retained checkpoint refers to them any more,
//! but not at once: a subtask that has not heard yet of the newer checkpoint may still refer to those of the older one. So
//! they are kept until a checkpoint that was triggered later completes without them. Should a subtask even then refer to
//! one of them, its acknowledgment is refused, by [`Retained::was_deleted`].

use std::collections::{BTreeMap, BTreeSet, VecDeque};

#[cfg(feature = "sabotage")]
use flott_core::sabotage::{Sabotage, is};
use flott_core::{CheckpointId, checkpoint::StateFile};

/// So many deleted files are remembered.
const REMEMBERED: usize = 10_000;

/// A checkpoint that is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Completed {
    pub(super) id: CheckpointId,
    /// URI of the directory that its metadata is in.
    pub(super) directory: String,
    /// URIs of all files that it refers to.
    pub(super) files: BTreeSet<String>,
    /// Whether no other checkpoint can refer to anything in the directory.
    pub(super) is_exclusive: bool,
}

/// What is to be deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Garbage {
    pub(super) files: Vec<String>,
    pub(super) directories: Vec<String>,
}

impl Garbage {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty() && self.directories.is_empty()
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Retained {
    /// Oldest first.
    checkpoints: VecDeque<Completed>,
    /// Files that none of them refers to, each with the number from which on a completed checkpoint lets it go.
    doomed: BTreeMap<String, CheckpointId>,
    /// Directories of claimed snapshots that are retained no more, but of which files may be in use.
    left: BTreeSet<String>,
    /// The last ones that were deleted, oldest first, and as a set.
    deleted: (VecDeque<String>, BTreeSet<String>),
}

impl Retained {
    /// Those that are retained, oldest first.
    pub(super) fn of(checkpoints: Vec<Completed>) -> Self {
        Self { checkpoints: checkpoints.into(), ..Self::default() }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Completed> {
        self.checkpoints.iter()
    }

    /// Takes in a newer one and lets go of the oldest, so that `keep` remain. `next` is the number of the next checkpoint,
    /// `in_use` are files of those that are under way. Returns what may be deleted now, and the numbers of those that
    /// went.
    pub(super) fn add(
        &mut self,
        new: Completed,
        keep: usize,
        next: CheckpointId,
        in_use: &BTreeSet<String>,
    ) -> (Garbage, Vec<CheckpointId>) {
        let (id, mut gone, mut directories) = (new.id, Vec::new(), Vec::new());
        self.checkpoints.push_back(new);
        while self.checkpoints.len() > keep.max(1)
            && let Some(old) = self.checkpoints.pop_front()
        {
            gone.push(old.id);
            let goes_with_it = |file: &String| old.is_exclusive && is_within(file, &old.directory);
            let doomed: Vec<_> = old.files.iter().filter(|file| !goes_with_it(file)).cloned().collect();
            self.doomed.extend(doomed.into_iter().map(|file| (file, next)));
            if old.is_exclusive {
                directories.push(old.directory);
            } else {
                self.left.insert(old.directory);
            }
        }
        #[cfg(feature = "sabotage")]
        if is(Sabotage::DeleteEarly) {
            directories.extend(self.checkpoints.back().map(|latest| latest.directory.clone()));
        }
        let used: BTreeSet<_> = self.checkpoints.iter().flat_map(|it| &it.files).chain(in_use).collect();
        #[cfg(feature = "sabotage")]
        let used = if is(Sabotage::DeleteShared) { BTreeSet::new() } else { used };
        self.doomed.retain(|file, _| !used.contains(file));
        let files: Vec<_> = self.doomed.extract_if(.., |_, from| *from <= id).map(|(file, _)| file).collect();
        let (doomed, is_used) =
            (&self.doomed, |directory: &str| used.iter().any(|it| is_within(it, directory)));
        let free =
            |directory: &String| !is_used(directory) && !doomed.keys().any(|file| is_within(file, directory));
        directories.extend(self.left.extract_if(.., |directory| free(directory)));
        self.remember(&files);
        (Garbage { files, directories }, gone)
    }

    /// What may be deleted of files that belong to no completed checkpoint.
    pub(super) fn unused(
        &self,
        files: impl IntoIterator<Item = String>,
        in_use: &BTreeSet<String>,
    ) -> Vec<String> {
        let is_free = |file: &String| {
            !self.doomed.contains_key(file)
                && !in_use.contains(file)
                && !self.checkpoints.iter().any(|it| it.files.contains(file))
        };
        files.into_iter().filter(is_free).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Remembers that these are deleted.
    pub(super) fn remember(&mut self, deleted: &[String]) {
        let (order, set) = &mut self.deleted;
        order.extend(deleted.iter().filter(|file| set.insert((*file).clone())).cloned());
        while order.len() > REMEMBERED
            && let Some(oldest) = order.pop_front()
        {
            set.remove(&oldest);
        }
    }

    /// Whether it was deleted not long ago.
    pub(super) fn was_deleted(&self, file: &str) -> bool {
        self.deleted.1.contains(file)
    }

    /// What is left to delete when the job has ended, and the retained ones are kept or not.
    pub(super) fn end(&mut self, keep: bool) -> Garbage {
        let kept = if keep { std::mem::take(&mut self.checkpoints) } else { VecDeque::new() };
        let used: BTreeSet<_> = kept.iter().flat_map(|it| &it.files).collect();
        let mut files: BTreeSet<_> = std::mem::take(&mut self.doomed).into_keys().collect();
        let mut directories = std::mem::take(&mut self.left);
        for old in std::mem::take(&mut self.checkpoints) {
            files.extend(old.files);
            directories.insert(old.directory);
        }
        directories.retain(|directory| !used.iter().any(|file| is_within(file, directory)));
        files.retain(|file| !used.contains(file) && !directories.iter().any(|it| is_within(file, it)));
        Garbage { files: files.into_iter().collect(), directories: directories.into_iter().collect() }
    }
}

/// The URI of a file of a snapshot whose metadata is in this directory.
pub(super) fn uri_of(directory: &str, file: &StateFile) -> String {
    if file.path.contains(":/") {
        return file.path.clone();
    }
    let (mut directory, mut path) = (directory.trim_end_matches('/'), file.path.as_str());
    while let Some(rest) = path.strip_prefix("../") {
        path = rest;
        directory = directory.rsplit_once('/').map_or(directory, |(parent, _)| parent);
    }
    format!("{directory}/{path}")
}

/// Whether a file or directory is somewhere in a directory.
pub(super) fn is_within(uri: &str, directory: &str) -> bool {
    uri.strip_prefix(directory.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
}

#[cfg(test)]
mod tests;
