//! Blobs on file systems and object stores, and the form of checkpoint files.
