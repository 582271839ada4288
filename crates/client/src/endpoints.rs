//! The calls, by what they are about.

mod cluster;
mod jars;
mod jobs;
mod rescales;
mod snapshots;

use serde::Deserialize;

/// An answer that says nothing but that it was done.
#[derive(Deserialize)]
struct Done {}
