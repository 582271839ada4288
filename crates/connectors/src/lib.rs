//! Sources and sinks: files, collections, generators, print.
