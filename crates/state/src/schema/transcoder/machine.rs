//! The execution of a program. It keeps its own stack: how deep values are nested is up to the bytes, which may be
//! damaged.

use super::{NewField, Op, OpId, Program};
use crate::schema::SchemaError;

pub(super) struct Machine<'a> {
    program: &'a Program,
    input: &'a [u8],
    position: usize,
    /// `None` if only the length is asked for.
    out: Option<&'a mut Vec<u8>>,
    /// Nothing is written now, as the value at work is copied at one go afterwards.
    is_muted: bool,
    frames: Vec<Frame<'a>>,
    /// Where in `out` the fields of the structs at work begin.
    starts: Vec<usize>,
    /// Fields of a struct while they are brought into order.
    unordered: Vec<u8>,
}

/// What is to be done when the value on top of it is done.
enum Frame<'a> {
    Tuple(std::slice::Iter<'a, OpId>),
    Seq { element: OpId, remaining: u64 },
    Map { key: OpId, value: OpId, remaining: u64, is_at_value: bool },
    Struct { rest: std::slice::Iter<'a, OpId>, order: &'a [NewField], count: usize },
    Copy { start: usize },
}

/// How many elements without bytes a sequence may have. Nobody has so many of what holds nothing, and damaged bytes must
/// not keep us busy for hours.
const MAX_EMPTY_ELEMENTS: u64 = 1 << 24;

impl<'a> Machine<'a> {
    pub(super) fn new(program: &'a Program, input: &'a [u8], out: Option<&'a mut Vec<u8>>) -> Self {
        let is_muted = out.is_none();
        Self {
            program,
            input,
            position: 0,
            out,
            is_muted,
            frames: Vec::new(),
            starts: Vec::new(),
            unordered: Vec::new(),
        }
    }

    /// Does the whole program and returns how much of the input it has read.
    pub(super) fn run(mut self) -> Result<usize, SchemaError> {
        self.start(0)?;
        loop {
            let next = match self.frames.last_mut() {
                None => return Ok(self.position),
                Some(Frame::Tuple(rest)) => rest.next().copied(),
                Some(
                    Frame::Seq { remaining: 0, .. } | Frame::Map { remaining: 0, .. } | Frame::Copy { .. },
                ) => None,
                Some(Frame::Seq { element, remaining }) => {
                    *remaining -= 1;
                    Some(*element)
                }
                Some(Frame::Map { key, value, remaining, is_at_value }) => {
                    let next = if *is_at_value { *value } else { *key };
                    *remaining -= u64::from(*is_at_value);
                    *is_at_value = !*is_at_value;
                    Some(next)
                }
                Some(Frame::Struct { rest, .. }) => {
                    let next = rest.next().copied();
                    self.starts.push(self.out.as_ref().map_or(0, |out| out.len()));
                    next
                }
            };
            match next {
                Some(op) => self.start(op)?,
                None => self.finish(),
            }
        }
    }

    /// Does an operation, or begins one that has parts.
    fn start(&mut self, mut op: OpId) -> Result<(), SchemaError> {
        let program = self.program;
        loop {
            if program.least[op].is_none() {
                return Err(self.damaged("value is possible", self.position));
            }
            match &program.ops[op] {
                Op::Nothing => {}
                Op::Fixed(length) => {
                    let bytes = self.take(*length)?;
                    self.write(bytes);
                }
                Op::Bool => {
                    let bytes = self.take(1)?;
                    if bytes[0] > 1 {
                        return Err(self.damaged("bool", self.position - 1));
                    }
                    self.write(bytes);
                }
                Op::Char => {
                    let start = self.position;
                    let length = self.length()?;
                    let bytes = if length <= 4 { self.take(length)? } else { &[] };
                    if std::str::from_utf8(bytes).map_or(0, |text| text.chars().count()) != 1 {
                        return Err(self.damaged("char", start));
                    }
                    self.write(&self.input[start..self.position]);
                }
                Op::Text => {
                    let start = self.position;
                    let length = self.length()?;
                    if std::str::from_utf8(self.take(length)?).is_err() {
                        return Err(self.damaged("text in UTF-8", start));
                    }
                    self.write(&self.input[start..self.position]);
                }
                Op::Bytes => {
                    let start = self.position;
                    let length = self.length()?;
                    self.take(length)?;
                    self.write(&self.input[start..self.position]);
                }
                Op::Varint(bits) => {
                    let start = self.position;
                    self.varint(*bits)?;
                    self.write(&self.input[start..self.position]);
                }
                Op::WidenU8 => {
                    let byte = self.take(1)?[0];
                    self.write_varint(u32::from(byte));
                }
                Op::WidenI8 => {
                    let value = i32::from(self.take(1)?[0] as i8);
                    self.write_varint(((value << 1) ^ (value >> 31)) as u32);
                }
                Op::Option(inner) => {
                    let tag = self.take(1)?;
                    if tag[0] > 1 {
                        return Err(self.damaged("option", self.position - 1));
                    }
                    self.write(tag);
                    if tag[0] == 1 {
                        op = *inner;
                        continue;
                    }
                }
                Op::Some(inner) => {
                    self.write(&[1]);
                    op = *inner;
                    continue;
                }
                Op::Seq(element) => self.start_seq(*element)?,
                Op::Map(key, value) => {
                    let least = |op: OpId| program.least[op];
                    let least = least(*key).zip(least(*value)).map(|(key, value)| key.saturating_add(value));
                    let remaining = self.count(least)?;
                    self.frames.push(Frame::Map { key: *key, value: *value, remaining, is_at_value: false });
                }
                Op::Tuple(parts) => self.frames.push(Frame::Tuple(parts.iter())),
                Op::Struct { fields, order } => {
                    self.frames.push(Frame::Struct { rest: fields.iter(), order, count: fields.len() });
                }
                Op::Enum(variants) => {
                    let start = self.position;
                    let number = self.varint(32)?;
                    let Some((new, content)) = usize::try_from(number).ok().and_then(|n| variants.get(n))
                    else {
                        return Err(self.damaged("variant", start));
                    };
                    self.write_varint(*new);
                    op = *content;
                    continue;
                }
                Op::Copy(inner) => {
                    self.frames.push(Frame::Copy { start: self.position });
                    self.is_muted = true;
                    op = *inner;
                    continue;
                }
            }
            return Ok(());
        }
    }

    fn start_seq(&mut self, element: OpId) -> Result<(), SchemaError> {
        let remaining = self.count(self.program.least[element])?;
        match self.program.ops[element] {
            Op::Nothing => {}
            Op::Fixed(length) => {
                // `count` has made sure that they are there.
                let bytes = self.take(remaining as usize * length)?;
                self.write(bytes);
            }
            _ => self.frames.push(Frame::Seq { element, remaining }),
        }
        Ok(())
    }

    /// Ends the operation on top, all parts of which are done.
    fn finish(&mut self) {
        match self.frames.pop() {
            Some(Frame::Copy { start }) => {
                if let Some(out) = &mut self.out {
                    self.is_muted = false;
                    out.extend_from_slice(&self.input[start..self.position]);
                }
            }
            Some(Frame::Struct { order, count, .. }) => {
                let starts = self.starts.split_off(self.starts.len() - count - 1);
                let Some(out) = &mut self.out else { return };
                self.unordered.clear();
                self.unordered.extend_from_slice(&out[starts[0]..]);
                out.truncate(starts[0]);
                for field in order {
                    match field {
                        NewField::None => out.push(0),
                        NewField::Old(field) => {
                            let range = starts[*field] - starts[0]..starts[*field + 1] - starts[0];
                            out.extend_from_slice(&self.unordered[range]);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// Reads how many elements of at least this length follow, and writes it.
    fn count(&mut self, least: Option<u64>) -> Result<u64, SchemaError> {
        let start = self.position;
        // At most 64 bits were read.
        let count = self.varint(64)? as u64;
        let rest = (self.input.len() - self.position) as u64;
        match least {
            None if count > 0 => return Err(self.damaged("value is possible", self.position)),
            Some(0) if count > MAX_EMPTY_ELEMENTS => return Err(self.damaged("number of elements", start)),
            Some(least) if count.saturating_mul(least) > rest => {
                return Err(SchemaError::Truncated { offset: self.input.len() });
            }
            _ => {}
        }
        self.write(&self.input[start..self.position]);
        Ok(count)
    }

    /// Reads the length of a text.
    fn length(&mut self) -> Result<usize, SchemaError> {
        let length = self.varint(64)?;
        usize::try_from(length).map_err(|_| SchemaError::Truncated { offset: self.input.len() })
    }

    fn varint(&mut self, bits: u32) -> Result<u128, SchemaError> {
        let start = self.position;
        let mut value = 0u128;
        let mut shift = 0;
        while shift < bits {
            let byte = self.take(1)?[0];
            let low = u128::from(byte & 0x7f);
            if bits - shift < 7 && low >> (bits - shift) != 0 {
                break;
            }
            value |= low << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
        Err(self.damaged("integer of this width", start))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], SchemaError> {
        let rest = &self.input[self.position..];
        let bytes = rest.get(..length).ok_or(SchemaError::Truncated { offset: self.input.len() })?;
        self.position += length;
        Ok(bytes)
    }

    fn write(&mut self, bytes: &[u8]) {
        if !self.is_muted
            && let Some(out) = &mut self.out
        {
            out.extend_from_slice(bytes);
        }
    }

    fn write_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.write(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.write(&[value as u8]);
    }

    fn damaged(&self, what: &'static str, offset: usize) -> SchemaError {
        SchemaError::Damaged { what, offset }
    }
}
