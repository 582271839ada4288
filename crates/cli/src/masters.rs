//! `conf/masters`: where the JobManagers of a cluster are.
//!
//! One a line, as `host[:webui-port[:rpc-port]]`; an IPv6 address in brackets. A line without ports has the configured ones,
//! the second line of the same host the ones after these, and so on. What follows a `#` is a comment. The scripts read the
//! same file (`read_masters` in `bin/config.sh`).

use std::collections::HashMap;

/// The REST addresses in the file `text`, as `host:port`, where `rest_port` is the configured one.
///
/// # Errors
///
/// The number of a line that is not of the form, with what is wrong.
pub(crate) fn rest_addresses(text: &str, rest_port: u16) -> Result<Vec<String>, String> {
    let mut addresses = Vec::new();
    let mut seen: HashMap<String, u16> = HashMap::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (host, port) = host_and_port(line)
            .ok_or_else(|| format!("{}: got \"{line}\", allowed: host[:webui-port[:rpc-port]]", index + 1))?;
        let earlier = seen.entry(host.to_owned()).or_default();
        addresses.push(format!("{host}:{}", port.unwrap_or(rest_port.saturating_add(*earlier))));
        *earlier += 1;
    }
    Ok(addresses)
}

/// Host and REST port, if there is one, of a line that is of the form.
fn host_and_port(line: &str) -> Option<(&str, Option<u16>)> {
    // The colons of an IPv6 address are within its brackets.
    let bracket = line.find(']').map_or(0, |bracket| bracket + 1);
    let host_end = line.get(bracket..)?.find(':').map_or(line.len(), |colon| bracket + colon);
    let (host, ports) = line.split_at(host_end);
    let ports: Vec<u16> = ports.split(':').skip(1).map(|port| port.parse().ok()).collect::<Option<_>>()?;
    let is_host = !host.is_empty() && !host.contains(char::is_whitespace);
    (is_host && ports.len() <= 2 && !ports.contains(&0)).then(|| (host, ports.first().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_hosts_with_ports() {
        let text = "# all of them\nlocalhost\n one:9000 # second\n\ntwo:8083:6124\nlocalhost\n[::1]\n[::1]:8084:6125";
        let expected =
            ["localhost:8081", "one:9000", "two:8083", "localhost:8082", "[::1]:8081", "[::1]:8084"];
        assert_eq!(rest_addresses(text, 8081).unwrap(), expected);
        assert!(rest_addresses("\n#\n", 8081).unwrap().is_empty());
    }

    #[test]
    fn other_lines_are_named() {
        for wrong in ["a:b", "a:1:b", "a:1:2:3", ":1", "a:0", "a:1:", "a b", "a:99999"] {
            let error = rest_addresses(&format!("ok\n{wrong}"), 8081).unwrap_err();
            assert!(error.starts_with(&format!("2: got \"{wrong}\", allowed: host[:webui-port")), "{error}");
        }
    }
}
