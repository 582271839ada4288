//! Who waits for what a task host's subtasks do.

use std::collections::BTreeMap;

use flott_core::{JobGraph, profile::TaskSamples};
use tokio::sync::oneshot;

use crate::profiles::SampledHost;

/// Most samplings of one task host at a time: each is a thread there.
const SAMPLINGS: usize = 16;

/// The samplings that are under way.
#[derive(Debug, Default)]
pub(super) struct Samplings {
    waiting: BTreeMap<u64, oneshot::Sender<SampledHost>>,
    next: u64,
}

impl Samplings {
    /// Begins one, and returns its number; `None` if there are too many.
    pub(super) fn begin(&mut self, reply: oneshot::Sender<SampledHost>) -> Option<u64> {
        if self.waiting.len() >= SAMPLINGS {
            return None;
        }
        self.next += 1;
        self.waiting.insert(self.next, reply);
        Some(self.next)
    }

    /// One has ended.
    pub(super) fn end(&mut self, request_id: u64, graph: &JobGraph, pid: u32, samples: TaskSamples) {
        let Some(reply) = self.waiting.remove(&request_id) else { return };
        let vertices =
            graph.vertices.iter().map(|vertex| (vertex.name.clone(), vertex.parallelism)).collect();
        let _ = reply.send(SampledHost { pid, vertices, samples }); // nobody may wait any more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samplings_are_bounded_until_they_end() {
        let mut samplings = Samplings::default();
        let begin = |samplings: &mut Samplings| samplings.begin(oneshot::channel().0);
        let numbers: Vec<_> = (0..SAMPLINGS).filter_map(|_| begin(&mut samplings)).collect();
        assert_eq!(numbers.len(), SAMPLINGS);
        assert_eq!(begin(&mut samplings), None);
        assert!(samplings.waiting.remove(&numbers[3]).is_some());
        assert!(begin(&mut samplings).is_some_and(|number| !numbers.contains(&number)));
    }
}
