//! `flott cancel JOBID`.

use flott_core::JobId;

use crate::{args::CancelArgs, console, context, failure::Failure};

pub(crate) async fn execute(args: CancelArgs) -> Result<(), Failure> {
    let job = parse_job_id(&args.job)?;
    let config = context::configuration(&args.cluster.settings)?;
    let client = context::client(&args.cluster, &config)?;
    if !args.json {
        console::line(format_args!("Cancelling job {job}."))?;
    }
    client.cancel(job).await?;
    if args.json {
        console::line(format_args!("{:#}", serde_json::json!({ "jid": job, "status": "accepted" })))
    } else {
        console::line(format_args!("Cancelled job {job}."))
    }
}

fn parse_job_id(text: &str) -> Result<JobId, Failure> {
    text.parse().map_err(|_| {
        Failure::usage(format!(
            "Cannot parse JobID from \"{text}\". The expected format is [0-9a-fA-F]{{32}}, e.g. \
             fd72014d4c864993a2e5a9287b4a9c5d."
        ))
    })
}
