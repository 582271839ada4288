//! What is known of a type while it is being traced.

use std::collections::BTreeSet;

use crate::schema::node::Node;

/// What is known of one type.
#[derive(Debug)]
pub(super) enum Shape {
    /// A leaf.
    Plain(Node),
    Option(Slot),
    Seq(Slot),
    Map(Slot, Slot),
    Tuple(Vec<Slot>),
    Struct(StructShape),
    Enum(EnumShape),
    Opaque {
        name: String,
        wire: Slot,
    },
}

/// The type of a part, if it is known.
pub(super) type Slot = Option<usize>;

#[derive(Debug)]
pub(super) struct StructShape {
    /// In the order of the bytes.
    pub(super) fields: Vec<Field>,
    /// Fields whose values can't be made up, or could not yet: they go last, as all ends with them.
    pub(super) failing: BTreeSet<&'static str>,
    /// There are more names than fields: some have aliases.
    pub(super) has_aliases: bool,
}

#[derive(Debug)]
pub(super) struct Field {
    /// A name that the type knows it by.
    pub(super) key: &'static str,
    /// Its own name.
    pub(super) name: &'static str,
    pub(super) slot: Slot,
}

#[derive(Debug)]
pub(super) struct EnumShape {
    pub(super) variants: Vec<Variant>,
    /// A variant that is known to lead to a finite value.
    pub(super) base: Option<usize>,
    /// There are more names than variants: some have aliases, and nobody can tell which name is whose.
    pub(super) has_aliases: bool,
}

#[derive(Debug)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) is_tried: bool,
    pub(super) slot: Slot,
}

impl StructShape {
    pub(super) fn new(names: &[&'static str]) -> Self {
        Self {
            fields: names.iter().map(|name| Field { key: name, name, slot: None }).collect(),
            failing: BTreeSet::new(),
            has_aliases: false,
        }
    }
}

impl EnumShape {
    pub(super) fn new(names: &[&'static str]) -> Self {
        Self {
            variants: names.iter().map(|name| Variant { name, is_tried: false, slot: None }).collect(),
            base: None,
            has_aliases: false,
        }
    }
}

impl Shape {
    /// The types of the parts, known or not.
    pub(super) fn slots(&self) -> Vec<Slot> {
        match self {
            Self::Plain(_) => Vec::new(),
            Self::Option(slot) | Self::Seq(slot) | Self::Opaque { wire: slot, .. } => vec![*slot],
            Self::Map(key, value) => vec![*key, *value],
            Self::Tuple(slots) => slots.clone(),
            Self::Struct(shape) => shape.fields.iter().map(|field| field.slot).collect(),
            Self::Enum(shape) => shape.variants.iter().map(|variant| variant.slot).collect(),
        }
    }

    /// Whether something about the type itself, not about its parts, is unknown.
    pub(super) fn has_gap(&self) -> bool {
        match self {
            // It may tell nothing, and then there is nothing to be found out.
            Self::Opaque { .. } => false,
            Self::Enum(shape) if shape.variants.is_empty() => shape.has_aliases,
            shape => shape.slots().contains(&None),
        }
    }

    /// Sets the type of the part at this position (of a map, the key is at 0). Returns whether that is news.
    pub(super) fn set(&mut self, position: usize, id: usize) -> bool {
        let slot = match self {
            Self::Plain(_) => None,
            Self::Map(key, value) => Some(if position == 0 { key } else { value }),
            Self::Option(slot) | Self::Seq(slot) | Self::Opaque { wire: slot, .. } => Some(slot),
            Self::Tuple(slots) => slots.get_mut(position),
            Self::Struct(shape) => shape.fields.get_mut(position).map(|field| &mut field.slot),
            Self::Enum(shape) => shape.variants.get_mut(position).map(|variant| &mut variant.slot),
        };
        match slot {
            // A type that turns out to be opaque replaces what it seemed to be.
            Some(slot) if *slot != Some(id) => {
                *slot = Some(id);
                true
            }
            _ => false,
        }
    }
}
