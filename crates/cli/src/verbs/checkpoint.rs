//! `flott checkpoint JOBID`.

use flott_client::{CheckpointRequest, CheckpointType};
use serde_json::json;

use super::{job_id, operation::Operation};
use crate::{args::CheckpointArgs, console, context, failure::Failure};

pub(crate) async fn execute(args: CheckpointArgs) -> Result<(), Failure> {
    let job = job_id::parse(args.job.as_deref(), "trigger a checkpoint")?;
    let config = context::configuration(&args.cluster.settings)?;
    let client = context::client(&args.cluster, &config)?;
    let operation = Operation::new(&client, &config, "checkpoint", Some(job));
    let (checkpoint_type, label) =
        if args.full { (CheckpointType::Full, "(FULL)") } else { (CheckpointType::Configured, "") };
    let request = CheckpointRequest { checkpoint_type, trigger_id: Some(operation.id) };
    if !args.json {
        console::line(format_args!("Triggering checkpoint for job {job}."))?;
        console::line("Waiting for response...")?;
    }
    let failed = format!("Triggering a checkpoint for the job {job} failed.");
    let work = async {
        client.trigger_checkpoint(job, &request).await?;
        operation.result(&failed, async |id| client.checkpoint_status(job, id).await).await
    };
    let id = operation.unless_interrupted(work).await?;
    if args.json {
        return console::line(format_args!("{:#}", json!({ "jid": job, "checkpointId": id })));
    }
    console::line(format_args!("Checkpoint{label} {id} for job {job} completed."))?;
    console::line("You can resume your program from this checkpoint with the run command.")
}
