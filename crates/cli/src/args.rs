//! The command line.

mod rescale;
mod snapshots;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use flott_core::checkpoint::SavepointFormat;

pub(crate) use rescale::RescaleArgs;
pub(crate) use snapshots::{
    CancelArgs, CheckpointArgs, InspectArgs, RestoreArgs, SavepointArgs, SavepointVerb, StopArgs,
};

/// Flink's name of a format.
pub(crate) const fn format_name(format: SavepointFormat) -> &'static str {
    match format {
        SavepointFormat::Canonical => "CANONICAL",
        SavepointFormat::Native => "NATIVE",
    }
}

/// Flott: a distributed runtime for stateful stream and batch processing.
#[derive(Debug, Parser)]
#[command(name = "flott", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Makes a Cargo project for a job, with a program that runs and is tested
    New(NewArgs),
    /// Runs an artifact as a job and, unless detached, shows its progress until it ends
    Run(RunArgs),
    /// Shows the plan of the job that an artifact would run; needs no cluster
    Info(InfoArgs),
    /// Lists jobs: the running and the scheduled ones, unless told otherwise
    List(ListArgs),
    /// Cancels a job; returns when the JobManager has accepted
    Cancel(CancelArgs),
    /// Stops a job with a savepoint, from which it can begin again
    Stop(StopArgs),
    /// Takes a savepoint of a job that goes on, disposes one, or shows what is in it
    Savepoint(SavepointArgs),
    /// Takes a checkpoint of a job
    Checkpoint(CheckpointArgs),
    /// Changes the parallelism of a job while it runs
    Rescale(RescaleArgs),
    /// Checks the configuration and shows what it sets
    Config(ConfigArgs),
    /// Waits until a cluster is complete, for scripts
    #[command(hide = true)]
    WaitReady(WaitReadyArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  flott new my-job                          makes ./my-job
  flott new my-job --path /src/jobs/mine    makes it elsewhere
  flott new my-job --flott-path ../flott    depends on this checkout of Flott
  flott new my-job --flott-version 0.1      depends on the published crate

Then:
  cd my-job
  cargo run
  cargo test
  cargo build --release && flott run target/release/my-job")]
pub(crate) struct NewArgs {
    /// The project's name: letters, digits, - and _
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The project's directory, which must not exist or be empty; default: NAME, here
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// A checkout of Flott to depend on; default: the one that this command was built in, if it is there
    #[arg(long, value_name = "DIR", conflicts_with = "flott_version")]
    pub(crate) flott_path: Option<PathBuf>,
    /// The version of the published flott crate to depend on; default, without a checkout: that of this command
    #[arg(long, value_name = "VERSION")]
    pub(crate) flott_version: Option<String>,
}

/// Options of all verbs that talk to a cluster.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// Address of the JobManager's REST port, or of several with commas between them; default: rest.address and rest.port of
    /// the configuration, or, with high-availability.type etcd, the lines of conf/masters
    #[arg(short = 'm', long, value_name = "HOST:PORT")]
    pub(crate) jobmanager: Option<String>,
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SettingArgs {
    /// Sets a configuration key, over the configuration file; can be repeated
    #[arg(short = 'D', value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    #[command(flatten)]
    pub(crate) restore: RestoreArgs,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Returns as soon as the job has been submitted
    #[arg(short = 'd', long)]
    pub(crate) detached: bool,
    /// Cancels the job if this command ends before it, for whatever reason; has no effect with --detached
    #[arg(long = "shutdownOnAttachedExit", visible_alias = "sae")]
    pub(crate) shutdown_on_attached_exit: bool,
}

/// What is run, and how.
#[derive(Debug, Args)]
pub(crate) struct ProgramArgs {
    /// The entry to run, of an artifact that has several
    #[arg(short = 'c', long = "class", visible_alias = "entry", value_name = "ENTRY")]
    pub(crate) entry: Option<String>,
    /// Parallelism of operators that set none themselves
    #[arg(short = 'p', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=32768))]
    pub(crate) parallelism: Option<u32>,
    /// The job's program, a binary that uses the flott crate, and its arguments, which are passed on as they are
    #[arg(value_names = ["ARTIFACT", "ARGS"], required = true, num_args = 1.., trailing_var_arg = true)]
    artifact_and_args: Vec<String>,
}

impl ProgramArgs {
    pub(crate) fn artifact(&self) -> PathBuf {
        self.artifact_and_args.first().map(PathBuf::from).unwrap_or_default()
    }

    pub(crate) fn args(&self) -> &[String] {
        self.artifact_and_args.get(1..).unwrap_or_default()
    }
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    #[command(flatten)]
    pub(crate) settings: SettingArgs,
    #[command(flatten)]
    pub(crate) program: ProgramArgs,
    /// Prints the plan as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) cluster: ClusterArgs,
    /// Running jobs only
    #[arg(short = 'r', long)]
    pub(crate) running: bool,
    /// Scheduled jobs only
    #[arg(short = 's', long)]
    pub(crate) scheduled: bool,
    /// All jobs, those that have ended too
    #[arg(short = 'a', long)]
    pub(crate) all: bool,
    /// Prints JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigVerb {
    /// Checks the configuration and prints the keys that it sets, as YAML; secrets are hidden
    Show {
        #[command(flatten)]
        settings: SettingArgs,
    },
    /// Prints the value of each key on a line of its own, an empty one if it has none
    Get {
        #[command(flatten)]
        settings: SettingArgs,
        /// The keys
        #[arg(required = true, value_name = "KEY")]
        keys: Vec<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct WaitReadyArgs {
    /// The JobManager's REST address, or those of several with commas between them
    #[arg(long, value_name = "URL")]
    pub(crate) rest: String,
    /// How many TaskManagers must have registered
    #[arg(long, value_name = "N")]
    pub(crate) taskmanagers: u32,
    /// It is enough that a JobManager answers, whether one leads or not
    #[arg(long)]
    pub(crate) serving: bool,
    /// How long to wait
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) timeout: u32,
    /// A process without which it is of no use to wait; can be repeated
    #[arg(long = "pid", value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) pids: Vec<i32>,
}
