//! Brings together what a report is made of: from files, or from a bridge that watches them.

use jiff::tz::TimeZone;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::ReportData;
use crate::app::Observed;
use crate::error::Error;
use crate::event::Event;
use crate::model::state::{State, StoryState};
use crate::redact;
use crate::status::{Remote, StateSource, is_named, no_such_task};

/// Events of one answer of a bridge.
const PAGE: usize = 1_000;
/// More answers than its log can fill: one that never ends is not a log.
const PAGES: usize = 100;

/// What RFC 3986 leaves as it is in any part of a URL.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Reads the files once, or asks the bridge.
pub(super) fn fetch(origin: &StateSource) -> Result<ReportData, Error> {
    let mut data = match origin {
        StateSource::Files(paths) => {
            let observed = Observed::read_once(paths)?;
            let (state, events) = (State::clone(&observed.snapshot().state), observed.events());
            ReportData { state, is_complete: begins_with_the_run(&events), events, observed_times: false, zone: TimeZone::system() }
        }
        StateSource::Bridge { url, token } => {
            crate::status::runtime()?.block_on(async { of_bridge(&Remote::new(url, token.as_deref())?).await })?
        }
    };
    for task in &mut data.state.tasks {
        // What an agent does just now is nobody's business who reads this later.
        task.agents.clear();
        for stories in [&mut task.stories, &mut task.unplanned] {
            *stories = stories.iter().map(StoryState::whole).collect();
        }
    }
    Ok(data)
}

/// Leaves the task of this name; without a name those that are listed, or all when none is.
pub(super) fn select_tasks(data: &mut ReportData, name: Option<&str>) -> Result<(), Error> {
    let tasks = &mut data.state.tasks;
    match name {
        Some(name) => {
            tasks.retain(|task| is_named(task, name));
            if tasks.is_empty() {
                return Err(no_such_task(name));
            }
        }
        None if tasks.iter().any(|task| task.listed) => tasks.retain(|task| task.listed),
        None => {}
    }
    data.events.retain(|event| tasks.iter().any(|task| *task.task_id == *event.task_id));
    Ok(())
}

/// One answer of `/api/events`.
#[derive(Deserialize)]
struct EventsAnswer {
    events: Vec<Box<RawValue>>,
    cursor: String,
    #[serde(default)]
    gap: Option<serde::de::IgnoredAny>,
}

async fn of_bridge(bridge: &Remote) -> Result<ReportData, Error> {
    let (mut events, mut is_complete, mut cursor) = (Vec::new(), true, None::<String>);
    for _ in 0..PAGES {
        let after = cursor.as_deref().map(|cursor| format!("&after={cursor}")).unwrap_or_default();
        let answer: EventsAnswer = bridge.fetch(&format!("/api/events?limit={PAGE}{after}")).await?;
        is_complete &= answer.gap.is_none();
        // A newer bridge may send what this one has no words for.
        let page: Vec<Event> = answer.events.iter().filter_map(|json| masked(json.get()).ok()).collect();
        let is_last = answer.events.is_empty() || cursor.as_deref() == Some(&answer.cursor);
        events.extend(page);
        cursor = Some(answer.cursor);
        if is_last {
            break;
        }
    }
    let state: Box<RawValue> = bridge.fetch("/api/state").await?;
    let mut state: State = masked(state.get()).map_err(|error| bridge.unusable(&error))?;
    is_complete &= begins_with_the_run(&events);
    for task in &mut state.tasks {
        let task_id = percent_encoded(&task.task_id);
        for story in task.stories.iter_mut().chain(&mut task.unplanned).filter(|story| is_cut(story)) {
            let Some(name) = story.story_id.as_ref().or(story.title.as_ref()) else { continue };
            let whole: Box<RawValue> = bridge.fetch(&format!("/api/stories/{task_id}/{}", percent_encoded(name))).await?;
            if let Ok(whole) = masked(whole.get()) {
                *story = whole;
            }
        }
    }
    Ok(ReportData { state, events, is_complete, observed_times: true, zone: TimeZone::system() })
}

/// Whether no event has been dropped from the log.
fn begins_with_the_run(events: &[Event]) -> bool {
    events.first().is_none_or(|first| first.seq.0 == 1)
}

/// Whether the snapshot does without its attempts or criteria.
fn is_cut(story: &StoryState) -> bool {
    (story.criteria_count > 0 && story.criteria.is_empty()) || (story.attempt_count > 0 && story.attempts.is_empty())
}

/// Masks secrets once more: the bridge over there may run with `--no-redact`, and a report is sent on.
fn masked<T: DeserializeOwned>(json: &str) -> Result<T, serde_json::Error> {
    let mut value = serde_json::from_str(json)?;
    mask(&mut value);
    // Through text again: a deserialiser of states from values would be a second copy of 100 kB.
    serde_json::from_slice(&serde_json::to_vec(&value)?)
}

fn mask(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => {
            if let std::borrow::Cow::Owned(masked) = redact::mask(text) {
                *text = masked;
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(mask),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(mask),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {}
    }
}

/// As one segment of a path.
fn percent_encoded(segment: &str) -> String {
    utf8_percent_encode(segment, SEGMENT).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_encoded_whole() {
        assert_eq!(percent_encoded("US-1/a b?%é"), "US-1%2Fa%20b%3F%25%C3%A9");
    }

    #[test]
    fn what_another_bridge_sends_is_masked_once_more() {
        let masked: serde_json::Value =
            masked(r#"{"title": "Use sk-abcdefghijklmnopqrst1234", "list": ["API_KEY=hunter2hunter2", 3]}"#).expect("it is JSON");
        assert_eq!(masked, serde_json::json!({"title": "Use ***", "list": ["API_KEY=***", 3]}));
    }
}
