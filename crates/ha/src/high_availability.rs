//! The door: who leads, and how to.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use flott_core::{
    LeaderEpoch,
    config::{
        Configuration, HighAvailability as Kind, StorageLocation,
        options::{high_availability as options, jobmanager, s3, web},
    },
};
use flott_storage::{Storage, StorageOptions, StorageUri};
use tempfile::TempDir;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tracing::info;

#[cfg(feature = "etcd")]
use crate::etcd::Etcd;
use crate::{
    Error, LeaderState, Leadership, Problem, Store,
    blobs::Blobs,
    clock,
    file::{FileRecords, prepare_own},
    leadership::{Resign, Standing},
    problem::Problems,
    store::Records,
};

/// Room for wishes to resign: of one leadership there are two at most, of which one is enough.
const RESIGN_QUEUE: usize = 2;

/// This process, as others shall know it when it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its name, which no other process ever has.
    pub instance_id: String,
    /// `host:port` at which TaskManagers reach it.
    pub rpc_address: String,
    /// `host:port` at which clients reach its REST server.
    pub rest_address: String,
}

/// Who leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderInfo {
    /// See [`Candidate`].
    pub instance_id: String,
    /// See [`Candidate`].
    pub rpc_address: String,
    /// See [`Candidate`].
    pub rest_address: String,
    /// Its number: higher than that of every earlier one.
    pub epoch: LeaderEpoch,
}

/// The election, as this process takes part in it. Dropped, it takes part no more, as if the process had died.
pub struct HighAvailability {
    kind: Kind,
    leader: watch::Receiver<Option<LeaderInfo>>,
    problems: Arc<Problems>,
    /// See [`directory`](Self::directory).
    directory: Option<StorageUri>,
    is_kept: bool,
    backend: Backend,
}

enum Backend {
    Local(Box<Local>),
    #[cfg(feature = "etcd")]
    Etcd(Etcd),
}

impl HighAvailability {
    /// Begins to observe who leads, as the configuration says. Needs a runtime of tokio with time and I/O.
    ///
    /// # Errors
    /// If the configuration does not suffice, or with `file` another process uses the directory. That etcd can't be reached is
    /// no error: it is tried again, and [`problems`](Self::problems) says so.
    pub async fn open(config: &Configuration, me: Candidate) -> Result<Self, Error> {
        let kind = config.get(&options::TYPE);
        let problems = Arc::new(Problems::new());
        let storage = Storage::open(&StorageOptions::from_map(&s3::storage_options(config))?);
        let (leader, backend, place) = match kind {
            Kind::None => {
                let directory = temporary(config)?;
                let records = Records::Memory(Arc::default());
                let blobs = blobs_in(storage, directory.path())?;
                let (leader, backend) = Local::start(me, records, blobs, Some(directory));
                (leader, backend, None)
            }
            Kind::File => {
                let (directory, temporary) = own_directory(config)?;
                let (path, own) = (directory.clone(), problems.clone());
                let open = tokio::task::spawn_blocking(move || FileRecords::open(&path, own));
                let records = open.await.map_err(|_| Error::Closed)??;
                info!(directory = %directory.display(), "jobs are kept in a directory of this machine");
                let blobs = blobs_in(storage, &directory)?;
                let place = StorageUri::from_local(&directory).map_err(flott_storage::Error::from)?;
                let (leader, backend) = Local::start(me, Records::File(Arc::new(records)), blobs, temporary);
                (leader, backend, Some(place))
            }
            #[cfg(feature = "etcd")]
            Kind::Etcd => {
                let location = config.get(&options::STORAGE_DIR).ok_or_else(|| Error::Config {
                    key: options::STORAGE_DIR.key(),
                    problem: "is needed with etcd: a directory that all JobManagers see".to_owned(),
                })?;
                let directory = uri(&location)?.join(config.get(&options::CLUSTER_ID).as_str());
                let place = directory.clone();
                let (leader, etcd) = Etcd::start(config, me, storage, directory, problems.clone())?;
                (leader, Backend::Etcd(etcd), Some(place))
            }
            #[cfg(not(feature = "etcd"))]
            Kind::Etcd => {
                return Err(Error::Config {
                    key: options::TYPE.key(),
                    problem: "this program was built without etcd: use none or file".to_owned(),
                });
            }
        };
        let is_kept =
            kind == Kind::Etcd || (kind == Kind::File && config.get(&options::STORAGE_DIR).is_some());
        Ok(Self { kind, leader, problems, directory: place, is_kept, backend })
    }

    /// Which kind it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Where files can be kept that are to outlive this process, in folders of their own; `None` if nothing outlives it. With
    /// `etcd` all JobManagers see it.
    pub fn directory(&self) -> Option<&StorageUri> {
        self.directory.as_ref()
    }

    /// Whether what is kept is to outlive a process that ends in good order, too. Not if it lies in a directory that nobody
    /// has named: then it is there for accidents only.
    pub fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// Deletes all that was kept, unless [`is_kept`](Self::is_kept). For a process that ends in good order. Blocks.
    ///
    /// # Errors
    /// If files can't be deleted.
    pub fn discard(self) -> Result<(), Error> {
        let path = self.directory.as_ref().filter(|_| !self.is_kept).and_then(StorageUri::local_path);
        let Some(path) = path.map(Path::to_owned) else { return Ok(()) };
        match std::fs::remove_dir_all(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::Io { action: "delete", path, source })
            }
            _ => {
                // That of this user's clusters goes with the last of them.
                if let Some(parent) = path.parent() {
                    let _ = std::fs::remove_dir(parent);
                }
                Ok(())
            }
        }
    }

    /// Who leads, as far as is known, with each change.
    pub fn leader(&self) -> watch::Receiver<Option<LeaderInfo>> {
        self.leader.clone()
    }

    /// The JobManagers that are there, this one among them, as far as is known, with each change. With `etcd` one that is lost
    /// goes some seconds later; with the others there is only this one.
    pub fn members(&self) -> watch::Receiver<Vec<Candidate>> {
        match &self.backend {
            Backend::Local(local) => local.members.subscribe(),
            #[cfg(feature = "etcd")]
            Backend::Etcd(etcd) => etcd.members(),
        }
    }

    /// What is wrong just now, with each change; empty if nothing is.
    pub fn problems(&self) -> watch::Receiver<Vec<Problem>> {
        self.problems.subscribe()
    }

    /// Waits until this process leads. Once a leadership is lost and everything that belonged to it is gone, it is to be called
    /// again; one at a time.
    ///
    /// # Errors
    /// With `file`, if the directory can't be used; [`Error::Closed`] if the process ends.
    pub async fn campaign(&self) -> Result<Leadership, Error> {
        let leadership = match &self.backend {
            Backend::Local(local) => local.campaign().await,
            #[cfg(feature = "etcd")]
            Backend::Etcd(etcd) => etcd.campaign().await,
        }?;
        info!(leader_epoch = %leadership.epoch(), "this JobManager leads");
        Ok(leadership)
    }
}

impl fmt::Debug for HighAvailability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HighAvailability").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// `none` and `file`: whoever is there leads.
struct Local {
    me: Candidate,
    records: Records,
    blobs: Blobs,
    leader: Arc<watch::Sender<Option<LeaderInfo>>>,
    members: watch::Sender<Vec<Candidate>>,
    /// One leadership at a time: the next one waits until the last was given up.
    waiting: tokio::sync::Mutex<JoinSet<()>>,
    _directory: Option<TempDir>,
}

impl Local {
    fn start(
        me: Candidate,
        records: Records,
        blobs: Blobs,
        directory: Option<TempDir>,
    ) -> (watch::Receiver<Option<LeaderInfo>>, Backend) {
        let (leader, receiver) = watch::channel(None);
        let local = Self {
            members: watch::Sender::new(vec![me.clone()]),
            me,
            records,
            blobs,
            leader: Arc::new(leader),
            waiting: tokio::sync::Mutex::default(),
            _directory: directory,
        };
        (receiver, Backend::Local(Box::new(local)))
    }

    async fn campaign(&self) -> Result<Leadership, Error> {
        let mut waiting = self.waiting.lock().await;
        while waiting.join_next().await.is_some() {}
        let epoch = match &self.records {
            Records::File(files) => {
                let files = files.clone();
                let raise = tokio::task::spawn_blocking(move || files.raise_epoch(clock::unix_ms()));
                raise.await.map_err(|_| Error::Closed)??
            }
            _ => self.next_epoch(),
        };
        let standing = Standing::new(epoch, None);
        let (resign, mut resigned) = mpsc::channel::<Resign>(RESIGN_QUEUE);
        let Candidate { instance_id, rpc_address, rest_address } = self.me.clone();
        self.leader.send_replace(Some(LeaderInfo { instance_id, rpc_address, rest_address, epoch }));
        let (leader, own) = (self.leader.clone(), standing.clone());
        waiting.spawn(async move {
            let resign = resigned.recv().await;
            own.set(LeaderState::Lost);
            leader.send_replace(None);
            if let Some(Resign { epoch, done }) = resign {
                info!(leader_epoch = %epoch, "this JobManager leads no more");
                drop(done);
            }
        });
        let store = Store::new(standing.clone(), self.records.clone(), self.blobs.clone());
        Ok(Leadership::new(standing, store, resign))
    }

    /// Of this process alone, so that the last one is known.
    fn next_epoch(&self) -> LeaderEpoch {
        static LAST: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        let now = clock::unix_ms();
        let raise = |last: u64| Some(last.saturating_add(1).max(now));
        let order = std::sync::atomic::Ordering::AcqRel;
        let last = LAST.fetch_update(order, std::sync::atomic::Ordering::Acquire, raise).unwrap_or(now);
        LeaderEpoch(last.saturating_add(1).max(now))
    }
}

fn temporary(config: &Configuration) -> Result<TempDir, Error> {
    let parent = PathBuf::from(config.get(&web::TMP_DIR));
    let made = tempfile::Builder::new().prefix("flott-ha-").tempdir_in(&parent);
    made.map_err(|source| Error::Io { action: "create a temporary directory in", path: parent, source })
}

/// The directory of `file`, and what deletes it if it is only for this process.
fn own_directory(config: &Configuration) -> Result<(PathBuf, Option<TempDir>), Error> {
    let cluster_id = config.get(&options::CLUSTER_ID);
    if let Some(location) = config.get(&options::STORAGE_DIR) {
        let uri = uri(&location)?;
        let Some(path) = uri.local_path() else {
            let problem =
                format!("{location} is not on this machine, as it must be with file; use etcd for others");
            return Err(Error::Config { key: options::STORAGE_DIR.key(), problem });
        };
        return Ok((path.join(cluster_id.as_str()), None));
    }
    // Nobody could find it again.
    let port = config.get(&jobmanager::RPC_PORT).0;
    if port == 0 {
        let directory = temporary(config)?;
        return Ok((directory.path().to_owned(), Some(directory)));
    }
    let parent =
        PathBuf::from(config.get(&web::TMP_DIR)).join(format!("flott-ha-{}", nix::unistd::geteuid()));
    prepare_own(&parent)?;
    Ok((parent.join(format!("{}-{port}", cluster_id.as_str().replace('/', "_"))), None))
}

fn uri(location: &StorageLocation) -> Result<StorageUri, Error> {
    location.as_str().parse().map_err(|error: flott_storage::UriError| Error::Config {
        key: options::STORAGE_DIR.key(),
        problem: error.to_string(),
    })
}

fn blobs_in(storage: Storage, directory: &std::path::Path) -> Result<Blobs, Error> {
    let directory = StorageUri::from_local(directory).map_err(flott_storage::Error::from)?;
    Ok(Blobs::new(storage, directory.join("blobs")))
}
