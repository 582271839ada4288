//! What holds for one job: the cluster's configuration with the submitter's over it.

use std::{str::FromStr, time::Duration};

use flott_control::job_master::JobMasterConfig;
use flott_core::{
    config::{
        ConfigOption, Configuration, Origin, StorageLocation,
        options::{checkpointing, client, execution, slot, state_recovery, task, web},
    },
    job_config::JobConfig,
    key_group::MAX_PARALLELISM_LIMIT,
};

use flott_storage::StorageUri;

use super::restore::RestoreSettings;
use crate::{Error, handle::RunOptions};

/// Settings of one job.
#[derive(Clone, Debug)]
pub(super) struct JobSettings {
    pub(super) job_config: JobConfig,
    pub(super) job_master: JobMasterConfig,
    /// Where its directory for checkpoints is made; `None`: in the JobManager's.
    pub(super) checkpoint_root: Option<StorageUri>,
    /// Where its savepoints go for which no place is given.
    pub(super) savepoint_dir: Option<StorageUri>,
    /// How many checkpoints are shown.
    pub(super) checkpoint_history: usize,
    /// For how long its client may not be heard of, if the job is to end with it.
    pub(super) client_timeout: Option<Duration>,
    /// What it begins with.
    pub(super) restore: Option<RestoreSettings>,
}

impl JobSettings {
    /// Those of a job that brings none of its own.
    ///
    /// # Errors
    /// [`Error::Setting`] if a place for snapshots can't be one.
    pub(super) fn of_cluster(config: &Configuration) -> Result<Self, Error> {
        Self::from_config(config, &RunOptions::default())
    }

    /// Those of a submission.
    ///
    /// # Errors
    /// [`Error::Setting`] with all that is wrong.
    pub(super) fn new(cluster: &Configuration, options: &RunOptions) -> Result<Self, Error> {
        let (config, _warnings) =
            cluster.with_settings(&options.configuration, &Origin::Submission).map_err(|errors| {
                let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
                Error::Setting(lines.join("\n"))
            })?;
        let mut settings = Self::from_config(&config, options)?;
        if let Some(parallelism) = options.parallelism {
            if !(1..=MAX_PARALLELISM_LIMIT).contains(&parallelism) {
                return Err(Error::Setting(format!(
                    "parallelism: got {parallelism}, allowed: a whole number from 1 to {MAX_PARALLELISM_LIMIT}"
                )));
            }
            settings.job_config.parallelism = parallelism;
        }
        Ok(settings)
    }

    fn from_config(config: &Configuration, options: &RunOptions) -> Result<Self, Error> {
        let place = |option: &ConfigOption<Option<StorageLocation>>| {
            config.get(option).map(|location| storage_uri(option.key(), location.as_str())).transpose()
        };
        let path = match &options.savepoint {
            Some(path) => Some(storage_uri("savepointPath", path)?),
            None => place(&state_recovery::PATH)?,
        };
        let restore = path.map(|path| RestoreSettings {
            path,
            claim_mode: options.claim_mode.unwrap_or_else(|| config.get(&state_recovery::CLAIM_MODE)),
            allow_non_restored: options
                .allow_non_restored_state
                .unwrap_or_else(|| config.get(&state_recovery::IGNORE_UNCLAIMED_STATE)),
        });
        Ok(Self {
            job_config: JobConfig::from_configuration(config, &options.configuration),
            job_master: JobMasterConfig {
                slot_request_timeout: config.get(&slot::REQUEST_TIMEOUT),
                cancellation_timeout: config.get(&task::CANCELLATION_TIMEOUT),
                exception_history_size: config.get(&web::EXCEPTION_HISTORY_SIZE) as usize,
                ..JobMasterConfig::default()
            },
            checkpoint_root: place(&checkpointing::DIR)?,
            savepoint_dir: place(&checkpointing::SAVEPOINT_DIR)?,
            checkpoint_history: usize::try_from(config.get(&web::CHECKPOINTS_HISTORY)).unwrap_or(usize::MAX),
            client_timeout: (config.get(&execution::ATTACHED)
                && config.get(&execution::SHUTDOWN_ON_ATTACHED_EXIT))
            .then(|| config.get(&client::HEARTBEAT_TIMEOUT)),
            restore,
        })
    }
}

/// The place that a setting names.
///
/// # Errors
/// [`Error::Setting`] naming it.
pub(crate) fn storage_uri(key: &str, text: &str) -> Result<StorageUri, Error> {
    StorageUri::from_str(text.trim()).map_err(|error| Error::Setting(format!("{key}: {error}")))
}

#[cfg(test)]
mod tests {
    use flott_core::job_config::{ClaimMode, RuntimeMode};

    use super::*;

    fn cluster(text: &str) -> Configuration {
        Configuration::parse(text, "config.yaml").unwrap().0
    }

    fn options(settings: &[(&str, &str)]) -> RunOptions {
        let configuration = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        RunOptions { configuration: configuration.collect(), ..RunOptions::default() }
    }

    #[test]
    fn the_submitters_settings_go_before_the_clusters() {
        let cluster = cluster("parallelism.default: 2\nexecution.runtime-mode: BATCH\npipeline.name: night");
        let own = [("parallelism.default", "3"), ("slot.request.timeout", "2 s"), ("my.key", "x")];
        let settings = JobSettings::new(&cluster, &options(&own)).unwrap();
        assert_eq!(settings.job_config.parallelism, 3);
        assert_eq!(settings.job_config.runtime_mode, RuntimeMode::Batch);
        assert_eq!(settings.job_config.name.as_deref(), Some("night"));
        assert_eq!(settings.job_config.settings["my.key"], "x");
        assert!(!settings.job_config.settings.contains_key("parallelism.default"));
        assert_eq!(settings.job_master.slot_request_timeout.as_secs(), 2);

        let explicit = RunOptions { parallelism: Some(7), ..options(&own) };
        assert_eq!(JobSettings::new(&cluster, &explicit).unwrap().job_config.parallelism, 7);
    }

    #[test]
    fn places_and_what_jobs_begin_with_come_from_all_levels() {
        let cluster = cluster(
            "execution.checkpointing.dir: /ck\nexecution.state-recovery.claim-mode: CLAIM\n\
             web.checkpoints.history: 3",
        );
        let own = [("execution.checkpointing.savepoint-dir", "s3a://bucket/sp")];
        let settings = JobSettings::new(&cluster, &options(&own)).unwrap();
        assert_eq!(settings.checkpoint_root.unwrap().to_string(), "file:/ck");
        assert_eq!(settings.savepoint_dir.unwrap().to_string(), "s3://bucket/sp");
        assert_eq!((settings.checkpoint_history, settings.restore), (3, None));

        let own =
            [("execution.savepoint.path", "/sp/1"), ("execution.savepoint.ignore-unclaimed-state", "true")];
        let restore = JobSettings::new(&cluster, &options(&own)).unwrap().restore.unwrap();
        assert_eq!((restore.path.to_string().as_str(), restore.allow_non_restored), ("file:/sp/1", true));
        assert_eq!(restore.claim_mode, ClaimMode::Claim);

        let explicit = RunOptions {
            savepoint: Some("/sp/2".to_owned()),
            claim_mode: Some(ClaimMode::NoClaim),
            allow_non_restored_state: Some(false),
            ..options(&own)
        };
        let restore = JobSettings::new(&cluster, &explicit).unwrap().restore.unwrap();
        assert_eq!((restore.path.to_string().as_str(), restore.allow_non_restored), ("file:/sp/2", false));
        assert_eq!(restore.claim_mode, ClaimMode::NoClaim);
    }

    #[test]
    fn only_attached_clients_that_ask_for_it_are_watched() {
        let both = [("execution.attached", "true"), ("execution.shutdown-on-attached-exit", "true")];
        let timeout = |own: &[(&str, &str)]| {
            JobSettings::new(&cluster("client.heartbeat.timeout: 9 s"), &options(own)).unwrap().client_timeout
        };
        assert_eq!(timeout(&both), Some(Duration::from_secs(9)));
        assert_eq!((timeout(&both[..1]), timeout(&both[1..]), timeout(&[])), (None, None, None));
    }

    #[test]
    fn wrong_settings_are_named() {
        let error = JobSettings::new(&cluster(""), &options(&[("parallelism.default", "many")])).unwrap_err();
        assert!(error.to_string().contains("parallelism.default"), "{error}");
        for parallelism in [0, MAX_PARALLELISM_LIMIT + 1] {
            let options = RunOptions { parallelism: Some(parallelism), ..RunOptions::default() };
            let error = JobSettings::new(&cluster(""), &options).unwrap_err();
            assert!(error.to_string().contains("from 1 to 32768"), "{error}");
        }
        for (path, text) in [
            ("hdfs://x/y", "savepointPath: the scheme \"hdfs\" is not supported"),
            ("savepoint-1", "savepointPath: the path \"savepoint-1\" is relative"),
        ] {
            let options = RunOptions { savepoint: Some(path.to_owned()), ..RunOptions::default() };
            let error = JobSettings::new(&cluster(""), &options).unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
