//! Schemas as graphs, and their normal form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::SchemaError;

/// The position of a node in its schema.
pub(super) type Id = u32;

/// One type of a schema. Stored in snapshots: variants are only ever added, at the end.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Node {
    /// Nothing at all: `()`, unit structs, variants without content.
    Unit,
    Bool,
    Char,
    String,
    Bytes,
    F32,
    F64,
    Unsigned(Width),
    Signed(Width),
    Option(Id),
    Seq(Id),
    Map(Id, Id),
    /// Arrays, too.
    Tuple(Vec<Id>),
    Struct(Vec<(String, Id)>),
    /// Variants with their contents, which are units, tuples, structs or what a newtype variant wraps.
    Enum(Vec<(String, Id)>),
    /// A type that refused made-up input; `wire` is what it reads, if it told.
    Opaque {
        type_name: String,
        wire: Option<Id>,
    },
}

/// The width of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Width {
    W8,
    W16,
    W32,
    W64,
    W128,
}

impl Width {
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::W8 => 8,
            Self::W16 => 16,
            Self::W32 => 32,
            Self::W64 => 64,
            Self::W128 => 128,
        }
    }
}

impl Node {
    /// The same node with other children.
    pub(super) fn map(&self, f: &mut impl FnMut(Id) -> Id) -> Self {
        match self {
            Self::Option(inner) => Self::Option(f(*inner)),
            Self::Seq(element) => Self::Seq(f(*element)),
            Self::Map(key, value) => Self::Map(f(*key), f(*value)),
            Self::Tuple(elements) => Self::Tuple(elements.iter().map(|id| f(*id)).collect()),
            Self::Struct(fields) => {
                Self::Struct(fields.iter().map(|(name, id)| (name.clone(), f(*id))).collect())
            }
            Self::Enum(variants) => {
                Self::Enum(variants.iter().map(|(name, id)| (name.clone(), f(*id))).collect())
            }
            Self::Opaque { type_name, wire } => {
                Self::Opaque { type_name: type_name.clone(), wire: wire.map(f) }
            }
            leaf => leaf.clone(),
        }
    }

    pub(super) fn children(&self) -> Vec<Id> {
        match self {
            Self::Option(id) | Self::Seq(id) => vec![*id],
            Self::Map(key, value) => vec![*key, *value],
            Self::Tuple(elements) => elements.clone(),
            Self::Struct(parts) | Self::Enum(parts) => parts.iter().map(|(_, id)| *id).collect(),
            Self::Opaque { wire, .. } => wire.iter().copied().collect(),
            _ => Vec::new(),
        }
    }
}

/// Numbers the nodes such that two have the same number if, and only if, nothing tells them apart however deep one looks.
pub(super) fn classes(nodes: &[Node]) -> Vec<Id> {
    // Partition refinement: what looks different is different, then what has different children.
    let mut classes = vec![0; nodes.len()];
    let mut count = 0;
    loop {
        let mut numbers = BTreeMap::new();
        let refined: Vec<Id> = nodes
            .iter()
            .map(|node| {
                let next = numbers.len() as Id;
                *numbers.entry(node.map(&mut |id| classes[id as usize])).or_insert(next)
            })
            .collect();
        classes = refined;
        if numbers.len() == count {
            return classes;
        }
        count = numbers.len();
    }
}

/// The one form of all graphs that mean the same: without duplicates, and in the order of first use. All ids must be
/// valid.
pub(super) fn normalize(nodes: &[Node]) -> Vec<Node> {
    let classes = classes(nodes);
    let mut new_ids = BTreeMap::from([(classes[0], 0)]);
    let mut order = vec![0];
    let mut next = 0;
    while next < order.len() {
        for child in nodes[order[next] as usize].children() {
            new_ids.entry(classes[child as usize]).or_insert_with(|| {
                order.push(child);
                order.len() as Id - 1
            });
        }
        next += 1;
    }
    order.iter().map(|id| nodes[*id as usize].map(&mut |child| new_ids[&classes[child as usize]])).collect()
}

/// Checks a graph that was read from outside.
pub(super) fn validate(nodes: &[Node]) -> Result<(), SchemaError> {
    if nodes.is_empty() {
        return Err(SchemaError::Schema { reason: "it is empty" });
    }
    if nodes.iter().flat_map(Node::children).any(|id| id as usize >= nodes.len()) {
        return Err(SchemaError::Schema { reason: "it refers to a type that it doesn't contain" });
    }
    let is_twice = |parts: &[(String, Id)]| {
        let mut names: Vec<&str> = parts.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.windows(2).any(|pair| pair[0] == pair[1])
    };
    if nodes.iter().any(|node| matches!(node, Node::Struct(parts) | Node::Enum(parts) if is_twice(parts))) {
        return Err(SchemaError::Schema { reason: "it has two fields or variants of one name" });
    }
    Ok(())
}
