//! Names of the functions in a process.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io,
    path::Path,
};

use object::{Object, ObjectSegment, ObjectSymbol, ReadCache, SymbolKind};

/// Longest name, in bytes. Names of generic functions hold those of all types.
const MAX_NAME_BYTES: usize = 400;

/// Finds the functions in which the addresses lie. One of which nothing is known is called by its file, such as
/// `[libc.so.6]`. `pid` is the process; `None` = this one. Blocks.
///
/// # Errors
/// If the process has ended, or is none of this user's.
pub fn resolve(
    pid: Option<u32>,
    addresses: impl IntoIterator<Item = u64>,
) -> io::Result<HashMap<u64, String>> {
    let process = pid.map_or_else(|| "/proc/self".to_owned(), |pid| format!("/proc/{pid}"));
    let mappings = mappings(&fs::read_to_string(format!("{process}/maps"))?);
    let executable = fs::read_link(format!("{process}/exe")).unwrap_or_default();
    let mut by_file: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    let mut names = HashMap::new();
    for address in addresses {
        match mappings.range(..=address).next_back().filter(|(_, mapping)| address < mapping.end) {
            Some((start, mapping)) => {
                by_file.entry(&mapping.path).or_default().push((address, address - start + mapping.offset));
            }
            None => drop(names.insert(address, "[unknown]".to_owned())),
        }
    }
    for (path, places) in by_file {
        // The file may have been deleted or replaced; the process still has it.
        let is_program = Path::new(path) == executable;
        let file = if is_program { format!("{process}/exe") } else { path.to_owned() };
        let functions = functions(&file, &places).unwrap_or_default();
        let unknown = format!("[{}]", path.rsplit('/').next().unwrap_or(path).trim_matches(['[', ']']));
        for (address, _) in places {
            let name = functions.get(&address).map_or_else(|| unknown.clone(), |name| readable(name));
            names.insert(address, name);
        }
    }
    Ok(names)
}

/// A part of a file in the memory of a process.
struct Mapping {
    end: u64,
    /// Where in the file it begins.
    offset: u64,
    path: String,
}

/// Reads the executable lines `start-end perms offset dev inode path`, by their start.
fn mappings(maps: &str) -> BTreeMap<u64, Mapping> {
    let hex = |text: &str| u64::from_str_radix(text, 16).ok();
    let mapping = |line: &str| {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let is_executable = fields.next()?.contains('x');
        let offset = hex(fields.next()?)?;
        let path = fields.nth(2)?.trim_start().to_owned();
        (is_executable && !path.is_empty()).then_some((hex(start)?, Mapping { end: hex(end)?, offset, path }))
    };
    maps.lines().filter_map(mapping).collect()
}

/// The symbols at places of an ELF file, of each of which the address in the process and the offset in the file are given.
fn functions(file: &str, places: &[(u64, u64)]) -> Option<HashMap<u64, String>> {
    // Reads only what is asked for: headers, and the tables of symbols and their names.
    let cache = ReadCache::new(File::open(file).ok()?);
    let file = object::File::parse(&cache).ok()?;
    let segments: Vec<_> = file.segments().map(|segment| (segment.file_range(), segment.address())).collect();
    let virtual_address = |offset: u64| {
        let mut within =
            segments.iter().filter(|((begin, size), _)| (*begin..begin + size).contains(&offset));
        within.next().map(|((begin, _), address)| offset - begin + address)
    };
    let mut symbols: Vec<_> = file
        .symbols()
        .chain(file.dynamic_symbols())
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0)
        .map(|symbol| (symbol.address(), symbol.size(), symbol))
        .collect();
    symbols.sort_by_key(|(address, size, _)| (*address, *size));
    let name_at = |offset: u64| {
        let wanted = virtual_address(offset)?;
        let behind = symbols.partition_point(|(address, ..)| *address <= wanted);
        let (address, size, symbol) = symbols[..behind].last()?;
        let name = symbol.name().ok().filter(|_| wanted - address < *size)?;
        Some(name.to_owned())
    };
    Some(places.iter().filter_map(|&(address, offset)| Some((address, name_at(offset)?))).collect())
}

/// The name as its author wrote it, without the hash that makes it unique.
fn readable(symbol: &str) -> String {
    // Versions of symbols of shared libraries, such as read@@GLIBC_2.2.5.
    let symbol = symbol.split("@@").next().unwrap_or(symbol);
    let mut name = format!("{:#}", rustc_demangle::demangle(symbol));
    if name.len() > MAX_NAME_BYTES {
        let border = (0..=MAX_NAME_BYTES).rev().find(|&border| name.is_char_boundary(border)).unwrap_or(0);
        name.truncate(border);
        name.push('…');
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[inline(never)]
    fn a_function_of_this_test(x: u64) -> u64 {
        std::hint::black_box(x) * 3
    }

    #[test]
    fn own_functions_have_their_names_and_those_of_libraries_too() {
        assert_eq!(a_function_of_this_test(2), 6);
        let own = a_function_of_this_test as *const () as u64 + 1;
        let names = resolve(None, [own, 7]).unwrap();
        assert_eq!(names[&own], "flott_profiling::symbols::tests::a_function_of_this_test");
        assert_eq!(names[&7], "[unknown]");
        // The same by the process' number, as it is done with task hosts.
        assert_eq!(resolve(Some(std::process::id()), [own]).unwrap()[&own], names[&own]);
    }

    #[test]
    fn a_process_that_has_ended_is_an_error() {
        resolve(Some(u32::MAX), [1]).unwrap_err();
    }

    #[test]
    fn maps_are_read_with_odd_names() {
        let maps = "\
55d0-55e0 r--p 00000000 08:01 7   /a/b\n55e0-55f0 r-xp 00000010 08:01 7      /a/my program (deleted)\n\
7f00-7f10 r-xp 00000000 00:00 0                  [vdso]\n7f10-7f20 rwxp 00000000 00:00 0 \nnonsense\n";
        let mappings = mappings(maps);
        let found: Vec<_> = mappings.iter().map(|(start, m)| (*start, m.end, m.offset, &*m.path)).collect();
        let expected = [(0x55e0, 0x55f0, 0x10, "/a/my program (deleted)"), (0x7f00, 0x7f10, 0, "[vdso]")];
        assert_eq!(found, expected);
    }

    #[test]
    fn names_are_readable_and_bounded() {
        assert_eq!(readable("_ZN4core3fmt5write17h0123456789abcdefE"), "core::fmt::write");
        assert_eq!(readable("read@@GLIBC_2.2.5"), "read");
        assert_eq!(readable("main"), "main");
        let long = readable(&"é".repeat(900));
        assert!(long.len() <= MAX_NAME_BYTES + 3 && long.ends_with('…'));
    }
}
