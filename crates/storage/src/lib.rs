//! Blobs on file systems and object stores, and the form of checkpoint files.
//!
//! [`Storage`] reads and writes whole files at a [`StorageUri`], bounded in time and with retries. On top of it stand the
//! forms of what checkpoints are made of.
//!
//! ```
//! # async fn example() -> Result<(), flott_storage::Error> {
//! use flott_storage::{Storage, StorageOptions, StorageUri};
//!
//! let storage = Storage::open(&StorageOptions::default());
//! let directory: StorageUri = "file:///tmp/flott-example".parse()?;
//! storage.put(&directory.join("greeting"), "hello".into()).await?;
//! assert_eq!(storage.get(&directory.join("greeting")).await?, "hello");
//! storage.delete_dir(&directory).await?;
//! # Ok(())
//! # }
//! # tokio::runtime::Runtime::new().unwrap().block_on(example()).unwrap();
//! ```

mod cleanup;
pub mod envelope;
mod error;
#[cfg(test)]
mod golden;
pub mod manifest;
mod metadata;
mod options;
mod state_files;
mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod uri;

pub use cleanup::delete_files;
pub use error::{Error, FailureKind, Operation, Result};
pub use metadata::{METADATA_FILE, StoredSnapshot, load_metadata, store_checkpoint, store_metadata};
pub use options::StorageOptions;
pub use state_files::{
    Segment, SegmentLocation, SegmentRequest, StateFileReader, StateFileReaderOptions, StateFileWriter,
    StateFileWriterOptions, verify_state_file,
};
pub use storage::{FileInfo, FileWriter, Storage};
pub use uri::{StorageUri, UriError};
