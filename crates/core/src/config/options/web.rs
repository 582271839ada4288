//! Options of the dashboard and of what the JobManager keeps for it.

use std::time::Duration;

use crate::config::option::options;

options! {
    /// How often the dashboard asks for news. Raise it when many people watch a large cluster.
    REFRESH_INTERVAL: Duration = "web.refresh-interval", default "3 s", older ["jobmanager.web.refresh-interval"],
        limit "a duration of at least 100 ms, such as 3 s" => |interval| *interval >= Duration::from_millis(100);
    /// The web site whose pages may read what REST answers, such as `https://portal.example.com`, or `*` for all of them: the
    /// header Access-Control-Allow-Origin of every answer. Unset (Flink: `*`), no other site's may. Requests that
    /// change something are never accepted from other sites.
    ACCESS_CONTROL_ALLOW_ORIGIN: Option<String> = "web.access-control-allow-origin",
        older ["jobmanager.web.access-control-allow-origin"],
        limit "* or an origin without path, such as https://portal.example.com" =>
            |origin| origin.as_deref().is_none_or(is_origin);
    /// Whether artifacts can be uploaded and run over REST. Turn it off on a cluster that others only watch.
    SUBMIT_ENABLE: bool = "web.submit.enable", default "true", older ["jobmanager.web.submit.enable"];
    /// Whether the dashboard offers to cancel jobs.
    CANCEL_ENABLE: bool = "web.cancel.enable", default "true";
    /// Whether the dashboard offers to change the parallelism of running jobs.
    RESCALE_ENABLE: bool = "web.rescale.enable", default "true";
    /// Directory of uploaded artifacts, kept over restarts. Unset: one under `web.tmpdir` that ends with the JobManager.
    UPLOAD_DIR: Option<String> = "web.upload.dir", older ["jobmanager.web.upload.dir"];
    /// Directory of the JobManager's temporary files, unfinished uploads among them.
    TMP_DIR: String = "web.tmpdir", default "/tmp", older ["jobmanager.web.tmpdir"];
    /// How many finished jobs the JobManager remembers. The oldest are forgotten first.
    HISTORY: u32 = "web.history", default "100", older ["jobmanager.web.history"],
        limit "a whole number from 0 to 100000" => |jobs| *jobs <= 100_000;
    /// How many failures of a job are remembered.
    EXCEPTION_HISTORY_SIZE: u32 = "web.exception-history-size", default "16",
        limit "a whole number from 1 to 10000" => |failures| (1..=10_000).contains(failures);
    /// How many checkpoints of a job are remembered for the dashboard.
    CHECKPOINTS_HISTORY: u32 = "web.checkpoints.history", default "10", older ["jobmanager.web.checkpoints.history"],
        limit "a whole number from 0 to 10000" => |checkpoints| *checkpoints <= 10_000;
}

fn is_origin(text: &str) -> bool {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_host = |host: &str| {
        !host.is_empty() && host.chars().all(|char| char.is_ascii_alphanumeric() || "-._:[]".contains(char))
    };
    text == "*" || host.is_some_and(is_host)
}
