//! A fleet: bridges on many machines publish to an engine, NATS JetStream, and any number of hubs serve what it holds.
//!
//! The files stay the truth and the engine is a cache of them: whatever it forgets is sent again. `names`, `card`, `message`, `sender` and
//! `view` are pure; `nats` is the only file that knows the engine; `delivery` connects them with the log of this bridge, `reader` brings
//! what all bridges sent into the log of a hub. Without `--publish` nothing of this runs.

mod card;
pub(crate) mod delivery;
mod message;
pub(crate) mod names;
pub(crate) mod nats;
pub(crate) mod reader;
mod sender;
mod view;
