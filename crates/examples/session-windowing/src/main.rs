//! Sums the events of each session, which a pause of three milliseconds ends: Flink's `SessionWindowing`.
//!
//! ```sh
//! cargo run --release -p session-windowing
//! flott run target/release/session-windowing --output /data/sessions
//! ```

use std::time::Duration;

use clap::Parser;
use flott::{WatermarkGenerator, WatermarkOutput, prelude::*};

/// An id, when it happened in milliseconds, and how often.
type Event = (String, i64, u32);

const EVENTS: [(&str, i64, u32); 7] =
    [("a", 1, 1), ("b", 1, 1), ("b", 3, 1), ("b", 5, 1), ("c", 6, 1), ("a", 10, 1), ("c", 11, 1)];

#[derive(Parser)]
#[command(about = "Sums events by session", version)]
struct Arguments {
    /// Directory to write part files to; prints if absent.
    #[arg(long)]
    output: Option<String>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();
    env.set_parallelism(1);

    let events = env.from_collection(EVENTS.map(|(id, time_ms, count)| (id.to_owned(), time_ms, count)));
    let sessions = sessions(&events).map(|(id, start, count)| format!("({id},{start},{count})"));
    match &arguments.output {
        Some(directory) => sessions.write_text(directory),
        None => sessions.print(),
    };
    env.execute("SessionWindowing")?;
    Ok(())
}

/// The time of the result is that of the session's first event.
fn sessions(events: &DataStream<Event>) -> SingleOutputStream<Event> {
    let strategy = WatermarkStrategy::for_generator(AfterEachEvent)
        .with_timestamp_assigner(|(_, time_ms, _): &Event, _| *time_ms);
    events
        .assign_timestamps_and_watermarks(strategy)
        .key_by_ref(|(id, ..)| id)
        .window(EventTimeSessionWindows::with_gap(Duration::from_millis(3)))
        .sum(|(_, _, count)| count)
}

/// As events come in order of time, each one says that all before its time have come. So a session is known to be over
/// at once, and not only when the interval of periodic watermarks has passed.
#[derive(Clone)]
struct AfterEachEvent;

impl WatermarkGenerator<Event> for AfterEachEvent {
    fn on_event(&mut self, _: &Event, timestamp: Timestamp, output: &mut WatermarkOutput) {
        output.emit_watermark(timestamp - Duration::from_millis(1));
    }

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}

#[cfg(test)]
mod tests {
    use flott::testing::TestHarness;

    use super::*;

    #[test]
    fn sessions_are_told_as_soon_as_they_are_over() {
        let harness = TestHarness::new();
        let events = harness.input::<Event>();
        let sessions = harness.output(&sessions(events.stream()));
        let told_with = EVENTS.map(|(id, time_ms, count)| {
            events.push((id.to_owned(), time_ms, count));
            sessions
                .records()
                .iter()
                .map(|(id, start, count)| format!("({id},{start},{count})"))
                .collect::<Vec<_>>()
        });

        assert_eq!(told_with[3], ["(a,1,1)"], "b at 5: nothing came for a since 1");
        assert_eq!(told_with[5], ["(b,1,3)", "(c,6,1)"], "a at 10");
        assert_eq!(told_with.iter().flatten().count(), 3);
        events.end();
        let rest = sessions.records();
        assert_eq!(rest, [("a".to_owned(), 10, 1), ("c".to_owned(), 11, 1)]);
    }
}
