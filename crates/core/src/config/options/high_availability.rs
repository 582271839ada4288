//! Options of surviving the loss of the JobManager.

use std::time::Duration;

use crate::config::{
    Configuration,
    option::options,
    options::jobmanager,
    value::{ClusterId, EtcdEndpoint, HighAvailability, HostPort, StorageLocation},
};

options! {
    /// Where jobs outlive their JobManager. `none`: nowhere, they end with it. `file`: in a directory of this machine, for one
    /// JobManager; started again, it goes on with its jobs. `etcd`: in etcd and `high-availability.storageDir`, for several
    /// JobManagers, one of which leads while the others stand by.
    TYPE: HighAvailability = "high-availability.type", default "file",
        older ["high-availability", "recovery.mode"];
    /// Name of the cluster, which tells it from others that use the same etcd or directory.
    CLUSTER_ID: ClusterId = "high-availability.cluster-id", default "/default",
        older ["high-availability.zookeeper.path.namespace", "recovery.zookeeper.path.namespace"];
    /// Directory in which jobs and artifacts are kept. With `etcd` all JobManagers must see it; it is needed there. With `file`
    /// it must be on this machine; unset, it is a directory below `web.tmpdir` that belongs to this user and to
    /// `jobmanager.rpc.port` alone, and that is deleted when the JobManager is stopped in good order: jobs are canceled then.
    STORAGE_DIR: Option<StorageLocation> = "high-availability.storageDir",
        older ["high-availability.zookeeper.storageDir", "recovery.zookeeper.storageDir"];
    /// Addresses of etcd's servers, for the JobManagers. Name all of them: another one is asked if one does not answer.
    ETCD_ENDPOINTS: Vec<EtcdEndpoint> = "high-availability.etcd.endpoints", default "";
    /// User of etcd. It needs to read and write below `/flott/` and the name of the cluster. Needs
    /// `high-availability.etcd.password`.
    ETCD_USER: Option<String> = "high-availability.etcd.user";
    /// Password of that user. It is shown nowhere. Keep the file that holds it from others.
    ETCD_PASSWORD: Option<String> = "high-availability.etcd.password";
    /// File with the certificates (PEM) by which etcd's servers are recognized. Unset, with https: those of the system.
    ETCD_TLS_CA: Option<String> = "high-availability.etcd.tls.ca";
    /// File with the certificate (PEM) that is shown to etcd's servers. Needs `high-availability.etcd.tls.key`.
    ETCD_TLS_CERT: Option<String> = "high-availability.etcd.tls.cert";
    /// File with the private key (PEM) of that certificate.
    ETCD_TLS_KEY: Option<String> = "high-availability.etcd.tls.key";
    /// After how long a JobManager that leads and is not heard of any more is replaced. Shorter means a faster failover, and
    /// one for no reason when etcd or the network is slow.
    ETCD_LEASE_TIME: Duration = "high-availability.etcd.lease-time", default "10 s",
        limit "a duration from 2 s to 10 min, such as 10 s" =>
            |time| (Duration::from_secs(2)..=Duration::from_secs(600)).contains(time);
    /// All JobManagers, each with its `jobmanager.rpc.port`, for the TaskManagers: they ask any of them who leads. Unset: the
    /// one at `jobmanager.rpc.address`.
    JOB_MANAGERS: Vec<HostPort> = "high-availability.jobmanagers", default "";
}

/// Returns the addresses at which TaskManagers ask who leads.
pub fn job_managers(config: &Configuration) -> Vec<HostPort> {
    let all = config.get(&JOB_MANAGERS);
    if all.is_empty() {
        let host = config.get(&jobmanager::RPC_ADDRESS);
        vec![HostPort { host, port: config.get(&jobmanager::RPC_PORT).0 }]
    } else {
        all
    }
}
