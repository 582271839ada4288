//! Clusters on several [hosts](Host).

use super::{Cluster, ClusterBuilder, Master, SCRIPT_LIMIT};
use crate::{EtcdMembers, Host, processes::Process, run};

impl ClusterBuilder {
    /// Starts a JobManager on each of `masters` and a TaskManager on each of `workers`, and waits for none of them to find
    /// another one. They can be stopped from everywhere, as the hosts differ only by their network.
    #[track_caller]
    pub fn start_on(mut self, masters: &[Host], workers: &[Host], etcd: &EtcdMembers) -> Cluster {
        self.masters = masters.iter().map(|host| Master::at(host.address())).collect();
        let rpc = |master: &Master| format!("{}:{}", master.address, master.rpc_port);
        let all_rpc: Vec<_> = self.masters.iter().map(rpc).collect();
        let cluster = self
            .task_managers(workers.len())
            .set("high-availability.type", "etcd")
            .set("high-availability.etcd.endpoints", &etcd.endpoints())
            .set("high-availability.storageDir", "file://{dir}/ha")
            .set("high-availability.jobmanagers", &all_rpc.join(";"))
            .set("jobmanager.bind-host", "0.0.0.0")
            .set("rest.bind-address", "0.0.0.0")
            .set("taskmanager.bind-host", "0.0.0.0")
            .set("security.allow-unauthenticated", "true")
            .prepare();
        masters.iter().for_each(|host| cluster.start_master_on(host));
        workers.iter().for_each(|host| cluster.start_task_manager_on(host));
        cluster
    }
}

impl Cluster {
    /// Starts the JobManager of a host.
    ///
    /// # Panics
    /// If it has none.
    #[track_caller]
    pub fn start_master_on(&self, host: &Host) {
        let master = self.masters.iter().find(|master| master.address == host.address());
        let Master { address, rest_port, rpc_port } = master.expect("the host has a JobManager");
        let args = [address.to_string(), rest_port.to_string(), rpc_port.to_string()];
        self.start_at(host, "jobmanager.sh", &args.each_ref().map(String::as_str));
    }

    /// Starts a TaskManager on a host.
    #[track_caller]
    pub fn start_task_manager_on(&self, host: &Host) {
        self.start_at(host, "taskmanager.sh", &["-D", &own_address(host)]);
    }

    #[track_caller]
    fn start_at(&self, host: &Host, script: &str, args: &[&str]) {
        let mut command = self.script(script);
        run(&mut host.on(command.arg("start").args(args)), SCRIPT_LIMIT).expect_code(0);
    }

    /// The TaskManager's process on a host.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn task_manager_on(&self, host: &Host) -> Process {
        let own = own_address(host);
        let found = self.task_managers().into_iter().find(|process| process.arguments.contains(&own));
        found.expect("a TaskManager runs on the host")
    }
}

fn own_address(host: &Host) -> String {
    format!("taskmanager.host={}", host.address())
}
