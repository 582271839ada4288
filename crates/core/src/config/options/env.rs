//! Options of the scripts in `bin/` and of the files that daemons leave behind.

use crate::config::{option::options, value::LogLevel};

options! {
    /// Directory of the daemons' log files. Unset: `log` in the distribution. The environment variable
    /// `FLOTT_LOG_DIR` beats it.
    LOG_DIR: Option<String> = "env.log.dir";
    /// Directory of the files that hold the daemons' process ids. Change it where `/tmp` is cleaned up while the cluster
    /// runs. The environment variable `FLOTT_PID_DIR` beats it.
    PID_DIR: String = "env.pid.dir", default "/tmp";
    /// How many older log files of a daemon are kept when it starts again. The environment variable `FLOTT_LOG_MAX`
    /// beats it.
    LOG_MAX: u32 = "env.log.max", default "10",
        limit "a whole number from 1 to 1000" => |files| (1..=1000).contains(files);
    /// How much the daemons log: ERROR, WARN, INFO, DEBUG or TRACE. DEBUG shows decisions and TRACE messages, both too
    /// much for everyday use.
    LOG_LEVEL: LogLevel = "env.log.level", default "INFO";
    /// Options for `ssh` when `start-cluster.sh` and `stop-cluster.sh` reach the hosts in `conf/workers`, such as
    /// `-p 2222`. The environment variable `FLOTT_SSH_OPTS` beats it.
    SSH_OPTS: Option<String> = "env.ssh.opts";
}
