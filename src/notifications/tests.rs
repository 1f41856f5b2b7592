//! What is told and when, without a clock and without a receiver.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use uuid::Uuid;

use super::bell;
use super::occasion::{Detector, EndSource, Notification, OccasionKind};
use super::outbox::{DeliveryResult, Outbox};
use super::request::{HookRequest, Webhook};
use super::signature::SigningSecret;
use crate::clock::Timestamp;
use crate::event::EventData;
use crate::hub::{Batch, Hub, HubSettings, PublishedEvent, StartPosition};
use crate::model::state::{TaskState, TaskStatus};
use crate::output::sample;

const DAY: i64 = 86_400_000;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn notification(number: u128, kind: OccasionKind) -> Notification {
    Notification {
        id: Uuid::from_u128(number),
        kind,
        at: sample::NOW,
        title: format!("Corner Shop: {}", kind.name()).into(),
        text: "6 of 9 stories passed; US-007: tests do not compile".into(),
        task_id: "shop".into(),
        task_name: "Corner Shop".into(),
        run: "feature/checkout".into(),
        status: kind.name().into(),
        stories_passed: 6,
        story_count: Some(9),
        event: None,
        also: Vec::new(),
    }
}

/// The events of a run as the hub has them.
fn published() -> Vec<Arc<PublishedEvent>> {
    let hub = Hub::new(HubSettings::default());
    hub.publish(sample::events());
    match hub.subscribe(StartPosition::Oldest).try_next() {
        Some(Batch::Events(entries)) => entries,
        other => panic!("{other:?}"),
    }
}

fn with_attention(task: TaskState, ago: i64) -> TaskState {
    let mut task = TaskState { attention: sample::quiet().attention, ..task };
    if let Some(attention) = &mut task.attention {
        attention.since = sample::ago(ago);
    }
    task
}

#[test]
fn an_event_is_reported_once_and_only_while_it_is_new() {
    let all: Vec<OccasionKind> = OccasionKind::CHOICES.iter().flat_map(|(_, kinds)| kinds.iter().copied()).collect();
    let state = sample::state(vec![sample::passed()]);
    let mut detector = Detector::new(&all, EndSource::Events);
    let found: Vec<Notification> = published().iter().filter_map(|entry| detector.event(entry, &state, sample::NOW)).collect();
    let lines: Vec<String> = found.iter().map(|found| format!("{}: {}: {}", found.kind.name(), found.title, found.text)).collect();
    assert_snapshot!("told", lines.join("\n"));
    assert!(published().iter().all(|entry| detector.event(entry, &state, sample::NOW).is_none()), "twice");
    let mut later = Detector::new(&all, EndSource::Events);
    let tomorrow = Timestamp(sample::NOW.0 + DAY + 3_600_000);
    assert!(published().iter().all(|entry| later.event(entry, &state, tomorrow).is_none()), "a record of yesterday is no news");
    let mut few = Detector::new(&OccasionKind::DEFAULT, EndSource::Events);
    let kinds: Vec<OccasionKind> =
        published().iter().filter_map(|entry| few.event(entry, &state, sample::NOW)).map(|found| found.kind).collect();
    assert_eq!(kinds, [OccasionKind::Passed]);
    let end = published().into_iter().find(|entry| matches!(entry.event.data, EventData::TaskCompleted(_))).expect("the run ended");
    assert_eq!(found.last().map(|found| found.id), Some(end.event.id.0), "it has the event's id");
}

#[test]
fn quiet_is_reported_once_until_something_moved_and_never_at_the_start() {
    let quiet = |ago| sample::state(vec![with_attention(sample::running(), ago)]);
    let running = || sample::state(vec![sample::running()]);
    let found = |detector: &mut Detector, state| detector.state(&state, true).len();
    let mut detector = Detector::new(&OccasionKind::DEFAULT, EndSource::Events);
    assert_eq!(detector.state(&quiet(900), false).len(), 0, "what is there at the start is no news");
    assert_eq!(found(&mut detector, quiet(900)), 0, "nothing has moved since");
    assert_eq!(found(&mut detector, running()), 0);
    assert_eq!(found(&mut detector, quiet(60)), 1, "it had moved");
    assert_eq!(found(&mut detector, quiet(60)), 0);
    // Another process looks at the same spell.
    let mut restarted = Detector::new(&OccasionKind::DEFAULT, EndSource::Events);
    restarted.remember(detector.known().collect::<Vec<_>>());
    assert_eq!(found(&mut restarted, quiet(60)), 0);
    assert_eq!(found(&mut restarted, quiet(30)), 1);
}

#[test]
fn of_another_bridge_the_end_is_taken_from_its_states() {
    let mut detector = Detector::new(&OccasionKind::DEFAULT, EndSource::States);
    assert_eq!(detector.state(&sample::state(vec![sample::running()]), false).len(), 0);
    let found = detector.state(&sample::state(vec![sample::failed()]), true);
    assert_eq!(found.iter().map(|found| found.kind).collect::<Vec<_>>(), [OccasionKind::Failed]);
    assert!(detector.state(&sample::state(vec![sample::failed()]), true).is_empty());
    let mut late = Detector::new(&OccasionKind::DEFAULT, EndSource::States);
    assert!(late.state(&sample::state(vec![sample::failed()]), false).is_empty());
    let ended = TaskState { status: TaskStatus::Ended, end_reason: Some("the process is gone".into()), ..sample::failed() };
    let found = Detector::new(&OccasionKind::DEFAULT, EndSource::Events).state(&sample::state(vec![ended]), true);
    assert_eq!(found[0].text.as_str(), "5 of 8 stories passed; the process is gone");
}

/// The titles and the number of folded ones that are due.
fn due(outbox: &mut Outbox, now: Duration) -> Vec<(String, usize)> {
    outbox.due(now).0.into_iter().map(|attempt| (attempt.notification.title.to_string(), attempt.notification.also.len())).collect()
}

#[test]
fn what_comes_within_a_minute_is_one() {
    let mut outbox = Outbox::new(1);
    outbox.add(notification(1, OccasionKind::Error), seconds(10));
    outbox.add(notification(2, OccasionKind::Failed), seconds(10));
    assert_eq!(due(&mut outbox, seconds(10)), []);
    assert_eq!(outbox.next_due(), Some(seconds(11)));
    assert_eq!(due(&mut outbox, seconds(11)), [("Corner Shop: failed".to_owned(), 1)], "the one that matters most stands for both");
    assert_eq!(outbox.settle(0, DeliveryResult::Delivered, seconds(12), 0.5), None);
    for at in [20, 40] {
        outbox.add(notification(u128::from(at) + 10, OccasionKind::Passed), seconds(at));
    }
    assert_eq!(due(&mut outbox, seconds(70)), []);
    assert_eq!(due(&mut outbox, seconds(71)), [("Corner Shop: passed".to_owned(), 1)], "a minute after the first");
}

#[test]
fn a_failed_try_is_repeated_by_the_schedule_and_then_given_up() {
    let mut outbox = Outbox::new(1);
    outbox.add(notification(1, OccasionKind::Passed), seconds(0));
    let mut now = seconds(1);
    let mut tried = Vec::new();
    let trouble = loop {
        assert_eq!(due(&mut outbox, now).len(), 1, "{tried:?}");
        tried.push(now.as_secs());
        let failed = DeliveryResult::Failed { reason: "it answers 500".to_owned(), retry_after: None };
        if let Some(trouble) = outbox.settle(0, failed, now, 0.5) {
            break trouble;
        }
        assert_eq!(due(&mut outbox, now), [], "it waits");
        now = outbox.next_due().expect("another try");
    };
    assert_eq!(tried, [1, 6, 66, 366, 2166, 9366], "now, 5 s, 1 m, 5 m, 30 m, 2 h");
    assert_eq!(trouble.message, "was not told of \"Corner Shop: passed\", tried 6 times: it answers 500");
    assert_eq!(outbox.next_due(), None);
}

#[test]
fn a_receiver_that_asks_for_time_gets_it() {
    let mut outbox = Outbox::new(1);
    outbox.add(notification(1, OccasionKind::Passed), seconds(0));
    assert_eq!(due(&mut outbox, seconds(1)).len(), 1);
    let busy = DeliveryResult::Failed { reason: "it answers 429".to_owned(), retry_after: Some(seconds(120)) };
    assert_eq!(outbox.settle(0, busy, seconds(1), 0.5), None);
    assert_eq!(outbox.next_due(), Some(seconds(121)));
}

/// The receiver may be back: the oldest is tried at once, and the order stays.
#[test]
fn a_new_one_has_the_oldest_tried_at_once() {
    let failed = || DeliveryResult::Failed { reason: "connection refused".to_owned(), retry_after: None };
    let mut outbox = Outbox::new(2);
    outbox.add(notification(1, OccasionKind::Quiet), seconds(0));
    assert_eq!(due(&mut outbox, seconds(1)).len(), 2, "to each receiver");
    assert_eq!(outbox.settle(1, DeliveryResult::Delivered, seconds(1), 0.5), None);
    outbox.settle(0, failed(), seconds(1), 0.5);
    assert_eq!(due(&mut outbox, seconds(6)).len(), 1);
    outbox.settle(0, failed(), seconds(6), 0.5);
    assert_eq!(outbox.next_due(), Some(seconds(66)));
    outbox.add(notification(2, OccasionKind::Failed), seconds(60));
    let titles = |due: Vec<(String, usize)>| due.into_iter().map(|(title, _)| title).collect::<Vec<_>>();
    assert_eq!(titles(due(&mut outbox, seconds(61))), ["Corner Shop: quiet", "Corner Shop: failed"], "one to each");
    outbox.settle(0, failed(), seconds(61), 0.5);
    assert_eq!(due(&mut outbox, seconds(65)), [], "a try that came early does not count");
    assert_eq!(titles(due(&mut outbox, seconds(66))), ["Corner Shop: quiet"]);
    outbox.settle(0, DeliveryResult::Delivered, seconds(66), 0.5);
    assert_eq!(titles(due(&mut outbox, seconds(66))), ["Corner Shop: failed"]);
}

#[test]
fn a_receiver_that_is_gone_gets_nothing_more_and_a_full_queue_loses_the_oldest() {
    let mut outbox = Outbox::new(2);
    outbox.add(notification(1, OccasionKind::Passed), seconds(0));
    assert_eq!(due(&mut outbox, seconds(1)).len(), 2);
    let trouble = outbox.settle(0, DeliveryResult::Gone, seconds(1), 0.5).expect("a person must know");
    assert!(trouble.message.contains("410"), "{}", trouble.message);
    let mut lost = Vec::new();
    for minute in 1..40_u64 {
        outbox.add(notification(u128::from(minute) + 1, OccasionKind::Passed), seconds(61 * minute));
        let (attempts, troubles) = outbox.due(seconds(61 * minute + 1));
        assert!(attempts.is_empty(), "one is gone, the other still answers");
        lost.extend(troubles);
    }
    assert!(lost.len() == 8 && lost.iter().all(|trouble| trouble.receiver == 1 && trouble.message.contains("32 others")), "{lost:?}");
    assert_eq!(outbox.waiting(1).count(), 32);
    assert_eq!(outbox.waiting(1).next().map(|first| first.id), Some(Uuid::from_u128(1)), "the one that is being tried stays");
}

const TEXT: &str = "Send \"it\" <b>&</b> *now* _or_ `never` <!channel> @everyone [x](https://evil.example) | \u{1b}]0;t\u{7} 認証";

fn hostile() -> Notification {
    let mut hostile = notification(7, OccasionKind::Failed);
    hostile.title = TEXT.into();
    hostile.text = TEXT.into();
    hostile.task_name = TEXT.into();
    hostile
}

fn requests(notification: &Notification) -> Vec<(&'static str, HookRequest)> {
    let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("it is one");
    let urls = [
        "https://example.org/hook?a=b",
        "ntfy+https://tk_secret@ntfy.example.org/builds",
        "slack+https://hooks.example.org/services/T0/B0/x",
        "discord+https://discord.example.org/api/webhooks/1/x",
        "telegram:123456:ABC-def@-1001",
    ];
    let request = |url: &'static str| {
        let webhook = Webhook::parse(url).expect(url);
        (url, webhook.request(notification, Some(&secret), Some("http://127.0.0.1:7333/"), sample::NOW))
    };
    urls.into_iter().map(request).collect()
}

fn shown(requests: &[(&'static str, HookRequest)]) -> String {
    let mut text = String::new();
    for (url, request) in requests {
        let body: serde_json::Value = serde_json::from_slice(&request.body).expect("it is JSON");
        let headers: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
        text.push_str(&format!(
            "# {url}\nPOST {}\n{}{}\n\n",
            request.uri,
            headers.concat(),
            serde_json::to_string_pretty(&body).expect("it is JSON")
        ));
    }
    text
}

#[test]
fn each_receiver_gets_the_body_that_it_reads() {
    let mut found = notification(7, OccasionKind::Failed);
    found = Notification::fold(vec![notification(8, OccasionKind::Quiet), found]).expect("one");
    assert_snapshot!("bodies", shown(&requests(&found)));
}

#[test]
fn a_long_title_fits_the_header_that_slack_takes() {
    let mut long = notification(7, OccasionKind::Failed);
    long.title = "t".repeat(400).into();
    let all = requests(&long);
    let (_, slack) = all.iter().find(|(url, _)| url.starts_with("slack")).expect("it is one of them");
    let body: serde_json::Value = serde_json::from_slice(&slack.body).expect("it is JSON");
    let header = body["blocks"][0]["text"]["text"].as_str().expect("a text");
    assert!(header.chars().count() <= 150 && header.ends_with('…'), "{header}");
}

/// Nothing of a title is in a path or a header, and nothing of it is markup.
#[test]
fn a_hostile_title_is_neither_header_nor_path_nor_markup() {
    let plain = requests(&notification(7, OccasionKind::Failed));
    let hostile = requests(&hostile());
    for ((url, plain), (_, hostile)) in plain.iter().zip(&hostile) {
        assert_eq!(plain.uri, hostile.uri, "{url}");
        let unsigned =
            |request: &HookRequest| request.headers.iter().filter(|(name, _)| *name != "webhook-signature").cloned().collect::<Vec<_>>();
        assert_eq!(unsigned(plain), unsigned(hostile), "{url}");
    }
    assert_snapshot!("hostile_bodies", shown(&hostile));
}

#[test]
fn urls_are_taken_as_the_services_give_them() {
    for (url, name) in [
        ("https://example.org/a", "webhook at example.org"),
        ("http://127.0.0.1:9000/a", "webhook at 127.0.0.1"),
        ("http://[::1]:9000/a", "webhook at [::1]"),
        ("http://192.168.1.7/a", "webhook at 192.168.1.7"),
        ("ntfy+http://ntfy.lan/builds", "ntfy at ntfy.lan"),
        ("ntfy+https://ntfy.sh/builds", "ntfy at ntfy.sh"),
        ("telegram:1:a@@channel", "telegram at api.telegram.org"),
    ] {
        assert_eq!(Webhook::parse(url).map(|webhook| webhook.to_string()), Ok(name.to_owned()), "{url}");
    }
    for url in [
        "",
        "example.org",
        "http://example.org/a",
        "ftp://example.org",
        "teams+https://example.org",
        "ntfy+https://ntfy.sh",
        "ntfy+https://ntfy.sh/a b",
        "telegram:1@2",
        "telegram:1:a",
        "https://",
        "https://a b/",
    ] {
        assert!(Webhook::parse(url).is_err(), "{url}");
    }
    let secret = Webhook::parse("slack+https://hooks.slack.com/services/T0/B0/hunter2").expect("it is one");
    assert!(!secret.to_string().contains("hunter2") && !secret.key().contains("hunter2"));
    assert_ne!(secret.key(), Webhook::parse("slack+https://hooks.slack.com/services/T0/B0/other").expect("it is one").key());
}

#[test]
fn the_end_of_a_run_outlasts_any_number_of_stories() {
    let mut outbox = Outbox::new(1);
    for number in 0..150 {
        outbox.add(notification(number, OccasionKind::Story), seconds(0));
    }
    outbox.add(notification(1_000, OccasionKind::Passed), seconds(0));
    let (due, _) = outbox.due(seconds(1));
    let sent = &due[0].notification;
    assert_eq!((sent.kind, sent.also.len()), (OccasionKind::Passed, 99));
    assert_eq!(sent.also[0].id, Uuid::from_u128(0), "the first ones stay");
}

#[test]
fn the_bell_brings_one_line_of_clean_text() {
    let sequence = bell::sequence(&hostile());
    let inner = sequence.strip_prefix("\u{7}\u{1b}]9;").and_then(|text| text.strip_suffix("\u{1b}\\")).expect("bell, then OSC 9");
    assert!(!inner.chars().any(char::is_control), "{inner:?}");
    let mut number = notification(1, OccasionKind::Passed);
    number.title = "4;3;50 files".into();
    assert!(bell::sequence(&number).contains("]9; 4;3;50 files"), "it would be a progress bar");
    number.title = "3D Printer: passed".into();
    assert!(bell::sequence(&number).contains("3D Printer"));
}
