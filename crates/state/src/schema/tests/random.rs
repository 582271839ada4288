//! Random types, random changes of them that are allowed, random values: each value must become what its change says.

use flott_core::hash::mix;
use proptest::prelude::*;

use crate::schema::{
    Compatibility, Schema,
    node::{Id, Node, Width, normalize},
};

#[derive(Clone, Debug)]
enum Type {
    Plain(Node),
    Option(Box<Type>),
    Seq(Box<Type>),
    Map(Box<Type>, Box<Type>),
    Tuple(Vec<Type>),
    Struct(Vec<(String, Type)>),
    Enum(Vec<(String, Type)>),
    Opaque(String, Box<Type>),
}

#[derive(Clone, Debug)]
enum Value {
    Unit,
    Bool(bool),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    Float(f32),
    Double(f64),
    Unsigned(u128),
    Signed(i128),
    Option(Option<Box<Value>>),
    Seq(Vec<Value>),
    /// Of tuples and structs, in the order of the type.
    Parts(Vec<Value>),
    Enum(usize, Box<Value>),
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        mix(self.0)
    }

    fn below(&mut self, below: usize) -> usize {
        (self.next() % below as u64) as usize
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let j = self.below(i + 1);
            items.swap(i, j);
        }
    }

    /// Mostly small numbers, sometimes the ends of the range.
    fn bits(&mut self, width: Width) -> u128 {
        let all = u128::MAX >> (128 - width.bits());
        let wide = (u128::from(self.next()) << 64) | u128::from(self.next());
        match self.below(4) {
            0 => all,
            1 => wide & all,
            2 => (wide & all) >> self.below(width.bits() as usize),
            _ => wide & 0x7f,
        }
    }

    fn ty(&mut self, depth: usize) -> Type {
        let width = [Width::W8, Width::W16, Width::W32, Width::W64, Width::W128][self.below(5)];
        match self.below(if depth == 0 { 9 } else { 16 }) {
            0 => Type::Plain(Node::Unit),
            1 => Type::Plain(Node::Bool),
            2 => Type::Plain(Node::Char),
            3 => Type::Plain(Node::String),
            4 => Type::Plain(Node::Bytes),
            5 => Type::Plain(Node::F32),
            6 => Type::Plain(Node::F64),
            7 => Type::Plain(Node::Unsigned(width)),
            8 => Type::Plain(Node::Signed(width)),
            9 => Type::Option(Box::new(self.ty(depth - 1))),
            10 => Type::Seq(Box::new(self.ty(depth - 1))),
            11 => Type::Map(Box::new(self.ty(depth - 1)), Box::new(self.ty(depth - 1))),
            12 => Type::Tuple((0..self.below(4)).map(|_| self.ty(depth - 1)).collect()),
            13 => Type::Enum(self.parts("V", 1, depth)),
            14 => Type::Opaque(format!("Opaque{}", self.below(3)), Box::new(self.ty(depth - 1))),
            _ => Type::Struct(self.parts("f", 0, depth)),
        }
    }

    fn parts(&mut self, prefix: &str, least: usize, depth: usize) -> Vec<(String, Type)> {
        (0..least + self.below(4)).map(|i| (format!("{prefix}{i}"), self.ty(depth - 1))).collect()
    }

    /// A type to which values of this one can be brought.
    fn evolve(&mut self, old: &Type) -> Type {
        let new = match old {
            Type::Plain(Node::Unsigned(width)) => Type::Plain(Node::Unsigned(self.widen(*width))),
            Type::Plain(Node::Signed(width)) => Type::Plain(Node::Signed(self.widen(*width))),
            Type::Plain(_) | Type::Opaque(..) => old.clone(),
            Type::Option(inner) => return Type::Option(Box::new(self.evolve(inner))),
            Type::Seq(element) => Type::Seq(Box::new(self.evolve(element))),
            Type::Map(key, value) => Type::Map(Box::new(self.evolve(key)), Box::new(self.evolve(value))),
            Type::Tuple(parts) => Type::Tuple(parts.iter().map(|part| self.evolve(part)).collect()),
            Type::Struct(fields) => {
                let mut fields: Vec<_> =
                    fields.iter().map(|(name, t)| (name.clone(), self.evolve(t))).collect();
                for i in 0..self.below(3) {
                    fields.push((format!("new{i}"), Type::Option(Box::new(self.ty(1)))));
                }
                if self.below(2) == 0 {
                    self.shuffle(&mut fields);
                }
                Type::Struct(fields)
            }
            Type::Enum(variants) => {
                let mut variants: Vec<_> =
                    variants.iter().map(|(name, t)| (name.clone(), self.evolve(t))).collect();
                for i in 0..self.below(3) {
                    variants.push((format!("New{i}"), self.ty(1)));
                }
                self.shuffle(&mut variants);
                Type::Enum(variants)
            }
        };
        if self.below(5) == 0 { Type::Option(Box::new(new)) } else { new }
    }

    fn widen(&mut self, width: Width) -> Width {
        let wider = [Width::W8, Width::W16, Width::W32, Width::W64, Width::W128];
        let at_least: Vec<Width> = wider.into_iter().filter(|other| *other >= width).collect();
        at_least[self.below(at_least.len())]
    }

    fn value(&mut self, ty: &Type) -> Value {
        match ty {
            Type::Plain(Node::Unit) => Value::Unit,
            Type::Plain(Node::Bool) => Value::Bool(self.below(2) == 0),
            Type::Plain(Node::Char) => Value::Char(['a', 'ß', '€', '🦀'][self.below(4)]),
            Type::Plain(Node::String) => Value::Text("ä€".repeat(self.below(40))),
            Type::Plain(Node::Bytes) => Value::Bytes(vec![0xff; self.below(200)]),
            Type::Plain(Node::F32) => Value::Float(self.next() as f32 / 7.0),
            Type::Plain(Node::F64) => Value::Double(self.next() as f64 / 7.0),
            Type::Plain(Node::Unsigned(width)) => Value::Unsigned(self.bits(*width)),
            Type::Plain(Node::Signed(width)) => {
                let shift = 128 - width.bits();
                Value::Signed(((self.bits(*width) << shift) as i128) >> shift)
            }
            Type::Plain(other) => panic!("{other:?}"),
            Type::Option(inner) => {
                Value::Option(if self.below(3) == 0 { None } else { Some(Box::new(self.value(inner))) })
            }
            Type::Seq(element) => Value::Seq((0..self.below(4)).map(|_| self.value(element)).collect()),
            Type::Map(key, value) => Value::Seq(
                (0..self.below(4)).map(|_| Value::Parts(vec![self.value(key), self.value(value)])).collect(),
            ),
            Type::Tuple(parts) => Value::Parts(parts.iter().map(|part| self.value(part)).collect()),
            Type::Struct(fields) => Value::Parts(fields.iter().map(|(_, part)| self.value(part)).collect()),
            Type::Enum(variants) => {
                let variant = self.below(variants.len());
                Value::Enum(variant, Box::new(self.value(&variants[variant].1)))
            }
            Type::Opaque(_, wire) => self.value(wire),
        }
    }
}

/// What becomes of a value, by the rules.
fn expect(old: &Type, new: &Type, value: &Value) -> Value {
    match (old, new, value) {
        (Type::Option(old), Type::Option(new), Value::Option(value)) => {
            Value::Option(value.as_ref().map(|value| Box::new(expect(old, new, value))))
        }
        (_, Type::Option(new), _) => Value::Option(Some(Box::new(expect(old, new, value)))),
        (Type::Seq(old), Type::Seq(new), Value::Seq(elements)) => {
            Value::Seq(elements.iter().map(|value| expect(old, new, value)).collect())
        }
        (Type::Map(old_key, old_value), Type::Map(new_key, new_value), Value::Seq(entries)) => {
            let old = Type::Tuple(vec![(**old_key).clone(), (**old_value).clone()]);
            let new = Type::Tuple(vec![(**new_key).clone(), (**new_value).clone()]);
            Value::Seq(entries.iter().map(|entry| expect(&old, &new, entry)).collect())
        }
        (Type::Tuple(old), Type::Tuple(new), Value::Parts(parts)) => Value::Parts(
            parts.iter().zip(old).zip(new).map(|((part, old), new)| expect(old, new, part)).collect(),
        ),
        (Type::Struct(old), Type::Struct(new), Value::Parts(parts)) => Value::Parts(
            new.iter()
                .map(|(name, new)| match old.iter().position(|(old_name, _)| old_name == name) {
                    Some(i) => expect(&old[i].1, new, &parts[i]),
                    None => Value::Option(None),
                })
                .collect(),
        ),
        (Type::Enum(old), Type::Enum(new), Value::Enum(variant, content)) => {
            let (name, old) = &old[*variant];
            let variant = new.iter().position(|(new_name, _)| new_name == name).unwrap();
            Value::Enum(variant, Box::new(expect(old, &new[variant].1, content)))
        }
        _ => value.clone(),
    }
}

fn put(value: impl serde::Serialize, out: &mut Vec<u8>) {
    postcard::to_io(&value, out).unwrap();
}

fn encode(ty: &Type, value: &Value, out: &mut Vec<u8>) {
    match (ty, value) {
        (_, Value::Unit) => {}
        (_, Value::Bool(value)) => put(value, out),
        (_, Value::Char(value)) => put(value, out),
        (_, Value::Text(value)) => put(value, out),
        (_, Value::Bytes(value)) => put(serde_bytes::Bytes::new(value), out),
        (_, Value::Float(value)) => put(value, out),
        (_, Value::Double(value)) => put(value, out),
        (Type::Plain(Node::Unsigned(width)), Value::Unsigned(value)) => match width {
            Width::W8 => put(*value as u8, out),
            Width::W16 => put(*value as u16, out),
            Width::W32 => put(*value as u32, out),
            Width::W64 => put(*value as u64, out),
            Width::W128 => put(value, out),
        },
        (Type::Plain(Node::Signed(width)), Value::Signed(value)) => match width {
            Width::W8 => put(*value as i8, out),
            Width::W16 => put(*value as i16, out),
            Width::W32 => put(*value as i32, out),
            Width::W64 => put(*value as i64, out),
            Width::W128 => put(value, out),
        },
        (Type::Option(inner), Value::Option(value)) => match value {
            None => put(Option::<()>::None, out),
            Some(value) => {
                put(Some(()), out);
                encode(inner, value, out);
            }
        },
        (Type::Seq(element), Value::Seq(elements)) => {
            put(elements.len(), out);
            elements.iter().for_each(|value| encode(element, value, out));
        }
        (Type::Map(key, value), Value::Seq(entries)) => {
            put(entries.len(), out);
            let entry = Type::Tuple(vec![(**key).clone(), (**value).clone()]);
            entries.iter().for_each(|value| encode(&entry, value, out));
        }
        (Type::Tuple(types), Value::Parts(parts)) => {
            types.iter().zip(parts).for_each(|(ty, part)| encode(ty, part, out));
        }
        (Type::Struct(fields), Value::Parts(parts)) => {
            fields.iter().zip(parts).for_each(|((_, ty), part)| encode(ty, part, out));
        }
        (Type::Enum(variants), Value::Enum(variant, content)) => {
            put(*variant as u32, out);
            encode(&variants[*variant].1, content, out);
        }
        (Type::Opaque(_, wire), value) => encode(wire, value, out),
        other => panic!("{other:?}"),
    }
}

fn schema(ty: &Type) -> Schema {
    fn add(ty: &Type, nodes: &mut Vec<Node>) -> Id {
        let id = nodes.len();
        nodes.push(Node::Unit);
        let parts = |parts: &[(String, Type)], nodes: &mut Vec<Node>| -> Vec<(String, Id)> {
            parts.iter().map(|(name, ty)| (name.clone(), add(ty, nodes))).collect()
        };
        nodes[id] = match ty {
            Type::Plain(node) => node.clone(),
            Type::Option(inner) => Node::Option(add(inner, nodes)),
            Type::Seq(element) => Node::Seq(add(element, nodes)),
            Type::Map(key, value) => Node::Map(add(key, nodes), add(value, nodes)),
            Type::Tuple(parts) => Node::Tuple(parts.iter().map(|part| add(part, nodes)).collect()),
            Type::Struct(fields) => Node::Struct(parts(fields, nodes)),
            Type::Enum(variants) => Node::Enum(parts(variants, nodes)),
            Type::Opaque(name, wire) => {
                Node::Opaque { type_name: name.clone(), wire: Some(add(wire, nodes)) }
            }
        };
        id as Id
    }
    let mut nodes = Vec::new();
    add(ty, &mut nodes);
    Schema { nodes: normalize(&nodes) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn values_become_what_the_change_says(seed: u64) {
        let mut random = Random(seed);
        let old = random.ty(4);
        let new = random.evolve(&old);
        let (old_schema, new_schema) = (schema(&old), schema(&new));
        let transcoder = match Schema::compatibility(&old_schema, &new_schema) {
            Compatibility::Same => {
                prop_assert_eq!(&old_schema, &new_schema);
                prop_assert_eq!(old_schema.fingerprint(), new_schema.fingerprint());
                old_schema.copier().unwrap()
            }
            Compatibility::Transcode(transcoder) => {
                prop_assert_ne!(old_schema.fingerprint(), new_schema.fingerprint());
                transcoder
            }
            Compatibility::Incompatible(reason) => {
                return Err(TestCaseError::fail(format!("{reason}: {old_schema} to {new_schema}")));
            }
        };
        let values: Vec<Value> = (0..3).map(|_| random.value(&old)).collect();
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for value in &values {
            encode(&old, value, &mut bytes);
            encode(&new, &expect(&old, &new, value), &mut expected);
        }

        let (mut position, mut out) = (0, Vec::new());
        for _ in &values {
            let length = transcoder.transcode(&bytes[position..], &mut out).unwrap();
            prop_assert_eq!(old_schema.skip(&bytes[position..]).unwrap(), length);
            position += length;
        }
        prop_assert_eq!(position, bytes.len());
        prop_assert_eq!(&out, &expected, "{} to {}", old_schema, new_schema);

        // Each byte of the first value is needed.
        let length = transcoder.length(&bytes).unwrap();
        for end in 0..length {
            prop_assert!(transcoder.transcode(&bytes[..end], &mut Vec::new()).is_err());
        }
        // Whatever is flipped, it ends, and well or with an error.
        for _ in 0..8 {
            let mut damaged = bytes.clone();
            if let Some(i) = (!damaged.is_empty()).then(|| random.below(damaged.len())) {
                damaged[i] ^= 1 << random.below(8);
                let mut out = Vec::new();
                if let Ok(length) = transcoder.transcode(&damaged, &mut out) {
                    prop_assert!(length <= damaged.len());
                }
            }
        }
    }

    #[test]
    fn a_schema_is_the_same_however_it_is_written_down(seed: u64) {
        let ty = Random(seed).ty(4);
        let schema = schema(&ty);
        let bytes = postcard::to_allocvec(&schema).unwrap();
        prop_assert_eq!(&postcard::from_bytes::<Schema>(&bytes).unwrap(), &schema);
        // The same graph in another order and with each node twice.
        let count = schema.nodes.len() as Id;
        let doubled: Vec<Node> = (0..2)
            .flat_map(|copy| schema.nodes.iter().map(move |node| node.map(&mut |id| id + count * (1 - copy))))
            .collect();
        prop_assert_eq!(&normalize(&doubled), &schema.nodes);
    }
}
