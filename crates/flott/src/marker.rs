//! Marks the binary as a Flott program, so that a cluster can tell before it runs it.
#![allow(unsafe_code, reason = "placing data into a named section is an unsafe attribute")]

use flott_core::sdk;

#[used]
#[unsafe(link_section = ".flott.sdk")]
static MARKER: [u8; sdk::MARKER.len()] = sdk::MARKER;

/// Keeps the linker from dropping the marker: it is part of what the program reads.
pub(crate) fn keep() {
    std::hint::black_box(&MARKER);
}
