//! Watches state machines by the events that they send, and tells of events that they must not send in the state that
//! they are in: Flink's `StateMachineExample`.
//!
//! ```sh
//! cargo run --release -p state-machine -- --error-rate 0.01
//! flott run -p 4 target/release/state-machine --error-rate 0.001 --rps 100000
//! ```
//! Events are made up, by chance but each time the same, for ever or for `--count` events.

mod generator;
mod machine;

use clap::Parser;
use flott::prelude::*;

use crate::{
    generator::Generator,
    machine::{Alert, Event, State},
};

#[derive(Parser)]
#[command(about = "Tells of events that a state machine does not allow", version)]
struct Arguments {
    /// The probability of an event that is not allowed, from 0 to 1.
    #[arg(long, default_value_t = 0.0, value_parser = probability)]
    error_rate: f64,
    /// How many events come in a second.
    #[arg(long, default_value_t = 1_000.0)]
    rps: f64,
    /// How many events come; if absent they never end.
    #[arg(long)]
    count: Option<u64>,
    /// Directory to write part files to; prints if absent.
    #[arg(long)]
    output: Option<String>,
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(probability) if (0.0..=1.0).contains(&probability) => Ok(probability),
        _ => Err("it must be a number from 0 to 1".to_owned()),
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let env = StreamExecutionEnvironment::new();

    let mut generator = Generator::new(arguments.error_rate);
    // One subtask, since events of an address must come in order.
    let events = env
        .generate_at_rate(arguments.count, arguments.rps, |tick| tick)
        .set_parallelism(1)
        .map(move |_| generator.next())
        .name("Events")
        .set_parallelism(1);
    let alerts = alerts(&events);
    match &arguments.output {
        Some(directory) => alerts.write_text(directory),
        None => alerts.print(),
    };
    env.execute("State machine job")?;
    Ok(())
}

fn alerts(events: &DataStream<Event>) -> SingleOutputStream<Alert> {
    events.key_by(|event| event.address).rich_flat_map(Watch::default()).name("State machines")
}

/// Follows the state machine of each address.
#[derive(Clone, Default)]
struct Watch {
    state: ValueState<State>,
}

impl RichFlatMapFunction<Event, u32> for Watch {
    type Out = Alert;

    fn open(&mut self, context: &mut OpenContext<'_, u32>) -> Result<(), BoxError> {
        self.state = context.value("state")?;
        Ok(())
    }

    fn flat_map(
        &mut self,
        event: Event,
        ctx: &mut RichContext<'_, u32>,
        out: &mut Collector<'_, Alert>,
    ) -> Result<(), BoxError> {
        let state = self.state.get(ctx).copied().unwrap_or(State::Initial);
        match state.after(event.kind) {
            None => out.emit(Alert { state, event }),
            // A machine that has ended needs no memory; the address may begin anew.
            Some(State::Terminal) => self.state.clear(ctx),
            Some(next) => self.state.set(ctx, next),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use flott::testing::TestHarness;

    use super::{
        machine::EventKind::{self, A, B, C, D, E, G},
        *,
    };

    fn told(events: impl IntoIterator<Item = Event>) -> Vec<String> {
        let harness = TestHarness::new();
        let input = harness.input::<Event>();
        let alerts = harness.output(&alerts(input.stream()));
        events.into_iter().for_each(|event| input.push(event));
        alerts.records().iter().map(Alert::to_string).collect()
    }

    fn of(address: u32) -> impl Fn(EventKind) -> Event {
        move |kind| Event { address, kind }
    }

    #[test]
    fn what_is_allowed_is_not_told() {
        let ways = [[A, B, E, G].as_slice(), &[C, B, E, G], &[C, D, G]];
        // Each address takes all ways, one after the other.
        let events = [1, 2].into_iter().flat_map(|address| ways.concat().into_iter().map(of(address)));
        assert_eq!(told(events), [""; 0]);
    }

    #[test]
    fn what_is_not_allowed_is_told_and_changes_nothing() {
        let one = of(0x0a00_0001);
        let other = of(0x0a00_0002);
        let events = [one(A), other(B), one(G), one(B), other(C), other(E), one(E), one(G), one(G)];
        assert_eq!(
            told(events),
            [
                "ALERT 10.0.0.2 : Initial -> b",
                "ALERT 10.0.0.1 : W -> g",
                "ALERT 10.0.0.2 : X -> e",
                "ALERT 10.0.0.1 : Initial -> g",
            ]
        );
    }

    #[test]
    fn made_up_events_are_told_as_a_plain_map_would_tell_them() {
        let mut generator = Generator::new(0.1);
        let events: Vec<_> = (0..20_000).map(|_| generator.next()).collect();
        let mut states = HashMap::new();
        let mut expected = Vec::new();
        for &event in &events {
            let state = *states.entry(event.address).or_insert(State::Initial);
            match state.after(event.kind) {
                None => expected.push(Alert { state, event }.to_string()),
                Some(State::Terminal) => drop(states.remove(&event.address)),
                Some(next) => drop(states.insert(event.address, next)),
            }
        }
        assert!(expected.len() > 500, "{}", expected.len());
        assert_eq!(told(events), expected);
    }
}
