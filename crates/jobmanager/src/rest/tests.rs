//! The whole service against made-up views, from request to answer.

mod diagnostics;
mod errors;
mod flink_cli;
mod fuzz;
mod health;
mod history;
mod latency;
mod live_flink;
mod log_files;
mod openapi;
mod prometheus;
mod properties;
mod rescale;
mod samples;
mod security;
mod shapes;
mod snapshots;
mod support;
mod task_manager_metrics;
mod unread;
mod uploads;
mod wire;
