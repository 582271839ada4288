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
        for (host, master) in masters.iter().zip(&cluster.masters) {
            let (rest, rpc) = (master.rest_port.to_string(), master.rpc_port.to_string());
            cluster.start_at(host, "jobmanager.sh", &[&host.address().to_string(), &rest, &rpc]);
        }
        for host in workers {
            cluster.start_at(host, "taskmanager.sh", &["-D", &own_address(host)]);
        }
        cluster
    }
}

impl Cluster {
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
