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

mod error;
mod options;
mod storage;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod uri;

pub use error::{Error, FailureKind, Operation, Result};
pub use options::StorageOptions;
pub use storage::{FileInfo, FileWriter, Storage};
pub use uri::{StorageUri, UriError};
