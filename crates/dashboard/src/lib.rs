//! The web dashboard: the embedded build of ui/.
