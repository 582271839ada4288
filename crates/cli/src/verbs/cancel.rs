//! `flott cancel JOBID`, and, deprecated, `flott cancel -s [DIR] JOBID`.

use flott_client::SavepointRequest;
use flott_core::JobId;
use serde_json::json;

use super::{job_id, operation::Operation};
use crate::{
    args::{CancelArgs, format_name},
    console, context,
    failure::Failure,
};

pub(crate) async fn execute(mut args: CancelArgs) -> Result<(), Failure> {
    let savepoint = args.savepoint.take();
    let with_savepoint = savepoint.is_some();
    let (directory, job) = job_id::after_directory(savepoint, args.job.take());
    let job = job_id::parse(job.as_deref(), "cancel a job")?;
    if with_savepoint {
        return cancel_with_savepoint(args, job, directory).await;
    }
    let config = context::configuration(&args.cluster.settings)?;
    let client = context::client(&args.cluster, &config)?;
    if !args.json {
        console::line(format_args!("Cancelling job {job}."))?;
    }
    client.cancel(job).await?;
    if args.json {
        console::line(format_args!("{:#}", json!({ "jid": job, "status": "accepted" })))
    } else {
        console::line(format_args!("Cancelled job {job}."))
    }
}

async fn cancel_with_savepoint(
    args: CancelArgs,
    job: JobId,
    directory: Option<String>,
) -> Result<(), Failure> {
    let config = context::configuration(&args.cluster.settings)?;
    let client = context::client(&args.cluster, &config)?;
    let operation = Operation::new(&client, &config, "savepoint", Some(job));
    let format = args.format.format();
    if !args.json {
        console::line(
            "DEPRECATION WARNING: Cancelling a job with savepoint is deprecated. Use \"stop\" instead.",
        )?;
        let place = match &directory {
            Some(directory) => format!("{directory}."),
            None => "default savepoint directory.".to_owned(),
        };
        console::line(format_args!(
            "Cancelling job {job} with {} savepoint to {place}",
            format_name(format)
        ))?;
    }
    let request = SavepointRequest {
        target_directory: directory,
        cancel_job: true,
        format_type: format,
        trigger_id: Some(operation.id),
    };
    let failed = format!("Could not cancel job {job}.");
    let work = async {
        client.trigger_savepoint(job, &request).await?;
        operation.result(&failed, async |id| client.savepoint_status(job, id).await).await
    };
    let location = operation.unless_interrupted(work).await?;
    if args.json {
        return console::line(format_args!("{:#}", json!({ "jid": job, "location": location })));
    }
    console::line(format_args!("Cancelled job {job}. Savepoint stored in {location}."))
}
