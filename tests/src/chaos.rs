//! Faults at random moments, from a seed, while the job of the [oracle](crate::oracle) runs.

use std::{
    collections::BTreeMap,
    fmt, fs,
    time::{Duration, Instant},
};

use flott_core::{JobId, JobStatus};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    Cluster, Random, eventually, now,
    oracle::{self, Verdict},
    processes::Process,
    sink_watch::SinkWatch,
};

/// Keys of the job.
const KEYS: u64 = 50;
/// TaskManagers, two slots each: more than the job needs, so that there are spare ones.
const TASK_MANAGERS: usize = 3;
/// How long the job may need beyond the time in which faults happen.
const RECOVERY: Duration = Duration::from_secs(120);

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A task host is killed.
    KillTaskHost,
    /// A TaskManager is killed, and another one started.
    KillTaskManager,
    /// The JobManager is killed, and started again after a while.
    KillJobManager,
    /// A task host stands still for a while.
    FreezeTaskHost,
    /// A TaskManager stands still for longer than its heartbeats may.
    FreezeTaskManager,
    /// A user function panics.
    Panic,
    /// A user function does not come back for longer than a checkpoint may take.
    Hang,
    /// The storage has no room for checkpoints for a while.
    FullStorage,
    /// The job stops with a savepoint and goes on from it at another parallelism.
    Rescale,
    /// A savepoint is taken while the job goes on.
    Savepoint,
}

impl Fault {
    const ALL: [Self; 10] = [
        Self::KillTaskHost,
        Self::KillTaskManager,
        Self::KillJobManager,
        Self::FreezeTaskHost,
        Self::FreezeTaskManager,
        Self::Panic,
        Self::Hang,
        Self::FullStorage,
        Self::Rescale,
        Self::Savepoint,
    ];
}

/// What is to be done.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// From which all moments and choices follow.
    pub seed: u64,
    /// For how long faults happen.
    pub duration: Duration,
    /// Records a second.
    pub rate: u64,
    /// Whether barriers overtake records.
    pub unaligned: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// How often each fault happened.
    pub faults: BTreeMap<Fault, u32>,
    /// Faults that can't be brought about on this machine, and why.
    pub skipped: BTreeMap<Fault, String>,
    /// How often the job has started again.
    pub recoveries: u64,
    /// Longest time in which nothing became visible at the sink.
    pub longest_gap: Duration,
    /// What the oracle says.
    pub verdict: Verdict,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let faults: u32 = self.faults.values().sum();
        writeln!(f, "faults injected: {faults} {:?}", self.faults)?;
        for (fault, reason) in &self.skipped {
            writeln!(f, "SKIPPED {fault:?}: {reason}")?;
        }
        writeln!(f, "recoveries: {}", self.recoveries)?;
        writeln!(f, "longest gap at the sink: {:.1} s", self.longest_gap.as_secs_f64())?;
        write!(f, "{}", self.verdict)
    }
}

/// Runs the job through all that happens to it, to its end.
///
/// # Panics
/// If the job fails for good or does not end in time.
pub fn run(schedule: &Schedule) -> Report {
    let mut run = Run::start(schedule);
    let end = now() + schedule.duration;
    while now() < end && !run.has_finished() {
        let pause = run.random.between(Duration::from_millis(300), Duration::from_millis(2_500));
        run.watch(pause);
        if run.has_finished() {
            break;
        }
        let at = run.random.below(Fault::ALL.len() as u64) as usize;
        run.inject(Fault::ALL[at]);
    }
    run.finish()
}

struct Run {
    cluster: Cluster,
    random: Random,
    job: JobId,
    parallelism: u32,
    /// How often the job went on at another parallelism.
    rescaled: u64,
    records: u64,
    rate: u64,
    faults: BTreeMap<Fault, u32>,
    skipped: BTreeMap<Fault, String>,
    recoveries: u64,
    sink: SinkWatch,
    deadline: Instant,
}

impl Run {
    fn start(schedule: &Schedule) -> Self {
        let mut builder = Cluster::builder().task_managers(TASK_MANAGERS).slots(Some(2));
        for (key, value) in [
            ("heartbeat.interval", "500 ms"),
            ("heartbeat.timeout", "3 s"),
            ("execution.checkpointing.interval", "400 ms"),
            ("execution.checkpointing.timeout", "3 s"),
            ("execution.checkpointing.tolerable-failed-checkpoints", "100"),
            ("restart-strategy.type", "exponential-delay"),
            ("restart-strategy.exponential-delay.initial-backoff", "100 ms"),
            ("restart-strategy.exponential-delay.max-backoff", "1 s"),
            ("task.cancellation.timeout", "8 s"),
            ("execution.checkpointing.dir", "file://{dir}/checkpoints"),
            ("execution.checkpointing.savepoint-dir", "file://{dir}/savepoints"),
            ("high-availability.type", "file"),
            ("high-availability.storageDir", "{dir}/ha"),
            ("jobmanager.reconciliation-timeout", "3 s"),
        ] {
            builder = builder.set(key, value);
        }
        if schedule.unaligned {
            builder = builder.set("execution.checkpointing.unaligned.enabled", "true");
        }
        let cluster = builder.prepare();
        fs::create_dir(cluster.path("faults")).expect("a new directory");
        cluster.run_script("start-cluster.sh", &[]).expect_code(0);
        let sink = SinkWatch::new(&cluster.path("output"));
        let records = schedule.rate * schedule.duration.as_secs();
        let deadline = now() + schedule.duration * 2 + RECOVERY;
        let mut run = Self {
            cluster,
            random: Random::new(schedule.seed),
            job: JobId::from_bytes([0; 16]),
            parallelism: 2,
            rescaled: 0,
            records,
            rate: schedule.rate,
            faults: BTreeMap::new(),
            skipped: BTreeMap::new(),
            recoveries: 0,
            sink,
            deadline,
        };
        run.submit(None);
        run
    }

    fn submit(&mut self, savepoint: Option<&str>) {
        let arguments = [
            format!("--records={}", self.records),
            format!("--rate={}", self.rate),
            format!("--keys={KEYS}"),
            format!("--output={}", self.cluster.arg("output")),
            format!("--rescaled={}", self.rescaled),
            format!("--faults={}", self.cluster.arg("faults")),
        ];
        let mut body = json!({
            "entryClass": "oracle",
            "programArgsList": arguments,
            "parallelism": self.parallelism,
        });
        if let Some(savepoint) = savepoint {
            body["savepointPath"] = savepoint.into();
        }
        let path = format!("/jars/{}/run", self.cluster.test_jobs());
        let answer = self.cluster.rest().send_text(Method::POST, &path, &body.to_string());
        let id = answer.body["jobid"].as_str().unwrap_or_else(|| panic!("not accepted: {answer:?}"));
        self.job = id.parse().expect("the JobManager knows its ids");
    }

    fn status(&self) -> Option<JobStatus> {
        self.cluster.rest().status(self.job).ok()
    }

    fn has_finished(&self) -> bool {
        match self.status() {
            Some(JobStatus::Finished) => true,
            Some(status) if status.is_terminal() => {
                panic!("the job is {status}: {}", self.cluster.failure_text(self.job))
            }
            _ => false,
        }
    }

    fn watch(&mut self, time: Duration) {
        self.sink.watch(time);
    }

    /// Lets time pass while something is wrong. Every other time a task host is killed on top of that: what a checkpoint that
    /// fails has already brought about is seen only if the job goes back behind it.
    fn watch_trouble(&mut self, time: Duration) {
        let (is_worse, before) = (self.random.below(2) == 0, self.random.between(time / 2, time));
        self.watch(before);
        if is_worse && self.kill_task_host() {
            *self.faults.entry(Fault::KillTaskHost).or_default() += 1;
        }
        self.watch(time - before);
    }

    fn task_host(&mut self) -> Option<Process> {
        let hosts = self.cluster.task_hosts();
        self.random.one_of(hosts)
    }

    fn task_manager(&mut self) -> Option<Process> {
        let task_managers = self.cluster.task_managers();
        self.random.one_of(task_managers)
    }

    fn inject(&mut self, fault: Fault) {
        let done = match fault {
            Fault::KillTaskHost => self.kill_task_host(),
            Fault::KillTaskManager => self.kill_task_manager(),
            Fault::KillJobManager => self.kill_job_manager(),
            Fault::FreezeTaskHost => {
                let host = self.task_host();
                self.freeze(host, Duration::from_millis(500), Duration::from_secs(5))
            }
            Fault::FreezeTaskManager => {
                let task_manager = self.task_manager();
                self.freeze(task_manager, Duration::from_secs(1), Duration::from_secs(6))
            }
            Fault::Panic => self.order("panic"),
            Fault::Hang => self.order("hang"),
            Fault::FullStorage => self.fill_storage(),
            Fault::Rescale => self.rescale(),
            Fault::Savepoint => self.savepoint(),
        };
        if done {
            *self.faults.entry(fault).or_default() += 1;
        }
    }

    fn kill_task_host(&mut self) -> bool {
        self.task_host().map(|host| host.signal(Signal::SIGKILL)).is_some()
    }

    fn kill_task_manager(&mut self) -> bool {
        let Some(task_manager) = self.task_manager() else { return false };
        task_manager.signal(Signal::SIGKILL);
        self.cluster.run_script("taskmanager.sh", &["start"]).expect_code(0);
        true
    }

    /// Every other time a task host is killed while nobody is there to see it.
    fn kill_job_manager(&mut self) -> bool {
        let time = self.random.between(Duration::from_millis(100), Duration::from_secs(3));
        self.cluster.job_manager().signal(Signal::SIGKILL);
        self.watch_trouble(time);
        self.cluster.run_script("jobmanager.sh", &["start"]).expect_code(0);
        true
    }

    fn freeze(&mut self, process: Option<Process>, from: Duration, to: Duration) -> bool {
        let Some(process) = process else { return false };
        let time = self.random.between(from, to);
        process.signal(Signal::SIGSTOP);
        self.watch(time);
        process.signal(Signal::SIGCONT);
        true
    }

    /// Lets the next subtask that looks bring about a fault.
    fn order(&self, fault: &str) -> bool {
        fs::write(self.cluster.path("faults").join(fault), "").is_ok()
    }

    /// Puts a file in the way of the next checkpoints' directories: they can't be made.
    fn fill_storage(&mut self) -> bool {
        let directory = self.cluster.path("checkpoints").join(self.job.to_string());
        let numbers = fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.strip_prefix("chk-")?.parse::<u64>().ok());
        let Some(last) = numbers.max() else { return false };
        let blocked: Vec<_> =
            (last + 2..last + 10).map(|number| directory.join(format!("chk-{number}"))).collect();
        let made = blocked.iter().filter(|path| !path.exists() && fs::write(path, "").is_ok()).count();
        let time = self.random.between(Duration::from_millis(500), Duration::from_secs(3));
        self.watch_trouble(time);
        for path in blocked.iter().filter(|path| path.is_file()) {
            let _ = fs::remove_file(path);
        }
        made > 0
    }

    fn savepoint(&mut self) -> bool {
        let body = json!({ "target-directory": null, "cancel-job": false });
        self.operation("savepoints", &body).is_some()
    }

    /// Asks for a snapshot and waits for what comes of it. Fails as other checkpoints do.
    fn operation(&mut self, what: &str, body: &Value) -> Option<String> {
        let rest = self.cluster.rest();
        let answer = rest.send_text(Method::POST, &format!("/jobs/{}/{what}", self.job), &body.to_string());
        let trigger = answer.body["request-id"].as_str()?.to_owned();
        let path = format!("/jobs/{}/savepoints/{trigger}", self.job);
        eventually("the savepoint is done or has failed", || {
            let answer = rest.get(&path);
            (answer.body["status"]["id"] == "COMPLETED").then_some(answer)
        })
        .body["operation"]["location"]
            .as_str()
            .map(str::to_owned)
    }

    /// 2 → 4 → 3 → 2 …
    fn rescale(&mut self) -> bool {
        self.count_recoveries();
        let body = json!({ "targetDirectory": null, "drain": false });
        let Some(savepoint) = self.operation("stop", &body) else { return false };
        let job = self.job;
        eventually("the job has stopped", || {
            self.cluster.rest().status(job).ok().filter(|status| status.is_terminal())
        });
        self.parallelism = match self.parallelism {
            2 => 4,
            4 => 3,
            _ => 2,
        };
        self.rescaled += 1;
        self.submit(Some(&savepoint));
        true
    }

    fn count_recoveries(&mut self) {
        let answer = self.cluster.rest().get(&format!("/jobs/{}/metrics?get=numRestarts", self.job));
        let restarts = answer.body[0]["value"].as_str().and_then(|value| value.parse::<u64>().ok());
        self.recoveries += restarts.unwrap_or(0);
    }

    fn finish(mut self) -> Report {
        while !self.has_finished() {
            assert!(now() < self.deadline, "the job does not end: {:?}", self.status());
            self.watch(Duration::from_millis(100));
        }
        self.sink.look();
        self.count_recoveries();
        let verdict = oracle::check(&self.cluster.path("output"), self.records, KEYS);
        Report {
            faults: self.faults,
            skipped: self.skipped,
            recoveries: self.recoveries,
            longest_gap: self.sink.longest_gap(),
            verdict,
        }
    }
}
