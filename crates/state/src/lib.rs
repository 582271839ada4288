//! Keyed state of one subtask.

mod keyed_table;

pub use keyed_table::{Key, KeyedTable};
