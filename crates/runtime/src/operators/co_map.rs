use super::pass_on;
use crate::{Batch, Result, RuntimeContext, input::TwoInputs, output::Downstream, scope};

/// Turns each record of two streams into one of a common kind.
pub struct CoMap<F, G, U> {
    position: u32,
    left: F,
    right: G,
    next: Downstream<U>,
}

impl<F, G, U> CoMap<F, G, U> {
    /// Maps the first stream with `left` and the second with `right`, and hands on to `next`.
    pub fn new(context: &RuntimeContext, left: F, right: G, next: Downstream<U>) -> Self {
        Self { position: context.position, left, right, next }
    }
}

impl<A, B, U, F, G> TwoInputs<A, B> for CoMap<F, G, U>
where
    U: Send,
    F: FnMut(A) -> U + Send,
    G: FnMut(B) -> U + Send,
{
    fn emit_left(&mut self, batch: &mut Batch<A>) -> Result<()> {
        {
            let _scope = scope::enter(self.position);
            for (record, timestamp) in batch.drain() {
                self.next.emit((self.left)(record), timestamp);
            }
        }
        self.next.send()
    }

    fn emit_right(&mut self, batch: &mut Batch<B>) -> Result<()> {
        {
            let _scope = scope::enter(self.position);
            for (record, timestamp) in batch.drain() {
                self.next.emit((self.right)(record), timestamp);
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
        Mark, Timestamp,
        output::SideOutputs,
        testing::{Collected, Event, operator},
    };

    #[test]
    fn both_streams_keep_their_timestamps() {
        let output = Collected::default();
        let next = Downstream::new(Box::new(output.clone()), SideOutputs::default());
        let mut map = CoMap::new(&operator("Co-Map"), |n: u64| n.to_string(), |s: &str| s.to_owned(), next);
        let mut left = Batch::new();
        left.push(7, Timestamp::from_millis(70));
        let mut right = Batch::new();
        right.push("eight", Timestamp::from_millis(80));
        map.emit_left(&mut left).unwrap();
        TwoInputs::<u64, &str>::mark(&mut map, Mark::Idle).unwrap();
        map.emit_right(&mut right).unwrap();
        let batch = |record: &str, millis| {
            let timestamps = vec![Timestamp::from_millis(millis)];
            Event::Batch(Batch { records: vec![record.to_owned()], timestamps })
        };
        assert_eq!(output.events(), [batch("7", 70), Event::Mark(Mark::Idle), batch("eight", 80)]);
    }
}
