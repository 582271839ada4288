//! `GET /jobs/:jobid/config`.

use std::{collections::BTreeMap, time::Duration};

use axum::extract::State;
use flott_core::{JobId, config::duration, restart::RestartStrategy};
use schemars::JsonSchema;
use serde::Serialize;

use crate::rest::{Api, error::ApiError, json::Json, params::PathParams, secrets};

/// Flink's `JobConfigInfo`.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "JobConfigInfo")]
pub(crate) struct JobConfiguration {
    jid: JobId,
    name: String,
    execution_config: ExecutionConfig,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "ExecutionConfigInfo")]
struct ExecutionConfig {
    restart_strategy: String,
    job_parallelism: u32,
    object_reuse_mode: bool,
    user_config: BTreeMap<String, String>,
}

/// With which settings a job runs.
pub(crate) async fn config(
    State(api): State<Api>,
    params: PathParams,
) -> Result<Json<JobConfiguration>, ApiError> {
    let job = api.job(&params).await?;
    let mut user_config = job.submission.config.settings.clone();
    secrets::redact(&mut user_config);
    Ok(Json(JobConfiguration {
        jid: job.job_id,
        name: job.graph.name.clone(),
        execution_config: ExecutionConfig {
            restart_strategy: in_words(job.graph.recovery.restart_strategy()),
            job_parallelism: job.graph.parallelism,
            // Records move by ownership: nothing is copied between operators, as with Flink's object reuse.
            object_reuse_mode: true,
            user_config,
        },
    }))
}

/// A restart strategy, as Flink describes it.
fn in_words(strategy: RestartStrategy) -> String {
    let text = |ms: u64| duration::text(Duration::from_millis(ms));
    match strategy {
        RestartStrategy::None => "Restart deactivated.".to_owned(),
        RestartStrategy::FixedDelay { attempts: u32::MAX, delay_ms } => {
            format!("Restart with fixed delay ({}), as often as needed.", text(delay_ms))
        }
        RestartStrategy::FixedDelay { attempts, delay_ms } => {
            format!("Restart with fixed delay ({}). #{attempts} restart attempts.", text(delay_ms))
        }
        RestartStrategy::FailureRate { max_failures, interval_ms, delay_ms } => format!(
            "Failure rate restart with maximum of {max_failures} failures within interval {} and fixed delay {}.",
            text(interval_ms),
            text(delay_ms)
        ),
        RestartStrategy::ExponentialDelay {
            initial_ms,
            max_ms,
            multiplier,
            reset_after_ms,
            jitter,
            attempts,
        } => {
            let most = match attempts {
                u32::MAX => String::new(),
                attempts => format!(" #{attempts} restart attempts before that."),
            };
            format!(
                "Restart with exponential delay: starting at {}, increasing by {multiplier}, with maximum {}. \
                 Delay reset after {} with jitter {jitter}.{most}",
                text(initial_ms),
                text(max_ms),
                text(reset_after_ms),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strategies_are_described_as_by_flink() {
        let expected = "Restart with exponential delay: starting at 1 s, increasing by 1.5, with maximum 1 min. \
                        Delay reset after 1 h with jitter 0.1.";
        assert_eq!(in_words(RestartStrategy::EXPONENTIAL), expected);
        let fixed = |attempts| in_words(RestartStrategy::FixedDelay { attempts, delay_ms: 500 });
        assert_eq!(fixed(3), "Restart with fixed delay (500 ms). #3 restart attempts.");
        assert_eq!(fixed(u32::MAX), "Restart with fixed delay (500 ms), as often as needed.");
        let rate =
            in_words(RestartStrategy::FailureRate { max_failures: 2, interval_ms: 60_000, delay_ms: 1_000 });
        let expected =
            "Failure rate restart with maximum of 2 failures within interval 1 min and fixed delay 1 s.";
        assert_eq!(rate, expected);
        assert_eq!(in_words(RestartStrategy::None), "Restart deactivated.");
    }
}
