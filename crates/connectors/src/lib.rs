//! Sources and sinks that come with Flott.

mod collection;
mod file_sink;
mod generator;
mod path;
mod print;
#[cfg(test)]
mod testing;
mod text_file;

pub use collection::CollectionSource;
pub use file_sink::TextFileSink;
pub use generator::GeneratorSource;
pub use print::{PrintSink, PrintTarget};
pub use text_file::TextFileSource;
