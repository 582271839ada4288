//! Configuration: what an operator writes in `config.yaml` or as `-D key=value`, as typed values.
//!
//! Each option is declared once, in [`options`], with its key, type, default, range and what operators should
//! know; `docs/configuration.md` is generated from that. [`Configuration::parse`] checks everything at once, so that
//! a typed [`get`](Configuration::get) afterwards cannot fail, and every value knows where it was written.
//!
//! ```
//! use flott_core::config::{Configuration, options::rest};
//!
//! let text = "rest:\n  port: 9091\n";
//! let (config, warnings) = Configuration::parse(text, "config.yaml").expect("the text is valid");
//! assert_eq!(config.get(&rest::PORT).0, 9091);
//! assert!(warnings.is_empty());
//!
//! let errors = Configuration::parse("rest.port: many", "config.yaml").unwrap_err();
//! assert_eq!(
//!     errors[0].to_string(),
//!     "config.yaml:1: rest.port: got \"many\", allowed: a port from 0 to 65535"
//! );
//! ```
//!
//! Nothing here reads a file or the environment: the caller does, and hands over the text.

mod checks;
mod document;
mod error;
mod lookup;
mod option;
pub mod options;
mod reference;
mod settings;
mod value;

pub use error::{ConfigError, Origin, Problem, Warning};
pub use lookup::redacted;
pub use option::{AnyOption, ConfigOption};
pub use reference::reference;
pub use settings::{Configuration, UnknownKey};
pub use value::{
    ByteSize, ClusterId, ConfigValue, EtcdEndpoint, HighAvailability, Host, HostPort, LogLevel, Mismatch,
    Port, PortRange, RawValue, RestartStrategyName, StateBackend, StorageLocation, UnknownLogLevel, duration,
};
