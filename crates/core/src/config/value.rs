//! The types that options have, and how their values are written.

pub mod duration;
mod high_availability;
mod network;
mod recovery;
mod scalar;
mod size;
mod storage;

pub use high_availability::{ClusterId, EtcdEndpoint, HighAvailability, HostPort};
pub use network::{Host, Port, PortRange};
pub use recovery::{RestartStrategyName, StateBackend};
pub use scalar::{LogLevel, UnknownLogLevel};
pub use size::ByteSize;
pub use storage::StorageLocation;

/// A value as written, before it has a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RawValue {
    /// One value. Numbers and booleans keep the text they were written with.
    Scalar(String),
    /// A YAML list of values.
    List(Vec<String>),
}

impl RawValue {
    /// The value on one line; the items of a list are separated by `;`, as they may be on a command line.
    pub fn text(&self) -> String {
        match self {
            Self::Scalar(text) => text.clone(),
            Self::List(items) => items.join(";"),
        }
    }
}

/// A value cannot be had from a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// What is allowed instead.
    pub allowed: String,
}

/// A type that options may have.
pub trait ConfigValue: Sized + 'static {
    /// Says what may be written, for error texts and the reference page.
    fn allowed() -> String;

    /// Returns the value of `raw`.
    ///
    /// # Errors
    /// If `raw` is not written as [`allowed`](Self::allowed) says.
    fn parse(raw: &RawValue) -> Result<Self, Mismatch>;

    /// The value of an option that is not set and has no default; only `Option<…>` has one.
    fn unset() -> Option<Self> {
        None
    }
}

impl<T: ConfigValue> ConfigValue for Option<T> {
    fn allowed() -> String {
        T::allowed()
    }

    fn parse(raw: &RawValue) -> Result<Self, Mismatch> {
        T::parse(raw).map(Some)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }
}

/// Parses a scalar with `convert`; a list, or `None` from `convert`, is a mismatch.
fn parse_scalar<T: ConfigValue>(
    raw: &RawValue,
    convert: impl FnOnce(&str) -> Option<T>,
) -> Result<T, Mismatch> {
    match raw {
        RawValue::Scalar(text) => convert(text.trim()),
        RawValue::List(_) => None,
    }
    .ok_or_else(|| Mismatch { allowed: T::allowed() })
}
