//! The options of verbs about checkpoints and savepoints.

use clap::{Args, Subcommand, ValueEnum};
use flott_client::ClaimMode;
use flott_core::checkpoint::SavepointFormat;

use super::{ClusterArgs, SettingArgs};

/// What a job begins with.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgs {
    /// A savepoint or checkpoint to begin with: its directory, or the _metadata file in it
    #[arg(short = 's', long = "fromSavepoint", alias = "from-savepoint", value_name = "PATH")]
    pub(crate) savepoint: Option<String>,
    /// Begins although the savepoint holds state that no operator of the job takes, which is lost then
    #[arg(short = 'n', long = "allowNonRestoredState", alias = "allow-non-restored-state")]
    pub(crate) allow_non_restored_state: bool,
    /// Whose the savepoint's files are from then on: the job's, which deletes them in time (claim), or yours (no_claim, the
    /// default); short: -cm
    #[arg(
        long = "claimMode",
        aliases = ["cm", "claim-mode", "rm", "restoreMode", "restore-mode"],
        value_name = "MODE",
        value_parser = claim_mode
    )]
    pub(crate) claim_mode: Option<ClaimMode>,
}

fn claim_mode(text: &str) -> Result<ClaimMode, String> {
    match text.to_ascii_lowercase().replace('-', "_").as_str() {
        "claim" => Ok(ClaimMode::Claim),
        "no_claim" => Ok(ClaimMode::NoClaim),
        "legacy" => Err("nobody owned a savepoint's files in this mode of Flink 1, and they were never deleted: use no_claim \
                         to keep them, or claim to hand them to the job"
            .to_owned()),
        _ => Err("expected claim or no_claim".to_owned()),
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Canonical,
    Native,
}

/// In which format a savepoint is taken.
#[derive(Debug, Args)]
pub(crate) struct FormatArgs {
    /// The savepoint's format, for Flink's sake: Flott has one that serves for both
    #[arg(long = "type", value_name = "TYPE", ignore_case = true)]
    format: Option<Format>,
}

impl FormatArgs {
    pub(crate) fn format(&self) -> SavepointFormat {
        match self.format {
            None | Some(Format::Canonical) => SavepointFormat::Canonical,
            Some(Format::Native) => SavepointFormat::Native,
        }
    }
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    override_usage = "flott savepoint [OPTIONS] <JOBID> [DIR]\n       flott savepoint [OPTIONS] --dispose <PATH>\n       \
                      flott savepoint inspect [OPTIONS] <PATH>",
    after_help = "\
Examples:
  flott savepoint fd72014d4c864993a2e5a9287b4a9c5d file:///data/savepoints
  flott savepoint -d file:///data/savepoints/savepoint-fd7201-0a1b2c3d4e5f
  flott savepoint inspect --verify /data/savepoints/savepoint-fd7201-0a1b2c3d4e5f

The job goes on after it. To end a job with a savepoint: flott stop. To begin with one: flott run -s PATH."
)]
pub(crate) struct SavepointArgs {
    #[command(subcommand)]
    pub(crate) verb: Option<SavepointVerb>,
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// The job's id, 32 hexadecimal digits
    #[arg(value_name = "JOBID")]
    pub(crate) job: Option<String>,
    /// The directory in which the savepoint's own one is made; default: execution.checkpointing.savepoint-dir
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<String>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    /// Returns as soon as the savepoint has begun
    #[arg(long)]
    pub(crate) detached: bool,
    /// Deletes the savepoint at PATH
    #[arg(short = 'd', long, value_name = "PATH", conflicts_with_all = ["job", "detached", "format"])]
    pub(crate) dispose: Option<String>,
    /// The program that the savepoint is of; Flink needs it to dispose one, Flott does not
    #[arg(short = 'j', long, value_name = "FILE", hide = true)]
    pub(crate) jarfile: Option<String>,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SavepointVerb {
    /// Shows what a savepoint or checkpoint contains; needs no cluster
    Inspect(InspectArgs),
}

#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    /// The savepoint's or checkpoint's directory, or the _metadata file in it
    #[arg(value_name = "PATH")]
    pub(crate) path: String,
    /// Shows each subtask
    #[arg(short = 'v', long)]
    pub(crate) verbose: bool,
    /// Reads all files and compares their checksums
    #[arg(long)]
    pub(crate) verify: bool,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(override_usage = "flott checkpoint [OPTIONS] <JOBID>")]
pub(crate) struct CheckpointArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// The job's id, 32 hexadecimal digits
    #[arg(value_name = "JOBID")]
    pub(crate) job: Option<String>,
    /// Writes all of the state, also what earlier checkpoints have written
    #[arg(long)]
    pub(crate) full: bool,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "flott stop [OPTIONS] <JOBID>",
    after_help = "\
Examples:
  flott stop fd72014d4c864993a2e5a9287b4a9c5d
  flott stop -p file:///data/savepoints fd72014d4c864993a2e5a9287b4a9c5d

The job finishes once its savepoint is complete; if that fails, the job goes on. To begin again: flott run -s PATH."
)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// The directory in which the savepoint's own one is made; default: execution.checkpointing.savepoint-dir
    #[arg(short = 'p', long = "savepointPath", alias = "savepoint-path", value_name = "DIR", num_args = 0..=1)]
    pub(crate) directory: Option<Option<String>>,
    /// Ends the job for good: all windows and timers fire first, as at the end of the input
    #[arg(short = 'd', long)]
    pub(crate) drain: bool,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    /// Returns as soon as the savepoint has begun
    #[arg(long)]
    pub(crate) detached: bool,
    /// The job's id, 32 hexadecimal digits
    #[arg(value_name = "JOBID")]
    pub(crate) job: Option<String>,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(override_usage = "flott cancel [OPTIONS] <JOBID>")]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Takes a savepoint first, in DIR or else in execution.checkpointing.savepoint-dir; deprecated: use flott stop
    #[arg(short = 's', long = "withSavepoint", alias = "with-savepoint", value_name = "DIR", num_args = 0..=1)]
    pub(crate) savepoint: Option<Option<String>>,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    /// The job's id, 32 hexadecimal digits
    #[arg(value_name = "JOBID")]
    pub(crate) job: Option<String>,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}
