use std::{fmt, net::Ipv4Addr};

use serde::{Deserialize, Serialize};

/// What state machines send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum EventKind {
    A,
    B,
    C,
    D,
    E,
    F,
    G,
}

/// A state of a machine.
///
/// ```text
///           ┌──[a]──> W ──[b]──> Y ──[e]──┐
///           │                    ^        │
/// Initial ──┤                    │        ├──> Z ──[g]──> Terminal
///           │                    │        │
///           └──[c]──> X ──[b]────┘        │
///                     └─────────[d]───────┘
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Initial,
    W,
    X,
    Y,
    Z,
    Terminal,
}

impl State {
    /// The events that are allowed, where they lead, and how probable they are.
    pub(crate) fn transitions(self) -> &'static [(EventKind, Self, f64)] {
        match self {
            Self::Initial => &[(EventKind::A, Self::W, 0.6), (EventKind::C, Self::X, 0.4)],
            Self::W => &[(EventKind::B, Self::Y, 1.0)],
            Self::X => &[(EventKind::B, Self::Y, 0.2), (EventKind::D, Self::Z, 0.8)],
            Self::Y => &[(EventKind::E, Self::Z, 1.0)],
            Self::Z => &[(EventKind::G, Self::Terminal, 1.0)],
            Self::Terminal => &[],
        }
    }

    /// The state to which an event leads, `None` if it is not allowed.
    pub(crate) fn after(self, event: EventKind) -> Option<Self> {
        self.transitions().iter().find(|(kind, ..)| *kind == event).map(|(_, next, _)| *next)
    }
}

/// What the machine at an address has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// An IPv4 address.
    pub(crate) address: u32,
    pub(crate) kind: EventKind,
}

/// An event that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Alert {
    /// In which the machine was.
    pub(crate) state: State,
    pub(crate) event: Event,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, event: Event { address, kind } } = self;
        write!(f, "ALERT {} : {state:?} -> {kind}", Ipv4Addr::from_bits(*address))
    }
}
