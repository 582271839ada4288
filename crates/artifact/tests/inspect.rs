//! ELF files: this test's own binary, which carries the mark, as it is and with single bytes changed.

#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::path::Path;

use flott_artifact::{ArtifactInfo, Error, inspect};
use flott_core::sdk::{MARKER, MARKER_SECTION, PROTOCOL_VERSION};

#[expect(unsafe_code, reason = "what the flott crate does in a job's binary")]
#[used]
#[unsafe(link_section = ".flott.sdk")]
static MARK: [u8; 21] = MARKER;

/// This test's binary, to be changed.
struct Elf(Vec<u8>);

impl Elf {
    fn own() -> Self {
        Self(std::fs::read(std::env::current_exe().unwrap()).unwrap())
    }

    fn with(mut self, offset: usize, bytes: &[u8]) -> Self {
        self.0[offset..offset + bytes.len()].copy_from_slice(bytes);
        self
    }

    fn word(&self, offset: usize) -> usize {
        u64::from_le_bytes(self.0[offset..offset + 8].try_into().unwrap()) as usize
    }

    fn half(&self, offset: usize) -> usize {
        u16::from_le_bytes(self.0[offset..offset + 2].try_into().unwrap()).into()
    }

    /// Offsets of the program headers of this type.
    fn segments(&self, wanted: u32) -> Vec<usize> {
        let table = self.word(0x20);
        (0..self.half(0x38))
            .map(|index| table + index * 56)
            .filter(|&header| self.0[header..header + 4] == wanted.to_le_bytes())
            .collect()
    }

    fn replace_all(mut self, from: &[u8], to: &[u8]) -> Self {
        assert_eq!(from.len(), to.len());
        let found: Vec<_> = self.0.windows(from.len()).enumerate().filter(|(_, at)| *at == from).collect();
        let offsets: Vec<_> = found.into_iter().map(|(offset, _)| offset).collect();
        assert!(!offsets.is_empty());
        for offset in offsets {
            self.0[offset..offset + to.len()].copy_from_slice(to);
        }
        self
    }

    fn inspect(&self) -> Result<ArtifactInfo, Error> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("artifact");
        std::fs::write(&path, &self.0).unwrap();
        inspect(&path)
    }
}

#[test]
fn program_with_the_mark_is_an_artifact() {
    let own = Elf::own();
    let info = own.inspect().unwrap();
    assert_eq!(info.size_bytes, own.0.len() as u64);
    assert_eq!(info.protocol_version, PROTOCOL_VERSION);
    assert_eq!(info.architecture, std::env::consts::ARCH);
}

#[test]
fn program_without_the_mark_is_refused() {
    let unmarked = Elf::own().replace_all(MARKER_SECTION.as_bytes(), b".other.sdk");
    assert!(matches!(unmarked.inspect(), Err(Error::NotFlottJob)));

    let shell = Path::new("/bin/sh").canonicalize().unwrap();
    assert!(matches!(inspect(&shell), Err(Error::NotFlottJob)));
}

#[test]
fn other_protocol_is_refused_with_both_versions() {
    let error = Elf::own().replace_all(&MARKER, b"flott-sdk protocol=7\0").inspect().unwrap_err();
    assert!(matches!(error, Error::ProtocolVersion { found: 7 }));
    let text = error.to_string();
    assert!(text.contains("version 7") && text.contains(&format!("version {PROTOCOL_VERSION}")), "{text}");

    let unreadable = Elf::own().replace_all(&MARKER, b"flott-sdk protocol=!\0");
    assert!(matches!(unreadable.inspect(), Err(Error::MarkerUnreadable)));
}

#[test]
fn other_machines_are_named() {
    let error = |elf: Elf| elf.inspect().unwrap_err().to_string();
    let other = if cfg!(target_arch = "x86_64") { (183u16, "aarch64") } else { (62, "x86_64") };
    assert!(error(Elf::own().with(0x12, &other.0.to_le_bytes())).contains(other.1));
    assert!(error(Elf::own().with(0x12, &9999u16.to_le_bytes())).contains("machine type 9999"));
    assert!(error(Elf::own().with(5, &[2])).contains("big-endian"));
    assert!(matches!(Elf::own().with(4, &[1]).inspect(), Err(Error::ThirtyTwoBit)));
}

#[test]
fn files_that_were_not_linked_to_a_program_are_refused() {
    assert!(matches!(Elf::own().with(0x10, &[1]).inspect(), Err(Error::ObjectFile)));
    assert!(matches!(Elf::own().with(0x10, &[4]).inspect(), Err(Error::CoreDump)));
    assert!(matches!(Elf::own().with(0x10, &[9]).inspect(), Err(Error::Damaged { .. })));
    assert!(matches!(Elf::own().with(0x18, &[0; 8]).inspect(), Err(Error::SharedLibrary)));
}

#[test]
fn static_pie_is_told_from_a_shared_library() {
    let own = Elf::own();
    let interpreter = own.segments(3)[0];
    let dynamic_header = own.segments(2)[0];
    let (dynamic, size) = (own.word(dynamic_header + 8), own.word(dynamic_header + 32));
    let flags = (dynamic..dynamic + size).step_by(16).find(|&at| own.word(at) == 0x6fff_fffb).unwrap();

    let static_pie = own.with(interpreter, &[0; 4]);
    assert!(static_pie.inspect().is_ok());
    let library = static_pie.with(flags + 8, &[0; 8]);
    assert!(matches!(library.inspect(), Err(Error::SharedLibrary)));
}

#[test]
fn every_truncation_is_noticed() {
    let own = Elf::own();
    let size = own.0.len();
    for kept in [4, 5, 20, 63, 64, 100, 1000, size / 4, size / 2, size - 1000, size - 1] {
        let cut = Elf(own.0[..kept].to_vec());
        match cut.inspect() {
            Err(Error::Truncated { expected_bytes, found_bytes }) => {
                assert_eq!(found_bytes, kept as u64);
                assert!(expected_bytes > found_bytes);
            }
            other => panic!("{kept} of {size} bytes: {other:?}"),
        }
    }
}

#[test]
fn absurd_headers_are_refused_without_reading_much() {
    assert!(matches!(Elf::own().with(0x28, &[0xff; 8]).inspect(), Err(Error::Truncated { .. })));
    let own = Elf::own();
    let segment = own.segments(1)[0];
    assert!(matches!(own.with(segment + 32, &[0xff; 8]).inspect(), Err(Error::Truncated { .. })));
    // No sections at all: a stripped program of unknown kind.
    let none = Elf::own().with(0x28, &[0; 8]).with(0x3c, &[0; 2]);
    assert!(matches!(none.inspect(), Err(Error::NotFlottJob)));
}
