use super::{Collector, pass_on};
use crate::{Batch, Result, RuntimeContext, input::TwoInputs, output::Downstream, scope};

/// Turns each record of two streams into any number of records of a common kind.
pub struct CoFlatMap<F, G, U> {
    position: u32,
    left: F,
    right: G,
    next: Downstream<U>,
}

impl<F, G, U> CoFlatMap<F, G, U> {
    /// Maps the first stream with `left` and the second with `right`, and hands on to `next`.
    pub fn new(context: &RuntimeContext, left: F, right: G, next: Downstream<U>) -> Self {
        Self { position: context.position, left, right, next }
    }
}

impl<A, B, U, F, G> TwoInputs<A, B> for CoFlatMap<F, G, U>
where
    U: Send,
    F: FnMut(A, &mut Collector<'_, U>) + Send,
    G: FnMut(B, &mut Collector<'_, U>) + Send,
{
    fn emit_left(&mut self, batch: &mut Batch<A>) -> Result<()> {
        {
            let _scope = scope::enter(self.position);
            for (record, timestamp) in batch.drain() {
                (self.left)(record, &mut Collector::new(&mut self.next, timestamp));
            }
        }
        self.next.send()
    }

    fn emit_right(&mut self, batch: &mut Batch<B>) -> Result<()> {
        {
            let _scope = scope::enter(self.position);
            for (record, timestamp) in batch.drain() {
                (self.right)(record, &mut Collector::new(&mut self.next, timestamp));
            }
        }
        self.next.send()
    }

    pass_on!(mark, on_processing_time, end, flush, close, checkpoint);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        output::SideOutputs,
        testing::{Collected, operator},
    };

    #[test]
    fn records_of_both_streams_become_any_number() {
        let output = Collected::default();
        let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
        let mut flat_map = CoFlatMap::new(
            &operator("Co-Flat Map"),
            |n: u64, out: &mut Collector<'_, u64>| out.extend(0..n),
            |s: &str, out: &mut Collector<'_, u64>| out.extend(s.parse::<u64>()),
            next,
        );
        flat_map.emit_left(&mut vec![2, 0].into()).unwrap();
        flat_map.emit_right(&mut vec!["seven", "7"].into()).unwrap();
        assert_eq!(output.records(), [0, 1, 7]);
    }
}
