//! Where the programs are that the tests run.

use std::path::{Path, PathBuf};

/// The root of this checkout.
pub fn workspace() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("this package lies in the workspace").to_owned()
}

/// The release binaries of this checkout.
#[derive(Clone, Debug)]
pub struct Binaries {
    dir: PathBuf,
}

/// What the tests need, and what makes it.
const NEEDED: [&str; 5] = ["jobmanager", "taskmanager", "flott", "word-count", "test-jobs"];
const BUILD: &str = "cargo build --release -p flott-jobmanager -p flott-taskmanager -p flott-cli -p word-count -p flott-tests --bins";

impl Binaries {
    /// Finds them.
    ///
    /// # Panics
    /// If one is missing, with the command that builds it.
    pub fn find() -> Self {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        // As the scripts do: a relative one is relative to the checkout.
        let dir = workspace().join(target).join("release");
        for name in NEEDED {
            let path = dir.join(name);
            assert!(
                path.is_file(),
                "{} is missing: run tests/run.sh, or build what the end-to-end tests need with\n  {BUILD}",
                path.display()
            );
        }
        Self { dir }
    }

    /// The binary `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The jobs of these tests.
    pub fn test_jobs(&self) -> PathBuf {
        self.path("test-jobs")
    }

    /// The example.
    pub fn word_count(&self) -> PathBuf {
        self.path("word-count")
    }
}
