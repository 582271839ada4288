use flott_core::time::Timestamp;

use crate::{CheckpointEvent, Redistribution, Result, RuntimeContext};

/// The name of the watermark in checkpoints.
const WATERMARK: &str = "watermark";

/// The watermark that an operator had in the checkpoint from which it was restored. It comes once more then; timers that were
/// registered behind it wait for the next one, as they would have without the failure.
#[derive(Debug)]
pub(crate) struct KnownWatermark(Option<Timestamp>);

impl KnownWatermark {
    /// That of the checkpoint, if there is one.
    pub(crate) fn restore(operator: &RuntimeContext) -> Result<Self> {
        Ok(Self(operator.restored().list(WATERMARK)?.pop()))
    }

    /// To be asked with each watermark that comes: whether it is the one that comes once more.
    pub(crate) fn is(&mut self, watermark: Timestamp) -> bool {
        self.0.take() == Some(watermark)
    }

    /// Adds the current watermark to a checkpoint.
    pub(crate) fn checkpoint(
        operator: &RuntimeContext,
        event: &mut CheckpointEvent<'_>,
        watermark: Timestamp,
    ) -> Result<()> {
        let watermark = (watermark > Timestamp::MIN).then_some(watermark);
        // Watermarks and barriers come to all subtasks in the same order.
        event.operator(operator).list::<Timestamp, _>(WATERMARK, Redistribution::Broadcast, || watermark)
    }
}
