//! The whole service against made-up views, from request to answer.

mod errors;
mod fuzz;
mod health;
mod log_files;
mod security;
mod shapes;
mod snapshots;
mod support;
mod unread;
mod uploads;
mod wire;
