//! Which changes of a type its stored values survive, and the translation of such a change into a [`Transcoder`].

use std::collections::BTreeMap;

use super::{
    Schema, SchemaError, Transcoder,
    display::At,
    node::{Id, Node, Width, classes},
    transcoder::{NewField, Op, OpId},
};

/// What is to be done with values of one schema where those of another are expected.
#[derive(Clone, Debug)]
pub enum Compatibility {
    /// Nothing.
    Same,
    /// They can be rewritten.
    Transcode(Transcoder),
    /// They can't be used. The text names each difference: ``field `address.zip`: was u32, is String``.
    Incompatible(String),
}

/// How deep types may be nested in each other. Types that people write stay far below; recursion ends by itself.
const MAX_DEPTH: usize = 256;
/// How many differences a message names.
const MAX_DIFFERENCES: usize = 5;

pub(super) fn compatibility(old: &Schema, new: &Schema) -> Compatibility {
    if old == new {
        return Compatibility::Same;
    }
    let mut compiler = Compiler::new(&old.nodes, &new.nodes);
    compiler.pair(0, 0);
    if compiler.differences.is_empty() {
        return Compatibility::Transcode(Transcoder::new(compiler.ops));
    }
    let mut reason = compiler.differences[..compiler.differences.len().min(MAX_DIFFERENCES)].join("; ");
    if compiler.differences.len() > MAX_DIFFERENCES {
        reason.push_str(&format!("; and {} more", compiler.differences.len() - MAX_DIFFERENCES));
    }
    Compatibility::Incompatible(reason)
}

pub(super) fn copier(schema: &Schema) -> Result<Transcoder, SchemaError> {
    let mut compiler = Compiler::new(&schema.nodes, &[]);
    let inner = compiler.reserve();
    match compiler.identity(0, 0) {
        Ok(op) => {
            compiler.ops[inner] = Op::Copy(op);
            Ok(Transcoder::new(compiler.ops))
        }
        Err(type_name) => Err(SchemaError::Opaque { type_name }),
    }
}

struct Compiler<'a> {
    old: &'a [Node],
    new: &'a [Node],
    /// Classes of the old nodes, then of the new ones: what is of one class is the same.
    classes: Vec<Id>,
    ops: Vec<Op>,
    pairs: BTreeMap<(Id, Id), OpId>,
    identities: BTreeMap<Id, OpId>,
    path: Vec<Step>,
    differences: Vec<String>,
}

#[derive(Clone)]
enum Step {
    Field(String),
    Variant(String),
    Index(usize),
    Element,
    Key,
    Value,
    /// Into an `Option`, which paths don't show.
    Some,
}

impl<'a> Compiler<'a> {
    fn new(old: &'a [Node], new: &'a [Node]) -> Self {
        let shift = old.len() as Id;
        let both: Vec<Node> =
            old.iter().cloned().chain(new.iter().map(|node| node.map(&mut |id| id + shift))).collect();
        Self {
            old,
            new,
            classes: classes(&both),
            ops: Vec::new(),
            pairs: BTreeMap::new(),
            identities: BTreeMap::new(),
            path: Vec::new(),
            differences: Vec::new(),
        }
    }

    fn reserve(&mut self) -> OpId {
        self.ops.push(Op::Nothing);
        self.ops.len() - 1
    }

    /// How to make a new value of an old one. If that can't be done, what is in the way is among the differences.
    fn pair(&mut self, old: Id, new: Id) -> OpId {
        if let Some(op) = self.pairs.get(&(old, new)) {
            return *op;
        }
        let op = self.reserve();
        self.pairs.insert((old, new), op);
        if self.path.len() > MAX_DEPTH {
            self.differ("is nested too deeply");
            return op;
        }
        self.ops[op] = if self.classes[old as usize] == self.classes[self.old.len() + new as usize] {
            match self.identity(old, 0) {
                Ok(inner) => Op::Copy(inner),
                Err(type_name) => {
                    self.differ(&format!(
                        "is of the opaque type `{type_name}`, beside which nothing can change"
                    ));
                    Op::Nothing
                }
            }
        } else {
            self.change(old, new)
        };
        op
    }

    fn change(&mut self, old: Id, new: Id) -> Op {
        match (&self.old[old as usize], &self.new[new as usize]) {
            (Node::Option(old), Node::Option(new)) => Op::Option(self.step(Step::Some, *old, *new)),
            (_, Node::Option(inner)) => self.become_optional(old, new, *inner),
            (Node::Unsigned(from), Node::Unsigned(to)) if from < to => match from {
                Width::W8 => Op::WidenU8,
                _ => Op::Varint(from.bits()),
            },
            // Zigzag coding is the same at each width.
            (Node::Signed(from), Node::Signed(to)) if from < to => match from {
                Width::W8 => Op::WidenI8,
                _ => Op::Varint(from.bits()),
            },
            (Node::Seq(old), Node::Seq(new)) => Op::Seq(self.step(Step::Element, *old, *new)),
            (Node::Map(old_key, old_value), Node::Map(new_key, new_value)) => Op::Map(
                self.step(Step::Key, *old_key, *new_key),
                self.step(Step::Value, *old_value, *new_value),
            ),
            (Node::Tuple(old), Node::Tuple(new)) if old.len() == new.len() => Op::Tuple(
                old.iter()
                    .zip(new)
                    .enumerate()
                    .map(|(i, (o, n))| self.step(Step::Index(i), *o, *n))
                    .collect(),
            ),
            (Node::Struct(old), Node::Struct(new)) => self.change_struct(old, new),
            (Node::Unit, Node::Struct(new)) => self.change_struct(&[], new),
            (Node::Struct(old), Node::Unit) if old.is_empty() => Op::Nothing,
            (Node::Enum(old), Node::Enum(new)) => self.change_enum(old, new),
            (Node::Opaque { type_name: old, .. }, Node::Opaque { type_name: new, .. }) if old == new => {
                self.differ(&format!("was `{old}`, is `{new}` in another format"));
                Op::Nothing
            }
            _ => {
                self.mismatch(old, new);
                Op::Nothing
            }
        }
    }

    fn become_optional(&mut self, old: Id, new: Id, inner: Id) -> Op {
        let known = self.differences.len();
        let op = self.step(Step::Some, old, inner);
        // Details of why it isn't even what could be in the option help only if it is something of that kind.
        let is_akin = matches!(
            (&self.old[old as usize], &self.new[inner as usize]),
            (Node::Struct(_), Node::Struct(_)) | (Node::Enum(_), Node::Enum(_))
        );
        if self.differences.len() > known && !is_akin {
            self.differences.truncate(known);
            self.mismatch(old, new);
        }
        Op::Some(op)
    }

    fn change_struct(&mut self, old: &'a [(String, Id)], new: &'a [(String, Id)]) -> Op {
        let mut fields = Vec::with_capacity(old.len());
        for (name, old_type) in old {
            match new.iter().find(|(new_name, _)| new_name == name) {
                Some((_, new_type)) => {
                    fields.push(self.step(Step::Field(name.clone()), *old_type, *new_type))
                }
                None => {
                    let was = At { nodes: self.old, id: *old_type }.brief();
                    self.differ_at(Step::Field(name.clone()), &format!("was {was}, is gone"));
                }
            }
        }
        let mut order = Vec::with_capacity(new.len());
        for (name, new_type) in new {
            match old.iter().position(|(old_name, _)| old_name == name) {
                Some(position) => order.push(NewField::Old(position)),
                None if matches!(self.new[*new_type as usize], Node::Option(_)) => order.push(NewField::None),
                None => {
                    let is = At { nodes: self.new, id: *new_type }.brief();
                    self.differ_at(
                        Step::Field(name.clone()),
                        &format!("is new, and {is} instead of an Option"),
                    );
                }
            }
        }
        let is_in_order = order.iter().enumerate().all(|(i, field)| *field == NewField::Old(i));
        if is_in_order { Op::Tuple(fields) } else { Op::Struct { fields, order } }
    }

    fn change_enum(&mut self, old: &'a [(String, Id)], new: &'a [(String, Id)]) -> Op {
        let mut variants = Vec::with_capacity(old.len());
        for (name, old_type) in old {
            match new.iter().position(|(new_name, _)| new_name == name) {
                Some(position) => {
                    let content = self.step(Step::Variant(name.clone()), *old_type, new[position].1);
                    variants.push((position as u32, content));
                }
                None => self.differ_at(Step::Variant(name.clone()), "is gone"),
            }
        }
        Op::Enum(variants)
    }

    fn step(&mut self, step: Step, old: Id, new: Id) -> OpId {
        self.path.push(step);
        let op = self.pair(old, new);
        self.path.pop();
        op
    }

    /// How to pass over an old value, or the name of the opaque type that prevents it.
    fn identity(&mut self, id: Id, depth: usize) -> Result<OpId, String> {
        if let Some(op) = self.identities.get(&id) {
            return Ok(*op);
        }
        if depth > MAX_DEPTH {
            return Err(At { nodes: self.old, id }.brief());
        }
        let op = self.reserve();
        self.identities.insert(id, op);
        let old = self.old;
        let mut all = |ids: &mut dyn Iterator<Item = &Id>| -> Result<Vec<OpId>, String> {
            ids.map(|id| self.identity(*id, depth + 1)).collect()
        };
        self.ops[op] = match &old[id as usize] {
            Node::Unit => Op::Nothing,
            Node::Bool => Op::Bool,
            Node::Char => Op::Char,
            Node::String => Op::Text,
            Node::Bytes => Op::Bytes,
            Node::F32 => Op::Fixed(4),
            Node::F64 => Op::Fixed(8),
            Node::Unsigned(Width::W8) | Node::Signed(Width::W8) => Op::Fixed(1),
            Node::Unsigned(width) | Node::Signed(width) => Op::Varint(width.bits()),
            Node::Option(inner) => Op::Option(self.identity(*inner, depth + 1)?),
            Node::Seq(element) => Op::Seq(self.identity(*element, depth + 1)?),
            Node::Map(key, value) => {
                Op::Map(self.identity(*key, depth + 1)?, self.identity(*value, depth + 1)?)
            }
            Node::Tuple(elements) => Op::Tuple(all(&mut elements.iter())?),
            Node::Struct(fields) => Op::Tuple(all(&mut fields.iter().map(|(_, id)| id))?),
            Node::Enum(variants) => {
                let contents = all(&mut variants.iter().map(|(_, id)| id))?;
                Op::Enum((0..).zip(contents).collect())
            }
            Node::Opaque { wire: Some(wire), .. } => Op::Tuple(vec![self.identity(*wire, depth + 1)?]),
            Node::Opaque { type_name, wire: None } => return Err(type_name.clone()),
        };
        Ok(op)
    }

    fn mismatch(&mut self, old: Id, new: Id) {
        let was = At { nodes: self.old, id: old }.brief();
        let is = At { nodes: self.new, id: new }.brief();
        self.differ(&format!("was {was}, is {is}"));
    }

    fn differ_at(&mut self, step: Step, what: &str) {
        self.path.push(step);
        self.differ(what);
        self.path.pop();
    }

    fn differ(&mut self, what: &str) {
        let mut text = String::new();
        let mut noun = None;
        for step in &self.path {
            noun = match step {
                Step::Field(_) => Some("field"),
                Step::Variant(_) => Some("variant"),
                Step::Index(_) | Step::Element => Some("element"),
                Step::Key => Some("key"),
                Step::Value => Some("value"),
                Step::Some => noun,
            };
            match step {
                Step::Field(name) if text.is_empty() => text.push_str(name),
                Step::Field(name) => text.push_str(&format!(".{name}")),
                Step::Variant(name) if text.is_empty() => text.push_str(name),
                Step::Variant(name) => text.push_str(&format!("::{name}")),
                Step::Index(index) if text.is_empty() => text.push_str(&index.to_string()),
                Step::Index(index) => text.push_str(&format!(".{index}")),
                Step::Element => text.push_str("[]"),
                Step::Key => text.push_str("[key]"),
                Step::Value => text.push_str("[value]"),
                Step::Some => {}
            }
        }
        self.differences.push(match noun {
            Some(noun) => format!("{noun} `{text}`: {what}"),
            None => what.to_owned(),
        });
    }
}
