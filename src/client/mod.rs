//! A client of the public routes of another bridge: what `--connect` shows, and what one question needs.
//!
//! [`http`] asks and reads one response; [`feed`] follows a stream for ever, and polls where streams do not come through; [`probe`] measures
//! how a stream comes through. Nothing here
//! draws or prints.

pub mod feed;
pub mod http;
pub mod probe;
