//! Sources and sinks that come with Flott.

mod collection;
mod file_sink;
mod file_source;
mod format;
mod generator;
mod path;
mod print;
#[cfg(test)]
mod restarts;
mod socket;
#[cfg(test)]
mod testing;

pub use collection::CollectionSource;
pub use file_sink::{
    BucketAssigner, BucketContext, DateTimeBuckets, FileSink, FileWriter, NoBuckets, RollingPolicy,
    TextFileSink,
};
pub use file_source::{FileReader, FileSource, FileSplit, TextFileSource};
pub use format::{
    BytesFormat, CsvFormat, FileFormat, FormatReader, JsonFormat, Malformed, OnMalformed, Results,
    RowEncoder, RowFormat, TextFormat,
};
pub use generator::GeneratorSource;
pub use print::{DebugStyle, DisplayStyle, PrintSink, PrintStyle, PrintTarget};
pub use socket::{Retries, SocketSink, SocketTextReader, SocketTextSource, SocketWriter};
