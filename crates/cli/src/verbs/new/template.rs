//! The files of a new project.

use super::{dependency::Dependency, files::ProjectFile};
use crate::failure::Failure;

const MANIFEST: &str = include_str!("../../../template/Cargo.toml.in");
const README: &str = include_str!("../../../template/README.md.in");
const PROGRAM: &str = include_str!("../../../template/src/main.rs");
const GIT_IGNORE: &str = include_str!("../../../template/gitignore");

/// The files of the project `name`.
pub(super) fn files(name: &str, dependency: &Dependency) -> Result<Vec<ProjectFile>, Failure> {
    let flott = dependency.command("flott").unwrap_or_else(|| "flott".to_owned());
    let start = dependency.command("start-cluster.sh").map(|start| format!("{start}\n")).unwrap_or_default();
    let values = [("name", name), ("dependency", &dependency.toml()?), ("flott", &flott), ("start", &start)];
    let file = |path, what: &str, text: &str| {
        let content = values
            .iter()
            .fold(text.to_owned(), |text, (key, value)| text.replace(&format!("{{{{{key}}}}}"), value));
        ProjectFile { path, what: what.to_owned(), content }
    };
    let mut files = vec![
        file("Cargo.toml", &format!("depends on Flott: {}", dependency.describe()), MANIFEST),
        file("src/main.rs", "the job, and its tests", PROGRAM),
        file("README.md", "how to run it", README),
        file(".gitignore", "what Git should not keep", GIT_IGNORE),
    ];
    if let Some(content) = dependency.lock_file()? {
        let what = "the versions that the checkout is built with".to_owned();
        files.insert(1, ProjectFile { path: "Cargo.lock", what, content });
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        let checkout = Dependency::Checkout(PathBuf::from("/nosuch/checkout"));
        let published = Dependency::choose(None, Some("0.1"), &[]).unwrap();
        for dependency in [checkout, published] {
            let files = files("my-job", &dependency).unwrap();
            assert_eq!(files.len(), 4);
            for file in files {
                assert!(!file.content.contains("{{"), "{}:\n{}", file.path, file.content);
            }
        }
    }

    #[test]
    fn the_lock_file_is_that_of_the_checkout() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("Cargo.lock"), "versions of {{name}}").unwrap();
        let files = files("my-job", &Dependency::Checkout(dir.path().to_owned())).unwrap();
        let lock = files.iter().find(|file| file.path == "Cargo.lock").unwrap();
        assert_eq!(lock.content, "versions of {{name}}");
    }
}
