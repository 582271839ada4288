//! Names what a file is that is not an ELF file.

use crate::Error;

/// How much of a text is quoted in an error.
const QUOTE_CHARS: usize = 40;

/// Formats that people do upload, by their first bytes.
const KNOWN: [(&[u8], &str); 9] = [
    (b"MZ", "a Windows program"),
    (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\xca\xfe\xba\xbe", "a macOS universal program or Java class file"),
    (b"\0asm", "a WebAssembly module"),
    (b"\x1f\x8b", "a gzip file"),
    (b"\x28\xb5\x2f\xfd", "a zstd file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"!<arch>\n", "a static library"),
    (b"%PDF", "a PDF document"),
];

/// The error for a file that starts with `head` (not empty) and is no ELF file.
pub(super) fn describe(head: &[u8]) -> Error {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Error::JavaArchive;
    }
    if let Some((_, found)) = KNOWN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Error::NotExecutable { found: (*found).to_owned() };
    }
    match as_text(head) {
        Some(text) if text.starts_with("#!") => Error::Script { first_line: quote(first_line(text)) },
        Some(text) => Error::Text { start: quote(first_line(text.trim_start())) },
        None => {
            let start: Vec<_> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            Error::NotExecutable {
                found: format!("a file of unknown format (it starts with {})", start.join(" ")),
            }
        }
    }
}

/// The head as text: UTF-8 without control characters, whose last character may be cut off.
fn as_text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_binary = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x1b');
    (!text.is_empty() && !text.contains(is_binary)).then_some(text)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn quote(line: &str) -> String {
    let mut quoted: String = line.trim_end().chars().filter(|c| !c.is_control()).take(QUOTE_CHARS).collect();
    if line.trim_end().chars().count() > QUOTE_CHARS {
        quoted.push('…');
    }
    quoted
}
