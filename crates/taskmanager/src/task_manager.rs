//! Starts a TaskManager, and stops it.

mod actor;
mod effects;
mod input;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use flott_control::{
    protocol::TaskManagerInfo,
    task_manager::{TaskManager as Machine, TaskManagerConfig as MachineConfig},
};
use flott_core::TaskManagerId;
use flott_reporter::{Render, Scope};
use flott_rpc::{server_builder, task_manager_server, tcp_channel};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::TcpIncoming;

pub(crate) use input::Input;

use crate::{
    Error, TaskHostLauncher, TaskManagerConfig, clock,
    config::host_port,
    hardware,
    logs::Logs,
    metrics,
    profiles::Profiles,
    registration::REGISTRATION_TIMEOUT,
    rpc_service::RpcService,
    supervisor::host::HostContext,
    task_host_service::{self, Introductions},
    work_dir::WorkDir,
};
use actor::Actor;

/// Most inputs that wait for the event loop. Whoever has more waits.
const INPUTS: usize = 1024;

/// How long to wait after the first failed registration, and at most. Short, since a JobManager that is started again, or
/// that begins to lead, is to find its TaskManagers at once.
const REGISTRATION_INITIAL_BACKOFF: Duration = Duration::from_millis(100);
const REGISTRATION_MAX_BACKOFF: Duration = Duration::from_secs(1);

/// How long to wait before reports are sent again.
const REPORT_RETRY_BACKOFF: Duration = Duration::from_millis(200);

/// How long a task host that has nothing more to run may take to end.
const RELEASE_GRACE: Duration = Duration::from_secs(5);

/// How long calls that are being answered may take when the TaskManager goes down.
const SERVER_GRACE: Duration = Duration::from_secs(1);

/// The TaskManager as a component; see [`TaskManager::start`].
#[derive(Debug)]
pub struct TaskManager;

impl TaskManager {
    /// Starts a TaskManager that makes its task hosts with `launcher`. It registers at the JobManager by itself, as
    /// often as need be. To be called within a runtime.
    ///
    /// # Errors
    ///
    /// If it can't listen, has no place for files, or a JobManager's address makes no sense.
    #[expect(clippy::disallowed_methods, reason = "RunningTaskManager waits for all of them")]
    pub async fn start(
        config: TaskManagerConfig,
        launcher: Arc<dyn TaskHostLauncher>,
    ) -> Result<RunningTaskManager, Error> {
        for address in &config.job_managers {
            // Found now rather than with the first call.
            tcp_channel(address)
                .map_err(|source| Error::JobManagerAddress { address: address.clone(), source })?;
        }
        let (listener, rpc_address) = listen(&config).await?;
        let work_dir = WorkDir::create(&config.tmp_dir)?;
        let stopping = CancellationToken::new();
        let stopped = CancellationToken::new();
        let introductions = Introductions::default();
        let host_server =
            task_host_service::serve(&work_dir.socket(), introductions.clone(), stopped.clone())?;

        let task_manager_id =
            TaskManagerId::new(format!("{rpc_address}-{}", hex::encode(rand::random::<[u8; 3]>())));
        let (inputs, inbox) = mpsc::channel(INPUTS);
        let (uplink, uplinks) = watch::channel(None);
        let context = HostContext {
            task_manager_id: task_manager_id.clone(),
            launcher,
            introductions,
            socket: work_dir.socket(),
            bind_host: config.bind_host.clone(),
            data_port: config.data_port,
            data_host: config.reachable_host(),
            silence_limit: config.heartbeat_timeout,
            storage: config.storage.clone(),
            uplinks,
            inputs: inputs.clone(),
        };
        let machine = Machine::new(machine_config(&config, &task_manager_id, &rpc_address));
        let service = RpcService {
            inputs: inputs.clone(),
            logs: Logs::new(config.log_file.clone()),
            log_filter: config.log_filter.clone(),
            profiles: Profiles::new(inputs.clone()),
        };
        let rpc_server = server_builder()
            .add_service(task_manager_server(service))
            .serve_with_incoming_shutdown(TcpIncoming::from(listener), stopped.clone().cancelled_owned());

        let scope = Scope::task_manager(&config.reachable_host(), task_manager_id.as_str());
        let reporter = open_reporter(&config, metrics::render(scope, inputs.clone()), &stopped).await;
        let (metrics_address, reporter) = reporter.unzip();

        tracing::info!(%task_manager_id, rpc_address, slots = config.slots, "TaskManager is up");
        let actor = Actor::new(machine, config, context, inputs, inbox, uplink, stopping.clone());
        let servers = [
            tokio::spawn(host_server),
            tokio::spawn(async move {
                if let Err(error) = rpc_server.await {
                    tracing::error!(%error, "the RPC server has ended");
                }
            }),
        ];
        let work = tokio::spawn(async move {
            let ended = actor.run().await;
            stopped.cancel();
            for mut server in servers.into_iter().chain(reporter) {
                if timeout(SERVER_GRACE, &mut server).await.is_err() {
                    server.abort();
                }
            }
            drop(work_dir);
            ended
        });
        Ok(RunningTaskManager { task_manager_id, rpc_address, metrics_address, stopping, work })
    }
}

async fn listen(config: &TaskManagerConfig) -> Result<(TcpListener, String), Error> {
    let failed = |source| Error::Listen { address: host_port(&config.bind_host, config.rpc_port), source };
    let listener = TcpListener::bind((config.bind_host.as_str(), config.rpc_port)).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    Ok((listener, host_port(&config.reachable_host(), port)))
}

/// Serves metrics, if that is wanted. That they can't be is no reason not to work.
#[expect(clippy::disallowed_methods, reason = "RunningTaskManager waits for it")]
async fn open_reporter(
    config: &TaskManagerConfig,
    render: Render,
    stopped: &CancellationToken,
) -> Option<(SocketAddr, JoinHandle<()>)> {
    let ports = config.metrics_ports.as_ref()?;
    let bound = flott_reporter::bind(&config.bind_host, ports).await;
    match bound.and_then(|listener| Ok((listener.local_addr()?, listener))) {
        Ok((address, listener)) => {
            tracing::info!(%address, "metrics are served");
            let hosts = config.metrics_hosts.clone();
            let served = flott_reporter::serve(listener, hosts, render, stopped.clone());
            Some((address, tokio::spawn(served)))
        }
        Err(error) => {
            tracing::error!(host = config.bind_host, %ports, %error, "cannot serve metrics");
            None
        }
    }
}

fn machine_config(config: &TaskManagerConfig, id: &TaskManagerId, rpc_address: &str) -> MachineConfig {
    MachineConfig {
        task_manager_id: id.clone(),
        info: TaskManagerInfo {
            rpc_address: rpc_address.to_owned(),
            data_host: config.reachable_host(),
            slots: config.slots,
            hardware: hardware::read(),
        },
        first_generation: u64::try_from(clock::since_epoch().as_micros()).unwrap_or(u64::MAX),
        heartbeat_timeout: config.heartbeat_timeout,
        registration_initial_backoff: REGISTRATION_INITIAL_BACKOFF,
        registration_max_backoff: REGISTRATION_MAX_BACKOFF,
        registration_timeout: REGISTRATION_TIMEOUT,
        report_retry_backoff: REPORT_RETRY_BACKOFF,
        release_grace: RELEASE_GRACE,
        leader_loss_grace: config.leader_loss_grace,
    }
}

/// How a TaskManager's work has ended.
#[derive(Debug)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// It can't go on.
    Failed(Error),
}

/// A TaskManager at work. Dropping it stops it too, without waiting.
#[derive(Debug)]
pub struct RunningTaskManager {
    task_manager_id: TaskManagerId,
    rpc_address: String,
    metrics_address: Option<SocketAddr>,
    stopping: CancellationToken,
    work: JoinHandle<Ended>,
}

impl RunningTaskManager {
    /// Who it is.
    pub fn id(&self) -> &TaskManagerId {
        &self.task_manager_id
    }

    /// `host:port` of its RPC server.
    pub fn rpc_address(&self) -> &str {
        &self.rpc_address
    }

    /// Where Prometheus is told the metrics, if it is.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Tells it to end its task hosts and itself; [`ended`](Self::ended) tells when that is done.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Waits until it has ended and nothing of it and its task hosts is left. May be dropped and called again; not to be
    /// called again once it has answered.
    pub async fn ended(&mut self) -> Ended {
        (&mut self.work).await.unwrap_or(Ended::Failed(Error::Panicked))
    }
}

impl Drop for RunningTaskManager {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}
