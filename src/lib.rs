//! progress-bridge: watches the files that coding-agent runners already write and serves them as typed events.
//!
//! One path, in this order: bytes → lines (`tail`) → facts (`format`, `plan`) → new or known (`subject`, `ledger`) → state and
//! events (`model`), composed in `bridge`; then one log (`hub`) that every output reads with a cursor.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]
#![allow(missing_docs, unreachable_pub, dead_code)]

// 0 words
pub mod error;
pub mod event;
pub mod fact;
pub mod line;
// 1 machines
pub mod discover;
pub mod estimate;
pub mod format;
pub mod ledger;
pub mod model;
pub mod pace;
pub mod plan;
pub mod subject;
pub mod tail;
// 2 bridge
pub mod bridge;
// 3 log
pub mod hub;
// 4 edges
pub mod output;
pub mod serve;
// 5 wiring
pub mod app;
pub mod check;
pub mod config;
// 6 front
pub mod cli;
