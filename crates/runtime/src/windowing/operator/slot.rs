use flott_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A window of a key.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Slot<W, X, G> {
    pub(super) window: W,
    /// Nothing before the first record and after a purge.
    pub(super) contents: Option<X>,
    pub(super) trigger: G,
    /// Whether the timer is set that ends the window.
    pub(super) ends: bool,
    /// The event-time timer that the trigger has set last, which most triggers set again with each record.
    pub(super) timer: Option<Timestamp>,
}

impl<W, X, G: Default> Slot<W, X, G> {
    pub(super) fn new(window: W) -> Self {
        Self { window, contents: None, trigger: G::default(), ends: false, timer: None }
    }
}
