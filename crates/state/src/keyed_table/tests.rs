use std::collections::BTreeMap;

use flott_core::key_group::{key_group, subtask_of_group};
use proptest::prelude::*;

use super::*;

#[derive(Clone, Copy, Debug)]
enum Change {
    Add(u64),
    Remove,
    Retain(u8),
    IncreaseAll,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        4 => any::<u64>().prop_map(Change::Add),
        2 => Just(Change::Remove),
        1 => any::<u8>().prop_map(Change::Retain),
        1 => Just(Change::IncreaseAll),
    ]
}

proptest! {
    #[test]
    fn any_changes_give_what_they_give_on_a_map(changes in prop::collection::vec((any::<u8>(), change()), 0..200)) {
        let mut table = KeyedTable::<u8, u64>::new(SubtaskIndex(1), 2, 16);
        let mut expected = BTreeMap::<u8, u64>::new();
        for (key, change) in changes {
            let hash = stable_hash(&key);
            if !table.key_groups().contains(&key_group(hash, 16)) {
                continue;
            }
            match change {
                Change::Add(by) => {
                    let value = table.get_or_insert_with(hash, &key, || key, || 7);
                    *value = value.wrapping_add(by);
                    let value = expected.entry(key).or_insert(7);
                    *value = value.wrapping_add(by);
                }
                Change::Remove => prop_assert_eq!(table.remove(hash, &key), expected.remove(&key)),
                Change::Retain(bit) => {
                    let keep = |key: &u8, value: &mut u64| {
                        *value ^= 1;
                        (key >> (bit % 8)) & 1 == 0
                    };
                    table.retain(keep);
                    expected.retain(keep);
                }
                Change::IncreaseAll => {
                    table.iter_mut().for_each(|(_, value)| *value = value.wrapping_add(1));
                    expected.values_mut().for_each(|value| *value = value.wrapping_add(1));
                }
            }
            prop_assert_eq!(table.get(hash, &key), expected.get(&key));
            prop_assert_eq!(table.len(), expected.len());
        }
        let all: BTreeMap<_, _> = table.iter().map(|(key, value)| (*key, *value)).collect();
        prop_assert_eq!(&all, &expected);
    }

    #[test]
    fn behaves_like_a_map_spread_over_subtasks(updates: Vec<(u16, i64)>, parallelism in 1u32..5) {
        let mut tables: Vec<_> = (0..parallelism)
            .map(|subtask| KeyedTable::<u16, i64>::new(SubtaskIndex(subtask), parallelism, 16))
            .collect();
        let mut expected = BTreeMap::new();
        for (key, value) in updates {
            let hash = stable_hash(&key);
            let owner = subtask_of_group(key_group(hash, 16), parallelism, 16);
            let table = &mut tables[owner.0 as usize];
            match table.get_mut(hash, &key) {
                Some(sum) => *sum = sum.wrapping_add(value),
                None => {
                    table.insert(hash, key, value);
                }
            }
            let sum: &mut i64 = expected.entry(key).or_default();
            *sum = sum.wrapping_add(value);
        }
        prop_assert_eq!(tables.iter().map(KeyedTable::len).sum::<usize>(), expected.len());
        let all: BTreeMap<_, _> = tables.iter_mut().flat_map(KeyedTable::drain).collect();
        prop_assert_eq!(all, expected);
        prop_assert!(tables.iter().all(KeyedTable::is_empty));
    }
}

#[test]
#[should_panic(expected = "owns their key group")]
fn a_key_of_another_subtask_is_not_taken() {
    let mut tables = [0, 1].map(|subtask| KeyedTable::<u64, u64>::new(SubtaskIndex(subtask), 2, 2));
    for table in &mut tables {
        table.insert(stable_hash(&1u64), 1, 1);
    }
}
