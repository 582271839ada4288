//! What runs on this machine, from `/proc`.

use std::{fs, path::Path};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

/// A running process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its parent.
    pub parent: i32,
    /// Its program and arguments.
    pub arguments: Vec<String>,
}

impl Process {
    /// The file name of its program.
    pub fn name(&self) -> &str {
        let program = self.arguments.first().map_or("", String::as_str);
        program.rsplit('/').next().unwrap_or(program)
    }

    /// Sends it a signal. Does nothing if it has ended.
    pub fn signal(&self, signal: Signal) {
        let _ = signal::kill(Pid::from_raw(self.pid), signal);
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        read(self.pid).is_some_and(|now| now.arguments == self.arguments)
    }

    /// Its largest resident memory so far, in KiB; `None` if it has ended.
    pub fn peak_memory_kib(&self) -> Option<u64> {
        status_field(self.pid, "VmHWM:")
    }

    /// Its resident memory, in KiB; `None` if it has ended.
    pub fn memory_kib(&self) -> Option<u64> {
        status_field(self.pid, "VmRSS:")
    }
}

fn status_field(pid: i32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The processes that have to do with `dir`: its path stands in their arguments or environment, or their program or
/// working directory lies in it.
pub fn in_dir(dir: &Path) -> Vec<Process> {
    let needle = dir.as_os_str().as_encoded_bytes();
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    pids().into_iter().filter(|&pid| pid != own && mentions(pid, dir, needle)).filter_map(read).collect()
}

/// The children of `parent`.
pub fn children_of(parent: i32) -> Vec<Process> {
    pids().into_iter().filter_map(read).filter(|process| process.parent == parent).collect()
}

fn pids() -> Vec<i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn mentions(pid: i32, dir: &Path, needle: &[u8]) -> bool {
    let proc = |name: &str| format!("/proc/{pid}/{name}");
    let in_text = |name| fs::read(proc(name)).is_ok_and(|bytes| contains(&bytes, needle));
    let link_inside = |name| fs::read_link(proc(name)).is_ok_and(|path| path.starts_with(dir));
    in_text("cmdline") || in_text("environ") || link_inside("cwd") || link_inside("exe")
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

/// `None` if there is no such process, or it has ended and only waits for its parent.
fn read(pid: i32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
    if matches!(state, "Z" | "X") {
        return None;
    }
    let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let arguments = command_line.split(|&byte| byte == 0).filter(|argument| !argument.is_empty());
    let arguments = arguments.map(|argument| String::from_utf8_lossy(argument).into_owned()).collect();
    Some(Process { pid, parent, arguments })
}
