//! Segments by the differences between them. Written in their order, from one file each after the other, a segment takes one byte
//! for all of its address, offset and file, two or three for its length, and four for its checksum.

use super::{
    SegmentEntry,
    codec::{Decoder, Encoder},
};
use crate::Result;

/// What need not be written because it follows from the segment before.
const SAME_TABLE: u8 = 1;
const SAME_GROUP: u8 = 2;
/// The number after the last one; in a new group the number 0.
const NEXT_SEGMENT: u8 = 4;
const SAME_FILE: u8 = 8;
/// It begins where the last segment from its file ended.
const NEXT_OFFSET: u8 = 16;
const ALL: u8 = 31;

/// Flags, length, checksum.
const LEAST_LENGTH: usize = 6;

/// What the segment before tells about the next one.
struct Context {
    table: u16,
    group: u32,
    next_segment: u32,
    file: u32,
    /// By file: where its last segment ended.
    ends: Vec<u64>,
}

impl Context {
    fn new(files: usize) -> Self {
        let mut ends = vec![crate::envelope::HEADER_LENGTH as u64; files + 1];
        ends[0] = 0;
        Self { table: 0, group: 0, next_segment: 0, file: 0, ends }
    }

    fn follow(&mut self, entry: &SegmentEntry) {
        self.table = entry.table;
        self.group = entry.group;
        self.next_segment = entry.segment.wrapping_add(1);
        self.file = entry.file;
        self.ends[entry.file as usize] = entry.offset + u64::from(entry.length);
    }

    const fn expected_segment(&self, same_table: bool, same_group: bool) -> u32 {
        if same_table && same_group { self.next_segment } else { 0 }
    }
}

/// The entries must lie within their files, of which there are `files`.
pub(super) fn encode(entries: &[SegmentEntry], files: usize, out: &mut Encoder) {
    out.number(entries.len() as u64);
    let mut context = Context::new(files);
    for entry in entries {
        let (same_table, same_group) = (entry.table == context.table, entry.group == context.group);
        let end = context.ends[entry.file as usize];
        let flag = |holds: bool, flag: u8| if holds { flag } else { 0 };
        let next_segment = entry.segment == context.expected_segment(same_table, same_group);
        let flags = flag(same_table, SAME_TABLE)
            | flag(same_group, SAME_GROUP)
            | flag(next_segment, NEXT_SEGMENT)
            | flag(entry.file == context.file, SAME_FILE)
            | flag(entry.offset == end, NEXT_OFFSET);
        out.raw(&[flags]);
        if !same_table {
            out.number(entry.table.into());
        }
        if !same_group {
            out.signed(i64::from(entry.group) - i64::from(context.group));
        }
        if !next_segment {
            out.number(entry.segment.into());
        }
        if entry.file != context.file {
            out.number(entry.file.into());
        }
        if entry.offset != end {
            out.signed(entry.offset.wrapping_sub(end) as i64);
        }
        out.number(entry.length.into());
        out.raw(&entry.checksum.to_le_bytes());
        context.follow(entry);
    }
}

pub(super) fn decode(files: usize, input: &mut Decoder<'_>) -> Result<Vec<SegmentEntry>> {
    let count = input.count("segments", LEAST_LENGTH)?;
    let mut context = Context::new(files);
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        let flags = input.raw(1, "flags of a segment")?[0];
        if flags & !ALL != 0 {
            return Err(input.damaged(format_args!("there are no flags {flags:#04x}")));
        }
        let (same_table, same_group) = (flags & SAME_TABLE != 0, flags & SAME_GROUP != 0);
        let table = if same_table { u32::from(context.table) } else { input.number32("table")? };
        let table =
            u16::try_from(table).map_err(|_| input.damaged(format_args!("there is no table {table}")))?;
        let group = if same_group {
            i64::from(context.group)
        } else {
            i64::from(context.group).saturating_add(input.signed("key group")?)
        };
        let group =
            u32::try_from(group).map_err(|_| input.damaged(format_args!("there is no key group {group}")))?;
        let next_segment = context.expected_segment(same_table, same_group);
        let segment = if flags & NEXT_SEGMENT != 0 { next_segment } else { input.number32("segment")? };
        let file = if flags & SAME_FILE != 0 { context.file } else { input.number32("file")? };
        let Some(end) = context.ends.get(file as usize).copied() else {
            return Err(input.damaged(format_args!("there is no file {file}")));
        };
        let offset =
            if flags & NEXT_OFFSET != 0 { end } else { end.wrapping_add(input.signed("offset")? as u64) };
        let length = input.number32("length")?;
        let checksum = input.raw(4, "checksum")?;
        let checksum = u32::from_le_bytes(checksum.try_into().expect("four bytes were read"));
        if offset.checked_add(length.into()).is_none() {
            return Err(input.damaged(format_args!("there is no offset {offset}")));
        }
        let entry = SegmentEntry { table, group, segment, file, offset, length, checksum };
        context.follow(&entry);
        entries.push(entry);
    }
    Ok(entries)
}
