//! The data plane: batches, input gates, result partitions, credits, TCP framing.
