//! `flott run ARTIFACT`: submits a job and, unless detached, stays until it ends.

use std::path::Path;

use flott_client::{Client, JobDetail, RunRequest};
use flott_core::{JobId, JobStatus};

use super::{
    interrupt::Signals,
    program::{check_artifact, job_settings},
};
use crate::{
    args::RunArgs,
    console, context,
    failure::{Exit, Failure, chain},
};

mod heartbeats;
mod progress;
mod rates;
mod watch;

use heartbeats::Tie;
use progress::UploadProgress;
use watch::End;

pub(crate) async fn execute(args: RunArgs) -> Result<(), Failure> {
    let config = context::configuration(&args.cluster.settings)?;
    let artifact = args.program.artifact();
    check_artifact(&artifact)?;
    let client = context::client(&args.cluster, &config)?;
    let tie = Tie::wanted(&args, &config);
    let mut settings = job_settings(&args.cluster.settings);
    if let Some(tie) = &tie {
        tie.tell(&mut settings);
    }
    let request = RunRequest {
        entry_class: args.program.entry.clone(),
        program_args_list: args.program.args().to_vec(),
        parallelism: args.program.parallelism,
        // So that a submission can be repeated of which nobody knows whether it has arrived.
        job_id: Some(JobId::from_bytes(uuid::Uuid::new_v4().into_bytes())),
        savepoint_path: args.restore.savepoint.clone(),
        allow_non_restored_state: args.restore.allow_non_restored_state.then_some(true),
        claim_mode: args.restore.claim_mode,
        flink_configuration: settings,
    };
    let mut signals = Signals::listen()?;
    let job = tokio::select! {
        job = submit(&client, &artifact, &request) => job?,
        () = signals.received() => return Err(interrupted_submission()),
    };
    console::line(format_args!("Job has been submitted with JobID {job}"))?;
    if args.detached {
        return Ok(());
    }
    let end = watch::until_end(
        &client,
        job,
        config.get(&flott_core::config::options::client::TIMEOUT),
        &mut signals,
    );
    let end = match &tie {
        Some(tie) => tie.while_running(&client, job, end).await?,
        None => end.await?,
    };
    match end {
        End::Job(detail) => report(&client, &detail).await,
        End::Detached if tie.is_some() => {
            client.cancel(job).await?;
            console::error_line(format_args!(
                "Job {job} is canceled with this command (--shutdownOnAttachedExit)."
            ));
            Err(Failure::told(Exit::Interrupted))
        }
        End::Detached => {
            console::error_line(format_args!(
                "Detached from job {job}, which goes on. Cancel it with: flott cancel {}{job}",
                address_option(&args)
            ));
            Err(Failure::told(Exit::Interrupted))
        }
    }
}

fn address_option(args: &RunArgs) -> String {
    args.cluster.jobmanager.as_ref().map(|address| format!("-m {address} ")).unwrap_or_default()
}

fn interrupted_submission() -> Failure {
    console::error_line("Interrupted while submitting. The job may run all the same: see flott list.");
    Failure::told(Exit::Interrupted)
}

async fn submit(client: &Client, artifact: &Path, request: &RunRequest) -> Result<JobId, Failure> {
    let name = artifact.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let size_bytes = artifact.metadata().map(|metadata| metadata.len()).unwrap_or(0);
    let progress = UploadProgress::new(&name, size_bytes);
    let shown = progress.clone();
    let uploaded = client.upload(artifact, &name, move |bytes| shown.set(bytes)).await;
    progress.finish();
    Ok(client.run_jar(&uploaded?, request).await?)
}

/// Says how the job ended; an error unless it finished.
async fn report(client: &Client, job: &JobDetail) -> Result<(), Failure> {
    match job.state {
        JobStatus::Finished => {
            console::line("Program execution finished")?;
            console::line(format_args!("Job with JobID {} has finished.", job.jid))?;
            console::line(format_args!("Job Runtime: {} ms", job.duration))
        }
        JobStatus::Canceled => Err(Failure::failed(format!("Job with JobID {} was canceled.", job.jid))),
        state => {
            let cause = root_cause(client, job.jid).await;
            let outcome = format!("Job with JobID {} ended as {state} after {} ms.", job.jid, job.duration);
            Err(Failure::exception(&cause, &outcome))
        }
    }
}

async fn root_cause(client: &Client, job: JobId) -> String {
    let history = match client.exceptions(job).await {
        Ok(history) => history,
        Err(error) => return format!("(its cause is not available: {})", chain(&error)),
    };
    let Some(root) = history.entries.into_iter().next() else {
        return "(the JobManager gives no cause)".to_owned();
    };
    let mut text = root.stacktrace.trim_end().to_owned();
    let places = [("Task", root.task_name), ("TaskManager", root.task_manager_id.or(root.endpoint))];
    for (what, name) in places {
        // The attempt's number is written in two ways.
        let is_told = |name: &String| text.contains(name.split(" - execution").next().unwrap_or(name));
        if let Some(name) = name.filter(|name| !is_told(name)) {
            text = format!("{text}\n{what}: {name}");
        }
    }
    text
}
