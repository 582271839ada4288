//! List state against vectors.

use std::collections::HashMap;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Get,
    Len,
    Push(u8),
    Extend(Vec<u8>),
    Set(Vec<u8>),
    Increase,
    Retain(u8),
    Take,
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Get),
        1 => Just(Op::Len),
        5 => any::<u8>().prop_map(Op::Push),
        1 => prop::collection::vec(any::<u8>(), 0..4).prop_map(Op::Extend),
        1 => prop::collection::vec(any::<u8>(), 0..4).prop_map(Op::Set),
        1 => Just(Op::Increase),
        1 => any::<u8>().prop_map(Op::Retain),
        1 => Just(Op::Take),
        1 => Just(Op::Clear),
    ]
}

/// Elements and when they were written, as Flink's `TtlListState` treats them.
#[derive(Default)]
struct List(Vec<(u8, i64)>);

impl List {
    fn visible(&self, rules: Rules, now: i64) -> Vec<u8> {
        let visible = |(_, written): &&(u8, i64)| rules.returns_expired() || !rules.is_expired(*written, now);
        self.0.iter().filter(visible).map(|(value, _)| *value).collect()
    }

    fn read(&mut self, rules: Rules, now: i64) -> Vec<u8> {
        let shown = self.visible(rules, now);
        let alive = |(_, written): &(u8, i64)| !rules.is_expired(*written, now);
        if !self.0.iter().any(alive) {
            self.0.clear();
        }
        if rules.updates_on_read() {
            self.0.retain(alive);
            self.0.iter_mut().for_each(|(_, written)| *written = now);
        }
        shown
    }

    fn push(&mut self, values: Vec<u8>, now: i64) {
        self.0.extend(values.into_iter().map(|value| (value, now)));
    }
}

fn list_state<N: TestNamespace>(steps: Vec<Step<Op>>, ttl: Option<StateTtl>) {
    let rules = Rules { ttl };
    let mut state = new_state();
    let handle = state.in_namespace::<N>().list::<u8>(descriptor(ttl)).unwrap();
    let mut model = HashMap::<_, List>::new();
    let mut now = 0;
    for step in steps {
        let list = model.entry(go::<N, _>(&mut state, &mut now, &step)).or_default();
        let ctx = &mut state;
        match step.op {
            Op::Get => assert_eq!(handle.get(ctx), list.read(rules, now)),
            Op::Len => {
                assert_eq!(handle.len(ctx), list.visible(rules, now).len());
                assert_eq!(handle.is_empty(ctx), list.visible(rules, now).is_empty());
            }
            Op::Push(value) => {
                handle.push(ctx, value);
                list.push(vec![value], now);
            }
            Op::Extend(values) => {
                handle.extend(ctx, values.clone());
                list.push(values, now);
            }
            Op::Set(values) => {
                handle.set(ctx, values.clone());
                list.0.clear();
                list.push(values, now);
            }
            Op::Increase => {
                let increase = |value: &mut u8| *value = value.wrapping_add(1);
                handle.get_mut(ctx).iter_mut().for_each(increase);
                let mut values = list.visible(rules, now);
                values.iter_mut().for_each(increase);
                list.0.clear();
                list.push(values, now);
            }
            Op::Retain(limit) => {
                handle.retain(ctx, |value| *value >= limit);
                list.0.retain(|(value, written)| {
                    *value >= limit && (rules.returns_expired() || !rules.is_expired(*written, now))
                });
            }
            Op::Take => {
                assert_eq!(handle.take(ctx), list.visible(rules, now));
                list.0.clear();
            }
            Op::Clear => {
                handle.clear(ctx);
                list.0.clear();
            }
        }
        if ttl.is_none() {
            assert_eq!(state.len(), model.values().filter(|list| !list.0.is_empty()).count());
        }
    }
}

proptest! {
    #[test]
    fn list_state_behaves_like_vectors(steps in steps(op()), ttl in any_ttl()) {
        list_state::<()>(steps.clone(), ttl);
        list_state::<String>(steps, ttl);
    }
}

#[test]
fn lists_of_merged_windows_are_appended() {
    let mut state = new_state::<u8>();
    let list = state.in_namespace::<u8>().list::<u8>("list").unwrap();
    use_key(&mut state, 1);
    for window in [1u8, 2, 3] {
        state.set_namespace(&window);
        list.extend(&mut state, [window * 10, window * 10 + 1]);
    }
    list.merge_namespaces(&mut state, &2, &[1, 2, 3, 4]);
    assert_eq!(state.len(), 1);
    state.set_namespace(&2u8);
    assert_eq!(list.get(&state), [20, 21, 10, 11, 30, 31]);
}

#[test]
fn elements_of_merged_windows_live_at_least_as_long_as_by_themselves() {
    let mut state = new_state::<u8>();
    let ttl = StateTtl::new(Duration::from_millis(10)).update(TtlUpdate::OnReadAndWrite);
    let list = state.in_namespace::<u8>().list::<u8>(StateDescriptor::new("list").ttl(ttl)).unwrap();
    use_key(&mut state, 1);
    for (window, time) in [(1u8, 0), (2, 4), (1, 8)] {
        state.set_namespace(&window);
        state.set_time(at(time));
        list.push(&mut state, time as u8);
    }
    state.set_namespace(&2u8);
    assert_eq!(list.get(&state), [4], "reading it at 8 prolongs its life until 18");
    list.merge_namespaces(&mut state, &2, &[1]);
    state.set_time(at(17));
    assert_eq!(list.len(&state), 3, "0 stands behind 4 and lives as long");
    state.set_time(at(18));
    assert_eq!(list.len(&state), 0);
}
