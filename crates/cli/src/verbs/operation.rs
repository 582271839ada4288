//! Operations of the JobManager that take their time: begun with an id of our choice, then followed until they end.

use std::{io::IsTerminal, time::Duration};

use flott_client::{CheckpointStatus, Client, Error, OperationStatus};
use flott_core::{JobId, TriggerId, config::Configuration, config::options::client::TIMEOUT};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use tokio::time::sleep;

use super::{contact::Contact, interrupt::Signals};
use crate::{
    console,
    failure::{Exit, Failure},
};

/// The state of a small job is written within some ten milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Often enough for a person to watch.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// An operation that is followed.
pub(super) struct Operation<'a> {
    client: &'a Client,
    /// Its id.
    pub(super) id: TriggerId,
    /// What it is, as `savepoint`.
    what: &'static str,
    /// On which job, if on any.
    job: Option<JobId>,
    /// While the JobManager does not answer, it is tried again for so long.
    patience: Duration,
}

impl<'a> Operation<'a> {
    pub(super) fn new(
        client: &'a Client,
        config: &Configuration,
        what: &'static str,
        job: Option<JobId>,
    ) -> Self {
        let id = TriggerId::from_bytes(uuid::Uuid::new_v4().into_bytes());
        Self { client, id, what, job, patience: config.get(&TIMEOUT) }
    }

    /// Does `work`, which begins the operation and follows it. A signal ends this command and not the operation.
    pub(super) async fn unless_interrupted<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut signals = Signals::listen()?;
        tokio::select! {
            result = work => result,
            () = signals.received() => {
                console::error_line(self.way_out());
                Err(Failure::told(Exit::Interrupted))
            }
        }
    }

    fn way_out(&self) -> String {
        let place = match self.job {
            Some(job) if self.what == "checkpoint" => format!("jobs/{job}/checkpoints"),
            Some(job) => format!("jobs/{job}/savepoints"),
            None => "savepoint-disposal".to_owned(),
        };
        format!(
            "Interrupted. The {} goes on without this command; what becomes of it tells {}/{place}/{}",
            self.what,
            self.client.address(),
            self.id
        )
    }

    /// Asks how far it is until it has ended. `failed` is said if it has failed, after the cause.
    pub(super) async fn result<T>(
        &self,
        failed: &str,
        ask: impl AsyncFn(TriggerId) -> Result<OperationStatus<T>, Error>,
    ) -> Result<T, Failure> {
        let mut progress = Progress::new();
        let doing = format!("follow the {} with the id {}", self.what, self.id);
        let mut contact = Contact::new(doing, "which may still go on", self.patience);
        let mut pause = FIRST_PAUSE;
        loop {
            match ask(self.id).await {
                Ok(status) => {
                    contact.regained(|text| progress.say(text));
                    match status {
                        OperationStatus::Done(result) => return Ok(result),
                        OperationStatus::Failed(cause) => {
                            return Err(Failure::exception(cause.stack_trace.trim_end(), failed));
                        }
                        OperationStatus::InProgress if pause == LONGEST_PAUSE => {
                            self.show(&mut progress).await
                        }
                        OperationStatus::InProgress => {}
                    }
                }
                Err(error) => contact.lost(error, |text| progress.say(text))?,
            }
            sleep(pause).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    /// Shows on a terminal how many subtasks have done their part.
    async fn show(&self, progress: &mut Progress) {
        let (Some(bar), Some(job)) = (&progress.0, self.job) else { return };
        // That it can't be told now is no reason to stop following.
        let Ok(checkpoints) = self.client.checkpoints(job).await else { return };
        let is_ours = |is_savepoint: bool| is_savepoint == (self.what != "checkpoint");
        let ours = checkpoints
            .history
            .iter()
            .find(|it| it.status == CheckpointStatus::InProgress && is_ours(it.is_savepoint));
        bar.set_message(match ours {
            Some(it) => format!(
                "{} {}: {} of {} subtasks, {}",
                self.what,
                it.id,
                it.parts.num_acknowledged_subtasks,
                it.parts.num_subtasks,
                HumanBytes(it.parts.checkpointed_size)
            ),
            None => format!("waiting for the {}", self.what),
        });
        bar.tick();
    }
}

/// A line that changes, if there is a terminal to show it on.
struct Progress(Option<ProgressBar>);

impl Progress {
    fn new() -> Self {
        let style = || ProgressStyle::with_template("{spinner} {wide_msg}").expect("the template is valid");
        let shown = std::io::stderr().is_terminal();
        Self(shown.then(|| ProgressBar::new_spinner().with_style(style())))
    }

    fn say(&self, text: &str) {
        match &self.0 {
            Some(bar) => bar.println(text),
            None => console::error_line(text),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
