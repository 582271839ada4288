//! The three ways in which a program runs.

use std::{path::PathBuf, process, time::Duration};

use flott_core::{
    JobId,
    sdk::{self, Plan},
};
use flott_runtime::{JobProgram, task_host};

use crate::{Error, entry, graph::StreamGraph};

/// What is known of a job that has finished.
///
/// ```no_run
/// # use flott::prelude::*;
/// # let env = StreamExecutionEnvironment::new();
/// # env.from_sequence(1, 10).print();
/// let result = env.execute("numbers")?;
/// println!("job {} took {:?}", result.job_id, result.net_runtime);
/// # Ok::<(), flott::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobExecutionResult {
    /// The job.
    pub job_id: JobId,
    /// From submission to end.
    pub net_runtime: Duration,
}

/// Runs the dataflow in the way that the environment asks for.
pub(crate) fn execute(graph: &StreamGraph, name: &str) -> Result<JobExecutionResult, Error> {
    let program = match translate(graph, name) {
        Ok(program) => program,
        Err(error) => return Err(refuse(error)),
    };
    match mode().as_deref() {
        Some(sdk::MODE_PLAN) => {
            let plan = plan(Ok(program));
            exit_with_plan(&plan)
        }
        Some(sdk::MODE_TASK_HOST) => {
            let code = task_host::run_process(program);
            process::exit(code)
        }
        Some(other) => Err(Error::Environment {
            name: sdk::ENV_MODE,
            reason: format!("\"{other}\" is neither {} nor {}", sdk::MODE_PLAN, sdk::MODE_TASK_HOST),
        }),
        None => run_locally(program),
    }
}

fn translate(graph: &StreamGraph, name: &str) -> Result<JobProgram, Error> {
    if let (Some(requested), true) = (entry::requested(), entry::known().is_empty()) {
        let problem =
            format!("there is no entry \"{requested}\": this program has a single job and no entries");
        return Err(Error::Entry(problem));
    }
    graph.translate(name)
}

fn mode() -> Option<String> {
    std::env::var(sdk::ENV_MODE).ok()
}

/// Tells a cluster why there is no plan; locally just hands the error back.
pub(crate) fn refuse(error: Error) -> Error {
    if mode().as_deref() == Some(sdk::MODE_PLAN) {
        let plan = plan(Err(error));
        return match exit_with_plan(&plan) {
            Ok(never) => never,
            Err(error) => error,
        };
    }
    error
}

fn plan(program: Result<JobProgram, Error>) -> Plan {
    let (job_graph, error) = match program {
        Ok(program) => (Some(program.graph), None),
        Err(error) => (None, Some(error.to_string())),
    };
    Plan {
        protocol: sdk::PROTOCOL_VERSION,
        job_graph,
        entry: entry::requested(),
        entries: entry::known().to_vec(),
        error,
    }
}

/// Ends the process, so that what follows `execute` in the program does not mistake a plan for a finished job.
fn exit_with_plan<T>(plan: &Plan) -> Result<T, Error> {
    let path = PathBuf::from(std::env::var_os(sdk::ENV_PLAN_FILE).ok_or_else(|| Error::Environment {
        name: sdk::ENV_PLAN_FILE,
        reason: "it is not set".to_owned(),
    })?);
    let json = serde_json::to_vec(plan).expect("a plan of strings and numbers always serializes");
    std::fs::write(&path, json)
        .map_err(|cause| Error::WritePlan { path: path.display().to_string(), cause })?;
    process::exit(0)
}

#[cfg(feature = "local")]
fn run_locally(program: JobProgram) -> Result<JobExecutionResult, Error> {
    use flott_local::Outcome;

    match flott_local::run(program).map_err(|error| Error::Local(error.to_string()))? {
        Outcome::Finished { job_id, net_runtime } => Ok(JobExecutionResult { job_id, net_runtime }),
        Outcome::Failed { cause, .. } => Err(Error::JobFailed(cause)),
        Outcome::Canceled => Err(Error::JobCanceled),
    }
}

#[cfg(not(feature = "local"))]
fn run_locally(_: JobProgram) -> Result<JobExecutionResult, Error> {
    Err(Error::NoLocalMode)
}
