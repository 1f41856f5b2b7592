//! progress-bridge: watches the files that coding-agent runners already write and serves them as typed events.
//!
//! One path, in this order: bytes → lines (`tail`) → facts (`format`, `plan`) → new or known (`subject`, `ledger`) → state and
//! events (`model`), composed in `engine`; then one log ([`hub`]) that every output reads with a cursor. A module imports only
//! from layers above its own in the list below; `tests/it/layers.rs` holds that.
//!
//! Public is what the binary, the tests, the benches and the examples use: start with [`app::run`], or with [`event::Event`] for what
//! comes out. All other modules are internal.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

// 0 words: time, clean text, lines, changes of a file, facts of a source, events, errors and notices, and a set that forgets
pub mod clock;
pub(crate) mod compact_set;
pub mod error;
pub mod event;
pub mod fact;
pub(crate) mod file_change;
pub mod line;
#[cfg(test)]
pub(crate) mod property;
pub(crate) mod recent_set;
pub(crate) mod redact;
pub(crate) mod seeded_hash;
pub mod text;
pub(crate) mod usual_map;
// 1 machines: pure, each with one job; time comes in as an argument
pub(crate) mod agent;
pub(crate) mod backoff;
pub(crate) mod discover;
pub(crate) mod estimate;
pub(crate) mod format;
pub(crate) mod ledger;
pub(crate) mod lex;
pub mod model;
pub(crate) mod plan;
pub(crate) mod rate_limiter;
pub(crate) mod record;
pub(crate) mod subject;
pub(crate) mod tail; // its `watch`, `wake` and `reader` are edges: the watcher, the files, the clock
// 2 engine: inputs in, events and state out
pub(crate) mod engine;
// 3 log: one writer, readers with cursors
pub mod hub;
pub(crate) mod inline_delivery;
// 4 edges: write and serve what the log holds, and follow another bridge
pub(crate) mod client;
#[cfg(feature = "fleet")]
pub(crate) mod fleet; // its `names`, `card`, `message`, `sender` and `view` are pure
pub mod notifications;
pub(crate) mod output;
pub mod serve;
pub(crate) mod store;
// 5 wiring: settings, the parts and their order, a file explained
pub mod app;
pub mod check;
pub mod config;
pub mod demo;
pub mod doctor;
#[doc(hidden)]
pub mod fit;
#[cfg(any(fuzzing, test))]
pub mod fuzz;
pub mod report;
pub mod status;
// 6 front: arguments, and what they ask for
pub mod cli;
pub mod program;
