//! Write dataflows in Rust and run them on a Flott cluster.
