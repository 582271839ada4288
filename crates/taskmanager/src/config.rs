//! The TaskManager's section of the configuration.

use std::{collections::BTreeMap, fmt, path::PathBuf, time::Duration};

use flott_core::config::{
    Configuration, Host, PortRange,
    options::{heartbeat, high_availability, io, metrics, s3, security, taskmanager},
};
use flott_logging::LogFilter;

/// What a TaskManager needs to know. All of it is public so that an embedding program can set it without a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskManagerConfig {
    /// `host:port` of the RPC servers of all JobManagers, of which one leads; at least one.
    pub job_managers: Vec<String>,
    /// Where the RPC server and the task hosts' data planes listen.
    pub bind_host: String,
    /// Host under which others reach this TaskManager; `None` = the bind host, or the machine's name if that is all
    /// interfaces.
    pub host: Option<String>,
    /// Port of the RPC server; 0 = any.
    pub rpc_port: u16,
    /// Port of a task host's data plane; 0 = any.
    pub data_port: u16,
    /// How many slots to offer.
    pub slots: u32,
    /// After how long without an answer to a heartbeat the JobManager counts as lost; and a task host that says nothing for
    /// so long while it has subtasks to run.
    pub heartbeat_timeout: Duration,
    /// How long to try to register for the first time before giving up.
    pub registration_timeout: Duration,
    /// How long task hosts run on without a JobManager that leads.
    pub leader_loss_grace: Duration,
    /// Where to make directories for temporary files.
    pub tmp_dir: PathBuf,
    /// The daemon's log file, if it logs to one. Its other files are found beside it.
    pub log_file: Option<PathBuf>,
    /// Ports at which Prometheus is told the metrics, of which the first free one is taken; `None`: it is not.
    pub metrics_ports: Option<PortRange>,
    /// By which names, besides its own, this machine may be called when it is asked for metrics at a loopback address.
    pub metrics_hosts: Vec<String>,
    /// What decides which events this process logs; `None` if it leaves logging to the program that it is a part of.
    pub log_filter: Option<LogFilter>,
    /// How task hosts reach the storage of checkpoints.
    pub storage: StorageSettings,
}

/// Settings of storage by their keys. They may be secret, and are not printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct StorageSettings(pub BTreeMap<String, String>);

impl fmt::Debug for StorageSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl TaskManagerConfig {
    /// Takes the TaskManager's settings out of `config`. Log file and filter are none of them: see `flott_logging`.
    pub fn new(config: &Configuration) -> Self {
        let job_managers = high_availability::job_managers(config);
        let tmp_dirs = config.get(&io::TMP_DIRS);
        Self {
            job_managers: job_managers.iter().map(ToString::to_string).collect(),
            bind_host: config.get(&taskmanager::BIND_HOST).as_str().to_owned(),
            host: config.get(&taskmanager::HOST).as_ref().map(|host| Host::as_str(host).to_owned()),
            rpc_port: config.get(&taskmanager::RPC_PORT).0,
            data_port: config.get(&taskmanager::DATA_PORT).0,
            slots: config.get(&taskmanager::NUMBER_OF_TASK_SLOTS).unwrap_or_else(crate::hardware::cpu_cores),
            heartbeat_timeout: config.get(&heartbeat::TIMEOUT),
            registration_timeout: config.get(&taskmanager::REGISTRATION_TIMEOUT),
            leader_loss_grace: config.get(&taskmanager::LEADER_LOSS_GRACE),
            tmp_dir: tmp_dirs.first().map_or_else(std::env::temp_dir, PathBuf::from),
            log_file: None,
            metrics_ports: metrics::prometheus_ports(config),
            metrics_hosts: config.get(&security::ALLOWED_HOSTS),
            log_filter: None,
            storage: StorageSettings(s3::storage_options(config)),
        }
    }

    /// Host under which others reach this TaskManager and its task hosts.
    pub(crate) fn reachable_host(&self) -> String {
        if let Some(host) = &self.host {
            return host.clone();
        }
        let all_interfaces =
            self.bind_host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_unspecified());
        if !all_interfaces {
            return self.bind_host.clone();
        }
        let name = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
        name.unwrap_or_else(|| self.bind_host.clone())
    }
}

/// `host:port`, an IPv6 address in brackets.
pub(crate) fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> TaskManagerConfig {
        TaskManagerConfig::new(&Configuration::parse(text, "config.yaml").unwrap().0)
    }

    #[test]
    fn settings_come_from_flinks_keys() {
        let config = config(
            "jobmanager.rpc.address: '::1'\njobmanager.rpc.port: 7000\ntaskmanager.numberOfTaskSlots: 3\n\
             taskmanager.rpc.port: 7001\nio.tmp.dirs: /disk1;/disk2\n",
        );
        assert_eq!(config.job_managers, ["[::1]:7000"]);
        assert_eq!((config.slots, config.rpc_port, config.data_port), (3, 7001, 0));
        assert_eq!(config.tmp_dir, PathBuf::from("/disk1"));
    }

    #[test]
    fn all_job_managers_are_known_if_there_are_several() {
        let config = config(
            "jobmanager.rpc.address: other\nhigh-availability.jobmanagers: 'one:6123, two:6123'\n\
             taskmanager.leader-loss-grace: 2 min\n",
        );
        assert_eq!(config.job_managers, ["one:6123", "two:6123"]);
        assert_eq!(config.leader_loss_grace, Duration::from_secs(120));
    }

    #[test]
    fn settings_of_storage_are_taken_and_not_printed() {
        let config = config("s3.access-key: me\ns3.secret-key: hush\n");
        assert_eq!(config.storage.0["s3.secret-key"], "hush");
        let printed = format!("{config:?}");
        assert!(printed.contains("s3.secret-key") && !printed.contains("hush"), "{printed}");
    }

    #[test]
    fn slots_default_to_the_cores() {
        assert_eq!(config("").slots, crate::hardware::cpu_cores());
    }

    #[test]
    fn others_are_told_a_host_that_they_can_reach() {
        let mut config = config("");
        assert_eq!(config.reachable_host(), "127.0.0.1");
        config.bind_host = "0.0.0.0".to_owned();
        assert_ne!(config.reachable_host(), "0.0.0.0");
        config.host = Some("worker-1".to_owned());
        assert_eq!(config.reachable_host(), "worker-1");
        assert_eq!(host_port("::1", 5), "[::1]:5");
    }
}
