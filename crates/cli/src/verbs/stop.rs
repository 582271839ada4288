//! `flott stop JOBID`: ends a job with a savepoint.

use flott_client::StopRequest;
use serde_json::json;

use super::{job_id, operation::Operation};
use crate::{
    args::{StopArgs, format_name},
    console, context,
    failure::Failure,
};

pub(crate) async fn execute(args: StopArgs) -> Result<(), Failure> {
    let (directory, job) = job_id::after_directory(args.directory, args.job);
    let job = job_id::parse(job.as_deref(), "stop a job with a savepoint")?;
    let config = context::configuration(&args.cluster.settings)?;
    let client = context::client(&args.cluster, &config)?;
    let operation = Operation::new(&client, &config, "savepoint", Some(job));
    let format = args.format.format();
    let request = StopRequest {
        target_directory: directory,
        drain: args.drain,
        format_type: format,
        trigger_id: Some(operation.id),
    };
    if args.drain {
        console::error_line(
            "WARN Draining fires all windows and timers, as at the end of the input: do not begin again from this \
             savepoint. To pause the job, stop it without --drain.",
        );
    }
    let say = |text: &dyn std::fmt::Display| if args.json { Ok(()) } else { console::line(text) };
    let doing = if args.drain { "Draining" } else { "Suspending" };
    say(&format_args!("{doing} job \"{job}\" with a {} savepoint.", format_name(format)))?;
    if args.detached {
        say(&format_args!("Triggering stop-with-savepoint in detached mode for job {job}."))?;
        let id = client.stop(job, &request).await?;
        say(&format_args!("Successfully trigger stop-with-savepoint in detached mode, triggerId: {id}"))?;
        return if args.json {
            console::line(format_args!("{:#}", json!({ "jid": job, "triggerId": id })))
        } else {
            Ok(())
        };
    }
    say(&format_args!("Triggering stop-with-savepoint for job {job}."))?;
    say(&"Waiting for response...")?;
    let failed = format!("Could not stop with a savepoint job \"{job}\".");
    let work = async {
        client.stop(job, &request).await?;
        operation.result(&failed, async |id| client.savepoint_status(job, id).await).await
    };
    let location = operation.unless_interrupted(work).await?;
    if args.json {
        return console::line(format_args!("{:#}", json!({ "jid": job, "location": location })));
    }
    console::line(format_args!("Savepoint completed. Path: {location}"))
}
