//! What is kept of notifications over a restart: how far the log was looked through, what was told, what is still to be told.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::occasion::Notification;

/// Increased when an old file would be misread.
const VERSION: u32 = 1;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct SavedNotifications {
    /// First, so that the store knows its own file.
    notifications: u32,
    /// Of the log: what comes after it has not been looked at.
    pub cursor: String,
    /// Ids of what was told, oldest first.
    pub known: Vec<Uuid>,
    /// What waits to become one.
    #[serde(default)]
    pub collected: Vec<Notification>,
    /// What waits for a receiver, by what names it.
    #[serde(default)]
    pub waiting: BTreeMap<String, Vec<Notification>>,
}

impl SavedNotifications {
    pub(super) fn new(cursor: String) -> Self {
        SavedNotifications { notifications: VERSION, cursor, ..SavedNotifications::default() }
    }

    /// `None` for a file of another version.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice::<SavedNotifications>(bytes).ok().filter(|saved| saved.notifications == VERSION)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("it is plain data with string keys: it cannot fail to serialise")
    }
}
