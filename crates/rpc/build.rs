//! Generates the gRPC code from `/proto` in pure Rust, so that no machine needs `protoc` to build Flott.

use std::{error::Error, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new("../../proto");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join("flott/v1"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    let descriptors = protox::compile(&files, [root])?;
    tonic_prost_build::configure()
        // Channels are built in `channel.rs`; and the constructor `connect` would clash with the RPC of that name.
        .build_transport(false)
        // File contents are passed on without being copied.
        .bytes(".flott.v1.DownloadResponse")
        .bytes(".flott.v1.ReadLogResponse")
        .compile_fds(descriptors)?;
    Ok(())
}
