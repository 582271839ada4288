//! How long nothing becomes visible at the sink of the [oracle](crate::oracle).

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use crate::now;

const PAUSE: Duration = Duration::from_millis(20);

/// Looks at the files that the oracle's job has made visible.
#[derive(Clone, Debug)]
pub struct SinkWatch {
    records: PathBuf,
    visible: usize,
    since: Instant,
    longest: Duration,
}

impl SinkWatch {
    /// For the job with this output.
    pub fn new(output: &Path) -> Self {
        Self { records: output.join("records"), visible: 0, since: now(), longest: Duration::ZERO }
    }

    /// Lets time pass, and looks again and again.
    pub fn watch(&mut self, time: Duration) {
        let until = now() + time;
        while now() < until {
            self.look();
            thread::sleep(PAUSE.min(until - now().min(until)));
        }
    }

    /// Looks once.
    pub fn look(&mut self) {
        let visible = fs::read_dir(&self.records).map_or(0, |entries| entries.flatten().count());
        if visible != self.visible {
            self.visible = visible;
            self.since = now();
        }
        self.longest = self.longest.max(now() - self.since);
    }

    /// The longest time so far in which nothing became visible.
    pub fn longest_gap(&self) -> Duration {
        self.longest
    }
}
