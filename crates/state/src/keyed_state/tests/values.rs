//! Value, reducing and aggregating state against maps.

use std::collections::HashMap;

use super::*;
use crate::AggregateFunction;

/// Values and when they were written, as Flink's `TtlDecorator` treats them.
struct Model {
    rules: Rules,
    values: HashMap<(u8, u8), (u64, i64)>,
}

impl Model {
    fn new(ttl: Option<StateTtl>) -> Self {
        Self { rules: Rules { ttl }, values: HashMap::new() }
    }

    fn get(&mut self, at: (u8, u8), now: i64) -> Option<u64> {
        let (value, written) = *self.values.get(&at)?;
        if self.rules.is_expired(written, now) {
            self.values.remove(&at);
            return self.rules.returns_expired().then_some(value);
        }
        if self.rules.updates_on_read() {
            self.values.insert(at, (value, now));
        }
        Some(value)
    }

    fn set(&mut self, at: (u8, u8), now: i64, value: u64) {
        self.values.insert(at, (value, now));
    }
}

#[derive(Clone, Debug)]
enum Op {
    Get,
    Set(u64),
    Increase,
    IncreaseOrInsert(u64),
    Take,
    Clear,
    ClearNamespace,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Get),
        2 => any::<u64>().prop_map(Op::Set),
        2 => Just(Op::Increase),
        2 => any::<u64>().prop_map(Op::IncreaseOrInsert),
        1 => Just(Op::Take),
        1 => Just(Op::Clear),
        1 => Just(Op::ClearNamespace),
    ]
}

fn value_state<N: TestNamespace>(steps: Vec<Step<Op>>, ttl: Option<StateTtl>) {
    let mut state = new_state();
    let handle = state.in_namespace::<N>().value::<u64>(descriptor(ttl)).unwrap();
    let (mut model, mut now) = (Model::new(ttl), 0);
    for step in steps {
        let at = go::<N, _>(&mut state, &mut now, &step);
        let ctx = &mut state;
        match step.op {
            Op::Get => assert_eq!(handle.get(ctx).copied(), model.get(at, now)),
            Op::Set(value) => {
                handle.set(ctx, value);
                model.set(at, now, value);
            }
            Op::Increase => {
                let value = handle.get_mut(ctx).map(|value| {
                    *value = value.wrapping_add(1);
                    *value
                });
                let expected = model.get(at, now).map(|value| value.wrapping_add(1));
                assert_eq!(value, expected);
                if let Some(value) = expected {
                    model.set(at, now, value);
                }
            }
            Op::IncreaseOrInsert(new) => {
                let value = handle.get_or_insert_with(ctx, || new);
                *value = value.wrapping_add(1);
                let expected = model.get(at, now).unwrap_or(new).wrapping_add(1);
                assert_eq!(*value, expected);
                model.set(at, now, expected);
            }
            Op::Take => {
                assert_eq!(handle.take(ctx), model.get(at, now));
                model.values.remove(&at);
            }
            Op::Clear => {
                handle.clear(ctx);
                model.values.remove(&at);
            }
            Op::ClearNamespace => {
                ctx.clear_namespace::<N>();
                model.values.remove(&at);
            }
        }
        if ttl.is_none() {
            assert_eq!(state.len(), model.values.len());
        }
    }
}

proptest! {
    #[test]
    fn value_state_behaves_like_a_map(steps in steps(op()), ttl in any_ttl()) {
        value_state::<()>(steps.clone(), ttl);
        value_state::<String>(steps, ttl);
    }
}

#[derive(Clone, Debug)]
enum SumOp {
    Get,
    Add(u64),
    Clear,
    Merge([u8; 2]),
}

fn sum_op() -> impl Strategy<Value = SumOp> {
    prop_oneof![
        3 => Just(SumOp::Get),
        5 => (0..1000u64).prop_map(SumOp::Add),
        1 => Just(SumOp::Clear),
        2 => [0..3u8, 0..3u8].prop_map(SumOp::Merge),
    ]
}

/// Sums into another type, so that nothing can be mistaken for it.
struct SumText;

impl AggregateFunction<u64> for SumText {
    type Accumulator = (u64,);
    type Output = String;

    fn create(&self) -> (u64,) {
        (0,)
    }

    fn add(&self, sum: &mut (u64,), value: u64) {
        sum.0 += value;
    }

    fn result(&self, sum: &(u64,)) -> String {
        sum.0.to_string()
    }

    fn merge(&self, sum: &mut (u64,), other: (u64,)) {
        sum.0 += other.0;
    }
}

impl Model {
    /// Adding looks at what is there by the rules, but is not a read.
    fn add(&mut self, at: (u8, u8), now: i64, value: u64) {
        let before = self.visible(at, now).unwrap_or(0);
        self.set(at, now, before + value);
    }

    fn visible(&self, at: (u8, u8), now: i64) -> Option<u64> {
        let (value, written) = *self.values.get(&at)?;
        (!self.rules.is_expired(written, now) || self.rules.returns_expired()).then_some(value)
    }

    fn merge(&mut self, key: u8, target: u8, sources: &[u8], now: i64) {
        for source in sources.iter().filter(|source| **source != target) {
            if let Some(value) = self.visible((key, *source), now) {
                self.add((key, target), now, value);
            }
            self.values.remove(&(key, *source));
        }
    }
}

proptest! {
    #[test]
    fn reducing_and_aggregating_state_behave_like_sums(steps in steps(sum_op()), ttl in any_ttl()) {
        let mut state = new_state();
        let mut other = new_state();
        let reducing = state
            .in_namespace::<String>()
            .reducing(descriptor(ttl), |sum: &mut u64, value| *sum += value)
            .unwrap();
        let aggregating = other.in_namespace::<String>().aggregating(descriptor(ttl), SumText).unwrap();
        let (mut model, mut now) = (Model::new(ttl), 0);
        for step in steps {
            let mut again = now;
            go::<String, _>(&mut other, &mut again, &step);
            let at = go::<String, _>(&mut state, &mut now, &step);
            match step.op {
                SumOp::Get => {
                    let expected = model.get(at, now);
                    prop_assert_eq!(reducing.get(&state).copied(), expected);
                    prop_assert_eq!(aggregating.get(&other), expected.map(|sum| sum.to_string()));
                }
                SumOp::Add(value) => {
                    reducing.add(&mut state, value);
                    aggregating.add(&mut other, value);
                    model.add(at, now, value);
                }
                SumOp::Clear => {
                    reducing.clear(&mut state);
                    aggregating.clear(&mut other);
                    model.values.remove(&at);
                }
                SumOp::Merge(sources) => {
                    let target = String::of(at.1).0;
                    let namespaces = sources.map(|source| String::of(source).0);
                    reducing.merge_namespaces(&mut state, &target, &namespaces);
                    aggregating.merge_namespaces(&mut other, &target, &namespaces);
                    model.merge(at.0, at.1, &sources, now);
                }
            }
        }
    }
}
