//! The web dashboard: the embedded build of `ui/`.
//!
//! The dashboard is a static single-page application (TypeScript, Preact) that speaks only the public
//! REST API, by relative paths. Its source is `ui/`; `bin/build-dashboard.sh` builds it into `ui/dist`,
//! and this crate carries that folder in the binary, in debug builds too. `cargo build` never calls
//! npm: built without `ui/dist`, the crate serves one plain page that says how to get the real one.
//!
//! The crate knows no HTTP server. Whoever serves it asks for an [`Asset`] by path and sends its fields:
//!
//! ```
//! let page = flott_dashboard::asset("/").expect("the start page always exists");
//! assert!(page.content_type.starts_with("text/html"));
//! assert!(flott_dashboard::asset("/no-such-file").is_none());
//! ```

use std::borrow::Cow;
use std::fmt::Write as _;

use rust_embed::RustEmbed;

/// The output of the ui's build. Beside each file worth it lies its gzip form, `NAME.gz`.
#[derive(RustEmbed)]
#[folder = "ui/dist/"]
struct Dist;

/// Shown in place of the dashboard when the binary was built without it.
const NOT_BUILT: &str = include_str!("not_built.html");

/// One file of the dashboard, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// The content, uncompressed.
    pub bytes: Cow<'static, [u8]>,
    /// The same content in gzip form (`content-encoding: gzip`), if the build made one.
    pub gzip: Option<Cow<'static, [u8]>>,
    /// Value for `content-type`, with the charset for text.
    pub content_type: String,
    /// Whether the name carries a hash of the content, so that clients may keep the file forever
    /// (`cache-control: public, max-age=31536000, immutable`). Everything else must be revalidated
    /// (`no-cache`).
    pub immutable: bool,
    /// A strong entity tag of the content, quotes included. It stands for [`bytes`](Self::bytes); an
    /// answer that sends [`gzip`](Self::gzip) should weaken it (`W/`) or leave it out.
    pub etag: String,
}

/// Returns the dashboard's file at `path` (the request's path without its query), or `None` if there is
/// no such file. A leading slash is optional; `/` and the empty path are `index.html`, which always exists.
#[must_use]
pub fn asset(path: &str) -> Option<Asset> {
    let name = match path.trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    // Compressed forms are a representation of their file, not files of their own.
    if name.ends_with(".gz") {
        return None;
    }
    match Dist::get(name) {
        Some(file) => Some(Asset {
            etag: etag(&file.metadata.sha256_hash()),
            gzip: Dist::get(&format!("{name}.gz")).map(|gz| gz.data),
            content_type: content_type(name),
            immutable: name.starts_with("assets/"),
            bytes: file.data,
        }),
        None if name == "index.html" => Some(not_built()),
        None => None,
    }
}

/// Whether this binary carries the dashboard. Without it `/` is a page that says how to build it.
#[must_use]
pub fn is_built() -> bool {
    Dist::get("index.html").is_some()
}

fn not_built() -> Asset {
    Asset {
        bytes: Cow::Borrowed(NOT_BUILT.as_bytes()),
        gzip: None,
        content_type: content_type("index.html"),
        immutable: false,
        etag: "\"not-built\"".to_owned(),
    }
}

fn content_type(name: &str) -> String {
    let mime = mime_guess::from_path(name).first_raw().unwrap_or("application/octet-stream");
    let is_text = mime.starts_with("text/") || mime == "application/json";
    if is_text { format!("{mime}; charset=utf-8") } else { mime.to_owned() }
}

/// The first half of the content's SHA-256 in hex: enough to tell builds apart.
fn etag(sha256: &[u8; 32]) -> String {
    let mut tag = String::from("\"");
    for byte in &sha256[..16] {
        let _ = write!(tag, "{byte:02x}"); // writing to a String cannot fail
    }
    tag.push('"');
    tag
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_page_exists_with_and_without_a_build() {
        let root = asset("/").unwrap();
        assert_eq!(root.content_type, "text/html; charset=utf-8");
        assert!(!root.immutable, "a cached start page would name files of an older build");
        assert_eq!(asset(""), Some(root.clone()));
        assert_eq!(asset("/index.html"), Some(root.clone()));
        assert_eq!(std::str::from_utf8(&root.bytes).unwrap().contains("build-dashboard.sh"), !is_built());
    }

    #[test]
    fn the_page_of_a_missing_build_names_the_command() {
        let page = not_built();
        assert!(std::str::from_utf8(&page.bytes).unwrap().contains("bin/build-dashboard.sh"));
    }

    #[test]
    fn unknown_paths_and_compressed_forms_are_not_files() {
        for path in ["/nosuch", "/../Cargo.toml", "/assets/../index.html", "index.html.gz", "/%2e%2e/x"] {
            assert_eq!(asset(path), None, "{path}");
        }
    }

    #[test]
    fn hashed_files_are_immutable_and_compressed_forms_are_attached() {
        for name in Dist::iter().filter(|name| !name.ends_with(".gz")) {
            let file = asset(&name).unwrap();
            assert_eq!(file.immutable, name.starts_with("assets/"), "{name}");
            assert_eq!(file.etag.len(), 34, "{name}");
            if let Some(gzip) = file.gzip {
                assert_eq!(gzip[..2], [0x1f, 0x8b], "{name}.gz is not gzip");
                assert!(gzip.len() < file.bytes.len(), "{name}.gz saves nothing");
            }
        }
    }

    #[test]
    fn content_types_browsers_insist_on() {
        assert_eq!(content_type("assets/a.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("assets/a.css"), "text/css; charset=utf-8");
        assert_eq!(content_type("logo.svg"), "image/svg+xml");
        assert_eq!(content_type("what.is-this"), "application/octet-stream");
    }
}
