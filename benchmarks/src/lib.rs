//! Benchmarks beside their plain-Rust twins.
