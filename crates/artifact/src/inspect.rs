//! Tells whether a file can be an artifact, without running it and without reading it whole.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use crate::Error;

mod elf;
mod foreign;

pub(crate) use elf::HOST_ARCHITECTURE;

/// How much of a file is looked at to tell what it is.
const HEAD_BYTES: u64 = 4096;

/// What is known about a file that can be an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactInfo {
    /// The file's size in bytes.
    pub size_bytes: u64,
    /// Version of the job protocol that it speaks; equal to [`flott_core::sdk::PROTOCOL_VERSION`].
    pub protocol_version: u32,
    /// Architecture it is built for, as Rust names it.
    pub architecture: &'static str,
}

/// Checks that the file at `path` is a program that this machine can run and that was built with the `flott` crate.
/// Blocks on the disk, for well under a millisecond as a rule.
///
/// # Errors
///
/// Every way in which a file can fail to be an artifact has its own [`Error`].
pub fn inspect(path: &Path) -> Result<ArtifactInfo, Error> {
    // A named pipe must not block the caller until somebody writes to it.
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(path)
        .map_err(Error::Read)?;
    let metadata = file.metadata().map_err(Error::Read)?;
    if let Some(found) = not_a_file(&metadata.file_type()) {
        return Err(Error::NotAFile { found });
    }
    let size_bytes = metadata.len();
    let head = read_head(&mut file).map_err(Error::Read)?;
    if head.is_empty() {
        return Err(Error::Empty);
    }
    if !head.starts_with(elf::MAGIC) {
        return Err(foreign::describe(&head));
    }
    let protocol_version = elf::check(file, size_bytes, &head)?;
    Ok(ArtifactInfo { size_bytes, protocol_version, architecture: HOST_ARCHITECTURE })
}

fn not_a_file(file_type: &std::fs::FileType) -> Option<&'static str> {
    if file_type.is_file() {
        None
    } else if file_type.is_dir() {
        Some("a directory")
    } else if file_type.is_fifo() {
        Some("a named pipe")
    } else if file_type.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

fn read_head(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(head)
}

#[cfg(test)]
mod tests;
