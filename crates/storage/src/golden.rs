//! Files of released formats, which must be readable for ever, and be what is written today.

use std::path::PathBuf;

use bytes::Bytes;

/// Compares with `tests/golden/<name>.bin`, which `read` must be able to read. With `FLOTT_BLESS=1` in the environment the file is
/// written: for formats that were never released.
pub(crate) fn check(name: &str, written: &[u8], read: impl FnOnce(&Bytes)) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.bin"));
    if std::env::var_os("FLOTT_BLESS").is_some() {
        std::fs::write(&path, written).unwrap();
    }
    let golden = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read(&golden.clone().into());
    let differs = golden.iter().zip(written).position(|(golden, written)| golden != written);
    assert!(
        golden == written,
        "{}: what is written now has {} bytes instead of {}, and differs from byte {differs:?} on. A format that was released \
         gets a new version and stays readable; for another: FLOTT_BLESS=1 cargo test -p flott-storage golden",
        path.display(),
        written.len(),
        golden.len(),
    );
}
