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

/// What all tests need.
const NEEDED: [&str; 4] = ["jobmanager", "taskmanager", "flott", "test-jobs"];

/// The packages in `crates/examples`, and their binaries.
pub const EXAMPLES: [&str; 10] = [
    "async-io",
    "high-speed-detection",
    "life-expectancy-tracking",
    "session-windowing",
    "socket-window-word-count",
    "state-machine",
    "top-speed-windowing",
    "window-join",
    "window-word-count",
    "word-count",
];

impl Binaries {
    /// Finds them.
    ///
    /// # Panics
    /// If one is missing, with the command that builds it.
    pub fn find() -> Self {
        let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
        // As the scripts do: a relative one is relative to the checkout.
        let dir = workspace().join(target).join("release");
        let binaries = Self { dir };
        NEEDED.iter().for_each(|name| drop(binaries.existing(name)));
        binaries
    }

    fn existing(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        assert!(
            path.is_file(),
            "{} is missing: build what the end-to-end tests need with\n  tests/run.sh build",
            path.display()
        );
        path
    }

    /// The binary `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The jobs of these tests.
    pub fn test_jobs(&self) -> PathBuf {
        self.path("test-jobs")
    }

    /// An example: one of [`EXAMPLES`].
    ///
    /// # Panics
    /// If it is missing, with the command that builds it.
    pub fn example(&self, name: &str) -> PathBuf {
        self.existing(name)
    }

    /// The example that most tests run.
    pub fn word_count(&self) -> PathBuf {
        self.example("word-count")
    }
}
