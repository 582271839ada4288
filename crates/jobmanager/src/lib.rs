//! The JobManager daemon: Dispatcher, ResourceManager, JobMasters, REST.
