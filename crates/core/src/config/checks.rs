//! Rules that no option can check alone.

use super::{
    error::ConfigError,
    option::ConfigOption,
    options::{
        execution, heartbeat, high_availability, jobmanager, pipeline, rest, restart_strategy, s3, security,
        taskmanager,
    },
    settings::Configuration,
    value::{Host, duration},
};

/// Returns an error for each pair of settings that contradict each other.
pub(super) fn contradictions(config: &Configuration) -> Vec<ConfigError> {
    let mut errors = Vec::new();

    let interval = config.get(&heartbeat::INTERVAL);
    let timeout = config.get(&heartbeat::TIMEOUT);
    if timeout <= interval {
        let allowed = format!("more than {} ({})", heartbeat::INTERVAL.key(), duration::text(interval));
        errors.push(config.contradiction(
            &heartbeat::TIMEOUT,
            &format!("{:?}", duration::text(timeout)),
            allowed,
        ));
    }

    let initial = config.get(&restart_strategy::EXPONENTIAL_INITIAL);
    let max = config.get(&restart_strategy::EXPONENTIAL_MAX);
    if max < initial {
        let allowed =
            format!("at least {} ({})", restart_strategy::EXPONENTIAL_INITIAL.key(), duration::text(initial));
        let got = format!("{:?}", duration::text(max));
        errors.push(config.contradiction(&restart_strategy::EXPONENTIAL_MAX, &got, allowed));
    }

    let pairs = [
        (&s3::ACCESS_KEY, &s3::SECRET_KEY),
        (&high_availability::ETCD_USER, &high_availability::ETCD_PASSWORD),
        (&high_availability::ETCD_TLS_CERT, &high_availability::ETCD_TLS_KEY),
    ];
    for (option, missing) in pairs.into_iter().flat_map(|(one, other)| [(one, other), (other, one)]) {
        if config.get(option).is_some() && config.get(missing).is_none() {
            let allowed = format!("it together with {}, or none of the two", missing.key());
            errors.push(config.contradiction(option, "it alone", allowed));
        }
    }

    let parallelism = config.get(&execution::PARALLELISM);
    if let Some(max) = config.get(&pipeline::MAX_PARALLELISM).filter(|max| *max < parallelism) {
        let allowed = format!("at most {} ({max})", pipeline::MAX_PARALLELISM.key());
        errors.push(config.contradiction(&execution::PARALLELISM, &parallelism.to_string(), allowed));
    }

    if !config.get(&security::ALLOW_UNAUTHENTICATED) {
        let bind_options: [&ConfigOption<Host>; 3] =
            [&rest::BIND_ADDRESS, &jobmanager::BIND_HOST, &taskmanager::BIND_HOST];
        for option in bind_options {
            let host = config.get(option);
            if !host.is_loopback() {
                let allowed = format!(
                    "a loopback address such as 127.0.0.1, because everyone who reaches this one could run programs \
                     here; in a closed network set {}: true",
                    security::ALLOW_UNAUTHENTICATED.key()
                );
                errors.push(config.contradiction(option, &format!("{:?}", host.as_str()), allowed));
            }
        }
    }
    errors
}
