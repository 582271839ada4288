//! What authors of sources and sinks implement.

mod sink;
mod source;

pub use self::{
    sink::{BoxCommitter, CommitOutcome, Committer, NoCommittable, Sink, SinkWriter},
    source::{Boundedness, Discovery, ReadStatus, Source, SourceReader, SplitEnumerator, all_splits},
};

/// An error of a source, a sink or a function: any error will do.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
