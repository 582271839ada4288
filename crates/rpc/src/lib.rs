//! gRPC: generated code, conversions, channels and servers.
