use std::{collections::HashMap, path::PathBuf, time::Duration};

use flott_runtime::{BoxError, Discovery, SplitEnumerator};

use super::{
    listing::{Listed, Listing, Version},
    split::{FileSplit, cut},
};

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
        if self.monitor.is_some() {
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
    fn large_files_are_cut_if_their_format_allows_it() {
        let directory = tempdir().unwrap();
        let path = directory.path().join("large");
        File::create(&path).unwrap().set_len(3 << 20).unwrap();
        assert_eq!(discover(&mut enumerator(&path, None, true)).len(), 3);
        assert_eq!(discover(&mut enumerator(&path, None, false)).len(), 1);
    }
}
