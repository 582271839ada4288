//! Follows a job until it ends or whoever watches goes away.

use std::time::Duration;

use flott_client::{Client, JobDetail};
use flott_core::JobId;
use tokio::time::sleep;

use super::progress::JobProgress;
use crate::{
    console,
    failure::{Failure, chain},
    verbs::{
        contact::Contact,
        interrupt::{Answer, Signals},
    },
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
    let mut contact = Contact::new(format!("follow job {job}"), "which may still run", patience);
    let mut pause = Duration::ZERO;
    loop {
        let look = async {
            sleep(pause).await;
            client.job(job).await
        };
        tokio::select! {
            looked = look => match looked {
                Ok(detail) => {
                    contact.regained(|text| progress.say(text));
                    progress.update(&detail);
                    if detail.state.is_terminal() {
                        return Ok(End::Job(Box::new(detail)));
                    }
                }
                Err(error) => contact.lost(error, |text| progress.say(text))?,
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
