//! What people and scripts see without a browser: the box, plain lines, the summary, NDJSON.
//!
//! `layout`, `text`, the lines of `plain` and `summary` are pure; `stream`, `ndjson` and `plain::run` write.

pub mod layout;
pub mod ndjson;
pub mod plain;
pub mod stream;
pub mod style;
pub mod summary;
pub mod text;

#[cfg(test)]
pub(crate) mod sample;
