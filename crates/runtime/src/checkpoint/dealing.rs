//! Deals the elements of a list out to another number of subtasks.

use flott_storage::manifest::ListState;

/// Which part of an element is whose, where more subtasks begin with a list than it has elements. What can't be divided is
/// part 0's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// From 0.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

impl Part {
    /// What nobody else has a part of.
    pub const WHOLE: Self = Self { number: 0, of: 1 };
}

/// The elements of one list, as far as they have been seen: those of one subtask of then after those of another. Element
/// `n` goes to subtask `n % parallelism`, and a subtask beyond the last element shares one with those before it.
pub(super) struct Dealing {
    subtask: usize,
    parallelism: usize,
    seen: usize,
    /// Those that the subtask may share, with their schema.
    first: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Dealing {
    pub(super) fn new(subtask: u32, parallelism: u32) -> Self {
        Self { subtask: subtask as usize, parallelism: parallelism as usize, seen: 0, first: Vec::new() }
    }

    /// Those elements of `list` that are the subtask's.
    pub(super) fn deal(&mut self, list: &ListState) -> Vec<Vec<u8>> {
        let shared = list.elements.iter().take(self.subtask.saturating_sub(self.first.len()));
        self.first.extend(shared.map(|element| (list.schema.clone(), element.clone())));
        let numbered = (self.seen..).zip(&list.elements);
        let ours = numbered.filter(|(number, _)| number % self.parallelism == self.subtask);
        let ours = ours.map(|(_, element)| element.clone()).collect();
        self.seen += list.elements.len();
        ours
    }

    /// Once all are dealt: which part the subtask has of what it begins with.
    pub(super) fn part(&self) -> Part {
        if self.seen == 0 || self.seen >= self.parallelism {
            return Part::WHOLE;
        }
        let sharing = (self.parallelism - self.subtask % self.seen).div_ceil(self.seen);
        Part { number: (self.subtask / self.seen) as u32, of: sharing as u32 }
    }

    /// Once all are dealt: schema and bytes of an element that went to another subtask, if there is none for this one.
    pub(super) fn shared(&self) -> Option<(&[u8], &[u8])> {
        let at = self.subtask.checked_rem(self.seen).filter(|_| self.subtask >= self.seen)?;
        self.first.get(at).map(|(schema, element)| (&**schema, &**element))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flott_storage::manifest::Redistribution;
    use proptest::prelude::*;

    use super::*;

    fn list(elements: impl IntoIterator<Item = u8>) -> ListState {
        let elements = elements.into_iter().map(|element| vec![element]).collect();
        let schema = Vec::new();
        ListState { name: "list".to_owned(), redistribution: Redistribution::Split, schema, elements }
    }

    proptest! {
        #[test]
        fn each_part_of_each_element_is_one_subtasks(
            counts in prop::collection::vec(0u8..5, 0..6),
            parallelism in 1u32..20,
        ) {
            let all: u8 = counts.iter().sum();
            let mut parts = BTreeMap::<u8, Vec<Part>>::new();
            for subtask in 0..parallelism {
                let mut dealing = Dealing::new(subtask, parallelism);
                let mut from = 0;
                let mut ours = Vec::new();
                for count in &counts {
                    ours.extend(dealing.deal(&list(from..from + count)));
                    from += count;
                }
                let part = dealing.part();
                let shared = dealing.shared().map(|(_, element)| element.to_vec());
                prop_assert_eq!(shared.is_some(), part.number > 0);
                ours.extend(shared);
                prop_assert!(all == 0 || !ours.is_empty(), "subtask {} is left out", subtask);
                ours.iter().for_each(|element| parts.entry(element[0]).or_default().push(part));
            }
            prop_assert!(parts.keys().copied().eq(0..all));
            for parts in parts.values() {
                let of = parts.len() as u32;
                prop_assert!(parts.iter().copied().eq((0..of).map(|number| Part { number, of })), "{:?}", parts);
            }
        }
    }
}
