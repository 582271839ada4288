//! What the subtasks of this process are doing, for those who ask: profiles and thread dumps.
//!
//! While nobody asks, all that it costs is one store whenever a thread turns to a subtask, and one when it leaves it, which
//! is once in several batches. Who asks gets a thread ([`Sampler::start`]) that looks at the slots' threads again and again: a
//! signal makes a thread that runs a subtask write down its own stack ([`flott_stacks`]). Of a subtask that no thread runs it is
//! known what it waits for. Addresses become names elsewhere, so programs carry no code for that.

mod sampler;
mod threads;

pub(crate) use sampler::{Sampled, Sampler};
pub(crate) use threads::{SlotThreads, marked};
