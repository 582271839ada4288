//! Running the binary, and artifacts to run it with.

use std::{
    ffi::OsStr,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

/// The binary, without anything of our own environment that it would read.
pub(crate) fn flott<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flott"));
    command
        .args(args)
        .stdin(Stdio::null())
        .env_remove("FLOTT_CONF_DIR")
        .env_remove("FLOTT_HOME")
        .env("TZ", "UTC");
    command
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// Runs the binary to its end.
pub(crate) async fn done(mut command: Command) -> Done {
    tokio::task::spawn_blocking(move || command.output().unwrap().into()).await.unwrap()
}

/// A configuration folder with this file.
pub(crate) fn conf_dir(yaml: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("config.yaml"), yaml).unwrap();
    dir
}

/// A file that passes for an artifact: a linked program with the mark in it. `main` writes the plan that a job's would.
pub(crate) fn artifact(dir: &Path, main: &str) -> PathBuf {
    let mark = std::str::from_utf8(&flott_core::sdk::MARKER).unwrap().trim_end_matches('\0');
    let source = format!(
        "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\
         __attribute__((section(\".flott.sdk\"), used)) static const char mark[] = \"{mark}\";\n\
         int main(int argc, char **argv) {{ (void)argc; (void)argv; {main} }}\n"
    );
    let (code, program) = (dir.join("job.c"), dir.join("word count"));
    std::fs::write(&code, source).unwrap();
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let status = Command::new(compiler).arg("-o").arg(&program).arg(&code).status().unwrap();
    assert!(status.success());
    assert_eq!(std::fs::metadata(&program).unwrap().permissions().mode() & 0o100, 0o100);
    program
}
