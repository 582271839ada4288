//! The running of subtasks: operator chains, source and sink contracts, the task host.
