use std::collections::VecDeque;

use crate::machine::{Event, EventKind, State};

/// About how many machines run at the same time.
const MACHINES: f64 = 1_000.0;
/// An event comes from one of so many machines that have waited longest.
const FIRST: usize = 20;

/// Makes up what state machines send.
#[derive(Clone)]
pub(crate) struct Generator {
    random: Random,
    /// Addresses and states of those that run, that which sent an event last being last.
    machines: VecDeque<(u32, State)>,
    error_rate: f64,
}

impl Generator {
    pub(crate) fn new(error_rate: f64) -> Self {
        Self { random: Random(0), machines: VecDeque::new(), error_rate }
    }

    /// The next event: the first one of a new machine, the fewer there are the more probably; else that of one that runs.
    pub(crate) fn next(&mut self) -> Event {
        let chance = self.random.fraction();
        if chance * MACHINES >= self.machines.len() as f64 {
            let address = self.new_address();
            return self.step(address, State::Initial);
        }
        let index = self.random.below(self.machines.len()).min(FIRST);
        let (address, state) = self.machines.remove(index).expect("the index is below the length");
        if chance < self.error_rate {
            // A machine that breaks is not heard of again.
            return Event { address, kind: self.not_allowed(state) };
        }
        self.step(address, state)
    }

    fn new_address(&mut self) -> u32 {
        loop {
            let address = self.random.next() as u32;
            if !self.machines.iter().any(|(taken, _)| *taken == address) {
                return address;
            }
        }
    }

    /// Lets a machine go on that has not ended.
    fn step(&mut self, address: u32, state: State) -> Event {
        let mut chance = self.random.fraction();
        let transitions = state.transitions();
        let &(kind, next, _) = transitions
            .iter()
            .find(|(.., probability)| {
                chance -= probability;
                chance < 0.0
            })
            // What is left of a probability when it is rounded.
            .unwrap_or(transitions.last().expect("machines that have ended are not kept"));
        if next != State::Terminal {
            self.machines.push_back((address, next));
        }
        Event { address, kind }
    }

    fn not_allowed(&mut self, state: State) -> EventKind {
        use EventKind::{A, B, C, D, E, F, G};
        let kinds = [A, B, C, D, E, F, G].map(|kind| (kind, state.after(kind)));
        loop {
            if let (kind, None) = kinds[self.random.below(kinds.len())] {
                return kind;
            }
        }
    }
}

/// Looks like chance, but is the same in each run.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 += 1;
        flott::mix(self.0)
    }

    /// From 0 to below 1.
    fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() >> 32) as usize % bound
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn without_errors_all_events_are_allowed_and_machines_come_and_go() {
        let mut generator = Generator::new(0.0);
        let mut states = HashMap::new();
        let mut ended = 0;
        for _ in 0..50_000 {
            let Event { address, kind } = generator.next();
            let state = states.entry(address).or_insert(State::Initial);
            *state = state.after(kind).unwrap_or_else(|| panic!("{kind} is not allowed in {state:?}"));
            if *state == State::Terminal {
                states.remove(&address);
                ended += 1;
            }
        }
        assert!(ended > 5_000, "{ended}");
        assert!((100..1_000).contains(&states.len()), "{}", states.len());
    }
}
