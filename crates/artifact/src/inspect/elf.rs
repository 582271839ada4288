//! Checks an ELF file, header by header.

use std::fs::File;

use flott_core::sdk::{MARKER_SECTION, PROTOCOL_VERSION};
use object::{
    Endianness,
    elf::{
        self, DF_1_PIE, DT_FLAGS_1, ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, ET_CORE, ET_DYN,
        ET_EXEC, ET_REL, FileHeader64, Machine, PT_INTERP, SHT_NOBITS,
    },
    read::{
        ReadCache,
        elf::{Dyn, FileHeader, ProgramHeader, SectionHeader},
    },
};

use crate::{Error, marker::parse_marker};

pub(super) const MAGIC: &[u8] = b"\x7fELF";

#[cfg(target_arch = "x86_64")]
const HOST: (Machine, &str) = (elf::EM_X86_64, "x86_64");
#[cfg(target_arch = "aarch64")]
const HOST: (Machine, &str) = (elf::EM_AARCH64, "aarch64");
#[cfg(target_arch = "riscv64")]
const HOST: (Machine, &str) = (elf::EM_RISCV, "riscv64");

/// The architecture of this machine, as Rust names it.
pub(crate) const HOST_ARCHITECTURE: &str = HOST.1;

const HOST_BYTE_ORDER: elf::DataEncoding =
    if cfg!(target_endian = "little") { ELFDATA2LSB } else { ELFDATA2MSB };

/// Size of the file header of a 64-bit file.
const HEADER_BYTES: u64 = 64;
const PROGRAM_HEADER_BYTES: u64 = 56;
const SECTION_HEADER_BYTES: u64 = 64;

/// More sections or segments than any linker makes: a guard against headers that would have us read the whole file.
const MAX_HEADERS: u64 = 65_536;
/// More than any mark needs.
const MAX_MARKER_BYTES: u64 = 4096;

type Cache = ReadCache<File>;

/// Checks the file and returns the protocol version that its mark names. `head` is the start of the file, and starts
/// with [`MAGIC`].
pub(super) fn check(file: File, size_bytes: u64, head: &[u8]) -> Result<u32, Error> {
    check_ident(head, size_bytes)?;
    let data = Cache::new(file);
    let header = FileHeader64::<Endianness>::parse(&data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    check_machine(header.e_machine(endian))?;
    check_type(header.e_type(endian))?;
    check_table(
        size_bytes,
        "program",
        header.e_phoff(endian),
        header.phnum(endian, &data),
        PROGRAM_HEADER_BYTES,
    )?;
    check_table(
        size_bytes,
        "section",
        header.e_shoff(endian),
        header.shnum(endian, &data),
        SECTION_HEADER_BYTES,
    )?;
    let segments = header.program_headers(endian, &data).map_err(damaged)?;
    for segment in segments {
        check_range(size_bytes, segment.p_offset(endian), segment.p_filesz(endian))?;
    }
    let sections = header.sections(endian, &data).map_err(damaged)?;
    for section in sections.iter().filter(|section| section.sh_type(endian) != SHT_NOBITS) {
        check_range(size_bytes, section.sh_offset(endian), section.sh_size(endian))?;
    }
    if !is_startable(header, segments, endian, &data)? {
        return Err(Error::SharedLibrary);
    }
    let Some((_, section)) = sections.section_by_name(endian, MARKER_SECTION.as_bytes()) else {
        return Err(Error::NotFlottJob);
    };
    if section.sh_size(endian) > MAX_MARKER_BYTES {
        return Err(Error::MarkerUnreadable);
    }
    let content = section.data(endian, &data).map_err(damaged)?;
    match parse_marker(content) {
        Some(PROTOCOL_VERSION) => Ok(PROTOCOL_VERSION),
        Some(found) => Err(Error::ProtocolVersion { found }),
        None => Err(Error::MarkerUnreadable),
    }
}

/// Looks at the first bytes, whose layout does not depend on class and byte order.
fn check_ident(head: &[u8], size_bytes: u64) -> Result<(), Error> {
    let (class, byte_order) = (head.get(4).copied(), head.get(5).copied());
    if class == Some(ELFCLASS32.0) {
        return Err(Error::ThirtyTwoBit);
    }
    if size_bytes < HEADER_BYTES {
        return Err(Error::Truncated { expected_bytes: HEADER_BYTES, found_bytes: size_bytes });
    }
    if class != Some(ELFCLASS64.0) {
        return Err(Error::Damaged { reason: "its ELF class is neither 32 nor 64 bit".to_owned() });
    }
    match byte_order {
        Some(order) if order == HOST_BYTE_ORDER.0 => Ok(()),
        Some(order) if order == ELFDATA2LSB.0 => other("a little-endian machine"),
        Some(order) if order == ELFDATA2MSB.0 => other("a big-endian machine"),
        _ => Err(Error::Damaged { reason: "its byte order is not known".to_owned() }),
    }
}

fn other(found: &str) -> Result<(), Error> {
    Err(Error::OtherArchitecture { found: found.to_owned() })
}

fn check_machine(machine: Machine) -> Result<(), Error> {
    match machine {
        machine if machine == HOST.0 => Ok(()),
        elf::EM_X86_64 => other("x86_64"),
        elf::EM_AARCH64 => other("aarch64 (64-bit ARM)"),
        elf::EM_RISCV => other("riscv64"),
        elf::EM_PPC64 => other("powerpc64"),
        elf::EM_S390 => other("s390x"),
        elf::EM_LOONGARCH => other("loongarch64"),
        elf::EM_MIPS => other("mips64"),
        elf::EM_BPF => other("the kernel's BPF machine"),
        Machine(number) => other(&format!("machine type {number}")),
    }
}

fn check_type(file_type: elf::FileType) -> Result<(), Error> {
    match file_type {
        ET_EXEC | ET_DYN => Ok(()),
        ET_REL => Err(Error::ObjectFile),
        ET_CORE => Err(Error::CoreDump),
        elf::FileType(number) => Err(Error::Damaged { reason: format!("its ELF file type is {number}") }),
    }
}

/// Checks that a table of headers is of sane length and lies inside the file.
fn check_table(
    size_bytes: u64,
    what: &str,
    offset: u64,
    count: object::read::Result<impl TryInto<u64>>,
    entry_bytes: u64,
) -> Result<(), Error> {
    if offset == 0 {
        return Ok(()); // it has none
    }
    // The count of a long table stands in section 0, which may lie behind the end.
    check_range(size_bytes, offset, 0)?;
    let count = count.map_err(damaged)?.try_into().unwrap_or(u64::MAX);
    if count > MAX_HEADERS {
        return Err(Error::Damaged { reason: format!("it claims to have {count} {what} headers") });
    }
    check_range(size_bytes, offset, count * entry_bytes)
}

fn check_range(size_bytes: u64, offset: u64, length: u64) -> Result<(), Error> {
    let expected_bytes = offset.saturating_add(length);
    if expected_bytes > size_bytes {
        return Err(Error::Truncated { expected_bytes, found_bytes: size_bytes });
    }
    Ok(())
}

/// Whether the kernel could start the file: an executable at a fixed address, or one that can be moved (PIE). A PIE and a
/// shared library are of the same type; the former names an interpreter or, if static, carries a flag.
fn is_startable(
    header: &FileHeader64<Endianness>,
    segments: &[elf::ProgramHeader64<Endianness>],
    endian: Endianness,
    data: &Cache,
) -> Result<bool, Error> {
    if header.e_entry(endian) == 0 {
        return Ok(false);
    }
    if header.e_type(endian) == ET_EXEC || segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP)
    {
        return Ok(true);
    }
    for segment in segments {
        let Some(dynamic) = segment.dynamic(endian, data).map_err(damaged)? else { continue };
        let is_pie = |entry: &elf::Dyn64<Endianness>| {
            entry.d_tag(endian) == DT_FLAGS_1 && entry.d_val(endian) & DF_1_PIE.0 != 0
        };
        if dynamic.iter().any(is_pie) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn damaged(error: object::read::Error) -> Error {
    Error::Damaged { reason: error.to_string() }
}
