//! The message that carries an event: its body is the event's JSON as on every other output, its headers are those of CloudEvents in binary
//! mode and our own.

use crate::event::{Event, EventData, SCHEMA};
use crate::fleet::names::TaskOrigin;

/// Longest body in bytes: with the headers, which take less than a KiB, a message has at most 64.
pub const BODY_BYTES: usize = 63 * 1024;
/// The random id of the process that sent the message.
pub const INSTANCE_HEADER: &str = "Pb-Instance";
/// The id of the event.
pub const ID_HEADER: &str = "ce-id";

/// The event's JSON: `json`, unless that is too long. Then the texts of the criteria are left out, the only part that can make it so.
pub fn body(event: &Event, json: &[u8]) -> Vec<u8> {
    if json.len() <= BODY_BYTES {
        return json.to_vec();
    }
    let mut shorter = event.clone();
    if let EventData::StoryStarted(started) = &mut shorter.data {
        started.acceptance_criteria.clear();
    }
    let mut value = serde_json::to_value(&shorter).expect("an event is plain data: it cannot fail to serialise");
    value["data"]["truncated"] = true.into();
    value.to_string().into_bytes()
}

/// The headers of the message. There is no `Content-Type`: on NATS it would mean that the body is a CloudEvent as a whole.
pub fn headers(event: &Event, origin: &TaskOrigin, instance: &str) -> [(&'static str, String); 9] {
    [
        (ID_HEADER, event.id.to_string()),
        ("ce-specversion", "1.0".to_owned()),
        ("ce-source", format!("//progress-bridge/{origin}")),
        ("ce-type", format!("progress-bridge.{}.v{SCHEMA}", event.data.type_name())),
        ("ce-time", event.timestamp.to_string()),
        ("ce-datacontenttype", "application/json".to_owned()),
        ("Pb-Seq", event.seq.0.to_string()),
        (INSTANCE_HEADER, instance.to_owned()),
        ("Pb-Schema", SCHEMA.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventId, EventSource, Seq, StoryStarted, TimestampSource};

    fn started(criteria: usize) -> Event {
        let text = "x".repeat(1_000);
        let data =
            StoryStarted { title: Some("Login".into()), acceptance_criteria: vec![text.into(); criteria], ..StoryStarted::default() };
        Event {
            id: EventId(uuid::Uuid::nil()),
            seq: Seq(7),
            timestamp: crate::clock::Timestamp(0),
            timestamp_source: TimestampSource::Record,
            timestamp_precision: None,
            late: false,
            origin: None,
            task_id: "shop".into(),
            run: "main".into(),
            provenance: crate::fact::Provenance::Explicit,
            source: EventSource { path: "progress.txt".into(), line: None, text: None },
            data: EventData::StoryStarted(data),
        }
    }

    #[test]
    fn the_body_is_the_events_own_json_unless_it_is_too_long() {
        let short = started(1);
        assert_eq!(body(&short, &short.to_json()), short.to_json());
        let long = started(200);
        let shorter = body(&long, &long.to_json());
        assert!(long.to_json().len() > BODY_BYTES && shorter.len() <= BODY_BYTES);
        let value: serde_json::Value = serde_json::from_slice(&shorter).expect("it is JSON");
        assert_eq!((&value["data"]["truncated"], &value["data"]["title"]), (&true.into(), &"Login".into()));
    }

    #[test]
    fn headers_make_it_a_cloud_event() {
        let origin = TaskOrigin::of_event_subject("pb.ev.alice.shop-1f3a9c").expect("it is one");
        let headers = headers(&started(0), &origin, "0123");
        let value = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        assert_eq!(value("ce-source"), Some("//progress-bridge/alice/shop-1f3a9c"));
        assert_eq!(value("ce-type"), Some("progress-bridge.story_started.v1"));
        assert_eq!((value("Pb-Seq"), value("Pb-Instance"), value("Content-Type")), (Some("7"), Some("0123"), None));
    }
}
