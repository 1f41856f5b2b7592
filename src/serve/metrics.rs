//! `GET /metrics`: Prometheus text. Labels come from closed sets only: never a path, a title or anything else from a file.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use warp::reply::Response;

use super::{ROUTES, Serving};
use crate::hub::{GapReason, Hub};
use crate::model::state::{SourceCondition, State, TaskStatus};

/// What happened since the start and what is open now.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: Gauge,
    pub(super) progress: Gauge,
    pub(super) states: Gauge,
    busy: AtomicU64,
    stuck: AtomicU64,
    misheard: [AtomicU64; MISHEARD.len()],
    gaps: [AtomicU64; GAPS.len()],
    /// By route, and one for all others; by class of status.
    requests: [[AtomicU64; CLASSES.len()]; ROUTES.len() + 1],
}

/// How many there are and how many there were.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    opened: AtomicU64,
    closed: AtomicU64,
}

/// One of a [`Gauge`], for as long as it lives.
#[derive(Debug)]
pub(super) struct Opened {
    counters: Arc<Counters>,
    of: fn(&Counters) -> &Gauge,
}

const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
const MISHEARD: [StatusCode; 3] = [StatusCode::BAD_REQUEST, StatusCode::REQUEST_TIMEOUT, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE];
const GAPS: [(GapReason, &str); 3] =
    [(GapReason::Restarted, "restarted"), (GapReason::Expired, "expired"), (GapReason::Unknown, "unknown")];
const TASKS: [(TaskStatus, &str); 5] = [
    (TaskStatus::Waiting, "waiting"),
    (TaskStatus::Running, "running"),
    (TaskStatus::Quiet, "quiet"),
    (TaskStatus::Passed, "passed"),
    (TaskStatus::Failed, "failed"),
];
const SOURCES: [(SourceCondition, &str); 4] = [
    (SourceCondition::Waiting, "waiting"),
    (SourceCondition::Reading, "reading"),
    (SourceCondition::Gone, "gone"),
    (SourceCondition::Unreadable, "unreadable"),
];

impl Counters {
    pub(super) fn busy(&self) {
        add(&self.busy);
    }

    pub(super) fn stuck(&self) {
        add(&self.stuck);
    }

    pub(super) fn misheard(&self, status: StatusCode) {
        MISHEARD.iter().position(|known| *known == status).into_iter().for_each(|index| add(&self.misheard[index]));
    }

    pub(super) fn gap(&self, reason: GapReason) {
        GAPS.iter().position(|(known, _)| *known == reason).into_iter().for_each(|index| add(&self.gaps[index]));
    }

    pub(super) fn answered(&self, path: &str, status: StatusCode) {
        let route = ROUTES.iter().position(|known| *known == path).unwrap_or(ROUTES.len());
        let class = usize::from(status.as_u16() / 100).saturating_sub(2).min(CLASSES.len() - 1);
        add(&self.requests[route][class]);
    }
}

impl Gauge {
    pub(super) fn open(&self) {
        add(&self.opened);
    }

    pub(super) fn close(&self) {
        add(&self.closed);
    }

    fn ever(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    fn now(&self) -> u64 {
        // In this order: what is closed in between must not make it negative.
        let closed = self.closed.load(Ordering::Acquire);
        self.ever().saturating_sub(closed)
    }
}

impl Opened {
    pub(super) fn new(counters: &Arc<Counters>, of: fn(&Counters) -> &Gauge) -> Self {
        of(counters).open();
        Opened { counters: counters.clone(), of }
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        (self.of)(&self.counters).close();
    }
}

/// How many of the watched files are in which condition.
pub(super) fn files(state: &State) -> impl Iterator<Item = (&'static str, usize)> {
    let conditions: Vec<_> = state.tasks.iter().flat_map(|task| &task.sources).map(|source| source.state).collect();
    SOURCES.into_iter().map(move |(condition, name)| (name, conditions.iter().filter(|known| **known == condition).count()))
}

pub(super) fn metrics(serving: &Serving) -> Response {
    let mut page = Page::default();
    of_the_files(&mut page, &serving.hub.snapshot().state);
    of_the_log(&mut page, &serving.hub);
    of_the_clients(&mut page, &serving.counters);
    let mut response = Response::new(page.0.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn of_the_files(page: &mut Page, state: &State) {
    page.gauge("tasks", "Tasks by status.");
    for (status, name) in TASKS {
        page.value("tasks", &[("status", name)], state.tasks.iter().filter(|task| task.status == status).count() as f64);
    }
    let sum = |count: fn(&crate::model::state::TaskState) -> usize| state.tasks.iter().map(count).sum::<usize>() as f64;
    page.gauge("stories", "Stories of all tasks in their present runs.");
    page.value("stories", &[], sum(|task| task.stories.len()));
    page.gauge("stories_passed", "Stories that have passed.");
    page.value("stories_passed", &[], sum(|task| task.stories_passed as usize));
    page.gauge("stories_failed", "Stories whose last attempt failed.");
    page.value("stories_failed", &[], sum(|task| task.stories_failed as usize));
    page.gauge("sources", "Watched files by condition.");
    for (name, count) in files(state) {
        page.value("sources", &[("state", name)], count as f64);
    }
    let sources = || state.tasks.iter().flat_map(|task| &task.sources);
    page.gauge("lines", "Lines of the watched files as they stand, by whether they were understood.");
    page.value("lines", &[("understood", "yes")], sources().map(|source| source.understood as f64).sum());
    page.value("lines", &[("understood", "no")], sources().map(|source| source.unknown as f64).sum());
    if let Some(last) = state.tasks.iter().filter_map(|task| task.last_activity_at).max() {
        page.gauge("last_activity_timestamp_seconds", "When a watched file moved last.");
        page.value("last_activity_timestamp_seconds", &[], last.0 as f64 / 1000.0);
    }
}

fn of_the_log(page: &mut Page, hub: &Hub) {
    let volume = hub.volume();
    page.counter("events_total", "Events published by this process.");
    for (name, count) in volume.published {
        page.value("events_total", &[("type", name)], count as f64);
    }
    page.gauge("log_events", "Events kept for clients that come back.");
    page.value("log_events", &[], volume.events as f64);
    page.gauge("log_bytes", "What they take in memory, about.");
    page.value("log_bytes", &[], volume.bytes as f64);
}

fn of_the_clients(page: &mut Page, counters: &Counters) {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
    page.gauge("connections", "Open connections.");
    page.value("connections", &[], counters.connections.now() as f64);
    page.counter("connections_total", "Connections accepted.");
    page.value("connections_total", &[], counters.connections.ever() as f64);
    let streams = [("progress", &counters.progress), ("state", &counters.states)];
    page.gauge("streams", "Streams that are being served.");
    for (name, gauge) in streams {
        page.value("streams", &[("stream", name)], gauge.now() as f64);
    }
    page.counter("streams_total", "Streams begun.");
    for (name, gauge) in streams {
        page.value("streams_total", &[("stream", name)], gauge.ever() as f64);
    }
    page.counter("busy_total", "Streams that found no seat.");
    page.value("busy_total", &[], read(&counters.busy));
    page.counter("stuck_total", "Connections reset because the client took nothing.");
    page.value("stuck_total", &[], read(&counters.stuck));
    page.counter("gaps_total", "Streams told that they cannot go on where they were.");
    for ((_, name), count) in GAPS.iter().zip(&counters.gaps) {
        page.value("gaps_total", &[("reason", name)], read(count));
    }
    page.counter("misheard_total", "Connections on which no request was understood.");
    for (status, count) in MISHEARD.iter().zip(&counters.misheard) {
        page.value("misheard_total", &[("code", status.as_str())], read(count));
    }
    page.counter("requests_total", "Requests answered.");
    for (route, classes) in ROUTES.iter().chain(&["other"]).zip(&counters.requests) {
        for (class, count) in CLASSES.iter().zip(classes).filter(|(_, count)| count.load(Ordering::Relaxed) > 0) {
            page.value("requests_total", &[("route", route), ("code", class)], read(count));
        }
    }
}

#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn gauge(&mut self, name: &str, help: &str) {
        self.head(name, help, "gauge");
    }

    fn counter(&mut self, name: &str, help: &str) {
        self.head(name, help, "counter");
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.line(format_args!("# HELP progress_bridge_{name} {help}\n# TYPE progress_bridge_{name} {kind}\n"));
    }

    /// Every value is a whole number or a time: the shortest way to write it is what Prometheus reads.
    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>().join(",");
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        self.line(format_args!("progress_bridge_{name}{labels} {value}\n"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing into a `String` cannot fail.
        let _never = self.0.write_fmt(line).is_err();
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Release);
}
