//! What processes of this machine are doing, for people.
//!
//! - [`threads`]: the threads of a process, as the operating system has them.
//! - [`symbols`]: which functions lie at addresses of a process, by the symbol tables of its files. Programs need no debug
//!   information for that, only that they are not stripped of their symbols too.
//! - [`stack`]: leaves out of a subtask's stack what is the same in all.
//! - [`flame`]: many stacks as one tree, and that as a picture.
//! - [`own`]: what the threads of this process spend their time with.

pub mod flame;
pub mod own;
pub mod stack;
pub mod symbols;
pub mod threads;
