use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use glob::MatchOptions;

use super::error::{Error, io_error};

/// A file as it was when it was listed. Files are in the order of their paths.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    pub(super) path: PathBuf,
    pub(super) version: Version,
}

/// What tells a file from a later one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub(super) modified: SystemTime,
    pub(super) size: u64,
}

/// Lists files, once or again and again.
pub(super) struct Listing {
    input: PathBuf,
    /// Files come and go while they are listed, and a pattern that matches nothing may match later.
    changing: bool,
    files: Vec<Listed>,
    /// Device and inode numbers of the directories that are being listed, the innermost last.
    around: Vec<(u64, u64)>,
}

impl Listing {
    /// Lists a file, the files of a directory and those below it, or the files that a glob pattern matches.
    pub(super) fn of(input: &Path, changing: bool) -> Result<Vec<Listed>, Error> {
        let mut listing = Self { input: input.to_owned(), changing, files: Vec::new(), around: Vec::new() };
        listing.list()?;
        listing.files.sort_unstable();
        Ok(listing.files)
    }

    fn list(&mut self) -> Result<(), Error> {
        let input = self.input.clone();
        match fs::metadata(&input) {
            Ok(_) => self.add(&input),
            Err(error) => {
                let pattern = input.to_string_lossy();
                if pattern.contains(['*', '?', '[']) {
                    self.add_matches(&pattern)
                } else {
                    Err(io_error(&input)(error))
                }
            }
        }
    }

    fn add_matches(&mut self, pattern: &str) -> Result<(), Error> {
        let failed = |reason: String| Error::Pattern { pattern: pattern.to_owned(), reason };
        // As in a shell, and so that no file is read that a sink still writes.
        let options = MatchOptions { require_literal_leading_dot: true, ..MatchOptions::new() };
        let paths = glob::glob_with(pattern, options).map_err(|error| failed(error.to_string()))?;
        for path in paths {
            self.add(&path.map_err(|error| failed(error.to_string()))?)?;
        }
        if self.files.is_empty() && !self.changing {
            return Err(failed("no file matches".to_owned()));
        }
        Ok(())
    }

    fn add(&mut self, path: &Path) -> Result<(), Error> {
        let metadata = match fs::metadata(path) {
            // It was there a moment ago.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.changing && path != self.input => {
                return Ok(());
            }
            result => result.map_err(io_error(path))?,
        };
        if metadata.is_file() {
            let modified = metadata.modified().map_err(io_error(path))?;
            let version = Version { modified, size: metadata.len() };
            self.files.push(Listed { path: path.to_owned(), version });
            Ok(())
        } else if metadata.is_dir() {
            self.add_directory(path, (metadata.dev(), metadata.ino()))
        } else {
            Err(Error::NotAFile { path: path.display().to_string() })
        }
    }

    fn add_directory(&mut self, path: &Path, identity: (u64, u64)) -> Result<(), Error> {
        if self.around.contains(&identity) {
            return Err(Error::Loop { path: path.display().to_string() });
        }
        self.around.push(identity);
        for entry in fs::read_dir(path).map_err(io_error(path))? {
            let entry = entry.map_err(io_error(path))?;
            if !entry.file_name().to_string_lossy().starts_with(['.', '_']) {
                self.add(&entry.path())?;
            }
        }
        self.around.pop();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::*;

    fn names(input: &Path, changing: bool) -> Result<Vec<String>, String> {
        let files = Listing::of(input, changing).map_err(|error| error.to_string())?;
        let name = |file: Listed| file.path.file_name().unwrap().to_str().unwrap().to_owned();
        Ok(files.into_iter().map(name).collect())
    }

    #[test]
    fn directories_and_patterns_are_listed_without_hidden_names() {
        let directory = tempdir().unwrap();
        let path = directory.path();
        fs::create_dir_all(path.join("sub/_temporary")).unwrap();
        for name in ["a", "sub/b", ".c", "sub/_temporary/d"] {
            fs::write(path.join(name), "x").unwrap();
        }
        assert_eq!(names(path, false).unwrap(), ["a", "b"]);
        assert_eq!(names(&path.join("*"), false).unwrap(), ["a", "b"]);
        assert_eq!(names(&path.join("[a-z]"), false).unwrap(), ["a"]);
        let nothing = names(&path.join("x*"), false).unwrap_err();
        assert!(nothing.contains("no file matches"), "{nothing}");
        assert_eq!(names(&path.join("x*"), true).unwrap(), [""; 0], "it may match later");
        let broken = names(&path.join("["), true).unwrap_err();
        assert!(broken.contains("cannot read"), "{broken}");
    }

    #[test]
    fn a_directory_that_contains_itself_is_refused() {
        let directory = tempdir().unwrap();
        fs::create_dir(directory.path().join("sub")).unwrap();
        for link in ["sub/one", "sub/two"] {
            std::os::unix::fs::symlink(directory.path(), directory.path().join(link)).unwrap();
        }
        let error = names(directory.path(), false).unwrap_err();
        assert!(error.contains("leads back"), "{error}");
    }

    #[test]
    fn devices_and_the_like_are_refused() {
        let error = names(Path::new("/dev/null"), false).unwrap_err();
        assert!(error.contains("/dev/null: it is neither"), "{error}");
    }

    #[test]
    fn a_file_that_has_gone_meanwhile_is_no_failure_of_a_changing_directory() {
        let directory = tempdir().unwrap();
        std::os::unix::fs::symlink("nowhere", directory.path().join("gone")).unwrap();
        fs::write(directory.path().join("there"), "").unwrap();
        assert!(names(directory.path(), false).unwrap_err().contains("gone"));
        assert_eq!(names(directory.path(), true).unwrap(), ["there"]);
        let all = names(&directory.path().join("missing"), true).unwrap_err();
        assert!(all.contains("missing"), "the input itself must be there: {all}");
    }
}
