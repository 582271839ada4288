//! The output of test jobs that number the records of each key: lines `KEY COUNT NUMBER`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::text::read_lines;

/// Checks that each number is there once, and that the counts of each key are 1, 2, 3 …: that state has lost no record
/// and seen none twice. Returns the numbers.
///
/// # Panics
/// If it is otherwise, or a line has another form.
#[track_caller]
pub fn read_numbers(dir: &Path) -> BTreeSet<u64> {
    let mut numbers = BTreeSet::new();
    let mut counts = BTreeMap::<u64, BTreeSet<u64>>::new();
    for line in read_lines(dir) {
        let fields: Option<Vec<u64>> = line.split(' ').map(|field| field.parse().ok()).collect();
        let Some([key, count, number]) = fields.as_deref().and_then(|fields| fields.first_chunk().copied())
        else {
            panic!("the line {line:?} is damaged");
        };
        assert!(numbers.insert(number), "number {number} is there twice");
        assert!(counts.entry(key).or_default().insert(count), "key {key} has counted {count} twice");
    }
    for (key, counts) in &counts {
        let (first, last) = (counts.first().copied(), counts.last().copied());
        assert_eq!(first, Some(1), "key {key}");
        assert_eq!(last, Some(counts.len() as u64), "key {key} has left out counts");
    }
    numbers
}
