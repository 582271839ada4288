//! Everything that leads: Dispatcher, ResourceManager and JobMasters, made when leadership is won and dropped as a whole when
//! it is lost. No task of any job notices either.

use std::{path::PathBuf, sync::Arc, time::Duration};

use flott_control::resource_manager::ResourceManagerConfig;
use flott_core::{
    LeaderEpoch,
    config::{
        Configuration,
        options::{heartbeat, jobmanager, rest as rest_options, web},
    },
};
use flott_storage::{Storage, StorageUri};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tracing::{error, warn};

use crate::{
    Error,
    artifacts::ArtifactStore,
    clock::Clock,
    dispatcher::{self, DispatcherHandle, Submitter, SubmitterOptions},
    ha::{Leadership, Standing},
    handle::Begun,
    history::{History, Sampler},
    job_master::JobMasterContext,
    job_store::JobStore,
    profiles::{Profiles, ProfilingOptions},
    resource_manager::ResourceManagerHandle,
};

/// How long what leads may take to notice that it does not any more.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// How long submissions under way may take to take back what they have begun.
const STARTS_TIMEOUT: Duration = Duration::from_secs(1);

/// The ways to what leads.
pub(crate) struct LeaderScope {
    pub(crate) dispatcher: DispatcherHandle,
    pub(crate) resource_manager: ResourceManagerHandle,
    pub(crate) artifacts: ArtifactStore,
    pub(crate) submitter: Submitter,
    pub(crate) begun: Begun,
    pub(crate) clock: Clock,
    pub(crate) history: History,
    pub(crate) profiles: Profiles,
    standing: Standing,
    /// Cancelled before anything of it goes.
    over: CancellationToken,
}

impl LeaderScope {
    /// Whether it leads no more, so that nothing that it says of jobs can be believed.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled()
    }

    /// Whether it is known that it leads.
    pub(crate) fn is_certain(&self) -> bool {
        !self.is_over() && self.standing.is_leading()
    }
}

/// What leads at present, if this process does. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PresentScope(watch::Receiver<Option<Arc<LeaderScope>>>);

impl PresentScope {
    pub(crate) fn new(receiver: watch::Receiver<Option<Arc<LeaderScope>>>) -> Self {
        Self(receiver)
    }

    /// What leads, to be asked.
    ///
    /// # Errors
    /// [`Error::NoLeader`].
    pub(crate) fn get(&self) -> Result<Arc<LeaderScope>, Error> {
        self.0.borrow().clone().ok_or(Error::NoLeader)
    }

    /// What leads, to be changed.
    ///
    /// # Errors
    /// [`Error::NoLeader`], also while it is not known whether it still leads.
    pub(crate) fn get_certain(&self) -> Result<Arc<LeaderScope>, Error> {
        self.get()?.into_certain().ok_or(Error::NoLeader)
    }
}

impl LeaderScope {
    fn into_certain(self: Arc<Self>) -> Option<Arc<Self>> {
        self.is_certain().then_some(self)
    }
}

/// Where uploads lie.
#[derive(Clone, Debug)]
pub(crate) enum Uploads {
    /// In a directory of this machine.
    Directory(PathBuf),
    /// In one that is removed when this process does not lead any more.
    Temporary,
    /// In the store for the next leader, and in a temporary directory as long as this process leads.
    Shared,
}

/// What a leader needs of its process.
#[derive(Clone)]
pub(crate) struct ScopeOptions {
    pub(crate) config: Configuration,
    pub(crate) clock: Clock,
    pub(crate) storage: Storage,
    /// Where programs run in plan mode, and uploads lie that are to end with the process.
    pub(crate) temp_root: PathBuf,
    pub(crate) uploads: Uploads,
    /// Where checkpoints go of jobs that name no place.
    pub(crate) checkpoint_root: StorageUri,
}

/// Owns everything that leads.
pub(crate) struct RunningScope {
    /// Goes first, however this ends.
    over: DropGuard,
    pub(crate) handles: Arc<LeaderScope>,
    leadership: Leadership,
    standing: Standing,
    parts: JoinSet<()>,
    stop_jobs: CancellationToken,
    alive: TaskTracker,
}

impl RunningScope {
    /// Makes everything that leads, with all jobs of earlier leaders. TaskManagers may be let in when this returns.
    ///
    /// # Errors
    /// With leadership itself, if a directory can't be used or leadership is lost meanwhile.
    pub(crate) async fn open(
        leadership: Leadership,
        options: &ScopeOptions,
    ) -> Result<Self, (Leadership, Error)> {
        let mut standing = leadership.standing();
        let opened = tokio::select! {
            biased;
            () = standing.lost() => Err(Error::NoLeader),
            opened = Self::try_open(&leadership, options) => opened,
        };
        match opened {
            Ok(Opened { handles, parts, stop_jobs, alive }) => {
                let over = handles.over.clone().drop_guard();
                Ok(Self { over, handles: Arc::new(handles), leadership, standing, parts, stop_jobs, alive })
            }
            Err(error) => Err((leadership, error)),
        }
    }

    async fn try_open(leadership: &Leadership, options: &ScopeOptions) -> Result<Opened, Error> {
        let artifacts = open_artifacts(leadership, options).await?;
        let ScopeOptions { config, clock, storage, temp_root, checkpoint_root, .. } = options.clone();
        let (resource_manager, resource_manager_actor) =
            ResourceManagerHandle::new(resource_manager_config(&config, leadership.epoch()), clock);
        let alive = TaskTracker::new();
        let context = JobMasterContext {
            clock,
            resource_manager: resource_manager.clone(),
            store: JobStore::new(leadership.store()),
            leads: leadership.standing(),
            alive: alive.clone(),
            reconciliation_timeout: config.get(&jobmanager::RECONCILIATION_TIMEOUT),
        };
        let history = usize::try_from(config.get(&web::HISTORY)).unwrap_or(usize::MAX);
        let (dispatcher, mut dispatcher_actor) = DispatcherHandle::new(context.clone(), history);
        let (mut parts, stop_jobs) = (JoinSet::new(), CancellationToken::new());
        parts.spawn(resource_manager_actor.run());
        dispatcher::recover(&mut dispatcher_actor, &context.store, &storage, &artifacts, clock).await?;
        artifacts.sweep().await?;
        parts.spawn(dispatcher_actor.run(stop_jobs.clone()));
        let recorded = History::new(clock);
        parts.spawn(Sampler::new(recorded.clone(), dispatcher.clone(), resource_manager.clone()).run());
        let profiles = Profiles::new(
            ProfilingOptions::new(&config),
            clock,
            resource_manager.clone(),
            dispatcher.clone(),
        );
        let submitter = SubmitterOptions {
            plan_timeout: config.get(&jobmanager::PLAN_TIMEOUT),
            config,
            clock,
            temp_root,
            storage,
            checkpoint_root,
        };
        let handles = LeaderScope {
            submitter: Submitter::new(
                artifacts.clone(),
                dispatcher.clone(),
                submitter,
                leadership.standing(),
            ),
            dispatcher,
            resource_manager,
            artifacts,
            begun: Begun::new(clock),
            clock,
            history: recorded,
            profiles,
            standing: leadership.standing(),
            over: CancellationToken::new(),
        };
        Ok(Opened { handles, parts, stop_jobs, alive })
    }

    /// Resolves when this process does not lead any more, or when it can't, since a part of what leads has ended.
    pub(crate) async fn ended(&mut self) {
        tokio::select! {
            () = self.standing.lost() => {}
            Some(ended) = self.parts.join_next() => {
                if let Err(crash) = ended {
                    error!(error = %crash, "a part of the JobManager crashed");
                }
            }
        }
    }

    /// Whether leadership was taken away.
    pub(crate) fn is_lost(&self) -> bool {
        self.standing.is_lost()
    }

    /// Cancels all jobs. Returns when they have stopped or have taken too long to.
    pub(crate) async fn stop_jobs(&mut self) {
        self.stop_jobs.cancel();
        // Of the parts only the Dispatcher ends by itself, unless that is what has ended.
        match tokio::time::timeout(DRAIN_TIMEOUT, self.parts.join_next()).await {
            Ok(Some(Err(crash))) => error!(error = %crash, "a part of the JobManager crashed"),
            Ok(_) => {}
            Err(_) => warn!("jobs were not stopped in time"),
        }
    }

    /// Drops everything that leads, and stops no job. Returns the leadership, if it is left, and whether nothing of what led is
    /// left for certain.
    pub(crate) async fn close(self) -> (Leadership, bool) {
        let Self { over, handles, leadership, standing, mut parts, alive, .. } = self;
        drop(over);
        let mut starts = handles.submitter.close();
        drop(handles);
        parts.abort_all();
        alive.close();
        let drained = async {
            while let Some(ended) = parts.join_next().await {
                if let Err(crash) = ended
                    && crash.is_panic()
                {
                    error!(error = %crash, "a part of the JobManager crashed");
                }
            }
            // What was claimed for jobs that will not be started is given back, unless that is not for this process to do.
            if standing.is_leading() {
                let taken_back = async { while starts.join_next().await.is_some() {} };
                // What is left is given up, as it is by a process that dies.
                let _ = tokio::time::timeout(STARTS_TIMEOUT, taken_back).await;
            }
            starts.shutdown().await;
            alive.wait().await;
        };
        let is_drained = tokio::time::timeout(DRAIN_TIMEOUT, drained).await.is_ok();
        (leadership, is_drained)
    }
}

struct Opened {
    handles: LeaderScope,
    parts: JoinSet<()>,
    stop_jobs: CancellationToken,
    alive: TaskTracker,
}

async fn open_artifacts(leadership: &Leadership, options: &ScopeOptions) -> Result<ArtifactStore, Error> {
    let limit = options.config.get(&rest_options::MAX_CONTENT_LENGTH).bytes();
    match &options.uploads {
        Uploads::Directory(directory) => ArtifactStore::open(directory, limit),
        Uploads::Temporary => ArtifactStore::temporary(&options.temp_root, limit),
        Uploads::Shared => ArtifactStore::shared(leadership.store(), &options.temp_root, limit).await,
    }
}

fn resource_manager_config(config: &Configuration, epoch: LeaderEpoch) -> ResourceManagerConfig {
    ResourceManagerConfig {
        epoch,
        id_salt: rand::random(),
        heartbeat_interval: config.get(&heartbeat::INTERVAL),
        heartbeat_timeout: config.get(&heartbeat::TIMEOUT),
    }
}
