//! The rewriting of stored values.

use std::sync::Arc;

use super::SchemaError;

mod machine;

use machine::Machine;

/// Rewrites values of one schema as such of another, byte by byte: no value of an author's type comes into being.
#[derive(Clone, Debug)]
pub struct Transcoder {
    program: Arc<Program>,
}

/// The position of an operation in its program.
pub(super) type OpId = usize;

/// What is to be done with one type. Each operation reads one old value and writes one new value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Op {
    /// A value without bytes.
    Nothing,
    /// So many bytes, as they are.
    Fixed(usize),
    Bool,
    Char,
    Text,
    Bytes,
    /// An integer of at most so many bits, written as it is: wider ones begin in the same way.
    Varint(u32),
    /// A byte that becomes a varint.
    WidenU8,
    /// A signed byte that becomes a varint in zigzag code.
    WidenI8,
    Option(OpId),
    /// A value that becomes an option.
    Some(OpId),
    Seq(OpId),
    Map(OpId, OpId),
    /// Values in the order in which they are read.
    Tuple(Vec<OpId>),
    /// `fields` are read in this order, and written in `order`.
    Struct {
        fields: Vec<OpId>,
        order: Vec<NewField>,
    },
    /// By the old number of the variant: the new one, and what to do with the content.
    Enum(Vec<(u32, OpId)>),
    /// A value that is checked by the inner operation and then copied at one go. There are none within one another.
    Copy(OpId),
}

/// Where a field comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewField {
    /// From the old field at this position.
    Old(usize),
    /// It is an option, and new.
    None,
}

#[derive(Debug)]
struct Program {
    /// The first one is for the whole value.
    ops: Vec<Op>,
    /// For each operation the fewest bytes that it reads: a bound on how many elements there can be. `None` if the type
    /// has no finite value.
    least: Vec<Option<u64>>,
}

impl Transcoder {
    pub(super) fn new(ops: Vec<Op>) -> Self {
        let least = least_lengths(&ops);
        Self { program: Arc::new(Program { ops, least }) }
    }

    /// Appends to `out` the new form of the value at the beginning of `bytes`, and returns the length of its old form:
    /// the next value begins there.
    ///
    /// # Errors
    /// If the bytes are damaged. `out` then has an undefined tail.
    pub fn transcode(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, SchemaError> {
        Machine::new(&self.program, bytes, Some(out)).run()
    }

    /// [`transcode`](Self::transcode) for bytes that are one value and nothing else.
    ///
    /// # Errors
    /// If the bytes are damaged or more than one value.
    pub fn transcode_all(&self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), SchemaError> {
        match self.transcode(bytes, out)? {
            offset if offset == bytes.len() => Ok(()),
            offset => Err(SchemaError::Trailing { offset, length: bytes.len() }),
        }
    }

    /// The length of the old form of the value at the beginning of `bytes`.
    ///
    /// # Errors
    /// If the bytes are damaged.
    pub fn length(&self, bytes: &[u8]) -> Result<usize, SchemaError> {
        // What is not copied at one go is written piece by piece, which takes a vector.
        match self.program.ops[0] {
            Op::Copy(_) => Machine::new(&self.program, bytes, None).run(),
            _ => self.transcode(bytes, &mut Vec::new()),
        }
    }
}

fn least_lengths(ops: &[Op]) -> Vec<Option<u64>> {
    let mut least: Vec<Option<u64>> = vec![None; ops.len()];
    // Lengths come to stand from the leaves up; each round fixes at least one.
    loop {
        let sum = |ids: &[OpId], least: &[Option<u64>]| {
            ids.iter().try_fold(0u64, |sum, id| least[*id].map(|length| sum.saturating_add(length)))
        };
        let next: Vec<Option<u64>> = ops
            .iter()
            .map(|op| match op {
                Op::Nothing => Some(0),
                Op::Fixed(length) => Some(*length as u64),
                Op::Bool | Op::Text | Op::Bytes | Op::Varint(_) | Op::WidenU8 | Op::WidenI8 => Some(1),
                Op::Char => Some(2),
                Op::Option(_) | Op::Seq(_) | Op::Map(..) => Some(1),
                Op::Some(inner) | Op::Copy(inner) => least[*inner],
                Op::Tuple(parts) | Op::Struct { fields: parts, .. } => sum(parts, &least),
                Op::Enum(variants) => variants
                    .iter()
                    .filter_map(|(_, op)| least[*op])
                    .min()
                    .map(|length| length.saturating_add(1)),
            })
            .collect();
        if next == least {
            return least;
        }
        least = next;
    }
}
