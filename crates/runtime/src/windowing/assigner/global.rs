use flott_core::time::Timestamp;

use super::{
    super::{EndOfStreamTrigger, GlobalWindow, NeverTrigger, Trigger},
    AssignerContext, TimeDomain, WindowAssigner,
};
use crate::BoxError;

/// One window for all records of a key. It never ends by itself: set a trigger, or take
/// [`create_with_end_of_stream_trigger`](GlobalWindows::create_with_end_of_stream_trigger).
#[derive(Clone, Copy, Debug)]
pub struct GlobalWindows<G = NeverTrigger> {
    trigger: G,
}

impl GlobalWindows {
    /// Windows that give nothing unless another trigger is set.
    pub fn create() -> Self {
        Self { trigger: NeverTrigger }
    }

    /// Windows that give their contents at the end of the input, which must be bounded.
    pub fn create_with_end_of_stream_trigger() -> GlobalWindows<EndOfStreamTrigger> {
        GlobalWindows { trigger: EndOfStreamTrigger }
    }
}

impl<T, G: Trigger<T, GlobalWindow>> WindowAssigner<T> for GlobalWindows<G> {
    type Window = GlobalWindow;
    type DefaultTrigger = G;

    fn assign(
        &self,
        _: &T,
        _: Timestamp,
        _: &AssignerContext,
        windows: &mut Vec<GlobalWindow>,
    ) -> Result<(), BoxError> {
        windows.push(GlobalWindow);
        Ok(())
    }

    fn default_trigger(&self) -> G {
        self.trigger.clone()
    }

    /// As in Flink: no record is ever late for a window without an end, and none needs a timestamp.
    fn time_domain(&self) -> TimeDomain {
        TimeDomain::ProcessingTime
    }
}
