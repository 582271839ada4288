//! The ResourceManager: the registry of TaskManagers and the only one that gives slots.
//!
//! Its decisions are made by [`flott_control::ResourceManager`]; here is the loop around it.

mod actor;
mod effects;
mod handle;
mod view;

pub(crate) use handle::{HeartbeatAnswers, ResourceManagerHandle, SlotRequests};
