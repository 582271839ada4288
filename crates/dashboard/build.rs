//! Lets the crate compile before the dashboard was ever built, and makes cargo notice when it was.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::SystemTime;

fn main() -> io::Result<()> {
    let dist = Path::new("ui/dist");
    if !dist.exists() {
        fs::create_dir_all(dist)?;
        // An empty folder that looks newer than this run would make cargo build everything twice.
        // Best effort: where the time cannot be set, that second build is all that happens.
        let _ = File::open(dist).and_then(|dir| dir.set_modified(SystemTime::UNIX_EPOCH));
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=ui/dist");
    Ok(())
}
