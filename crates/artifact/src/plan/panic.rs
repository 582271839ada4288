//! Finds the panic in what a Rust program wrote to stderr.

/// A panic's message and place.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Panic {
    pub(super) message: String,
    /// `file:line:column`.
    pub(super) location: Option<String>,
}

const PANICKED_AT: &str = " panicked at ";

/// The first panic in `stderr`: later ones, of other threads, are its echoes as a rule.
pub(super) fn find(stderr: &str) -> Option<Panic> {
    let mut lines = stderr.lines().skip_while(|line| !is_panic_line(line));
    let (_, location) = lines.next()?.split_once(PANICKED_AT)?;
    let message: Vec<_> = lines.take_while(|line| !is_end(line)).collect();
    let message = message.join("\n").trim().to_owned();
    Some(Panic {
        message: if message.is_empty() { "(no message)".to_owned() } else { message },
        location: location.strip_suffix(':').map(str::to_owned),
    })
}

fn is_panic_line(line: &str) -> bool {
    line.starts_with("thread '") && line.contains(PANICKED_AT)
}

/// Whether the message ended before this line.
fn is_end(line: &str) -> bool {
    line.starts_with("note: ") || line.starts_with("stack backtrace:") || is_panic_line(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_and_place_are_found() {
        let stderr = "\
            loading\n\
            thread 'main' panicked at src/main.rs:7:5:\n\
            no input given\n\
            note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let panic = find(stderr).unwrap();
        assert_eq!(panic.message, "no input given");
        assert_eq!(panic.location.as_deref(), Some("src/main.rs:7:5"));
    }

    #[test]
    fn message_may_have_lines_and_the_thread_a_number() {
        let stderr = "\
            \n\
            thread 'main' (4711) panicked at src/a.rs:1:2:\n\
            assertion `left == right` failed\n  left: 1\n right: 2\n\
            stack backtrace:\n   0: rust_begin_unwind\n\
            thread 'b' (4712) panicked at src/b.rs:1:2:\nlater\n";
        let panic = find(stderr).unwrap();
        assert_eq!(panic.message, "assertion `left == right` failed\n  left: 1\n right: 2");
        assert_eq!(panic.location.as_deref(), Some("src/a.rs:1:2"));
    }

    #[test]
    fn no_panic_is_none() {
        assert_eq!(find(""), None);
        assert_eq!(find("error: the tower panicked at noon\n"), None);
    }
}
