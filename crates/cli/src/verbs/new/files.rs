//! Writes a project's files, over nothing that is there.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use crate::failure::Failure;

/// A file of the project.
pub(super) struct ProjectFile {
    /// Relative to the project's directory.
    pub(super) path: &'static str,
    /// For people, in a few words.
    pub(super) what: String,
    pub(super) content: String,
}

/// Writes the files into `root`, which is made if it does not exist.
pub(super) fn write(root: &Path, files: &[ProjectFile]) -> Result<(), Failure> {
    match fs::read_dir(root) {
        Ok(mut entries) => {
            if entries.next().is_some() {
                return Err(Failure::failed(format!(
                    "The directory {} exists and is not empty, and flott new overwrites nothing. Give the project another \
                     name, another directory (--path), or empty this one.",
                    root.display()
                )));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Failure::failed(format!(
                "{} exists and is not a directory. Give the project another name, or another directory (--path).",
                root.display()
            )));
        }
        Err(error) => {
            return Err(Failure::failed(format!("cannot read the directory {}: {error}", root.display())));
        }
    }
    for file in files {
        let path = root.join(file.path);
        let directory = path.parent().unwrap_or(root);
        fs::create_dir_all(directory).map_err(|error| {
            Failure::failed(format!("cannot make the directory {}: {error}", directory.display()))
        })?;
        // Not over a file that came into being meanwhile.
        File::create_new(&path)
            .and_then(|mut created| created.write_all(file.content.as_bytes()))
            .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> [ProjectFile; 2] {
        ["a", "src/b"].map(|path| ProjectFile {
            path,
            what: String::new(),
            content: format!("content of {path}"),
        })
    }

    fn refusal(root: &Path) -> String {
        write(root, &files()).unwrap_err().message().unwrap().to_owned()
    }

    #[test]
    fn directories_are_made_and_empty_ones_taken() {
        let dir = tempfile::tempdir().unwrap();
        for root in [dir.path().join("deep/er"), tempfile::tempdir_in(&dir).unwrap().keep()] {
            write(&root, &files()).unwrap();
            assert_eq!(fs::read_to_string(root.join("src/b")).unwrap(), "content of src/b");
        }
    }

    #[test]
    fn nothing_is_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".hidden"), "mine").unwrap();
        let error = refusal(dir.path());
        assert!(error.contains("is not empty") && error.contains("--path"), "{error}");
        assert!(error.contains(&dir.path().display().to_string()), "{error}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_directory_or_cannot_be_made_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "mine").unwrap();
        assert!(refusal(&file).contains("is not a directory"));
        assert!(refusal(&file.join("below")).contains("is not a directory"));
        let dangling = dir.path().join("link");
        std::os::unix::fs::symlink("nowhere/at/all", &dangling).unwrap();
        assert!(refusal(&dangling).contains("cannot make the directory"));
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    }
}
