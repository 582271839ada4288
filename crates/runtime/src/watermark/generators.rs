use std::time::Duration;

use flott_core::time::Timestamp;

use super::{WatermarkGenerator, WatermarkOutput};

/// The watermark stays a fixed time behind the greatest timestamp, as Flink's `BoundedOutOfOrdernessWatermarks`.
#[derive(Clone, Debug)]
pub struct BoundedOutOfOrderness {
    bound: Duration,
    greatest: Timestamp,
}

/// A record may have the same timestamp as the greatest one so far.
const TICK: Duration = Duration::from_millis(1);

impl BoundedOutOfOrderness {
    /// Behind by `bound`.
    pub fn new(bound: Duration) -> Self {
        Self { bound, greatest: Timestamp::MIN }
    }
}

impl<T> WatermarkGenerator<T> for BoundedOutOfOrderness {
    const PUNCTUATED: bool = false;

    #[inline]
    fn on_event(&mut self, _: &T, timestamp: Timestamp, _: &mut WatermarkOutput) {
        self.greatest = self.greatest.max(timestamp);
    }

    fn on_periodic_emit(&mut self, output: &mut WatermarkOutput) {
        let watermark = self.greatest - self.bound - TICK;
        if !watermark.is_none() {
            output.emit_watermark(watermark);
        }
    }
}

/// Never a watermark.
#[derive(Clone, Copy, Debug)]
pub struct NoWatermarks;

impl<T> WatermarkGenerator<T> for NoWatermarks {
    const PUNCTUATED: bool = false;
    const SILENT: bool = true;

    #[inline]
    fn on_event(&mut self, _: &T, _: Timestamp, _: &mut WatermarkOutput) {}

    fn on_periodic_emit(&mut self, _: &mut WatermarkOutput) {}
}
