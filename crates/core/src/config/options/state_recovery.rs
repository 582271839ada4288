//! Options of what a job begins with. They are of use with one job only, when it is submitted.

use crate::{
    config::{option::options, value::StorageLocation},
    job_config::ClaimMode,
};

options! {
    /// Savepoint or checkpoint that a job begins with. `flott run -s PATH` sets it.
    PATH: Option<StorageLocation> = "execution.state-recovery.path", older ["execution.savepoint.path"];
    /// To whom its files belong from then on: with NO_CLAIM they stay the user's, and the job's first checkpoint is
    /// complete in itself; with CLAIM they become the job's, which deletes them when it needs them no more. LEGACY is taken
    /// as NO_CLAIM.
    CLAIM_MODE: ClaimMode = "execution.state-recovery.claim-mode", default "NO_CLAIM",
        older ["execution.savepoint-restore-mode"];
    /// Whether a job may begin although there is state in the savepoint that none of its operators takes. That state is
    /// lost.
    IGNORE_UNCLAIMED_STATE: bool = "execution.state-recovery.ignore-unclaimed-state", default "false",
        older ["execution.savepoint.ignore-unclaimed-state"];
}
