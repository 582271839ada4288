//! Files that are no ELF files. Those that are stand in `tests/inspect.rs`, whose binary carries the mark.

use super::*;
use crate::ErrorKind;

fn inspect_bytes(content: &[u8]) -> Error {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("artifact");
    std::fs::write(&path, content).unwrap();
    inspect(&path).unwrap_err()
}

fn message(content: &[u8]) -> String {
    let error = inspect_bytes(content);
    assert_eq!(error.kind(), ErrorKind::User);
    assert!(!error.is_plan_failure());
    let message = error.to_string();
    assert!(message.contains("built with the flott crate"), "says what is needed: {message}");
    message
}

#[test]
fn empty_file_is_named() {
    assert!(matches!(inspect_bytes(b""), Error::Empty));
    assert!(message(b"").contains("is empty"));
}

#[test]
fn texts_are_quoted() {
    assert!(message(b"hello, world\nmore").contains("a text file (it starts with \"hello, world\")"));
    let long = "ä".repeat(5000); // a character is cut where the head ends
    assert!(message(long.as_bytes()).contains(&format!("\"{}…\"", "ä".repeat(40))));
    assert!(message(b"#!/bin/sh\necho hi\n").contains("a script (its first line is \"#!/bin/sh\")"));
}

#[test]
fn other_formats_are_named() {
    assert!(message(b"PK\x03\x04\x14\0\x08\0META-INF").contains("Java archive (jar)"));
    assert!(message(b"MZ\x90\0\x03\0").contains("a Windows program"));
    assert!(message(b"\xcf\xfa\xed\xfe\x07\0").contains("a macOS program"));
    assert!(message(b"\x00\x01\x02\xff").contains("unknown format (it starts with 00 01 02 ff)"));
}

#[test]
fn other_things_than_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(inspect(dir.path()), Err(Error::NotAFile { found: "a directory" })));
    assert!(matches!(inspect(Path::new("/dev/null")), Err(Error::NotAFile { found: "a device" })));

    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(inspect(&pipe), Err(Error::NotAFile { found: "a named pipe" })));

    let missing = inspect(&dir.path().join("missing")).unwrap_err();
    assert!(matches!(&missing, Error::Read(error) if error.kind() == std::io::ErrorKind::NotFound));
    assert_eq!(missing.kind(), ErrorKind::External);
}
