//! What happens when a real file system is full: a small one in memory, in a namespace of its own. Where such cannot be made
//! the test says SKIPPED and does nothing.

use std::{io::Write, process::Command};

use bytes::Bytes;
use flott_storage::{Error, StateFileWriter, Storage, StorageOptions, StorageUri};
use tempfile::TempDir;
use tokio::runtime::Handle;

#[test]
fn a_full_disk_is_told_and_nothing_is_left() {
    let directory = TempDir::new().unwrap();
    let run = |command: &str| {
        let script = format!("mount -t tmpfs -o size=4m tmpfs \"$1\" && {command}");
        Command::new("unshare")
            .args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"])
            .arg(directory.path())
            .arg(std::env::current_exe().unwrap())
            .env("FLOTT_TEST_SMALL_DIRECTORY", directory.path())
            .output()
    };
    if !run("true").is_ok_and(|output| output.status.success()) {
        // Not by a macro, whose output of passed tests is thrown away.
        let text = "SKIPPED: no full disk was tested: unshare and mount do not work here\n";
        return std::io::stderr().write_all(text.as_bytes()).unwrap();
    }
    let output = run("exec \"$2\" --exact in_a_small_directory --ignored --nocapture").unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "{text}");
}

/// Run by the test above as a process of its own.
#[tokio::test]
#[ignore = "needs FLOTT_TEST_SMALL_DIRECTORY"]
async fn in_a_small_directory() {
    let directory = std::path::PathBuf::from(std::env::var_os("FLOTT_TEST_SMALL_DIRECTORY").unwrap());
    let root = StorageUri::from_local(&directory).unwrap();
    let storage = Storage::open(&StorageOptions::default());
    let large = Bytes::from(vec![7; 5 << 20]);
    let check = |error: Error| {
        assert!(error.is_full() && !error.is_transient(), "{error:?}");
        assert!(error.to_string().contains("No space left on device"), "{error}");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0, "{error}");
    };
    let file = root.join("file");
    check(storage.put(&file, large.clone()).await.unwrap_err());
    check(storage.put_new(&file, large.clone()).await.unwrap_err());

    let mut writer = storage.writer(&file);
    let error = loop {
        if let Err(error) = writer.write(large.slice(..1 << 20)).await {
            break error;
        }
    };
    writer.abort().await;
    check(error);

    let mut writer = StateFileWriter::new(&storage, &root, &root, Default::default(), &Handle::current());
    writer.write(large).unwrap();
    check(writer.finish().await.unwrap_err());

    storage.put(&file, "small".into()).await.unwrap();
    assert_eq!(storage.get(&file).await.unwrap(), "small");
}
