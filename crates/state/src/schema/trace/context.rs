//! What all passes together have found out.

use std::{
    any::TypeId,
    collections::BTreeMap,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use serde::de;

use super::{shape::Shape, short_name};
use crate::schema::{
    Schema,
    node::{Id, Node, normalize},
};

/// How deep made-up values may be nested: sane types stay below, and a thread's stack holds it.
const MAX_DEPTH: u32 = 96;
/// How much work all passes may do: more than sane types need, and less than a second.
const MAX_STEPS: u64 = 2_000_000;
/// Different made-up input for a type that has refused the first, so that what comes behind it can be seen.
const CANDIDATES: usize = 16;

/// Ends a pass.
#[derive(Debug)]
pub(super) enum Stop {
    /// The author's code refused the input.
    Refused,
    /// It is known whose fault it is.
    Known,
    /// The author's code got the same field twice, by an alias and by this name.
    Twice(&'static str),
}

/// By this is recognized a [`Stop::Known`] that came through the author's hands.
const MARK: &str = "\u{1}flott: known\u{1}";

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "refused",
            Self::Known | Self::Twice(_) => MARK,
        })
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        if message.to_string().contains(MARK) { Self::Known } else { Self::Refused }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::Twice(field)
    }
}

/// What tells types apart: the visitor by which a type is read, and which of its ways to be read it is. Visitors differ
/// even where names don't.
pub(super) type TypeKey = (TypeId, Way);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Way {
    Option,
    Seq,
    Map,
    Tuple(usize),
    Struct,
    Enum,
    /// The content of a variant, which may have a visitor for several.
    Content {
        of: usize,
        variant: usize,
    },
}

pub(super) struct Context {
    shapes: Vec<Shape>,
    /// The Rust name of each shape's type.
    names: Vec<&'static str>,
    ids: BTreeMap<TypeKey, usize>,
    plain: BTreeMap<Node, usize>,
    refused: BTreeMap<TypeId, Refused>,
    /// The types in which we are.
    path: Vec<usize>,
    /// The type that the position at work turned out to have.
    seen: Option<usize>,
    /// Which input to make up.
    pub(super) candidate: usize,
    /// How much has been found out: by this is seen whether a pass brought something.
    pub(super) news: u64,
    /// Types within which something was unknown when the pass began.
    open: Vec<bool>,
    /// How often a type's made-up part failed.
    failures: BTreeMap<usize, u32>,
    pass: u32,
    is_smallest: bool,
    depth: u32,
    steps: u64,
}

struct Refused {
    /// Which made-up input is to be tried next.
    candidate: usize,
    id: usize,
}

impl Context {
    pub(super) fn new() -> Self {
        Self {
            shapes: Vec::new(),
            names: Vec::new(),
            ids: BTreeMap::new(),
            plain: BTreeMap::new(),
            refused: BTreeMap::new(),
            path: Vec::new(),
            seen: None,
            candidate: 0,
            news: 0,
            open: Vec::new(),
            failures: BTreeMap::new(),
            pass: 0,
            is_smallest: false,
            depth: 0,
            steps: 0,
        }
    }

    pub(super) fn begin_pass(&mut self, pass: u32) {
        self.pass = pass;
        self.open = self.with_gaps();
    }

    pub(super) fn begin_smallest_pass(&mut self) {
        self.is_smallest = true;
        // Also of a type that used up its steps we want to know this.
        self.steps = 0;
    }

    pub(super) fn get(&self, id: usize) -> &Shape {
        &self.shapes[id]
    }

    pub(super) fn shape(&mut self, id: usize) -> &mut Shape {
        &mut self.shapes[id]
    }

    pub(super) fn add(&mut self, shape: Shape, name: &'static str) -> usize {
        self.news += 1;
        self.shapes.push(shape);
        self.names.push(name);
        self.shapes.len() - 1
    }

    /// Notes that the position at work is of a plain type.
    pub(super) fn see_plain(&mut self, node: Node) {
        let id = match self.plain.get(&node) {
            Some(id) => *id,
            None => {
                let id = self.add(Shape::Plain(node.clone()), "");
                self.plain.insert(node, id);
                id
            }
        };
        self.see(id);
    }

    /// Notes that the position at work is of this type.
    fn see(&mut self, id: usize) {
        self.seen.get_or_insert(id);
    }

    /// Enters a type that has parts, and notes that the position at work is of it.
    pub(super) fn enter(
        &mut self,
        key: TypeKey,
        name: &'static str,
        shape: impl FnOnce() -> Shape,
    ) -> Result<usize, Stop> {
        let id = match self.ids.get(&key) {
            Some(id) => *id,
            None => {
                let id = self.add(shape(), name);
                self.ids.insert(key, id);
                id
            }
        };
        self.see(id);
        self.steps += 1;
        if self.depth >= MAX_DEPTH || self.steps > MAX_STEPS {
            return Err(Stop::Known);
        }
        self.path.push(id);
        Ok(id)
    }

    /// Leaves the type that was entered last.
    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    /// Whether we are in this type more than once.
    pub(super) fn is_within_itself(&self, id: usize) -> bool {
        self.path.iter().filter(|entered| **entered == id).count() > 1
    }

    /// Runs what deserializes the value at one position, a field for example, of the Rust type `of`. Returns which type
    /// that turned out to be, if it was said.
    pub(super) fn position<T>(
        &mut self,
        of: TypeId,
        name: &'static str,
        run: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> (Option<usize>, Result<T, Stop>) {
        let outer_seen = self.seen.take();
        let outer_candidate = self.candidate;
        let depth = self.path.len();
        if let Some(refused) = self.refused.get(&of) {
            self.candidate = refused.candidate;
        }
        self.depth += 1;
        // The author's code may not be prepared for such input.
        let result = catch_unwind(AssertUnwindSafe(|| run(self))).unwrap_or(Err(Stop::Refused));
        self.depth -= 1;
        self.path.truncate(depth);
        self.candidate = outer_candidate;
        if result.is_ok() && self.seen.is_none() {
            // It has asked for nothing.
            self.see_plain(Node::Unit);
        }
        let seen = std::mem::replace(&mut self.seen, outer_seen);

        let is_refused = matches!(result, Err(Stop::Refused));
        let id = if is_refused || self.refused.contains_key(&of) {
            Some(self.refuse(of, name, seen, is_refused))
        } else {
            seen
        };
        (id, result.map_err(|_| Stop::Known))
    }

    /// Runs what deserializes the content of a variant, which has no Rust type of its own. Returns which type that is.
    pub(super) fn content<T>(
        &mut self,
        run: impl FnOnce(&mut Self) -> Result<T, Stop>,
    ) -> (Option<usize>, Result<T, Stop>) {
        let outer_seen = self.seen.take();
        let value = run(self);
        (std::mem::replace(&mut self.seen, outer_seen), value)
    }

    /// Notes that the type refuses input: it is opaque.
    fn refuse(&mut self, of: TypeId, name: &'static str, seen: Option<usize>, again: bool) -> usize {
        if !self.refused.contains_key(&of) {
            let id = self.add(Shape::Opaque { name: short_name(name), wire: None }, name);
            self.refused.insert(of, Refused { candidate: 0, id });
        }
        let Some(refused) = self.refused.get_mut(&of) else { return 0 };
        let id = refused.id;
        if again && refused.candidate < CANDIDATES {
            refused.candidate += 1;
            self.news += 1;
        }
        if let Some(seen) = seen
            && seen != id
            && self.shapes[id].set(0, seen)
        {
            self.news += 1;
        }
        id
    }

    /// Notes of which type a part is, and whether it could be made up.
    pub(super) fn note(&mut self, id: usize, position: usize, part: Option<usize>, failed: bool) {
        if let Some(part) = part
            && self.shapes[id].set(position, part)
        {
            self.news += 1;
        }
        if failed {
            *self.failures.entry(id).or_default() += 1;
        }
    }

    /// Whether there is something to find out within an option, a sequence or a map.
    pub(super) fn is_worth_looking(&self, id: usize) -> bool {
        if self.is_within_itself(id) {
            return false;
        }
        // A type that refuses the smallest values may want something in there.
        if self.candidate % 2 == 1 {
            return true;
        }
        let may_show_more = !self.is_smallest && (self.shapes[id].has_gap() || self.is_open(id));
        may_show_more && (!self.has_failed(id) || self.chance(id, 2) == 0)
    }

    /// The variant that is to be made up now.
    pub(super) fn choose_variant(&self, id: usize) -> Result<usize, Stop> {
        let Shape::Enum(shape) = &self.shapes[id] else { return Err(Stop::Known) };
        let is_within_itself = self.is_within_itself(id);
        if let Some(base) = shape.base
            && (is_within_itself || self.is_smallest)
        {
            return Ok(base);
        }
        if let Some(untried) = shape.variants.iter().position(|variant| !variant.is_tried) {
            return Ok(untried);
        }
        if is_within_itself {
            return Err(Stop::Known);
        }
        let open: Vec<usize> = (0..shape.variants.len())
            .filter(|i| shape.variants[*i].slot.is_none_or(|slot| self.is_open(slot)))
            .collect();
        let is_base_due = self.has_failed(id) && self.chance(id, 4) == 0;
        match shape.base {
            Some(base) if open.is_empty() || is_base_due => Ok(base),
            _ if !open.is_empty() => Ok(open[self.chance(id, open.len())]),
            _ if !shape.variants.is_empty() => Ok(self.chance(id, shape.variants.len())),
            _ => Err(Stop::Known),
        }
    }

    fn has_failed(&self, id: usize) -> bool {
        self.failures.contains_key(&id)
    }

    pub(super) fn is_open(&self, id: usize) -> bool {
        self.open.get(id).copied().unwrap_or(false)
    }

    /// A number below `below`, another in each pass: what fails must not keep us from what comes behind it for ever.
    pub(super) fn chance(&self, id: usize, below: usize) -> usize {
        let seed = (u64::from(self.pass) << 32) | id as u64;
        (flott_core::hash::mix(seed) % below as u64) as usize
    }

    pub(super) fn has_gaps(&self, id: usize) -> bool {
        self.with_gaps().get(id).copied().unwrap_or(true)
    }

    /// For each type whether something of it or within it is unknown.
    fn with_gaps(&self) -> Vec<bool> {
        let mut gaps: Vec<bool> = self.shapes.iter().map(Shape::has_gap).collect();
        loop {
            let mut has_changed = false;
            for (id, shape) in self.shapes.iter().enumerate() {
                if !gaps[id] && shape.slots().into_iter().flatten().any(|part| gaps[part]) {
                    gaps[id] = true;
                    has_changed = true;
                }
            }
            if !has_changed {
                return gaps;
            }
        }
    }

    /// The schema of what has been found out of a type.
    pub(super) fn finish(&self, root: usize) -> Schema {
        let mut nodes: Vec<Node> = (0..self.shapes.len()).map(|id| self.node(id)).collect();
        nodes.swap(0, root);
        let swapped = |id: Id| match id {
            0 => root as Id,
            id if id == root as Id => 0,
            id => id,
        };
        let nodes: Vec<Node> = nodes.iter().map(|node| node.map(&mut |id| swapped(id))).collect();
        Schema { nodes: normalize(&nodes) }
    }

    fn node(&self, id: usize) -> Node {
        let shape = &self.shapes[id];
        let all: Option<Vec<Id>> = shape.slots().into_iter().map(|slot| slot.map(|id| id as Id)).collect();
        let opaque = |wire| Node::Opaque { type_name: short_name(self.names[id]), wire };
        match (shape, all.as_deref()) {
            (Shape::Plain(node), _) => node.clone(),
            (Shape::Opaque { name, wire }, _) => {
                // What can't be followed to its end is no help in reading it.
                let wire = wire.filter(|wire| !self.shapes[*wire].has_gap()).map(|wire| wire as Id);
                Node::Opaque { type_name: name.clone(), wire }
            }
            (Shape::Option(_), Some([inner])) => Node::Option(*inner),
            (Shape::Seq(_), Some([element])) => Node::Seq(*element),
            (Shape::Map(..), Some([key, value])) => Node::Map(*key, *value),
            (Shape::Tuple(_), Some(elements)) => Node::Tuple(elements.to_vec()),
            (Shape::Struct(shape), Some(types)) => Node::Struct(
                shape.fields.iter().map(|field| field.name.to_owned()).zip(types.iter().copied()).collect(),
            ),
            (Shape::Enum(shape), Some(types)) if !shape.has_aliases => Node::Enum(
                shape.variants.iter().map(|v| v.name.to_owned()).zip(types.iter().copied()).collect(),
            ),
            _ => opaque(None),
        }
    }
}
