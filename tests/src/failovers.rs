//! Leaders that are killed one after the other, while the job of the [oracle](crate::oracle) runs.

use std::{
    collections::BTreeSet,
    fmt,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use crate::{
    Cluster, Etcd, ORACLE_KEYS, now,
    oracle::{self, Verdict},
    sink_watch::SinkWatch,
};

/// JobManagers.
const MASTERS: usize = 3;
/// How long the job may take to be taken over, beyond the lease.
const TAKE_OVER: Duration = Duration::from_secs(60);
/// For how long the job is left in peace after that.
const PEACE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(10);

/// What is to be done.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How often the leader is killed.
    pub kills: u32,
    /// The leader's lease.
    pub lease: Duration,
    /// Records a second.
    pub rate: u64,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Report {
    /// How long after each kill the REST of another leader told of the job.
    pub answered: Vec<Duration>,
    /// How long after each kill a checkpoint was complete that was not before.
    pub checkpointed: Vec<Duration>,
    /// How often the job has started again, all or in part.
    pub restarts: u64,
    /// Whether all of the job ran in the same processes to its end.
    pub same_processes: bool,
    /// Longest time in which nothing became visible at the sink, whose files appear with checkpoints.
    pub longest_gap: Duration,
    /// What the oracle says.
    pub verdict: Verdict,
}

impl Report {
    /// Whether nobody has noticed anything.
    pub fn is_clean(&self) -> bool {
        self.restarts == 0 && self.same_processes && self.verdict.is_clean()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |times: &[Duration]| {
            let longest = times.iter().max().copied().unwrap_or_default();
            let all: Vec<_> = times.iter().map(|time| format!("{:.1}", time.as_secs_f64())).collect();
            format!("{:.1} s at most ({})", longest.as_secs_f64(), all.join(", "))
        };
        writeln!(f, "leaders killed: {}", self.answered.len())?;
        writeln!(f, "from kill to an answer of the next leader: {}", seconds(&self.answered))?;
        writeln!(f, "from kill to the next checkpoint: {}", seconds(&self.checkpointed))?;
        writeln!(f, "restarts: {}, same processes: {}", self.restarts, self.same_processes)?;
        writeln!(f, "longest gap at the sink: {:.1} s", self.longest_gap.as_secs_f64())?;
        write!(f, "{}", self.verdict)
    }
}

/// Kills leader after leader. `None` if there is no etcd.
///
/// # Panics
/// If nobody leads in time, or the job fails.
pub fn run(plan: &Plan) -> Option<Report> {
    let etcd = Etcd::start()?;
    let lease = format!("{} ms", plan.lease.as_millis());
    let cluster = Cluster::builder()
        .task_managers(2)
        .checkpoints("500 ms")
        .job_managers(MASTERS, &etcd)
        .set("high-availability.etcd.lease-time", &lease)
        .start();
    let mut leader = cluster.wait_for_leader(plan.lease + TAKE_OVER, None);
    // More than will be read until the last leader is dead.
    let seconds = (plan.lease + PEACE * 3).as_secs() * u64::from(plan.kills) + 10;
    let records = plan.rate * seconds;
    let job = cluster.submit_oracle(records, plan.rate, 4, None);
    let mut latest = cluster.wait_for_checkpoint(job).id.0;
    let hosts = || cluster.task_hosts().iter().map(|host| host.pid).collect::<BTreeSet<_>>();
    let before = hosts();
    let mut sink = SinkWatch::new(&cluster.path("output"));
    let mut report = Report {
        answered: Vec::new(),
        checkpointed: Vec::new(),
        restarts: 0,
        same_processes: true,
        longest_gap: Duration::ZERO,
        verdict: Verdict::default(),
    };
    for _ in 0..plan.kills {
        let killed = now();
        let deadline = killed + plan.lease + TAKE_OVER;
        cluster.process_of(leader).expect("it leads").signal(Signal::SIGKILL);
        let next = until(&mut sink, deadline, || {
            let next = cluster.leader().filter(|next| *next != leader)?;
            cluster.rest_of(next).job(job).ok().map(|_| next)
        });
        report.answered.push(killed.elapsed());
        cluster.ask(next);
        let newer = until(&mut sink, deadline, || {
            let completed = cluster.checkpoints(job).latest.completed?;
            (completed.id.0 > latest).then_some(completed.id.0)
        });
        report.checkpointed.push(killed.elapsed());
        cluster.start_master(leader);
        report.restarts += cluster.restarts(job);
        report.same_processes &= hosts() == before;
        (leader, latest) = (next, newer);
        sink.watch(PEACE);
    }
    report.longest_gap = sink.longest_gap();
    cluster.wait_for(job, flott_core::JobStatus::Finished);
    report.restarts += cluster.restarts(job);
    report.verdict = oracle::check(&cluster.path("output"), records, ORACLE_KEYS);
    Some(report)
}

fn until<T>(sink: &mut SinkWatch, deadline: Instant, mut ask: impl FnMut() -> Option<T>) -> T {
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(now() < deadline, "nobody goes on with the job");
        sink.watch(PAUSE);
    }
}
