//! Files of state segments: written behind the back of a thread that must not wait, and read ahead for one that does.

mod reader;
mod writer;

pub use reader::{Segment, SegmentRequest, StateFileReader, StateFileReaderOptions, verify_state_file};
pub use writer::{SegmentLocation, StateFileWriter, StateFileWriterOptions};

#[cfg(test)]
mod tests;
