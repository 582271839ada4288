//! The index of all that one operator of one subtask has in one snapshot: which segments of keyed state are where, and its
//! lists. Only task hosts write and read it.

use std::{fmt, ops::Range};

use bytes::Bytes;
use flott_core::checkpoint::StateFile;

use crate::{
    Error, Result,
    envelope::{self, FileKind},
};

mod codec;
mod segments;

/// What one operator of one subtask has in one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperatorManifest {
    /// The key groups of the subtask; empty if it has no keyed state.
    pub key_groups: Range<u32>,
    /// The operator's containers of keyed state.
    pub keyed: Vec<KeyedPart>,
    /// The segments that are here and not in a file.
    pub inline: Vec<u8>,
    /// State that is not kept by key.
    pub lists: Vec<ListState>,
    /// The files that segments are in, by their number less one.
    pub files: Vec<StateFile>,
}

/// One container of keyed state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyedPart {
    /// Its name within the operator, such as `state` or `timers`.
    pub name: String,
    /// The tables in it: their names, schemas and settings, encoded by whoever has them.
    pub tables: Vec<Vec<u8>>,
    /// Whatever else the container needs to know about its segments, in its own encoding.
    pub layout: Vec<u8>,
    /// Where its segments are. Takes the least space when they are ordered by table, group and number.
    pub segments: Vec<SegmentEntry>,
}

/// Where a segment is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentEntry {
    /// Position of its table in [`KeyedPart::tables`].
    pub table: u16,
    /// Its key group.
    pub group: u32,
    /// Its number within the group.
    pub segment: u32,
    /// Number of its file, its position in [`OperatorManifest::files`] plus one; 0 if it is in
    /// [`OperatorManifest::inline`].
    pub file: u32,
    /// Where it begins there, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u32,
    /// CRC-32C of its bytes.
    pub checksum: u32,
}

/// A list of elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListState {
    /// Its name within the operator.
    pub name: String,
    /// Who gets its elements at another parallelism.
    pub redistribution: Redistribution,
    /// The schema of the elements, encoded by whoever has them.
    pub schema: Vec<u8>,
    /// The elements, encoded one by one.
    pub elements: Vec<Vec<u8>>,
}

/// Who gets the elements of a list when it is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Redistribution {
    /// Each element goes to one subtask.
    Split,
    /// Every subtask gets the elements of all.
    Union,
    /// All subtasks had the same, and get it again.
    Broadcast,
}

impl OperatorManifest {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.keyed.iter().all(|part| part.segments.is_empty())
            && self.lists.iter().all(|list| list.elements.is_empty())
    }

    /// Its bytes: those of a whole file, also if they are kept elsewhere.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it refers to something that is not there; it could not be read again.
    pub fn encode(&self) -> Result<Bytes> {
        self.check().map_err(|problem| Error::damaged("the new manifest", 0, problem))?;
        let mut out = codec::Encoder::default();
        out.number(self.key_groups.start.into());
        out.number(self.key_groups.end.into());
        out.number(self.files.len() as u64);
        for file in &self.files {
            out.bytes(file.path.as_bytes());
            out.number(file.size);
        }
        out.bytes(&self.inline);
        out.number(self.keyed.len() as u64);
        for part in &self.keyed {
            out.bytes(part.name.as_bytes());
            out.all_bytes(&part.tables);
            out.bytes(&part.layout);
            segments::encode(&part.segments, self.files.len(), &mut out);
        }
        out.number(self.lists.len() as u64);
        for list in &self.lists {
            out.bytes(list.name.as_bytes());
            out.number(list.redistribution.code());
            out.bytes(&list.schema);
            out.all_bytes(&list.elements);
        }
        Ok(envelope::seal(FileKind::Manifest, &out.into_bytes()))
    }

    /// Reads what [`encode`](Self::encode) wrote. `file` names where that was, for errors.
    ///
    /// # Errors
    /// [`Error::Damaged`] or [`Error::NewerFormat`].
    pub fn decode(file: &dyn fmt::Display, bytes: &Bytes) -> Result<Self> {
        let (_, payload) = envelope::open(FileKind::Manifest, file, bytes)?;
        let mut input = codec::Decoder::new(file, &payload);
        let key_groups = input.number32("first key group")?..input.number32("end of key groups")?;
        let files = input.list("files", 2, |input| {
            Ok(StateFile { path: input.text("path of a file")?, size: input.number("size of a file")? })
        })?;
        let inline = input.bytes("inline segments")?.to_vec();
        let keyed = input.list("keyed parts", 4, |input| {
            let name = input.text("name of a keyed part")?;
            let tables = input.all_bytes("tables")?;
            let layout = input.bytes("layout")?.to_vec();
            let segments = segments::decode(files.len(), input)?;
            Ok(KeyedPart { name, tables, layout, segments })
        })?;
        let lists = input.list("lists", 4, |input| {
            let name = input.text("name of a list")?;
            let code = input.number("redistribution")?;
            let redistribution = Redistribution::of_code(code)
                .ok_or_else(|| input.damaged(format_args!("there is no redistribution {code}")))?;
            let schema = input.bytes("schema")?.to_vec();
            Ok(ListState { name, redistribution, schema, elements: input.all_bytes("elements")? })
        })?;
        input.end()?;
        let manifest = Self { key_groups, keyed, inline, lists, files };
        manifest.check().map_err(|problem| Error::damaged(file, envelope::HEADER_LENGTH as u64, problem))?;
        Ok(manifest)
    }

    /// Whether all that it refers to is there.
    fn check(&self) -> Result<(), String> {
        if self.key_groups.start > self.key_groups.end {
            return Err(format!("key groups {:?} are not in order", self.key_groups));
        }
        for part in &self.keyed {
            for entry in &part.segments {
                let size = match entry.file {
                    0 => Some(self.inline.len() as u64),
                    file => self.files.get(file as usize - 1).map(|file| file.size),
                };
                let fits = size.is_some_and(|size| {
                    entry.offset.checked_add(entry.length.into()).is_some_and(|end| end <= size)
                });
                if !fits {
                    return Err(format!("part {:?}: {entry:?} lies outside its file", part.name));
                }
                if usize::from(entry.table) >= part.tables.len() {
                    return Err(format!("part {:?} has no table {}", part.name, entry.table));
                }
                if !self.key_groups.contains(&entry.group) {
                    return Err(format!(
                        "part {:?}: key group {} is not in {:?}",
                        part.name, entry.group, self.key_groups
                    ));
                }
            }
        }
        Ok(())
    }
}

impl Redistribution {
    const fn code(self) -> u64 {
        match self {
            Self::Split => 0,
            Self::Union => 1,
            Self::Broadcast => 2,
        }
    }

    const fn of_code(code: u64) -> Option<Self> {
        match code {
            0 => Some(Self::Split),
            1 => Some(Self::Union),
            2 => Some(Self::Broadcast),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
