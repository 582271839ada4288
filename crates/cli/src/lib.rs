//! The `flott` command: makes projects for jobs, runs, lists, stops and cancels jobs of a cluster, takes savepoints of
//! them, and shows what an artifact would run and what a savepoint contains.
//!
//! Each verb is a file under `verbs`. What they print on stdout is Flink's to the letter, so that scripts can go on
//! grepping it; progress and errors go to stderr. Exit codes: 0 done (of `run`: the job finished), 1 failed, 2 used
//! wrongly, 78 the configuration is wrong, 130 interrupted while the job goes on.

mod args;
mod clock;
mod console;
mod context;
mod failure;
mod flink_options;
mod masters;
mod verbs;

use std::{ffi::OsString, process::ExitCode};

use args::{Cli, Verb};
use clap::Parser;
use failure::{Exit, Failure};

/// What a usage error ends with.
const HELP_HINT: &str = "Use the help option (-h or --help) to get help on the command.";

/// Runs the command with these arguments, the first being its own name.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let outcome = texts(args).and_then(parse).and_then(|cli| cli.map_or(Ok(()), execute));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if let Some(message) = failure.message() {
                console::error_line(message);
            }
            if failure.exit() == Exit::Usage {
                console::error_line(HELP_HINT);
            }
            ExitCode::from(failure.exit().code())
        }
    }
}

/// Job arguments travel as JSON, so all arguments must be text.
fn texts(args: impl IntoIterator<Item = OsString>) -> Result<Vec<String>, Failure> {
    let text = |(position, arg): (usize, OsString)| {
        arg.into_string().map_err(|arg| {
            Failure::usage(format!(
                "Argument {position} is not valid UTF-8: \"{}\". Rename the file, or encode the value.",
                arg.to_string_lossy()
            ))
        })
    };
    args.into_iter().enumerate().map(text).collect()
}

/// `None` if the arguments asked for help or version, which has been printed.
fn parse(args: Vec<String>) -> Result<Option<Cli>, Failure> {
    let error = match Cli::try_parse_from(flink_options::normalize(args)) {
        Ok(cli) => return Ok(Some(cli)),
        Err(error) => error,
    };
    let text = error.render().to_string();
    if error.use_stderr() {
        let hint_of_clap = "\nFor more information, try '--help'.";
        return Err(Failure::usage(text.replace(hint_of_clap, "").trim_end().to_owned()));
    }
    console::line(text.trim_end())?;
    Ok(None)
}

fn execute(cli: Cli) -> Result<(), Failure> {
    // One thread starts faster than a pool, and is enough for one call at a time.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("cannot start: {error}")))?;
    let outcome = runtime.block_on(async {
        match cli.verb {
            Verb::New(args) => verbs::new::execute(&args),
            Verb::Run(args) => verbs::run::execute(args).await,
            Verb::Info(args) => verbs::info::execute(args).await,
            Verb::List(args) => verbs::list::execute(args).await,
            Verb::Cancel(args) => verbs::cancel::execute(args).await,
            Verb::Stop(args) => verbs::stop::execute(args).await,
            Verb::Savepoint(args) => verbs::savepoint::execute(args).await,
            Verb::Checkpoint(args) => verbs::checkpoint::execute(args).await,
            Verb::Rescale(args) => verbs::rescale::execute(args).await,
            Verb::Config(args) => verbs::config::execute(args),
            Verb::WaitReady(args) => verbs::wait_ready::execute(args).await,
        }
    });
    // A name lookup that hangs must not keep the command from ending.
    runtime.shutdown_background();
    outcome
}
