//! Tells the top speed of each car in the last ten seconds, every 50 meters: Flink's `TopSpeedWindowing`.
//!
//! ```sh
//! cargo run --release -p top-speed-windowing
//! flott run target/release/top-speed-windowing --input /data/cars --output /data/top-speeds
//! ```
//! A line of the input is a reading, `(car, km/h, meters driven, milliseconds since 1970)`, with or without
//! parentheses. Without `--input` cars drive on for ever, or for `--count` readings, by chance but each time the same.

mod reading;
mod traffic;

use std::time::Duration;

use clap::Parser;
use flott::prelude::*;

use crate::{
    reading::{Parse, Reading},
    traffic::Traffic,
};

/// How many cars there are without an input.
const CARS: usize = 2;

#[derive(Parser)]
#[command(about = "Tells the top speed of cars every 50 meters", version)]
struct Arguments {
    /// File, directory or glob pattern to read; made-up cars if absent.
    #[arg(long)]
    input: Option<String>,
    /// Directory to write part files to; prints if absent.
    #[arg(long)]
    output: Option<String>,
    /// How many readings made-up cars give; if absent they never stop.
    #[arg(long)]
    count: Option<u64>,
    /// How many readings made-up cars give in a second.
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();

    let readings = match &arguments.input {
        Some(path) => env.read_text_file(path).rich_map(Parse).name("Parse"),
        None => {
            let mut traffic = Traffic::new(CARS);
            // Where a car is depends on where it was, so one subtask drives them all.
            env.generate_at_rate(arguments.count, arguments.rate, |tick| tick)
                .set_parallelism(1)
                .map(move |tick| traffic.reading(tick))
                .name("Cars")
                .set_parallelism(1)
        }
    };
    let top_speeds = top_speeds(&readings);
    match &arguments.output {
        Some(directory) => top_speeds.write_text(directory),
        None => top_speeds.print(),
    };
    env.execute("CarTopSpeedWindowingExample")?;
    Ok(())
}

fn top_speeds(readings: &DataStream<Reading>) -> SingleOutputStream<Reading> {
    let timestamps = WatermarkStrategy::for_monotonous_timestamps()
        .with_timestamp_assigner(|reading: &Reading, _| reading.time_ms);
    readings
        .assign_timestamps_and_watermarks(timestamps)
        .key_by(|reading| reading.car)
        // One window without end for each car: the trigger says when to look at it, the evictor what has left it.
        .window(GlobalWindows::create())
        .evictor(TimeEvictor::of(Duration::from_secs(10)))
        .trigger(DeltaTrigger::of(50.0, |old: &Reading, new: &Reading| new.meters - old.meters))
        .max_by(|reading| reading.km_per_hour)
        .name("Top speed")
}

#[cfg(test)]
mod tests {
    use flott::testing::TestHarness;

    use super::*;

    #[test]
    fn every_50_meters_the_fastest_of_the_last_ten_seconds_is_told() {
        let harness = TestHarness::new();
        let lines = harness.input::<String>();
        let speeds = harness.output(&top_speeds(&lines.stream().rich_map(Parse)));
        let drive = |line: &str| {
            lines.push(line.to_owned());
            speeds.records().iter().map(Reading::to_string).collect::<Vec<_>>()
        };
        let none = [""; 0];

        assert_eq!(drive("(0,90,25,1000)"), none, "the first reading is where the 50 meters begin");
        assert_eq!(drive("(0,70,44,2000)"), none);
        assert_eq!(drive("(1,36,10,2500)"), none, "another car");
        assert_eq!(drive("(0,110,75,3000)"), none, "50 meters, not more");
        assert_eq!(drive("0, 70, 95.5, 4000"), ["(0,110,75,3000)"]);
        assert_eq!(drive("(1,180,60.5,4500)"), ["(1,180,60.5,4500)"]);
        assert_eq!(drive("(0,108,125.5,5000)"), none);
        assert_eq!(drive("(0,50,150,12999)"), ["(0,110,75,3000)"], "which is not quite ten seconds old");
        assert_eq!(drive("(0,50,201,15000)"), ["(0,50,150,12999)"], "older ones are forgotten");
    }

    #[test]
    fn made_up_cars_are_told_as_a_plain_loop_would_tell_them() {
        let mut traffic = Traffic::new(CARS);
        let readings: Vec<_> = (0..1_000).map(|tick| traffic.reading(tick)).collect();
        let mut expected = Vec::new();
        let mut since_meters = [None; CARS];
        for (index, reading) in readings.iter().enumerate() {
            let since_meters = since_meters[reading.car as usize].get_or_insert(reading.meters);
            if reading.meters - *since_meters > 50.0 {
                *since_meters = reading.meters;
                let recent = readings[..=index]
                    .iter()
                    .filter(|other| other.car == reading.car && other.time_ms > reading.time_ms - 10_000);
                // Of several that are the fastest the first counts; `max_by_key` gives the last.
                expected.extend(recent.rev().max_by_key(|other| other.km_per_hour).cloned());
            }
        }

        let harness = TestHarness::new();
        let input = harness.input::<Reading>();
        let told = harness.output(&top_speeds(input.stream()));
        readings.into_iter().for_each(|reading| input.push(reading));
        assert!(expected.len() > 100, "{}", expected.len());
        assert_eq!(told.records(), expected);
    }

    #[test]
    fn a_line_that_is_no_reading_fails_the_job_and_is_named() {
        let harness = TestHarness::new();
        let lines = harness.input::<String>();
        let _speeds = harness.output(&top_speeds(&lines.stream().rich_map(Parse)));
        let failure = lines.try_push("(0,fast,25,1000)".to_owned(), Timestamp::MIN).unwrap_err();
        assert!(failure.to_string().contains("`(0,fast,25,1000)` is no reading"), "{failure}");
    }
}
