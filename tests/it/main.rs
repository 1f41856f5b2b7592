//! The real binary, from outside: one test crate, so that it is linked once.

mod bridge_process;
mod cli;
mod golden;
mod hostile_text;
mod in_process_server;
mod layers;
mod links;
mod names;
mod page;
mod restarts;
mod runner;
mod runs;
mod schema;
mod secrets;
mod serve_end;
mod serve_hostile;
mod serve_polling;
mod serve_streams;
mod sources;
mod sse;
mod sse_client;
mod state_schema;
mod status;
mod stuck;
mod terminal;
mod tools;
