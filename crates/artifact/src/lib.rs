//! What an artifact is: format check, digest, and plan mode.
