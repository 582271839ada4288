//! `flott rescale JOBID -p N`.

use std::time::Duration;

use flott_client::{
    Client, JobDetail, ParallelismBounds, Rescale, RescaleOutcome, ResourceRequirements, VertexDetail,
    VertexRequirements,
};
use flott_core::{JobId, config::options::client::TIMEOUT};
use serde_json::json;
use tokio::time::sleep;

use super::{contact::Contact, interrupt::Signals, job_id};
use crate::{
    args::RescaleArgs,
    console, context,
    failure::{Exit, Failure},
};

/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(100);
/// What interrupts a rescale that goes on by itself.
const INTERRUPTED: &str = "JOB_FAILOVER_RESTARTING";

pub(crate) async fn execute(args: RescaleArgs) -> Result<(), Failure> {
    let job = job_id::parse(args.job.as_deref(), "rescale a job")?;
    if args.parallelism.is_none() && args.vertices.is_empty() {
        return Err(Failure::usage("Specify the parallelism: -p N, or --vertex VERTEX=N."));
    }
    let config = context::configuration(&args.cluster.settings)?;
    let client = context::client(&args.cluster, &config)?;
    let detail = client.job(job).await?;
    let requirements = wanted(&args, &detail, client.resource_requirements(job).await?)?;
    let last = client.rescales(job).await?.first().map(|rescale| rescale.rescale_uuid.clone());
    if !args.json {
        console::line(format_args!("Rescaling job {job}."))?;
    }
    client.set_resource_requirements(job, &requirements).await?;
    if args.detached {
        return match args.json {
            true => console::line(format_args!("{:#}", json!({ "jid": job, "status": "accepted" }))),
            false => console::line("The JobManager has taken note; the job goes on with it in a while."),
        };
    }
    let mut signals = Signals::listen()?;
    let rescale = tokio::select! {
        rescale = outcome(&client, job, last, config.get(&TIMEOUT)) => rescale?,
        () = signals.received() => {
            console::error_line(format!(
                "Interrupted. The job is rescaled without this command; what becomes of it tells {}/jobs/{job}/rescales/history",
                client.address()
            ));
            return Err(Failure::told(Exit::Interrupted));
        }
    };
    tell(&args, job, &rescale, &requirements, &client.job(job).await?)
}

/// What is wanted of each vertex.
fn wanted(
    args: &RescaleArgs,
    detail: &JobDetail,
    mut requirements: ResourceRequirements,
) -> Result<ResourceRequirements, Failure> {
    let bounds = |upper: u32| VertexRequirements {
        parallelism: ParallelismBounds { lower_bound: args.least.min(upper), upper_bound: upper },
    };
    if let Some(parallelism) = args.parallelism {
        for vertex in &detail.vertices {
            requirements.insert(vertex.id, bounds(parallelism.min(vertex.max_parallelism.max(1))));
        }
    }
    for (name, parallelism) in &args.vertices {
        let is_it = |vertex: &&VertexDetail| vertex.id.to_string() == *name || vertex.name == *name;
        let mut found = detail.vertices.iter().filter(is_it);
        let (Some(vertex), None) = (found.next(), found.next()) else {
            let known = detail.vertices.iter().map(|vertex| format!("  {} {}", vertex.id, vertex.name));
            return Err(Failure::usage(format!(
                "\"{name}\" is not one vertex of job {}, which has:\n{}",
                detail.jid,
                known.collect::<Vec<_>>().join("\n")
            )));
        };
        requirements.insert(vertex.id, bounds(*parallelism));
    }
    Ok(requirements)
}

/// Waits until the rescale has ended that came after `last`. If it is interrupted, another one follows.
async fn outcome(
    client: &Client,
    job: JobId,
    last: Option<String>,
    patience: Duration,
) -> Result<Rescale, Failure> {
    let mut contact =
        Contact::new(format!("follow the rescale of job {job}"), "which may still go on", patience);
    loop {
        match client.rescales(job).await {
            Ok(rescales) => {
                contact.regained(say);
                let newest = rescales.into_iter().next().filter(|it| Some(&it.rescale_uuid) != last.as_ref());
                if let Some(newest) = newest
                    && newest.terminal_state.is_some()
                    && newest.terminated_reason.as_deref() != Some(INTERRUPTED)
                {
                    // It may be forgotten by now; then it is told without what it has changed.
                    return Ok(client.rescale(job, &newest.rescale_uuid).await.unwrap_or(newest));
                }
            }
            Err(error) => contact.lost(error, say)?,
        }
        sleep(PAUSE).await;
    }
}

fn say(text: &str) {
    console::error_line(text);
}

fn tell(
    args: &RescaleArgs,
    job: JobId,
    rescale: &Rescale,
    requirements: &ResourceRequirements,
    detail: &JobDetail,
) -> Result<(), Failure> {
    let has_it = |vertex: &VertexDetail| {
        requirements.get(&vertex.id).is_some_and(|it| it.parallelism.upper_bound == vertex.parallelism)
    };
    let is_done = rescale.terminal_state == Some(RescaleOutcome::Completed);
    if !is_done && !detail.vertices.iter().all(has_it) {
        let reason = rescale.message.as_deref().or(rescale.terminated_reason.as_deref()).unwrap_or("unknown");
        return Err(Failure::failed(format!("Job {job} was not rescaled: {reason}.")));
    }
    if args.json {
        let vertices = detail.vertices.iter().map(|vertex| {
            let before = rescale.vertices.get(&vertex.id).and_then(|it| it.pre_rescale_parallelism);
            json!({ "id": vertex.id, "name": vertex.name, "before": before, "parallelism": vertex.parallelism })
        });
        let json = json!({
            "jid": job,
            "rescaled": is_done,
            "message": rescale.message,
            "vertices": vertices.collect::<Vec<_>>(),
        });
        return console::line(format_args!("{json:#}"));
    }
    if !is_done {
        return console::line(format_args!("Job {job} has the parallelism already."));
    }
    for vertex in rescale.vertices.values() {
        if let (Some(before), Some(after)) = (vertex.pre_rescale_parallelism, vertex.post_rescale_parallelism)
            && before != after
        {
            console::line(format_args!("  {}: {before} -> {after}", vertex.job_vertex_name))?;
        }
    }
    if let Some(message) = &rescale.message {
        console::line(format_args!("Not all of it: {message}."))?;
    }
    console::line(format_args!("Rescaled job {job}."))
}
