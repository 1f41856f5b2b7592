//! The server as clients see it. To be folded into `tests/it`: these are its modules already.

#[path = "it/hand_fed.rs"]
mod hand_fed;
#[path = "it/serve_end.rs"]
mod serve_end;
#[path = "it/serve_polling.rs"]
mod serve_polling;
#[path = "it/serve_streams.rs"]
mod serve_streams;
#[path = "it/sse_client.rs"]
mod sse_client;
