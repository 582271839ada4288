use std::{
    cell::{Cell, OnceCell},
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use super::{Cluster, Master};
use crate::{Binaries, Ended, Etcd, Rest, workspace};

/// What a cluster is to be like.
#[derive(Clone, Debug)]
pub struct ClusterBuilder {
    task_managers: usize,
    slots: Option<u32>,
    settings: Vec<(String, String)>,
    home_name: Option<String>,
    pub(super) masters: Vec<Master>,
}

impl Default for ClusterBuilder {
    fn default() -> Self {
        let masters = vec![Master::new()];
        Self { task_managers: 2, slots: Some(2), settings: Vec::new(), home_name: None, masters }
    }
}

impl ClusterBuilder {
    /// How many TaskManagers: lines of `conf/workers`.
    #[must_use]
    pub fn task_managers(mut self, count: usize) -> Self {
        self.task_managers = count;
        self
    }

    /// How many slots each TaskManager has; `None` leaves it open.
    #[must_use]
    pub fn slots(mut self, count: Option<u32>) -> Self {
        self.slots = count;
        self
    }

    /// Sets a key of the configuration, before those that the tests need themselves.
    /// `{dir}` in the value stands for the directory of the cluster.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Has several JobManagers, which elect a leader through this etcd.
    #[must_use]
    pub fn job_managers(mut self, count: usize, etcd: &Etcd) -> Self {
        self.masters.resize_with(count, Master::new);
        self.set("high-availability.type", "etcd")
            .set("high-availability.etcd.endpoints", &etcd.endpoint())
            .set("high-availability.storageDir", "file://{dir}/ha")
    }

    /// Runs the cluster from a release of its own, unpacked in a directory of this name, instead of from the checkout.
    #[must_use]
    pub fn release_in(mut self, name: &str) -> Self {
        self.home_name = Some(name.to_owned());
        self
    }

    /// Prepares everything and starts nothing.
    pub fn prepare(self) -> Cluster {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let binaries = Binaries::find();
        let dir = tempfile::Builder::new().prefix("flott-e2e-").tempdir().expect("a temporary directory");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let ident = format!("e2e-{}-{number}", std::process::id());
        let home = match &self.home_name {
            Some(name) => unpack_release(&dir.path().join(name), &binaries),
            None => workspace(),
        };
        self.write_conf(dir.path());
        let rests = self.masters.iter().map(|master| Rest::at(master.address, master.rest_port)).collect();
        let asked = Cell::new(0);
        Cluster {
            dir,
            home,
            ident,
            masters: self.masters,
            binaries,
            rests,
            asked,
            test_jobs: OnceCell::new(),
        }
    }

    /// Starts the cluster by `start-cluster.sh`, which must succeed.
    #[track_caller]
    pub fn start(self) -> Cluster {
        let cluster = self.prepare();
        cluster.run_script("start-cluster.sh", &[]).expect_code(0);
        cluster
    }

    /// Tries to start a cluster; returns what came of it.
    #[track_caller]
    pub fn try_start(self) -> (Cluster, Ended) {
        let cluster = self.prepare();
        let ended = cluster.run_script("start-cluster.sh", &[]);
        (cluster, ended)
    }

    fn write_conf(&self, dir: &Path) {
        let conf = dir.join("conf");
        fs::create_dir(&conf).expect("a new directory");
        fs::create_dir(dir.join("tmp")).expect("a new directory");
        let tmp = dir.join("tmp").display().to_string();
        let mut lines = Vec::new();
        let mut set = |key: &str, value: &str| {
            if !self.settings.iter().any(|(own, _)| own == key) {
                lines.push(format!("{key}: {value}"));
            }
        };
        set("rest.port", &self.masters[0].rest_port.to_string());
        set("jobmanager.rpc.port", &self.masters[0].rpc_port.to_string());
        set("io.tmp.dirs", &tmp);
        set("web.tmpdir", &tmp);
        if let Some(slots) = self.slots {
            set("taskmanager.numberOfTaskSlots", &slots.to_string());
        }
        let dir_text = dir.display().to_string();
        let own = |(key, value): &(String, String)| format!("{key}: {}", value.replace("{dir}", &dir_text));
        lines.extend(self.settings.iter().map(own));
        fs::write(conf.join("config.yaml"), lines.join("\n") + "\n").expect("a new file");
        let masters: String = self.masters.iter().map(|it| it.line() + "\n").collect();
        fs::write(conf.join("masters"), masters).expect("a new file");
        fs::write(conf.join("workers"), "localhost\n".repeat(self.task_managers)).expect("a new file");
    }
}

/// The layout of an unpacked release: `bin` and `libexec`, no sources.
fn unpack_release(home: &Path, binaries: &Binaries) -> PathBuf {
    for dir in ["bin", "conf", "libexec"] {
        fs::create_dir_all(home.join(dir)).expect("a new directory");
    }
    for entry in fs::read_dir(workspace().join("bin")).expect("the checkout has scripts") {
        let script = entry.expect("it can be listed").path();
        let name = script.file_name().expect("it was listed by its name");
        fs::copy(&script, home.join("bin").join(name)).expect("scripts can be copied");
    }
    for name in ["jobmanager", "taskmanager", "flott"] {
        symlink(binaries.path(name), home.join("libexec").join(name)).expect("a new link");
    }
    home.to_owned()
}
