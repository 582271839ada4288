//! What holds for one job: the cluster's configuration with the submitter's over it.

use std::collections::BTreeMap;

use flott_control::job_master::JobMasterConfig;
use flott_core::{
    config::{
        Configuration, Origin,
        options::{slot, task},
    },
    job_config::JobConfig,
    key_group::MAX_PARALLELISM_LIMIT,
};

use crate::{Error, handle::RunOptions};

/// Settings of one job.
#[derive(Clone, Debug)]
pub(super) struct JobSettings {
    pub(super) job_config: JobConfig,
    pub(super) job_master: JobMasterConfig,
}

impl JobSettings {
    /// Those of a job that brings none of its own.
    pub(super) fn of_cluster(config: &Configuration) -> Self {
        Self::from_config(config, &BTreeMap::new())
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
        let mut settings = Self::from_config(&config, &options.configuration);
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

    fn from_config(config: &Configuration, submitted: &BTreeMap<String, String>) -> Self {
        Self {
            job_config: JobConfig::from_configuration(config, submitted),
            job_master: JobMasterConfig {
                slot_request_timeout: config.get(&slot::REQUEST_TIMEOUT),
                cancellation_timeout: config.get(&task::CANCELLATION_TIMEOUT),
                ..JobMasterConfig::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use flott_core::job_config::RuntimeMode;

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
    fn wrong_settings_are_named() {
        let error = JobSettings::new(&cluster(""), &options(&[("parallelism.default", "many")])).unwrap_err();
        assert!(error.to_string().contains("parallelism.default"), "{error}");
        for parallelism in [0, MAX_PARALLELISM_LIMIT + 1] {
            let options = RunOptions { parallelism: Some(parallelism), ..RunOptions::default() };
            let error = JobSettings::new(&cluster(""), &options).unwrap_err();
            assert!(error.to_string().contains("from 1 to 32768"), "{error}");
        }
    }
}
