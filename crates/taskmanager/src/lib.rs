//! The TaskManager daemon: slots, artifact cache, task-host supervisor.
