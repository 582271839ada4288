//! Options of the JobManager.

use std::time::Duration;

use crate::config::{
    option::options,
    value::{Host, Port},
};

options! {
    /// Host name or address at which TaskManagers reach the JobManager. Set it when TaskManagers run on other
    /// machines.
    RPC_ADDRESS: Host = "jobmanager.rpc.address", default "localhost";
    /// Port at which TaskManagers reach the JobManager. Give each cluster on a machine its own.
    RPC_PORT: Port = "jobmanager.rpc.port", default "6123";
    /// Address at which the JobManager listens for TaskManagers. `0.0.0.0` listens on all interfaces and needs
    /// `security.allow-unauthenticated`.
    BIND_HOST: Host = "jobmanager.bind-host", default "127.0.0.1";
    /// How long a job's program may take to say what its dataflow is, when it is submitted. Raise it for programs that
    /// do slow work before they build their dataflow.
    PLAN_TIMEOUT: Duration = "jobmanager.plan.timeout", default "30 s",
        limit "a duration of more than 0, such as 30 s" => |timeout| !timeout.is_zero();
    /// For how long a JobManager that has taken over a running job waits for the TaskManagers that have its tasks. What is
    /// not there by then is started again from the latest checkpoint.
    RECONCILIATION_TIMEOUT: Duration = "jobmanager.reconciliation-timeout", default "10 s",
        limit "a duration of more than 0, such as 10 s" => |timeout| !timeout.is_zero();
}
