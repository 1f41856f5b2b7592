//! Tells people when it matters: a command of theirs is run, a webhook called, the bell of the terminal rung.
//!
//! `runner` reads the hub with a cursor of its own, so that nothing here is on the way from the files to the stream. What is worth telling
//! is decided by `occasion`, when and how often it is tried by `outbox`, what a receiver is sent by `request`: all three are pure. Only
//! `http`, `command` and `bell` reach out.
//!
//! To add a kind of receiver: a prefix and a body in `request`, a snapshot of the body, a recipe in docs/notifications.md.

mod bell;
mod command;
mod http;
mod occasion;
mod outbox;
mod request;
mod runner;
mod saved;
mod signature;
#[cfg(test)]
mod tests;

pub use self::command::HookCommand;
pub use self::occasion::EndSource;
pub use self::occasion::OccasionKind;
pub use self::request::Webhook;
pub use self::runner::{Notifier, Receiver, SaveFunction};
pub use self::signature::SigningSecret;
