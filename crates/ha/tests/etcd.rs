//! Election and records in real etcd, of the program that `FLOTT_TEST_ETCD` names, else of `etcd` if there is one. Otherwise the
//! tests say SKIPPED and do nothing.

#![expect(clippy::unwrap_used, reason = "what is not there fails the test")]

#[path = "etcd/candidate.rs"]
mod candidate;
#[path = "etcd/failures.rs"]
mod failures;
#[path = "etcd/leading.rs"]
mod leading;
#[path = "etcd/proxy.rs"]
mod proxy;
#[path = "etcd/security.rs"]
mod security;
#[path = "etcd/server.rs"]
mod server;
