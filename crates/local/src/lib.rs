//! A whole cluster in one process: local mode and integration tests.
