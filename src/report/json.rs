//! The state and the events as one JSON document, for programs.

use serde::Serialize;

use super::ReportData;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::model::state::State;

#[derive(Serialize)]
struct Document<'a> {
    /// Of these fields; the state and the events have their own.
    report: u32,
    version: &'static str,
    generated_at: Timestamp,
    /// Whether `events` begins with the run.
    complete: bool,
    state: &'a State,
    events: &'a [Event],
}

pub(super) fn report(data: &ReportData) -> String {
    let document = Document {
        report: 1,
        version: env!("CARGO_PKG_VERSION"),
        generated_at: data.state.server_time,
        complete: data.is_complete,
        state: &data.state,
        events: &data.events,
    };
    let mut text = serde_json::to_string(&document).expect("it is plain data with string keys: it cannot fail to serialise");
    text.push('\n');
    text
}
