//! `flott info ARTIFACT`: the plan of the job that an artifact would run.

use std::path::Path;

use flott_artifact::{PlanRequest, plan};
use flott_core::job_config::JobConfig;

use crate::{
    args::InfoArgs,
    console, context,
    failure::{Failure, chain},
};

mod shape;
mod tree;

pub(crate) async fn execute(args: InfoArgs) -> Result<(), Failure> {
    let config = context::configuration(&args.settings)?;
    let artifact = args.program.artifact();
    check_artifact(&artifact)?;
    // What a cluster of this configuration would tell the program.
    let submitted = super::run::job_settings(&args.settings);
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

/// Refuses a file that cannot be an artifact, before a cluster is troubled with it.
pub(super) fn check_artifact(path: &Path) -> Result<(), Failure> {
    flott_artifact::inspect(path)
        .map(drop)
        .map_err(|error| Failure::failed(format!("Cannot run {}: {}", path.display(), chain(&error))))
}
