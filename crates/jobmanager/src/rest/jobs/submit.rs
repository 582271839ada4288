//! `POST /jobs`, by which Flink's own client submits a serialized Java graph.

use crate::rest::error::ApiError;

/// Says what to do instead: only a JVM could run what such a client sends.
pub(crate) async fn submit() -> ApiError {
    ApiError::bad_request(
        "This is a Flott cluster: it runs native programs and cannot run a serialized Java job graph. \
         Upload the program with POST /jars/upload and start it with POST /jars/:jarid/run, \
         or use the flott command: flott run PROGRAM [arguments].",
    )
}
