//! A subtask's part in checkpoints: taking them, and beginning from one.
//!
//! ```text
//! barrier → Writing ─(between batches, piece by piece)→ Finishing ─(upload ends)→ acknowledged
//!              │                                            │
//!              └────────── aborted, or it can't be written ─┴→ declined, forgotten
//! ```
//! At the barrier the chain hands over what is small; what is keyed it only freezes. Then the loop lets the frozen state be
//! written a piece at a time, so that records hardly wait. One checkpoint is written at a time: if the next barrier comes
//! before the last piece, the rest is written at once.

mod dealing;
mod event;
mod files;
mod finish;
mod restore;
mod snapshot;
mod storage;
mod task;

#[cfg(test)]
pub(crate) use event::ChannelProbe;
pub use event::{CheckpointEvent, EventKind, OperatorPart, Redistribution};
pub(crate) use restore::{RestoreCache, Restores};
pub use restore::{RestoredOperator, RestoredTask};
pub use storage::CheckpointStorage;
pub(crate) use task::{Stop, TaskCheckpoints, start_delay_ms};
