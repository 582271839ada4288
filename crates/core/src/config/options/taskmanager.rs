//! Options of the TaskManager.

use std::time::Duration;

use crate::config::{
    option::options,
    value::{Host, Port},
};

options! {
    /// How many slots a TaskManager offers. Each is an equal share of its machine, so the number of cores is a good
    /// choice. Unset: the number of cores.
    NUMBER_OF_TASK_SLOTS: Option<u32> = "taskmanager.numberOfTaskSlots",
        limit "a whole number from 1 to 1024" => |slots| slots.is_none_or(|slots| (1..=1024).contains(&slots));
    /// Host name or address at which the JobManager and other TaskManagers reach this one. Unset: the address it
    /// listens at, or the machine's host name if it listens on all interfaces.
    HOST: Option<Host> = "taskmanager.host";
    /// Address at which the TaskManager and its task hosts listen. `0.0.0.0` listens on all interfaces and needs
    /// `security.allow-unauthenticated`.
    BIND_HOST: Host = "taskmanager.bind-host", default "127.0.0.1";
    /// Port at which the JobManager reaches the TaskManager. 0 takes a free one; a fixed one suits firewalls and allows
    /// one TaskManager a machine.
    RPC_PORT: Port = "taskmanager.rpc.port", default "0";
    /// Port at which a task host takes records from other task hosts. 0 takes a free one; a fixed one suits
    /// firewalls and allows one task host a machine at a time.
    DATA_PORT: Port = "taskmanager.data.port", default "0";
    /// How long a TaskManager tries to register at the JobManager before it gives up and ends.
    REGISTRATION_TIMEOUT: Duration = "taskmanager.registration.timeout", default "5 min",
        older ["taskmanager.maxRegistrationDuration"],
        limit "a duration of more than 0, such as 5 min" => |timeout| !timeout.is_zero();
    /// For how long a TaskManager that hears of no JobManager that leads keeps running its tasks. After that it ends them, since
    /// they may have been started elsewhere.
    LEADER_LOSS_GRACE: Duration = "taskmanager.leader-loss-grace", default "10 min",
        limit "a duration of at least 1 s, such as 10 min" => |grace| *grace >= Duration::from_secs(1);
}
