//! Tells the scripts that started us where we can be reached.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Names the file; set by the scripts.
const ENV_READY_FILE: &str = "FLOTT_READY_FILE";

/// Removes the file when the daemon ends.
#[derive(Debug)]
pub(crate) struct ReadyFile(Option<PathBuf>);

/// Writes the address of our REST server into the file that the environment names, if it names one.
///
/// # Errors
/// If it can't be written.
pub(crate) fn announce(rest: Option<SocketAddr>) -> io::Result<ReadyFile> {
    let path = std::env::var_os(ENV_READY_FILE).filter(|name| !name.is_empty()).map(PathBuf::from);
    if let (Some(path), Some(rest)) = (&path, rest) {
        write(path, rest)?;
    }
    Ok(ReadyFile(path))
}

/// The file is either absent or whole.
fn write(path: &Path, rest: SocketAddr) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    fs::write(&unfinished, format!("http://{}\n", reachable(rest)))?;
    fs::rename(&unfinished, path)
}

/// Nobody can connect to "all interfaces".
fn reachable(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv4Addr::LOCALHOST, v4.port()))
        }
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, v6.port()))
        }
        other => other,
    }
}

impl Drop for ReadyFile {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // The scripts remove what is left before they start the next daemon.
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_holds_an_address_that_can_be_reached() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("daemon.ready");
        write(&path, "0.0.0.0:8081".parse().unwrap()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "http://127.0.0.1:8081\n");
        drop(ReadyFile(Some(path.clone())));
        assert!(!path.exists());
    }
}
