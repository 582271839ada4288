//! Map state against ordered maps.

use std::collections::{BTreeMap, HashMap};

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Get(u8),
    Contains(u8),
    Iterate,
    Len,
    Insert(u8, u64),
    Increase(u8),
    IncreaseOrInsert(u8, u64),
    Remove(u8),
    Retain(u8),
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..4u8;
    prop_oneof![
        3 => key.clone().prop_map(Op::Get),
        1 => key.clone().prop_map(Op::Contains),
        2 => Just(Op::Iterate),
        2 => Just(Op::Len),
        4 => (key.clone(), any::<u64>()).prop_map(|(key, value)| Op::Insert(key, value)),
        1 => key.clone().prop_map(Op::Increase),
        2 => (key.clone(), any::<u64>()).prop_map(|(key, value)| Op::IncreaseOrInsert(key, value)),
        2 => key.clone().prop_map(Op::Remove),
        1 => key.prop_map(Op::Retain),
        1 => Just(Op::Clear),
    ]
}

/// Entries and when they were written, as Flink's `TtlMapState` treats them.
#[derive(Default)]
struct Map(BTreeMap<u8, (u64, i64)>);

impl Map {
    fn get(&mut self, rules: Rules, now: i64, key: u8) -> Option<u64> {
        let (value, written) = *self.0.get(&key)?;
        if rules.is_expired(written, now) {
            self.0.remove(&key);
            return rules.returns_expired().then_some(value);
        }
        if rules.updates_on_read() {
            self.0.insert(key, (value, now));
        }
        Some(value)
    }

    fn visible(&self, rules: Rules, now: i64, key: u8) -> Option<u64> {
        let (value, written) = *self.0.get(&key)?;
        (rules.returns_expired() || !rules.is_expired(written, now)).then_some(value)
    }

    fn read_all(&mut self, rules: Rules, now: i64) -> BTreeMap<u8, u64> {
        let keys: Vec<_> = self.0.keys().copied().collect();
        keys.into_iter().filter_map(|key| Some((key, self.get(rules, now, key)?))).collect()
    }

    fn all_visible(&self, rules: Rules, now: i64) -> usize {
        self.0.keys().filter(|key| self.visible(rules, now, **key).is_some()).count()
    }
}

fn map_state<N: TestNamespace>(steps: Vec<Step<Op>>, ttl: Option<StateTtl>) {
    let rules = Rules { ttl };
    let mut state = new_state();
    let handle = state.in_namespace::<N>().map::<u8, u64>(descriptor(ttl)).unwrap();
    let mut model = HashMap::<_, Map>::new();
    let mut now = 0;
    for step in steps {
        let map = model.entry(go::<N, _>(&mut state, &mut now, &step)).or_default();
        let ctx = &mut state;
        match step.op {
            Op::Get(key) => assert_eq!(handle.get(ctx, &key).copied(), map.get(rules, now, key)),
            Op::Contains(key) => assert_eq!(handle.contains(ctx, &key), map.get(rules, now, key).is_some()),
            Op::Iterate => {
                let all: BTreeMap<_, _> = handle.iter(ctx).map(|(key, value)| (*key, *value)).collect();
                assert_eq!(all, map.read_all(rules, now));
                let keys: BTreeMap<_, _> =
                    handle.keys(ctx).copied().zip(handle.values(ctx).copied()).collect();
                assert_eq!(keys, map.read_all(rules, now));
            }
            Op::Len => {
                assert_eq!(handle.len(ctx), map.all_visible(rules, now));
                assert_eq!(handle.is_empty(ctx), map.all_visible(rules, now) == 0);
            }
            Op::Insert(key, value) => {
                assert_eq!(handle.insert(ctx, key, value), map.visible(rules, now, key));
                map.0.insert(key, (value, now));
            }
            Op::Increase(key) => {
                let value = handle.get_mut(ctx, &key).map(|value| {
                    *value = value.wrapping_add(1);
                    *value
                });
                let expected = map.visible(rules, now, key).map(|value| value.wrapping_add(1));
                assert_eq!(value, expected);
                if let Some(value) = expected {
                    map.0.insert(key, (value, now));
                }
            }
            Op::IncreaseOrInsert(key, new) => {
                let value = handle.get_or_insert_with(ctx, key, || new);
                *value = value.wrapping_add(1);
                let expected = map.visible(rules, now, key).unwrap_or(new).wrapping_add(1);
                assert_eq!(*value, expected);
                map.0.insert(key, (expected, now));
            }
            Op::Remove(key) => {
                assert_eq!(handle.remove(ctx, &key), map.visible(rules, now, key));
                map.0.remove(&key);
            }
            Op::Retain(limit) => {
                handle.retain(ctx, |key, value| {
                    *value ^= 1;
                    *key >= limit
                });
                map.0.retain(|key, (value, written)| {
                    *value ^= 1;
                    *key >= limit && (rules.returns_expired() || !rules.is_expired(*written, now))
                });
            }
            Op::Clear => {
                handle.clear(ctx);
                map.0.clear();
            }
        }
        if ttl.is_none() {
            assert_eq!(state.len(), model.values().filter(|map| !map.0.is_empty()).count());
        }
    }
}

proptest! {
    #[test]
    fn map_state_behaves_like_maps(steps in steps(op()), ttl in any_ttl()) {
        map_state::<()>(steps.clone(), ttl);
        map_state::<String>(steps, ttl);
    }
}

#[test]
fn the_order_of_entries_depends_on_the_changes_alone() {
    let order = || {
        let mut state = new_state::<u8>();
        let map = state.map::<String, usize>("map").unwrap();
        use_key(&mut state, 1);
        map.extend(&mut state, (0..100).map(|i| (format!("key {i}"), i)));
        (0..50).for_each(|i| {
            map.remove(&mut state, format!("key {i}").as_str());
        });
        map.values(&state).copied().collect::<Vec<_>>()
    };
    assert_eq!(order(), order());
}
