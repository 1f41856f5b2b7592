//! Files → cleaned lines and whole documents, handed to the engine as they are seen.
//!
//! `splitter`, `clean` and `follow` are pure (layer 1). `file`, `log`, `document`, `wake`, `watch` and `reader` do the I/O (layer 4):
//! one thread at a time, plain `std::fs`, and the only clock of the program. What a line means is nobody's business here.

pub mod clean;
pub mod follow;
pub mod splitter;

mod document;
mod driver;
mod file;
mod files;
mod log;
pub mod memory;
mod neighbours;
mod past;
mod place;
mod position;
pub mod reader;
mod stream;
mod surroundings;
pub mod wake;
mod watch;

#[cfg(test)]
mod tests;
