//! The real binary, from outside: one test crate, so that it is linked once.

mod bridge;
mod cli;
mod golden;
mod layers;
mod runner;
mod runs;
mod schema;
mod sse;
