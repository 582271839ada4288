//! What unit tests share.

use std::{path::Path, process::Command, sync::OnceLock};

/// Content of a program that passes for a Flott job.
pub(crate) fn fake_job() -> &'static [u8] {
    static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();
    CONTENT.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let program = dir.path().join("fake-job");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/fake_job.c");
        let compiled = Command::new("cc").arg(source).arg("-o").arg(&program).status().unwrap();
        assert!(compiled.success());
        std::fs::read(program).unwrap()
    })
}
