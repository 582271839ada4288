use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use flott_runtime::{BoxError, Discovery, SplitEnumerator};
use serde::{Deserialize, Serialize};

use super::{
    error::Error,
    listing::{Listed, Listing, Version},
    split::{FileSplit, cut},
};
use crate::path::path_bytes;

/// Splits per subtask, so that a slow subtask takes fewer.
const SPLITS_PER_SUBTASK: u64 = 8;
const MIN_SPLIT: u64 = 1 << 20;
const MAX_SPLIT: u64 = 64 << 20;

/// Finds the files of a source: once, or those that are new again and again.
pub(super) struct FileEnumerator {
    pub(super) input: PathBuf,
    pub(super) monitor: Option<Duration>,
    /// Whether a file may be read by several subtasks.
    pub(super) splittable: bool,
    pub(super) parallelism: u32,
    /// What was found before, if it can be found again.
    pub(super) found: HashMap<PathBuf, Version>,
}

impl FileEnumerator {
    /// Whether files are looked for again, or were in the job that this one goes on with.
    fn remembers(&self) -> bool {
        self.monitor.is_some() || !self.found.is_empty()
    }

    fn is_new(&mut self, file: &Listed) -> bool {
        if self.found.get(&file.path) == Some(&file.version) {
            return false;
        }
        self.found.insert(file.path.clone(), file.version);
        true
    }
}

impl SplitEnumerator<FileSplit> for FileEnumerator {
    fn discover(&mut self) -> Result<Discovery<FileSplit>, BoxError> {
        let mut files = Listing::of(&self.input, self.monitor.is_some())?;
        if self.remembers() {
            files.retain(|file| self.is_new(file));
            // Those that have come since the last time, in the order in which they came.
            files.sort_by_key(|file| file.version.modified);
        }
        let total: u64 = files.iter().map(|file| file.version.size).sum();
        let parts = u64::from(self.parallelism) * SPLITS_PER_SUBTASK;
        let length = match self.splittable {
            true => total.div_ceil(parts).clamp(MIN_SPLIT, MAX_SPLIT),
            false => u64::MAX,
        };
        let splits = files.iter().flat_map(|file| cut(&file.path, file.version.size, length)).collect();
        Ok(Discovery { splits, again_in: self.monitor })
    }

    fn snapshot(&self) -> Result<Vec<u8>, BoxError> {
        let mut found: Vec<_> = self.found.iter().map(|(path, version)| Found::new(path, version)).collect();
        // Equal states are equal bytes.
        found.sort_unstable();
        Ok(postcard::to_stdvec(&found)?)
    }
}

/// A file that was found, in a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Found {
    #[serde(with = "path_bytes")]
    path: PathBuf,
    /// When it was changed last, in nanoseconds since the epoch.
    modified: i128,
    size: u64,
}

impl Found {
    fn new(path: &Path, version: &Version) -> Self {
        let modified = match version.modified.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => since.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        Self { path: path.to_owned(), modified, size: version.size }
    }

    /// `None` if there is no such time.
    fn version(&self) -> Option<Version> {
        let nanos = self.modified.unsigned_abs();
        let distance =
            Duration::new(u64::try_from(nanos / 1_000_000_000).ok()?, (nanos % 1_000_000_000) as u32);
        let modified = match self.modified < 0 {
            true => SystemTime::UNIX_EPOCH.checked_sub(distance)?,
            false => SystemTime::UNIX_EPOCH.checked_add(distance)?,
        };
        Some(Version { modified, size: self.size })
    }
}

/// The files that were found before a checkpoint. Nothing if there is none.
pub(super) fn found_before(input: &Path, state: &[u8]) -> Result<HashMap<PathBuf, Version>, Error> {
    if state.is_empty() {
        return Ok(HashMap::new());
    }
    let damaged = |cause| Error::Found { input: input.display().to_string(), cause };
    let (found, rest) = postcard::take_from_bytes::<Vec<Found>>(state).map_err(damaged)?;
    if !rest.is_empty() {
        return Err(damaged(postcard::Error::DeserializeBadEncoding));
    }
    let found = found.into_iter().map(|file| file.version().map(|version| (file.path, version)));
    found.collect::<Option<_>>().ok_or_else(|| damaged(postcard::Error::DeserializeBadEncoding))
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        path::Path,
        time::SystemTime,
    };

    use tempfile::tempdir;

    use super::*;

    const INTERVAL: Duration = Duration::from_secs(1);

    fn enumerator(input: &Path, monitor: Option<Duration>, splittable: bool) -> FileEnumerator {
        FileEnumerator { input: input.to_owned(), monitor, splittable, parallelism: 2, found: HashMap::new() }
    }

    fn discover(enumerator: &mut FileEnumerator) -> Vec<String> {
        let discovery = enumerator.discover().unwrap();
        assert_eq!(discovery.again_in, enumerator.monitor);
        let name = |split: &FileSplit| split.path().file_name().unwrap().to_str().unwrap().to_owned();
        discovery.splits.iter().map(name).collect()
    }

    /// Writes a file that was last changed so many seconds after some start.
    fn write(path: &Path, text: &str, seconds: u64) {
        fs::write(path, text).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds);
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn each_file_of_a_monitored_directory_is_found_once() {
        let directory = tempdir().unwrap();
        let path = directory.path();
        let mut enumerator = enumerator(path, Some(INTERVAL), true);
        assert_eq!(discover(&mut enumerator), [""; 0]);
        write(&path.join("b"), "x", 1);
        write(&path.join("a"), "x", 2);
        write(&path.join(".hidden"), "x", 0);
        assert_eq!(discover(&mut enumerator), ["b", "a"], "the older one first");
        assert_eq!(discover(&mut enumerator), [""; 0]);
        fs::create_dir(path.join("sub")).unwrap();
        write(&path.join("sub/c"), "x", 0);
        assert_eq!(discover(&mut enumerator), ["c"], "however old it is");
    }

    #[test]
    fn a_file_that_has_changed_is_found_again() {
        let directory = tempdir().unwrap();
        let file = directory.path().join("a");
        let mut enumerator = enumerator(directory.path(), Some(INTERVAL), true);
        write(&file, "x", 1);
        assert_eq!(discover(&mut enumerator), ["a"]);
        write(&file, "xy", 1);
        assert_eq!(discover(&mut enumerator), ["a"], "by its size");
        write(&file, "xz", 2);
        assert_eq!(discover(&mut enumerator), ["a"], "by its time");
        assert_eq!(discover(&mut enumerator), [""; 0]);
    }

    #[test]
    fn what_was_found_before_a_checkpoint_is_not_found_again() {
        let directory = tempdir().unwrap();
        let path = directory.path();
        write(&path.join("a"), "x", 1);
        write(&path.join("b"), "x", 2);
        let mut before = enumerator(path, Some(INTERVAL), true);
        assert_eq!(discover(&mut before), ["a", "b"]);
        let state = before.snapshot().unwrap();
        write(&path.join("b"), "changed", 3);
        write(&path.join("c"), "x", 4);
        for monitor in [Some(INTERVAL), None] {
            let found = found_before(path, &state).unwrap();
            let mut after = FileEnumerator { found, ..enumerator(path, monitor, true) };
            assert_eq!(after.snapshot().unwrap(), state);
            assert_eq!(discover(&mut after), ["b", "c"]);
        }
        assert_eq!(found_before(path, &[]).unwrap(), HashMap::new());
    }

    #[test]
    fn a_damaged_state_is_refused() {
        let directory = tempdir().unwrap();
        write(&directory.path().join("a"), "x", 1);
        let mut enumerator = enumerator(directory.path(), Some(INTERVAL), true);
        discover(&mut enumerator);
        let state = enumerator.snapshot().unwrap();
        let refused = |state: &[u8]| found_before(Path::new("/in"), state).unwrap_err().to_string();
        for length in 1..state.len() {
            assert!(refused(&state[..length]).contains("files in /in: what the checkpoint"), "{length}");
        }
        refused(&[&*state, &[0]].concat());
        let far = Found { path: "x".into(), modified: i128::MAX, size: 0 };
        refused(&postcard::to_stdvec(&[far]).unwrap());
    }

    #[test]
    fn times_before_the_epoch_are_kept() {
        let modified = SystemTime::UNIX_EPOCH - Duration::from_nanos(1_500_000_001);
        let version = Version { modified, size: 7 };
        assert_eq!(Found::new(Path::new("x"), &version).version(), Some(version));
    }

    #[test]
    fn large_files_are_cut_if_their_format_allows_it() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("large");
        File::create(&path).unwrap().set_len(3 << 20).unwrap();
        assert_eq!(discover(&mut enumerator(&path, None, true)).len(), 3);
        assert_eq!(discover(&mut enumerator(&path, None, false)).len(), 1);
    }
}
