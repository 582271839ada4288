//! Starting and stopping a whole JobManager.

mod election;
mod listen;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use flott_core::config::{
    Configuration,
    options::{checkpointing, jobmanager, rest as rest_options, s3, security, web},
};
use flott_logging::LogFilter;
use flott_storage::{Storage, StorageOptions, StorageUri};
use tokio::{
    sync::{oneshot, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use uuid::Uuid;

use crate::{
    ClusterHandle, ConfigEntry, Error,
    artifacts::temporary::TemporaryDirectory,
    clock::Clock,
    dispatcher::storage_uri,
    ha::{Candidate, HighAvailability, SharedMemory},
    handle::{Inner, OwnLogs},
    leader_scope::{PresentScope, ScopeOptions, Uploads},
    rest::{self, RestOptions},
    rpc,
};
use election::Election;

/// Folder under `web.upload.dir` in which artifacts lie.
const UPLOAD_FOLDER: &str = "flott-web-upload";
/// Folder for checkpoints of jobs for which no place is configured.
const CHECKPOINT_FOLDER: &str = "checkpoints";
/// Folder of artifacts in the directory of high availability.
const ARTIFACT_FOLDER: &str = "artifacts";
/// How long open connections may take to end once all jobs have.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What is not configuration.
#[derive(Clone, Debug)]
pub struct JobManagerOptions {
    /// Whether to serve REST and dashboard.
    pub rest: bool,
    /// File that this process logs to, for the pages that show it.
    pub log_file: Option<PathBuf>,
    /// What decides which events this process logs; `None` if it leaves that to the program that it is a part of.
    pub log_filter: Option<LogFilter>,
    /// File that stdout and stderr of this process go to.
    pub stdout_file: Option<PathBuf>,
    /// What this JobManager shares with others of this process, of which one leads. `None`: as is configured.
    pub high_availability: Option<SharedMemory>,
}

impl Default for JobManagerOptions {
    fn default() -> Self {
        Self { rest: true, log_file: None, log_filter: None, stdout_file: None, high_availability: None }
    }
}

/// The JobManager.
#[derive(Debug)]
pub struct JobManager;

/// A JobManager that serves. Dropping it ends it at once, without stopping its jobs.
pub struct RunningJobManager {
    /// Where TaskManagers reach it.
    pub rpc_addr: SocketAddr,
    /// Where REST and dashboard are, if they are served.
    pub rest_addr: Option<SocketAddr>,
    /// Where Prometheus is told the metrics, if that is at a port of its own.
    pub metrics_addr: Option<SocketAddr>,
    /// What can be asked of it.
    pub handle: ClusterHandle,
    told_to_end: CancellationToken,
    shutdown: CancellationToken,
    services: CancellationToken,
    parts: JoinSet<()>,
    undrained: Arc<AtomicBool>,
    /// Where checkpoints are if nothing else is configured. Goes last.
    _checkpoints: Option<TemporaryDirectory>,
}

/// How a JobManager has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Ended {
    /// As it was told to.
    Stopped,
    /// It does not lead any more, but something of what led could not be ended: the process must end at once.
    Undrained,
}

impl JobManager {
    /// Starts a JobManager inside the present tokio runtime. When this returns, both ports accept connections; and it leads,
    /// unless others may.
    ///
    /// # Errors
    /// [`Error::Bind`] if a port is taken, [`Error::File`] if a directory can't be used.
    pub async fn start(
        config: Configuration,
        options: JobManagerOptions,
    ) -> Result<RunningJobManager, Error> {
        let clock = Clock::start();
        let JobManagerOptions { rest, log_file, log_filter, stdout_file, high_availability } = options;
        let rpc_listener = listen::for_task_managers(&config).await?;
        let rest_listener = if rest { Some(listen::for_rest(&config).await?) } else { None };
        let rpc_addr = listen::address(&rpc_listener)?;
        let rest_addr = rest_listener.as_ref().map(listen::address).transpose()?;
        let candidate = candidate(&config, rpc_addr, rest_addr);
        let high_availability = match high_availability {
            Some(memory) => HighAvailability::join(memory, candidate.clone()),
            None => HighAvailability::open(&config, candidate.clone()).await?,
        };
        let is_alone = high_availability.is_alone();
        let (places, temporary) = places(&config, &high_availability)?;

        let told_to_end = CancellationToken::new();
        let shutdown = told_to_end.child_token();
        // Cancelled when all jobs have ended: until then TaskManagers and users must be heard.
        let services = CancellationToken::new();
        let undrained = Arc::<AtomicBool>::default();
        let (present, scope) = watch::channel(None);
        let scope = PresentScope::new(scope);
        let leader = high_availability.leader();
        let handle = ClusterHandle::new(Inner {
            scope: scope.clone(),
            candidate: candidate.clone(),
            leader: leader.clone(),
            members: high_availability.members(),
            problems: high_availability.problems(),
            config_entries: config_entries(&config),
            cpu_meter: Mutex::default(),
            logs: OwnLogs { log: log_file, stdout: stdout_file },
            log_filter,
            shutdown: shutdown.clone(),
            told_to_end: told_to_end.clone(),
        });

        let mut parts = JoinSet::new();
        let (first, opened) = oneshot::channel();
        let election = Election {
            high_availability,
            options: ScopeOptions {
                config: config.clone(),
                clock,
                storage: open_storage(&config)?,
                temp_root: temp_root(&config)?,
                uploads: places.uploads,
                checkpoint_root: places.checkpoints,
            },
            present,
            first: Some(first),
            told_to_end: told_to_end.clone(),
            shutdown: shutdown.clone(),
            undrained: undrained.clone(),
        };
        let (end_all, end_services) = (shutdown.clone().drop_guard(), services.clone().drop_guard());
        parts.spawn(async move {
            // Guards, since not even a crash may leave half a JobManager behind.
            let _guards = (end_all, end_services);
            election.run().await;
        });
        let (end_all, services_end) = (shutdown.clone().drop_guard(), services.clone());
        let service = rpc::Service { scope, leader, instance_id: candidate.instance_id };
        parts.spawn(async move {
            let _guard = end_all;
            log_end("gRPC", rpc::serve(rpc_listener, service, services_end).await);
        });
        if let (Some(listener), Some(address)) = (rest_listener, rest_addr) {
            let options = RestOptions::from_config(&config, address.port(), own_host_name().as_deref());
            let (end_all, services_end) = (shutdown.clone().drop_guard(), services.clone());
            let cluster = handle.clone();
            parts.spawn(async move {
                let _guard = end_all;
                log_end("REST", rest::serve(listener, cluster, options, services_end).await);
            });
            info!(%address, "REST and dashboard are served");
        }
        let metrics_addr = match listen::for_metrics(&config).await {
            Some((address, listener)) => {
                let render = rest::reporter(handle.clone());
                let hosts = config.get(&security::ALLOWED_HOSTS);
                parts.spawn(flott_reporter::serve(listener, hosts, render, services.clone()));
                Some(address)
            }
            None => None,
        };
        info!(address = %rpc_addr, "JobManager serves TaskManagers");
        if is_alone {
            opened.await.map_err(|_| Error::ShuttingDown)??;
        }
        let _checkpoints = temporary;
        Ok(RunningJobManager {
            rpc_addr,
            rest_addr,
            metrics_addr,
            handle,
            told_to_end,
            shutdown,
            services,
            parts,
            undrained,
            _checkpoints,
        })
    }
}

impl RunningJobManager {
    /// Resolves when the JobManager has been told to end, by [`ClusterHandle::shut_down`] or a loss that it can't
    /// survive, and has ended.
    pub async fn ended(mut self) -> Ended {
        self.shutdown.cancelled().await;
        info!("JobManager is shutting down");
        // Jobs have a deadline of their own.
        self.services.cancelled().await;
        let parts = async {
            while let Some(part) = self.parts.join_next().await {
                if let Err(crash) = part {
                    error!(error = %crash, "a part of the JobManager crashed");
                }
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, parts).await.is_err() {
            warn!("some connections did not end in time");
        }
        info!("JobManager ended");
        match self.undrained.load(Ordering::Acquire) {
            true => Ended::Undrained,
            false => Ended::Stopped,
        }
    }

    /// Ends it: connections are closed, and without high availability jobs are canceled. Takes seconds at most.
    pub async fn stop(self) -> Ended {
        self.told_to_end.cancel();
        self.ended().await
    }
}

/// Where files go for which no place is configured.
struct Places {
    uploads: Uploads,
    checkpoints: StorageUri,
}

/// Chooses the places, and makes the directory of those that are to end with this process.
fn places(
    config: &Configuration,
    high_availability: &HighAvailability,
) -> Result<(Places, Option<TemporaryDirectory>), Error> {
    let configured = config.get(&web::UPLOAD_DIR).map(|directory| Path::new(&directory).join(UPLOAD_FOLDER));
    match high_availability.directory() {
        Some(directory) => {
            let local = high_availability.local_directory();
            let own = |local: PathBuf| configured.unwrap_or_else(|| local.join(ARTIFACT_FOLDER));
            let uploads = local.map_or(Uploads::Shared, |local| Uploads::Directory(own(local)));
            Ok((Places { uploads, checkpoints: directory.join(CHECKPOINT_FOLDER) }, None))
        }
        None => {
            let directory = temporary_directory(config)?;
            let checkpoints = local_uri(&directory.path().join(CHECKPOINT_FOLDER))?;
            let uploads = configured.map_or(Uploads::Temporary, Uploads::Directory);
            Ok((Places { uploads, checkpoints }, Some(directory)))
        }
    }
}

/// What others are told of this process.
fn candidate(config: &Configuration, rpc: SocketAddr, rest: Option<SocketAddr>) -> Candidate {
    let rest_host = rest_options::client_host(config);
    Candidate {
        instance_id: Uuid::new_v4().to_string(),
        rpc_address: config.get(&jobmanager::RPC_ADDRESS).with_port(rpc.port()),
        rest_address: rest.map_or_else(String::new, |address| rest_host.with_port(address.port())),
    }
}

/// Storage as configured. That the configured places can be ones is found now rather than with the first job.
fn open_storage(config: &Configuration) -> Result<Storage, Error> {
    for option in [&checkpointing::DIR, &checkpointing::SAVEPOINT_DIR] {
        if let Some(location) = config.get(option) {
            storage_uri(option.key(), location.as_str())?;
        }
    }
    let options = StorageOptions::from_map(&s3::storage_options(config));
    Ok(Storage::open(&options.map_err(|error| Error::Setting(error.to_string()))?))
}

/// A path on this machine as a place in storage.
fn local_uri(path: &Path) -> Result<StorageUri, Error> {
    let absolute = std::path::absolute(path).map_err(|source| Error::File {
        action: "find",
        path: path.to_owned(),
        source,
    })?;
    StorageUri::from_local(&absolute)
        .map_err(|error| Error::Setting(format!("{}: {error}", web::TMP_DIR.key())))
}

fn temporary_directory(config: &Configuration) -> Result<TemporaryDirectory, Error> {
    let root = temp_root(config)?;
    TemporaryDirectory::new(&root).map_err(|source| Error::File {
        action: "make a directory in",
        path: root,
        source,
    })
}

/// `web.tmpdir`, which is made if absent.
fn temp_root(config: &Configuration) -> Result<PathBuf, Error> {
    let path = PathBuf::from(config.get(&web::TMP_DIR));
    match std::fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(Error::File { action: "make", path, source }),
    }
}

fn config_entries(config: &Configuration) -> Vec<ConfigEntry> {
    config.entries_redacted().map(|(key, value)| ConfigEntry { key: key.to_owned(), value }).collect()
}

fn own_host_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

/// A server ends by itself only if something is wrong with it.
fn log_end<E: std::error::Error>(server: &'static str, served: Result<(), E>) {
    if let Err(error) = served {
        error!(server, %error, "a server broke");
    }
}
