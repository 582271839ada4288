//! Ties a job to this command: it is canceled when the command ends first, even if that is killed.

use std::{collections::BTreeMap, time::Duration};

use flott_client::Client;
use flott_core::{
    JobId,
    config::{
        Configuration, duration,
        options::{client, execution},
    },
};

use crate::{args::RunArgs, clock};

/// How the JobManager learns that this command is there.
pub(super) struct Tie {
    interval: Duration,
    timeout: Duration,
}

impl Tie {
    /// If the job is to end with this command: by option or by configuration, and only if that stays.
    pub(super) fn wanted(args: &RunArgs, config: &Configuration) -> Option<Self> {
        let wanted = args.shutdown_on_attached_exit || config.get(&execution::SHUTDOWN_ON_ATTACHED_EXIT);
        (wanted && !args.detached).then(|| Self {
            interval: config.get(&client::HEARTBEAT_INTERVAL),
            timeout: config.get(&client::HEARTBEAT_TIMEOUT),
        })
    }

    /// Says so in the job's settings.
    pub(super) fn tell(&self, settings: &mut BTreeMap<String, String>) {
        settings.extend([
            (execution::ATTACHED.key().to_owned(), true.to_string()),
            (execution::SHUTDOWN_ON_ATTACHED_EXIT.key().to_owned(), true.to_string()),
            (client::HEARTBEAT_TIMEOUT.key().to_owned(), duration::text(self.timeout)),
        ]);
    }

    /// Sends heartbeats until `running` has ended. That one tells if the JobManager can't be reached.
    pub(super) async fn while_running<T>(
        &self,
        client: &Client,
        job: JobId,
        running: impl Future<Output = T>,
    ) -> T {
        let heartbeats = async {
            loop {
                let until = clock::unix_ms() + i64::try_from(self.timeout.as_millis()).unwrap_or(i64::MAX);
                let _ = client.heartbeat(job, until).await;
                tokio::time::sleep(self.interval).await;
            }
        };
        tokio::select! {
            ended = running => ended,
            () = heartbeats => unreachable!("heartbeats go on for ever"),
        }
    }
}
