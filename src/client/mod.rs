//! A client of the public routes of another bridge: what `--connect` shows, and what one question needs.
//!
//! [`http`] asks and reads one response. Nothing here draws or prints.

pub mod http;
