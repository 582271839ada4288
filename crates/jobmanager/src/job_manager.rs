//! Starting and stopping a whole JobManager.

mod listen;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use flott_control::resource_manager::ResourceManagerConfig;
use flott_core::{
    LeaderEpoch,
    config::{
        Configuration,
        options::{checkpointing, heartbeat, jobmanager, rest as rest_options, s3, web},
    },
};
use flott_storage::{Storage, StorageOptions, StorageUri};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    ClusterHandle, ConfigEntry, Error,
    artifacts::{ArtifactStore, temporary::TemporaryDirectory},
    clock::{self, Clock},
    dispatcher::{DispatcherHandle, Submitter, SubmitterOptions, storage_uri},
    handle::{Begun, Inner, OwnLogs},
    resource_manager::ResourceManagerHandle,
    rest::{self, RestOptions},
    rpc,
};

/// Folder under `web.upload.dir` in which artifacts lie.
const UPLOAD_FOLDER: &str = "flott-web-upload";
/// Folder for checkpoints of jobs for which no place is configured.
const CHECKPOINT_FOLDER: &str = "checkpoints";
/// How long open connections may take to end once all jobs have.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What is not configuration.
#[derive(Clone, Debug)]
pub struct JobManagerOptions {
    /// Whether to serve REST and dashboard.
    pub rest: bool,
    /// File that this process logs to, for the pages that show it.
    pub log_file: Option<PathBuf>,
    /// File that stdout and stderr of this process go to.
    pub stdout_file: Option<PathBuf>,
}

impl Default for JobManagerOptions {
    fn default() -> Self {
        Self { rest: true, log_file: None, stdout_file: None }
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
    /// What can be asked of it.
    pub handle: ClusterHandle,
    shutdown: CancellationToken,
    services: CancellationToken,
    parts: JoinSet<()>,
    /// Where checkpoints are if nothing else is configured. Goes last.
    _checkpoints: TemporaryDirectory,
}

impl JobManager {
    /// Starts a JobManager inside the present tokio runtime. When this returns, both ports accept connections.
    ///
    /// # Errors
    /// [`Error::Bind`] if a port is taken, [`Error::File`] if a directory can't be used.
    pub async fn start(
        config: Configuration,
        options: JobManagerOptions,
    ) -> Result<RunningJobManager, Error> {
        let clock = Clock::start();
        let rpc_listener = listen::for_task_managers(&config).await?;
        let rest_listener = if options.rest { Some(listen::for_rest(&config).await?) } else { None };
        let artifacts = open_artifacts(&config)?;
        let checkpoints = temporary_directory(&config)?;
        let submitter = SubmitterOptions {
            plan_timeout: config.get(&jobmanager::PLAN_TIMEOUT),
            temp_root: temp_root(&config)?,
            storage: open_storage(&config)?,
            checkpoint_root: local_uri(&checkpoints.path().join(CHECKPOINT_FOLDER))?,
            config: config.clone(),
        };

        let shutdown = CancellationToken::new();
        // Cancelled when all jobs have ended: until then TaskManagers and users must be heard.
        let services = CancellationToken::new();
        let mut parts = JoinSet::new();

        let (resource_manager, resource_manager_actor) =
            ResourceManagerHandle::new(resource_manager_config(&config), clock);
        let history = usize::try_from(config.get(&web::HISTORY)).unwrap_or(usize::MAX);
        let (dispatcher, dispatcher_actor) = DispatcherHandle::new(resource_manager.clone(), clock, history);
        let handle = ClusterHandle::new(Inner {
            dispatcher: dispatcher.clone(),
            resource_manager: resource_manager.clone(),
            artifacts: artifacts.clone(),
            submitter: Submitter::new(artifacts.clone(), dispatcher.clone(), submitter),
            config_entries: config_entries(&config),
            logs: OwnLogs { log: options.log_file, stdout: options.stdout_file },
            begun: Begun::new(clock),
            shutdown: shutdown.clone(),
        });

        let rpc_addr = listen::address(&rpc_listener)?;
        let rest_addr = rest_listener.as_ref().map(listen::address).transpose()?;
        let end_all = shutdown.clone().drop_guard();
        parts.spawn(resource_manager_actor.run(services.clone(), end_all));
        let (end_all, end_services) = (shutdown.clone().drop_guard(), services.clone().drop_guard());
        let jobs_end = shutdown.clone();
        parts.spawn(async move {
            // Guards, since not even a crash may leave half a JobManager behind.
            let _guards = (end_all, end_services);
            dispatcher_actor.run(jobs_end).await;
        });
        let (end_all, services_end) = (shutdown.clone().drop_guard(), services.clone());
        parts.spawn(async move {
            let _guard = end_all;
            log_end(
                "gRPC",
                rpc::serve(rpc_listener, dispatcher, resource_manager, artifacts, services_end).await,
            );
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
        info!(address = %rpc_addr, "JobManager serves TaskManagers");
        Ok(RunningJobManager {
            rpc_addr,
            rest_addr,
            handle,
            shutdown,
            services,
            parts,
            _checkpoints: checkpoints,
        })
    }
}

impl RunningJobManager {
    /// Resolves when the JobManager has been told to end, by [`ClusterHandle::shut_down`] or a loss that it can't
    /// survive, and has ended.
    pub async fn ended(mut self) {
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
    }

    /// Ends it: jobs are canceled, connections closed. Takes seconds at most.
    pub async fn stop(self) {
        self.shutdown.cancel();
        self.ended().await;
    }
}

fn open_artifacts(config: &Configuration) -> Result<ArtifactStore, Error> {
    let limit = config.get(&rest_options::MAX_CONTENT_LENGTH).bytes();
    match config.get(&web::UPLOAD_DIR) {
        Some(directory) => ArtifactStore::open(&Path::new(&directory).join(UPLOAD_FOLDER), limit),
        None => ArtifactStore::temporary(&temp_root(config)?, limit),
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

fn resource_manager_config(config: &Configuration) -> ResourceManagerConfig {
    ResourceManagerConfig {
        // Without high availability there is no election: the wall clock makes the number rise with each start.
        epoch: LeaderEpoch(u64::try_from(clock::unix_ms()).unwrap_or(0)),
        id_salt: rand::random(),
        heartbeat_interval: config.get(&heartbeat::INTERVAL),
        heartbeat_timeout: config.get(&heartbeat::TIMEOUT),
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
