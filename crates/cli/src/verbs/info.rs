//! `flott info ARTIFACT`: the plan of the job that an artifact would run.

use flott_artifact::{PlanRequest, plan};
use flott_core::job_config::JobConfig;

use super::program::{check_artifact, job_settings};
use crate::{args::InfoArgs, console, context, failure::Failure};

mod shape;
mod tree;

pub(crate) async fn execute(args: InfoArgs) -> Result<(), Failure> {
    let config = context::configuration(&args.settings)?;
    let artifact = args.program.artifact();
    check_artifact(&artifact)?;
    // What a cluster of this configuration would tell the program.
    let submitted = job_settings(&args.settings);
    let mut job_config = JobConfig::from_configuration(&config, &submitted);
    if let Some(parallelism) = args.program.parallelism {
        job_config.parallelism = parallelism;
    }
    let request = PlanRequest {
        args: args.program.args().iter().map(Into::into).collect(),
        entry: args.program.entry.clone(),
        job_config_json: serde_json::to_string(&job_config).expect("strings and numbers always serialize"),
        ..PlanRequest::new(artifact)
    };
    let planned = plan(request).await?;
    if args.json {
        return console::line(format_args!("{:#}", shape::plan(&planned.job_graph)));
    }
    console::line("----------------------- Execution Plan -----------------------")?;
    for line in tree::lines(&planned.job_graph) {
        console::line(line)?;
    }
    Ok(())
}
