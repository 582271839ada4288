//! Functions by which authors bring old state to new types, and the choice of what to do with stored values.

use std::{
    any::{TypeId, type_name},
    fmt,
    sync::Arc,
};

use serde::{Serialize, de::DeserializeOwned};

use super::{Compatibility, Schema, SchemaError, Transcoder, trace::short_name};
use crate::StateValue;

/// A function of the author that makes a value of a state's present type from one of an earlier type.
///
/// ```
/// # use flott_state::schema::{Evolution, Migration, Schema};
/// // Cents were kept as a number; now the currency stands beside them.
/// let migration = Migration::new(|cents: u64| (cents, "EUR".to_owned()));
/// migration.check::<(u64, String)>()?;
/// let plan = Evolution::plan(&Schema::of::<u64>(), &Schema::of::<(u64, String)>(), &[migration])?;
/// let (mut old, mut new) = (vec![7], Vec::new());
/// assert_eq!(plan.apply(&old, &mut new).unwrap(), 1);
/// assert_eq!(new, b"\x07\x03EUR");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone)]
pub struct Migration {
    old: Schema,
    old_name: &'static str,
    new: TypeId,
    new_name: &'static str,
    convert: Arc<Convert>,
}

/// Appends to the vector what becomes of the value at the beginning of the bytes, and returns the length of the latter.
type Convert = dyn Fn(&[u8], &mut Vec<u8>) -> Result<usize, SchemaError> + Send + Sync;

impl Migration {
    /// From values of the type `Old`, as snapshots have them, to such of the type `New`, which a state has now.
    pub fn new<Old, New>(migrate: impl Fn(Old) -> New + Send + Sync + 'static) -> Self
    where
        Old: Serialize + DeserializeOwned,
        New: StateValue,
    {
        let convert = move |bytes: &[u8], out: &mut Vec<u8>| {
            let (old, rest) = postcard::take_from_bytes::<Old>(bytes).map_err(|error| {
                SchemaError::Decode { type_name: type_name::<Old>(), reason: error.to_string() }
            })?;
            postcard::to_io(&migrate(old), out).map_err(|error| SchemaError::Encode {
                type_name: type_name::<New>(),
                reason: error.to_string(),
            })?;
            Ok(bytes.len() - rest.len())
        };
        Self {
            old: Schema::of::<Old>(),
            old_name: type_name::<Old>(),
            new: TypeId::of::<New>(),
            new_name: type_name::<New>(),
            convert: Arc::new(convert),
        }
    }

    /// The schema of values that it takes.
    pub fn old(&self) -> &Schema {
        &self.old
    }

    /// Checks that it makes values of the type `V`, which a state has.
    ///
    /// # Errors
    /// A text that says what it makes instead.
    pub fn check<V: 'static>(&self) -> Result<(), String> {
        if self.new == TypeId::of::<V>() {
            return Ok(());
        }
        Err(format!(
            "the migration from `{}` makes a `{}`, but the values of the state are `{}`: let its function return that",
            short_name(self.old_name),
            short_name(self.new_name),
            short_name(type_name::<V>()),
        ))
    }
}

/// Migrations are equal if they are between the same types: functions can't be compared.
impl PartialEq for Migration {
    fn eq(&self, other: &Self) -> bool {
        (&self.old, self.old_name, self.new) == (&other.old, other.old_name, other.new)
    }
}

impl Eq for Migration {}

impl fmt::Debug for Migration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Migration({} -> {})", self.old_name, self.new_name)
    }
}

/// Chooses what to do with stored values.
#[derive(Clone, Copy, Debug)]
pub struct Evolution;

impl Evolution {
    /// What to do with values of the schema `old` where such of the schema `new` are expected. A migration from just
    /// `old` goes before what can be done without one; a migration from another type takes `old`, too, if that fits it.
    ///
    /// # Errors
    /// A text that says what doesn't fit, and what the author can do.
    pub fn plan(old: &Schema, new: &Schema, migrations: &[Migration]) -> Result<Plan, String> {
        if old == new {
            return Ok(Plan::Same(old.copier().ok()));
        }
        if let Some(migration) = migrations.iter().find(|migration| migration.old == *old) {
            return Ok(Plan::Migrate { before: None, migration: migration.clone() });
        }
        let reason = match Schema::compatibility(old, new) {
            Compatibility::Same => return Ok(Plan::Same(old.copier().ok())),
            Compatibility::Transcode(transcoder) => return Ok(Plan::Transcode(transcoder)),
            Compatibility::Incompatible(reason) => reason,
        };
        for migration in migrations {
            if let Compatibility::Transcode(before) = Schema::compatibility(old, &migration.old) {
                return Ok(Plan::Migrate { before: Some(before), migration: migration.clone() });
            }
        }
        let hint = match migrations {
            [] => {
                "give the state a migration from the stored type (`StateDescriptor::migrate_from`)".to_owned()
            }
            some => {
                let known: Vec<String> =
                    some.iter().map(|m| format!("`{}`", short_name(m.old_name))).collect();
                format!(
                    "it doesn't fit the state's migration from {} either; give it one from the stored type",
                    known.join(", ")
                )
            }
        };
        Err(format!("{reason}; stored is `{}`; {hint}", Brief(old)))
    }
}

struct Brief<'a>(&'a Schema);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::display::At { nodes: &self.0.nodes, id: 0 }.brief())
    }
}

/// What to do with stored values so that they become those of a state's present type.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Nothing: they can be read as they are. The transcoder, which changes nothing, is absent if the type is opaque.
    Same(Option<Transcoder>),
    /// They are rewritten.
    Transcode(Transcoder),
    /// The author's function makes new ones.
    Migrate {
        /// What is to be done before, if the stored type is not quite what the function takes.
        before: Option<Transcoder>,
        /// The function.
        migration: Migration,
    },
}

impl Plan {
    /// Whether stored values can be read as they are.
    pub fn is_same(&self) -> bool {
        matches!(self, Self::Same(_))
    }

    /// Appends to `out` what becomes of the stored value at the beginning of `bytes`, and returns the length of the
    /// latter: the next one begins there.
    ///
    /// # Errors
    /// If the bytes are damaged or can't be read by the author's type. `out` then has an undefined tail.
    pub fn apply(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, SchemaError> {
        match self {
            Self::Same(Some(copier)) => copier.transcode(bytes, out),
            Self::Same(None) => Err(SchemaError::Opaque { type_name: "this state's values".to_owned() }),
            Self::Transcode(transcoder) => transcoder.transcode(bytes, out),
            Self::Migrate { before: None, migration } => (migration.convert)(bytes, out),
            Self::Migrate { before: Some(before), migration } => {
                let mut between = Vec::new();
                let length = before.transcode(bytes, &mut between)?;
                (migration.convert)(&between, out)?;
                Ok(length)
            }
        }
    }
}
