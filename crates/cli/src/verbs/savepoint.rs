//! `flott savepoint JOBID [DIR]`, `flott savepoint -d PATH` and `flott savepoint inspect PATH`.

mod inspect;

use flott_client::SavepointRequest;
use serde_json::json;

use super::{job_id, operation::Operation};
use crate::{
    args::{SavepointArgs, SavepointVerb},
    console, context,
    failure::Failure,
};

pub(crate) async fn execute(args: SavepointArgs) -> Result<(), Failure> {
    match (&args.verb, &args.dispose) {
        (Some(SavepointVerb::Inspect(args)), _) => inspect::execute(args).await,
        (None, Some(path)) => dispose(&args, path).await,
        (None, None) => take(args).await,
    }
}

async fn take(args: SavepointArgs) -> Result<(), Failure> {
    let job = job_id::parse(args.job.as_deref(), "trigger a savepoint")?;
    let config = context::configuration(&args.cluster.settings)?;
    let client = context::client(&args.cluster, &config)?;
    let operation = Operation::new(&client, &config, "savepoint", Some(job));
    let request = SavepointRequest {
        target_directory: args.directory.clone(),
        cancel_job: false,
        format_type: args.format.format(),
        trigger_id: Some(operation.id),
    };
    let say = |text: &dyn std::fmt::Display| if args.json { Ok(()) } else { console::line(text) };
    if args.detached {
        say(&format_args!("Triggering savepoint in detached mode for job {job}."))?;
        let id = client.trigger_savepoint(job, &request).await?;
        say(&format_args!("Successfully trigger manual savepoint, triggerId: {id}"))?;
        return if args.json {
            console::line(format_args!("{:#}", json!({ "jid": job, "triggerId": id })))
        } else {
            Ok(())
        };
    }
    say(&format_args!("Triggering savepoint for job {job}."))?;
    say(&"Waiting for response...")?;
    let failed = format!("Triggering a savepoint for the job {job} failed.");
    let work = async {
        client.trigger_savepoint(job, &request).await?;
        operation.result(&failed, async |id| client.savepoint_status(job, id).await).await
    };
    let location = operation.unless_interrupted(work).await?;
    if args.json {
        return console::line(format_args!("{:#}", json!({ "jid": job, "location": location })));
    }
    console::line(format_args!("Savepoint completed. Path: {location}"))?;
    console::line("You can resume your program from this savepoint with the run command.")
}

async fn dispose(args: &SavepointArgs, path: &str) -> Result<(), Failure> {
    let config = context::configuration(&args.cluster.settings)?;
    let client = context::client(&args.cluster, &config)?;
    let operation = Operation::new(&client, &config, "disposal", None);
    if !args.json {
        console::line(format_args!("Disposing savepoint '{path}'."))?;
        console::line("Waiting for response...")?;
    }
    let failed = format!("Disposing the savepoint '{path}' failed.");
    let work = async {
        client.dispose_savepoint(path, Some(operation.id)).await?;
        operation.result(&failed, async |id| client.disposal_status(id).await).await
    };
    operation.unless_interrupted(work).await?;
    if args.json {
        return console::line(format_args!("{:#}", json!({ "path": path, "status": "disposed" })));
    }
    console::line(format_args!("Savepoint '{path}' disposed."))
}
