//! What checkpoints of a large state cost: the same job without them and with them.

use std::{
    fs,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use flott::{Batch, NoCommittable, Sink, SinkWriter, prelude::*};

use crate::keyed_aggregate::mix;

/// What is kept for a key: about a hundred bytes.
type Value = [u64; 12];

/// How often is looked for new checkpoints.
const LOOK: Duration = Duration::from_millis(50);

/// Settings of this benchmark.
#[derive(clap::Args, Clone)]
pub(crate) struct Snapshots {
    /// Number of keys, of about 100 bytes each.
    #[arg(long, default_value_t = 10_000_000)]
    keys: u64,
    /// Number of records. The first half fills the state and is not measured.
    #[arg(long, default_value_t = 120_000_000)]
    records: u64,
    /// Seconds from one checkpoint to the next.
    #[arg(long, default_value_t = 10)]
    interval: u64,
}

/// Sums up in the state of each record's key.
#[derive(Clone, Default)]
struct Update(ValueState<Value>);

impl KeyedProcessFunction<u64, u64> for Update {
    type Out = u64;

    fn open(&mut self, context: &mut OpenContext<'_, u64>) -> Result<(), BoxError> {
        self.0 = context.value("value")?;
        Ok(())
    }

    fn process(&mut self, key: u64, context: &mut KeyedContext<'_, u64, u64>) -> Result<(), BoxError> {
        let value = self.0.get_or_default(context);
        value[(key % 12) as usize] += key;
        let sum = value[0];
        context.emit(sum);
        Ok(())
    }
}

/// What the sinks have seen.
#[derive(Default)]
struct Seen {
    records: AtomicU64,
    measured_since: Mutex<Option<Instant>>,
    longest_gap_ns: AtomicU64,
}

struct Watch {
    seen: Arc<Seen>,
    half: u64,
}

struct WatchWriter {
    seen: Arc<Seen>,
    half: u64,
    last: Option<Instant>,
}

impl Sink<u64> for Watch {
    type Writer = WatchWriter;

    fn writer(&self, _: &RuntimeContext, _: Vec<()>) -> Result<WatchWriter, BoxError> {
        Ok(WatchWriter { seen: self.seen.clone(), half: self.half, last: None })
    }
}

impl SinkWriter<u64> for WatchWriter {
    type Committable = NoCommittable;
    type State = ();

    fn write(&mut self, batch: &mut Batch<u64>) -> Result<(), BoxError> {
        let count = self.seen.records.fetch_add(batch.len() as u64, Relaxed);
        batch.clear();
        if count >= self.half {
            let now = now();
            self.seen.measured_since.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(now);
            if let Some(last) = self.last.replace(now) {
                self.seen.longest_gap_ns.fetch_max((now - last).as_nanos() as u64, Relaxed);
            }
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark needs the time")]
fn now() -> Instant {
    Instant::now()
}

/// Records a second and longest gap at a sink in the second half, and how many checkpoints there were.
struct Figures {
    per_second: f64,
    longest_gap: Duration,
    checkpoints: u64,
}

fn once(settings: &Snapshots, interval: Option<Duration>) -> anyhow::Result<Figures> {
    let directory = tempfile::tempdir().context("cannot make a directory for checkpoints")?;
    let Snapshots { keys, records, .. } = *settings;
    let seen = Arc::new(Seen::default());
    let env = StreamExecutionEnvironment::new();
    env.set_parallelism(2);
    env.configure_local("execution.checkpointing.dir", directory.path().display().to_string());
    if let Some(interval) = interval {
        env.enable_checkpointing(interval);
    }
    env.generate(Some(records), move |index| ((mix(index) >> 32) * keys) >> 32)
        .key_by(|key| *key)
        .process(Update::default())
        .sink_to(Watch { seen: seen.clone(), half: records / 2 }, "watch");
    let monitor = Monitor::start(directory.path());
    env.execute("snapshots")?;
    let checkpoints = monitor.stop();
    let since =
        seen.measured_since.lock().unwrap_or_else(PoisonError::into_inner).context("too few records")?;
    Ok(Figures {
        per_second: (records - records / 2) as f64 / (now() - since).as_secs_f64(),
        longest_gap: Duration::from_nanos(seen.longest_gap_ns.load(Relaxed)),
        checkpoints,
    })
}

/// Looks for the latest checkpoint: with the job they are gone.
struct Monitor {
    latest: Arc<AtomicU64>,
    stopped: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Monitor {
    fn start(directory: &Path) -> Self {
        let (latest, stopped) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (directory, seen, stop) = (directory.to_owned(), latest.clone(), stopped.clone());
        let thread = thread::spawn(move || {
            while !stop.load(Relaxed) {
                seen.fetch_max(latest_in(&directory), Relaxed);
                thread::park_timeout(LOOK);
            }
        });
        Self { latest, stopped, thread }
    }

    fn stop(self) -> u64 {
        self.stopped.store(true, Relaxed);
        self.thread.thread().unpark();
        drop(self.thread.join());
        self.latest.load(Relaxed)
    }
}

/// The number of the latest complete checkpoint of any job.
fn latest_in(directory: &Path) -> u64 {
    let jobs = fs::read_dir(directory).into_iter().flatten().flatten();
    let checkpoints = jobs.flat_map(|job| fs::read_dir(job.path()).into_iter().flatten().flatten());
    let complete = checkpoints.filter(|checkpoint| checkpoint.path().join("_metadata").exists());
    let numbers =
        complete.filter_map(|checkpoint| checkpoint.file_name().to_str()?.strip_prefix("chk-")?.parse().ok());
    numbers.max().unwrap_or(0)
}

/// Runs both in turn.
pub(crate) fn run(settings: &Snapshots, pairs: usize) -> anyhow::Result<()> {
    let interval = Duration::from_secs(settings.interval);
    let mut ratios = Vec::new();
    println!(
        "state about {} MB, a checkpoint every {} s",
        settings.keys * 104 / 1_000_000,
        settings.interval
    );
    for _ in 0..pairs {
        let without = once(settings, None)?;
        let with = once(settings, Some(interval))?;
        println!(
            "without: {:.2} M records/s, longest gap {:.1} ms | with: {:.2} M records/s, longest gap {:.1} ms, {} checkpoints",
            without.per_second / 1e6,
            without.longest_gap.as_secs_f64() * 1e3,
            with.per_second / 1e6,
            with.longest_gap.as_secs_f64() * 1e3,
            with.checkpoints,
        );
        anyhow::ensure!(with.checkpoints > 0, "no checkpoint was completed: take more records");
        ratios.push(with.per_second / without.per_second);
    }
    ratios.sort_by(f64::total_cmp);
    println!(
        "throughput with checkpoints: {:.0} % of that without (median)",
        ratios[ratios.len() / 2] * 100.0
    );
    Ok(())
}
