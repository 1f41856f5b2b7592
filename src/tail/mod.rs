//! Files → cleaned lines and whole documents, given to the engine as inputs.
//!
//! `splitter`, `clean` and `follow` are pure (layer 1). The others are edges (layer 4): `reader` polls the files, one thread at a time and
//! with plain `std::fs`; `watch` and `wake` tell it when. It takes the clock readings that the engine measures its waits with. What a line
//! means is not decided here.

pub mod clean;
pub mod follow;
pub mod splitter;

mod activity_queue;
mod blocks;
pub mod checkpoint;
mod detached;
mod document;
mod driver;
mod edit;
mod file_stat;
mod folder_listing;
mod pipe;
mod processes;
mod read_position;
pub mod reader;
mod rotated;
mod rotated_reader;
mod session_files;
mod tailer;
mod tracked_files;
mod tracked_path;
pub mod wake;
mod watch;
mod watch_set;

#[cfg(test)]
mod tests;
