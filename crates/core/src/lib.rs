//! Data and rules of Flott: ids, JobGraph, key groups, configuration. No I/O, no clock.
