//! Bugs on purpose. A build with the feature `sabotage` has one of them, which the environment chooses: the tests must then
//! fail (`tests/sabotage.sh`). Without the feature none of this is compiled.

use std::sync::OnceLock;

/// The environment variable with the name of the bug; none if it is not set.
pub const VARIABLE: &str = "FLOTT_SABOTAGE";

/// A bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// Channels that have delivered a barrier are read on.
    SkipAlignment,
    /// The position of a source in a snapshot is behind records that come after the barrier.
    LateSourcePosition,
    /// Subtasks are told that a checkpoint is complete when its metadata is only about to be stored.
    CommitBeforePointer,
    /// Sinks commit at the barrier.
    CommitAtBarrier,
    /// The directory of the checkpoint from which the job recovers is deleted.
    DeleteEarly,
    /// Shared files are deleted with the first checkpoint that goes, though others refer to them.
    DeleteShared,
    /// After a restart time begins anew.
    ForgetWatermarks,
    /// Timers are not part of snapshots.
    ForgetTimers,
    /// Records that a barrier has overtaken are not part of its snapshot.
    DropCapturedBuffers,
    /// Splits found behind a barrier are handed to readers that have not passed it.
    HandOutEarly,
}

impl Sabotage {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::SkipAlignment,
        Self::LateSourcePosition,
        Self::CommitBeforePointer,
        Self::CommitAtBarrier,
        Self::DeleteEarly,
        Self::DeleteShared,
        Self::ForgetWatermarks,
        Self::ForgetTimers,
        Self::DropCapturedBuffers,
        Self::HandOutEarly,
    ];

    /// As it stands in the environment.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SkipAlignment => "skip-alignment",
            Self::LateSourcePosition => "late-source-position",
            Self::CommitBeforePointer => "commit-before-pointer",
            Self::CommitAtBarrier => "commit-at-barrier",
            Self::DeleteEarly => "delete-early",
            Self::DeleteShared => "delete-shared",
            Self::ForgetWatermarks => "forget-watermarks",
            Self::ForgetTimers => "forget-timers",
            Self::DropCapturedBuffers => "drop-captured-buffers",
            Self::HandOutEarly => "hand-out-early",
        }
    }
}

/// Whether this process has this bug.
///
/// # Panics
/// If the environment names one that there is not: a test that would pass for that reason proves nothing.
pub fn is(sabotage: Sabotage) -> bool {
    static CHOSEN: OnceLock<Option<Sabotage>> = OnceLock::new();
    let chosen = CHOSEN.get_or_init(|| {
        let name = std::env::var(VARIABLE).ok().filter(|name| !name.is_empty())?;
        let known = Sabotage::ALL.into_iter().find(|it| it.name() == name);
        Some(known.unwrap_or_else(|| panic!("{VARIABLE}={name}: there is no such sabotage")))
    });
    *chosen == Some(sabotage)
}
