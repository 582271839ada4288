//! Follows a job until it ends or whoever watches goes away.

use std::time::{Duration, Instant};

use flott_client::{Client, Error, JobDetail, RetryAdvice};
use flott_core::JobId;
use tokio::time::sleep;

use super::{
    interrupt::{Answer, Signals},
    progress::JobProgress,
};
use crate::{
    clock, console,
    failure::{Failure, chain},
};

/// A tiny job is over within some ten milliseconds, and nobody should wait for it longer.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Often enough for a person to watch.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Why the watching ended.
pub(super) enum End {
    /// The job ended.
    Job(Box<JobDetail>),
    /// Whoever watched has gone; the job goes on.
    Detached,
}

/// Follows `job` until it ends. While the JobManager cannot be reached it keeps trying for up to `patience`, since it may
/// be starting again.
pub(super) async fn until_end(
    client: &Client,
    job: JobId,
    patience: Duration,
    signals: &mut Signals,
) -> Result<End, Failure> {
    let mut progress = JobProgress::new();
    let mut contact = Contact { patience, lost_since: None };
    let mut pause = Duration::ZERO;
    loop {
        let look = async {
            sleep(pause).await;
            client.job(job).await
        };
        tokio::select! {
            looked = look => match looked {
                Ok(detail) => {
                    contact.regained(&progress);
                    progress.update(&detail);
                    if detail.state.is_terminal() {
                        return Ok(End::Job(Box::new(detail)));
                    }
                }
                Err(error) => contact.lost(error, job, &progress)?,
            },
            () = signals.received() => {
                progress.clear();
                match signals.ask().await {
                    Answer::Detach => return Ok(End::Detached),
                    Answer::Cancel => cancel(client, job).await,
                    Answer::Continue => {}
                }
            }
        }
        pause = (pause * 3 / 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    }
}

async fn cancel(client: &Client, job: JobId) {
    console::error_line(format_args!("Cancelling job {job}."));
    if let Err(error) = client.cancel(job).await {
        console::error_line(format_args!("Cannot cancel job {job}: {}", chain(&error)));
    }
}

/// Whether the JobManager answers.
struct Contact {
    patience: Duration,
    lost_since: Option<Instant>,
}

impl Contact {
    fn regained(&mut self, progress: &JobProgress) {
        if self.lost_since.take().is_some() {
            progress.say("The JobManager answers again.");
        }
    }

    /// An error if there is no point in trying again.
    fn lost(&mut self, error: Error, job: JobId, progress: &JobProgress) -> Result<(), Failure> {
        if error.retry() == RetryAdvice::Never {
            return Err(Failure::failed(format!("Cannot follow job {job}: {}", chain(&error))));
        }
        let Some(since) = self.lost_since else {
            progress.say(&format!(
                "The JobManager does not answer ({}); trying again for {} s.",
                chain(&error),
                self.patience.as_secs()
            ));
            self.lost_since = Some(clock::now());
            return Ok(());
        };
        if clock::now().saturating_duration_since(since) < self.patience {
            return Ok(());
        }
        Err(Failure::failed(format!("Cannot follow job {job}, which may still run: {}", chain(&error))))
    }
}
