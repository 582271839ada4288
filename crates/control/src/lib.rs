//! The pure state machines of all components.
