use std::{collections::BTreeMap, sync::Arc, time::Duration};

use flott_core::{
    JobStatus,
    config::{Configuration, Origin},
};
use flott_jobmanager::{
    JobManager, JobManagerOptions,
    view::{ExceptionView, JobView},
};
use flott_runtime::JobProgram;
use flott_taskmanager::{TaskManager, TaskManagerConfig};

use crate::{Error, Outcome, launcher::InProcessLauncher};

pub(crate) async fn run(program: JobProgram) -> Result<Outcome, Error> {
    let program = Arc::new(program);
    let options = JobManagerOptions { rest: false, ..JobManagerOptions::default() };
    let settings = &program.config.settings;
    let job_manager = JobManager::start(configuration(0, 1, settings)?, options).await?;
    let slots = program.graph.required_slots();
    let config = TaskManagerConfig::new(&configuration(job_manager.rpc_addr.port(), slots, settings)?);
    let launcher = Arc::new(InProcessLauncher::new(program.clone()));
    let mut task_manager = TaskManager::start(config, launcher).await?;

    let cluster = &job_manager.handle;
    let job_id = cluster.submit_graph(program.graph.clone(), program.config.clone(), None).await?;
    let job = cluster.wait_for_end(job_id).await?;
    let outcome = outcome(&job);
    task_manager.stop();
    let _ = task_manager.ended().await;
    // One that was not drained ends with this process.
    let _ = job_manager.stop().await;
    Ok(outcome)
}

/// The cluster has one job, so what is set for that holds for all of it: where its checkpoints go, say.
fn configuration(
    rpc_port: u16,
    slots: u32,
    settings: &BTreeMap<String, String>,
) -> Result<Configuration, Error> {
    let text = format!(
        "jobmanager.rpc.address: 127.0.0.1\njobmanager.rpc.port: {rpc_port}\n\
         jobmanager.bind-host: 127.0.0.1\ntaskmanager.bind-host: 127.0.0.1\n\
         taskmanager.numberOfTaskSlots: {slots}\nhigh-availability.type: none\n"
    );
    // Nothing of it outlives this process, whatever the job's settings say of the clusters that it runs on.
    let settings = settings.iter().filter(|(key, _)| !key.starts_with("high-availability"));
    let settings: BTreeMap<_, _> = settings.map(|(key, value)| (key.clone(), value.clone())).collect();
    let failed = |errors: Vec<_>| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Error::Configuration(lines.join("; "))
    };
    let (own, _) = Configuration::parse(&text, "local mode").map_err(failed)?;
    let (configuration, _) = own.with_settings(&settings, &Origin::Submission).map_err(failed)?;
    Ok(configuration)
}

fn outcome(job: &JobView) -> Outcome {
    match job.status {
        JobStatus::Finished => {
            let ended = job.ended_unix_ms.unwrap_or(job.started_unix_ms);
            let millis = u64::try_from(ended - job.started_unix_ms).unwrap_or(0);
            Outcome::Finished { job_id: job.job_id, net_runtime: Duration::from_millis(millis) }
        }
        JobStatus::Canceled => Outcome::Canceled,
        _ => {
            let cause = job.exceptions.first().map(ExceptionView::report);
            let cause = cause.unwrap_or_else(|| "the job failed without a cause".to_owned());
            Outcome::Failed { job_id: job.job_id, cause }
        }
    }
}
