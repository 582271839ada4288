//! The structure of types whose values are in snapshots, and what may become of it from one version of a job to the
//! next.
//!
//! Values are stored in postcard's format, which doesn't describe itself: bytes of one type read as another give
//! garbage or, at best, an error. So a snapshot says of each state how its values are built, as a [`Schema`]. It is
//! found by running the type's own `Deserialize` implementation against made-up input. What counts is what decides about
//! the bytes and their meaning: names of fields and variants, their order, their types. Names of structs don't count,
//! and a newtype is what it wraps.
//!
//! ```
//! # use serde::{Deserialize, Serialize};
//! # use flott_state::schema::Schema;
//! #[derive(Serialize, Deserialize)]
//! struct User {
//!     name: String,
//!     age: Option<u32>,
//! }
//! assert_eq!(Schema::of::<User>().to_string(), "{ name: String, age: Option<u32> }");
//! ```
//!
//! When a job is restored, [`Evolution::plan`] compares what is stored with what the job has now:
//!
//! | it has changed in this way | then |
//! | --- | --- |
//! | not at all | values are read as they are |
//! | fields of type `Option` added to a struct, fields reordered, variants added to an enum, integers widened with their sign kept, `T` made `Option<T>` | values are rewritten by a [`Transcoder`], as `None` what is new |
//! | in any other way, and there is a [`Migration`] from the stored type | the author's function makes the new value of the old |
//! | in any other way | the job is refused, with the path of what doesn't fit |
//!
//! A type that refuses made-up input, or reads it in a way that can't be followed, is *opaque*: it fits its own name
//! alone. If it at least tells what it reads, then what stands beside it can still change.

mod compatibility;
mod display;
mod error;
mod migration;
mod node;
mod trace;
mod transcoder;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use xxhash_rust::xxh3::xxh3_64;

use self::node::Node;
pub use self::{
    compatibility::Compatibility,
    error::SchemaError,
    migration::{Evolution, Migration, Plan},
    transcoder::Transcoder,
};

/// How the values of a type are built, as far as that shows in their bytes. Two schemas are equal if values of the one
/// are values of the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<Node>", into = "Vec<Node>")]
pub struct Schema {
    /// A graph, as types may contain themselves; the first node is the root. In normal form, so that equality of
    /// vectors is equality of schemas.
    nodes: Vec<Node>,
}

impl Schema {
    /// The schema of `T`. Takes microseconds to milliseconds: meant for when a state is registered.
    ///
    /// Never fails: what can't be found out makes an opaque type.
    pub fn of<T: Serialize + DeserializeOwned>() -> Self {
        trace::trace::<T>()
    }

    /// A hash of the schema, the same on every machine and in every release.
    ///
    /// ```
    /// # use flott_state::schema::Schema;
    /// assert_eq!(Schema::of::<u64>().fingerprint(), Schema::of::<std::num::Wrapping<u64>>().fingerprint());
    /// assert_ne!(Schema::of::<u64>().fingerprint(), Schema::of::<u32>().fingerprint());
    /// ```
    pub fn fingerprint(&self) -> u64 {
        // Nodes are plain vectors, strings and integers, whose serialization into memory can't fail.
        xxh3_64(&postcard::to_allocvec(&self.nodes).unwrap_or_default())
    }

    /// What is to be done with values of `old` where `new` ones are expected.
    pub fn compatibility(old: &Self, new: &Self) -> Compatibility {
        compatibility::compatibility(old, new)
    }

    /// The length in bytes of the value at the beginning of `bytes`. For many values make a [`Schema::copier`] once.
    ///
    /// # Errors
    /// If the bytes are damaged, or the schema contains an opaque type that can't be passed over.
    pub fn skip(&self, bytes: &[u8]) -> Result<usize, SchemaError> {
        self.copier()?.length(bytes)
    }

    /// A transcoder that leaves values of this schema as they are: tells their lengths and checks them.
    ///
    /// # Errors
    /// If the schema contains an opaque type that can't be passed over.
    pub fn copier(&self) -> Result<Transcoder, SchemaError> {
        compatibility::copier(self)
    }
}

impl TryFrom<Vec<Node>> for Schema {
    type Error = SchemaError;

    fn try_from(nodes: Vec<Node>) -> Result<Self, SchemaError> {
        node::validate(&nodes)?;
        Ok(Self { nodes: node::normalize(&nodes) })
    }
}

impl From<Schema> for Vec<Node> {
    fn from(schema: Schema) -> Self {
        schema.nodes
    }
}
