//! Servers with the limits that all of them share.

use tonic::transport::Server;

use crate::{
    KEEP_ALIVE_INTERVAL, KEEP_ALIVE_TIMEOUT, MAX_MESSAGE_BYTES,
    pb::{
        artifacts_server::{Artifacts, ArtifactsServer},
        job_master_server::{JobMaster, JobMasterServer},
        leader_server::{Leader, LeaderServer},
        resource_manager_server::{ResourceManager, ResourceManagerServer},
        task_host_server::{TaskHost, TaskHostServer},
        task_manager_server::{TaskManager, TaskManagerServer},
    },
};

/// Most calls at a time on one connection. A peer that has more in flight waits.
const MAX_CONCURRENT_STREAMS: u32 = 1024;

/// A server that notices dead peers and bounds what one of them can ask for at a time.
pub fn builder() -> Server {
    Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_TIMEOUT))
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
}

/// Declares for a service the function that wraps its implementation with the message limit.
macro_rules! service {
    ($name:ident, $service:ident, $server:ident) => {
        /// Wraps an implementation of the service for use in a server.
        pub fn $name<T: $service>(service: T) -> $server<T> {
            $server::new(service)
                .max_decoding_message_size(MAX_MESSAGE_BYTES)
                .max_encoding_message_size(MAX_MESSAGE_BYTES)
        }
    };
}

service!(artifacts_server, Artifacts, ArtifactsServer);
service!(job_master_server, JobMaster, JobMasterServer);
service!(leader_server, Leader, LeaderServer);
service!(resource_manager_server, ResourceManager, ResourceManagerServer);
service!(task_host_server, TaskHost, TaskHostServer);
service!(task_manager_server, TaskManager, TaskManagerServer);
