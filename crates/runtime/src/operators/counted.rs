use flott_exchange::Batch;

use super::pass_on;
use crate::{BoxOutput, Output, Result, RuntimeContext, metrics::Counter};

/// Counts the records between two operators of a chain.
struct Counted<T> {
    records: Counter,
    next: BoxOutput<T>,
}

impl<T: Send> Output<T> for Counted<T> {
    fn emit(&mut self, batch: &mut Batch<T>) -> Result<()> {
        self.records.inc_by(batch.len() as u64);
        self.next.emit(batch)
    }

    pass_on!(mark, on_processing_time, end, flush, close, checkpoint);
}

/// Counts, batch by batch, what `from` hands on to `next`, where the operators `to` read it: it is `numRecordsOut` of the one
/// and `numRecordsIn` of the others.
pub fn count_between<T: Send + 'static>(
    from: &RuntimeContext,
    to: &[RuntimeContext],
    next: BoxOutput<T>,
) -> BoxOutput<T> {
    let records = from.metrics().counter("numRecordsOut");
    for reader in to {
        reader.metrics().show("numRecordsIn", &records);
    }
    Box::new(Counted { records, next })
}

#[cfg(test)]
mod tests {
    use flott_core::metrics::MetricValue;

    use super::*;
    use crate::{
        operators::Map,
        testing::{Collected, operator},
    };

    #[test]
    fn what_one_operator_hands_on_is_what_others_read() {
        let from = operator("map");
        let to = RuntimeContext::new(from.task.clone(), "reader", "reader", 1);
        let next = count_between(&from, &[to], Box::new(Collected::<u32>::default()));
        let mut map = Map::new(&from, |record: u32| record + 1, next);
        for records in [vec![1, 2, 3], vec![4]] {
            let mut batch = Batch::new();
            batch.records.extend(records);
            map.emit(&mut batch).unwrap();
        }
        let metrics = from.task.counters.read_operators();
        let metrics: Vec<_> =
            metrics.iter().map(|metric| (&*metric.operator, &*metric.name, metric.value)).collect();
        let four = MetricValue::Integer(4);
        assert!(metrics.contains(&("map", "numRecordsOut", four)), "{metrics:?}");
        assert!(metrics.contains(&("reader", "numRecordsIn", four)), "{metrics:?}");
    }
}
