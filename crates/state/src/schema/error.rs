/// Why a value could not be brought from one schema to another, or a schema not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The bytes end within a value.
    #[error("value ends too early: byte {offset} is missing")]
    Truncated {
        /// How many bytes there are.
        offset: usize,
    },
    /// The bytes can't be a value of the schema.
    #[error("value is damaged: no {what} at byte {offset}")]
    Damaged {
        /// What was expected there.
        what: &'static str,
        /// Where, counted from the beginning of the bytes.
        offset: usize,
    },
    /// More bytes than one value has.
    #[error("value is damaged: it ends at byte {offset}, but there are {length}")]
    Trailing {
        /// Where the value ends.
        offset: usize,
        /// How many bytes there are.
        length: usize,
    },
    /// A type that is opaque, and doesn't tell how long its values are.
    #[error("cannot pass over values of type `{type_name}`, whose format is known to itself alone")]
    Opaque {
        /// The name of the type.
        type_name: String,
    },
    /// A stored schema that can't have been written by this or any earlier version.
    #[error("stored schema is damaged: {reason}")]
    Schema {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A migration can't read the old value.
    #[error("cannot read a `{type_name}` for its migration: {reason}")]
    Decode {
        /// The old type.
        type_name: &'static str,
        /// What the deserializer said.
        reason: String,
    },
    /// A migration's result can't be written.
    #[error("cannot write the `{type_name}` made by a migration: {reason}")]
    Encode {
        /// The new type.
        type_name: &'static str,
        /// What the serializer said.
        reason: String,
    },
}
