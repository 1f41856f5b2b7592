//! Rings the bell of the terminal, and tells terminals that understand OSC 9 what for.

use std::io::{IsTerminal, Write};

use super::occasion::Notification;
use super::outbox::DeliveryResult;

/// As a terminal reads it: clean text between two controls of our own.
pub(super) fn sequence(notification: &Notification) -> String {
    let text = format!("{}: {}", notification.title, notification.text);
    // A semicolon after a digit would make it another sequence: OSC 9;4 is a progress bar.
    let apart = if text.starts_with(|c: char| c.is_ascii_digit() || c == ';') { " " } else { "" };
    format!("\u{7}\u{1b}]9;{apart}{text}\u{1b}\\")
}

pub(super) async fn ring(notification: &Notification) -> DeliveryResult {
    if !std::io::stderr().is_terminal() {
        // Controls would only spoil a file.
        return DeliveryResult::Delivered;
    }
    let sequence = sequence(notification);
    // A terminal that was stopped (Ctrl-S) blocks whoever writes to it.
    let written = tokio::task::spawn_blocking(move || {
        let mut out = std::io::stderr().lock();
        out.write_all(sequence.as_bytes()).and_then(|()| out.flush())
    });
    // Without a terminal there is nobody to hear it.
    let _gone = written.await.is_err();
    DeliveryResult::Delivered
}
