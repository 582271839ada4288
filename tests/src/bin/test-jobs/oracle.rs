//! A job whose output shows whether each record was counted exactly once: see `flott_tests::oracle` for what it must be.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Parser;
use flott::{BoxError, WatermarkStrategy, connectors::GeneratorSource, prelude::*};

/// Records from one look for a fault to the next.
const RECORDS_PER_LOOK: u64 = 256;
/// Milliseconds of event time of a window.
const WINDOW: Duration = Duration::from_millis(500);
/// Milliseconds of event time between the timers of a key.
const TIMER: i64 = 250;

#[derive(Parser)]
struct Oracle {
    /// How many records; record n has the number n and the time n ms.
    #[arg(long)]
    records: u64,
    /// Records a second, all subtasks together.
    #[arg(long)]
    rate: f64,
    #[arg(long, default_value_t = 50)]
    keys: u64,
    /// Directory of the output.
    #[arg(long)]
    output: PathBuf,
    /// How often the job was submitted before with another parallelism.
    #[arg(long, default_value_t = 0)]
    rescaled: u64,
    /// Directory in which files named like faults bring these about, once each.
    #[arg(long)]
    faults: PathBuf,
}

/// Gives each record the number that it has among those of its key, and tells every now and then how many there were.
///
/// Time is checked as well: a subtask that was restored is where it was, so no key sees a smaller watermark than before,
/// unless the job goes on at another parallelism.
#[derive(Clone, Default)]
struct Count {
    rescaled: u64,
    watermark: ValueState<(u64, Timestamp)>,
    count: ValueState<u64>,
    last: MapState<String, u64>,
    since_timer: ValueState<u64>,
    timer: ValueState<i64>,
}

impl KeyedProcessFunction<u64, (u64, u64)> for Count {
    type Out = String;

    fn open(&mut self, context: &mut OpenContext<'_, u64>) -> Result<(), BoxError> {
        self.count = context.value("count")?;
        self.last = context.map("last")?;
        self.since_timer = context.value("since timer")?;
        self.timer = context.value("timer")?;
        self.watermark = context.value("watermark")?;
        // While it runs it may be rescaled, too.
        self.rescaled = self.rescaled * 1_000 + u64::from(context.runtime().parallelism());
        Ok(())
    }

    fn process(
        &mut self,
        (key, number): (u64, u64),
        context: &mut KeyedContext<'_, u64, String>,
    ) -> Result<(), BoxError> {
        let count = self.count.get_or_default(context);
        *count += 1;
        let count = *count;
        self.last.insert(context, "number".to_owned(), number);
        *self.since_timer.get_or_default(context) += 1;
        if self.timer.get(context).is_none() {
            let time = (number as i64 / TIMER + 1) * TIMER;
            self.timer.set(context, time);
            context.register_event_time_timer(Timestamp::from_millis(time));
        }
        let (rescaled, watermark) = (self.rescaled, context.current_watermark());
        if let Some((then, seen)) = self.watermark.get(context).copied()
            && then == rescaled
            && watermark < seen
        {
            context.emit(format!("B {key} {number}"));
        }
        self.watermark.set(context, (rescaled, watermark));
        context.emit(format!("R {key} {count} {number}"));
        Ok(())
    }

    fn on_timer(
        &mut self,
        _: Timestamp,
        context: &mut OnTimerContext<'_, u64, String>,
    ) -> Result<(), BoxError> {
        let key = *context.key();
        let since = self.since_timer.take(context).unwrap_or(0);
        self.timer.clear(context);
        context.emit(format!("T {key} {since}"));
        Ok(())
    }
}

/// Whether a fault is to happen now: whoever removes its file has it.
pub(crate) fn is_due(faults: &Path, fault: &str) -> bool {
    fs::remove_file(faults.join(fault)).is_ok()
}

pub(crate) fn oracle() -> Result<(), BoxError> {
    let Oracle { records, rate, keys, output, rescaled, faults } = Oracle::parse();
    let env = StreamExecutionEnvironment::new();
    let numbers = env
        .from_source(
            GeneratorSource::new(Some(records), |number| number).rate(rate),
            WatermarkStrategy::for_bounded_out_of_orderness(Duration::from_millis(20))
                .with_timestamp_assigner(|number: &u64, _| Timestamp::from_millis(*number as i64)),
            "numbers",
        )
        .uid("numbers");
    let mut seen = 0u64;
    let keyed = numbers
        .map(move |number| {
            seen += 1;
            if seen.is_multiple_of(RECORDS_PER_LOOK) {
                if is_due(&faults, "panic") {
                    panic!("a planned panic at record {number}");
                }
                if is_due(&faults, "hang") {
                    // Whoever waits for it fails by itself if this does.
                    let _ = fs::write(faults.join("hanging"), std::process::id().to_string());
                    std::thread::sleep(Duration::from_secs(5));
                }
            }
            (number % keys, number)
        })
        .uid("keys")
        .key_by(|(key, _)| *key);
    let directory = |name: &str| output.join(name).display().to_string();
    let count = Count { rescaled, ..Count::default() };
    keyed.process(count).uid("count").write_text(directory("records")).uid("records");
    keyed
        .window(TumblingEventTimeWindows::of(WINDOW))
        .aggregate(Counting)
        .uid("windows")
        .map(|(key, (_, first, count))| format!("W {key} {first} {count}"))
        .uid("window lines")
        .write_text(directory("windows"))
        .uid("window file");
    env.execute("oracle")?;
    Ok(())
}

/// The key, the least number and how many there were.
#[derive(Clone)]
pub(crate) struct Counting;

impl AggregateFunction<(u64, u64)> for Counting {
    type Accumulator = (u64, u64, u64);
    type Output = (u64, u64, u64);

    fn create(&self) -> Self::Accumulator {
        (0, u64::MAX, 0)
    }

    fn add(&self, (key, first, count): &mut Self::Accumulator, (own, number): (u64, u64)) {
        *key = own;
        *first = number.min(*first);
        *count += 1;
    }

    fn result(&self, accumulator: &Self::Accumulator) -> Self::Output {
        *accumulator
    }

    fn merge(&self, (key, first, count): &mut Self::Accumulator, other: Self::Accumulator) {
        *key = other.0;
        *first = other.1.min(*first);
        *count += other.2;
    }
}
