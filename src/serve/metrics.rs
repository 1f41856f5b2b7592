//! `GET /metrics`: Prometheus text. Labels come from closed sets only, never from a watched file.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use warp::http::StatusCode;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use warp::reply::Response;

use super::query::HttpRequest;
use super::{ROUTES, ServerContext, audience};
use crate::hub::{GapReason, Hub};
use crate::model::agent::{AgentLevel, AgentPhase};
use crate::model::state::{FileCounts, Headline, State};

/// Counts since the start of the process, and gauges of what is open.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: Gauge,
    pub(super) progress: Gauge,
    pub(super) states: Gauge,
    pub(super) polls: Gauge,
    busy: AtomicU64,
    write_timeouts: AtomicU64,
    malformed: AtomicU64,
    refused: AtomicU64,
    gaps: [AtomicU64; GAPS.len()],
    /// By route (the last entry counts all other paths) and by class of status.
    requests: [[AtomicU64; CLASSES.len()]; ROUTES.len() + 1],
}

/// Counts what was opened and closed.
#[derive(Debug, Default)]
pub(super) struct Gauge {
    opened: AtomicU64,
    closed: AtomicU64,
}

/// Counts as open in a [`Gauge`] until it is dropped.
#[derive(Debug)]
pub(super) struct GaugeGuard {
    counters: Arc<Counters>,
    gauge: fn(&Counters) -> &Gauge,
}

const CLASSES: [&str; 4] = ["2xx", "3xx", "4xx", "5xx"];
const GAPS: [(GapReason, &str); 3] =
    [(GapReason::Restarted, "restarted"), (GapReason::Expired, "expired"), (GapReason::Unknown, "unknown")];
const PHASES: [(AgentPhase, &str); 10] = [
    (AgentPhase::Starting, "starting"),
    (AgentPhase::Thinking, "thinking"),
    (AgentPhase::Tool, "tool"),
    (AgentPhase::Waiting, "waiting"),
    (AgentPhase::Retrying, "retrying"),
    (AgentPhase::Limited, "limited"),
    (AgentPhase::Compacting, "compacting"),
    (AgentPhase::Idle, "idle"),
    (AgentPhase::Ended, "ended"),
    (AgentPhase::Unknown, "unknown"),
];
impl Counters {
    pub(super) fn count_busy(&self) {
        increment(&self.busy);
    }

    pub(super) fn count_write_timeout(&self) {
        increment(&self.write_timeouts);
    }

    pub(super) fn count_malformed(&self) {
        increment(&self.malformed);
    }

    pub(super) fn count_refused(&self) {
        increment(&self.refused);
    }

    pub(super) fn count_gap(&self, reason: GapReason) {
        GAPS.iter().position(|(known, _)| *known == reason).into_iter().for_each(|index| increment(&self.gaps[index]));
    }

    pub(super) fn count_response(&self, path: &str, status: StatusCode) {
        let route = ROUTES.iter().position(|known| *known == path).unwrap_or(ROUTES.len());
        let class = usize::from(status.as_u16() / 100).saturating_sub(2).min(CLASSES.len() - 1);
        increment(&self.requests[route][class]);
    }
}

impl Gauge {
    pub(super) fn open(&self) {
        increment(&self.opened);
    }

    pub(super) fn close(&self) {
        increment(&self.closed);
    }

    fn total(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    pub(super) fn current(&self) -> u64 {
        // `closed` is read first: what closes in between must not make the difference negative.
        let closed = self.closed.load(Ordering::Acquire);
        self.total().saturating_sub(closed)
    }
}

impl GaugeGuard {
    pub(super) fn new(counters: &Arc<Counters>, gauge: fn(&Counters) -> &Gauge) -> Self {
        gauge(counters).open();
        GaugeGuard { counters: counters.clone(), gauge }
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        (self.gauge)(&self.counters).close();
    }
}

/// The number of watched files in each condition.
pub(super) fn files_by_condition(files: &FileCounts) -> [(&'static str, usize); 4] {
    let FileCounts { waiting, reading, gone, unreadable, broken_plans: _, understood: _, unknown: _ } = *files;
    [("waiting", waiting), ("reading", reading), ("gone", gone), ("unreadable", unreadable)]
}

pub(super) async fn metrics(request: &HttpRequest, server: &ServerContext) -> Response {
    let mut text = MetricsText::default();
    let snapshot = server.hub.current_snapshot().await;
    let state = &snapshot.state;
    write_file_metrics(&mut text, state);
    if audience::level(&server.settings, request.peer.as_ref(), &request.headers) != AgentLevel::Off {
        write_agent_metrics(&mut text, state);
    }
    write_log_metrics(&mut text, &server.hub);
    write_client_metrics(&mut text, &server.counters);
    let mut response = Response::new(text.0.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Phases are a closed set; what is worked on has no name here.
fn write_agent_metrics(text: &mut MetricsText, state: &State) {
    text.gauge("agents", "Agents' sessions by phase.");
    for (phase, name) in PHASES {
        let agents = state.tasks.iter().flat_map(|task| &task.agents).filter(|agent| agent.phase == phase);
        text.value("agents", &[("phase", name)], agents.count() as f64);
    }
}

fn write_file_metrics(text: &mut MetricsText, state: &State) {
    text.gauge("tasks", "Tasks by status.");
    for headline in Headline::ALL {
        text.value("tasks", &[("status", headline.name())], state.tasks.iter().filter(|task| task.headline() == headline).count() as f64);
    }
    let sum = |count: fn(&crate::model::state::TaskState) -> usize| state.tasks.iter().map(count).sum::<usize>() as f64;
    text.gauge("stories", "Stories of all tasks in their present runs.");
    text.value("stories", &[], sum(|task| task.stories.len()));
    text.gauge("stories_passed", "Stories that have passed.");
    text.value("stories_passed", &[], sum(|task| task.stories_passed as usize));
    text.gauge("stories_failed", "Stories whose last attempt failed.");
    text.value("stories_failed", &[], sum(|task| task.stories_failed as usize));
    text.gauge("sources", "Watched files by condition.");
    for (name, count) in files_by_condition(&state.files) {
        text.value("sources", &[("state", name)], count as f64);
    }
    text.gauge("lines", "Lines of the watched files as they stand, by whether they were understood.");
    text.value("lines", &[("understood", "yes")], state.files.understood as f64);
    text.value("lines", &[("understood", "no")], state.files.unknown as f64);
    if let Some(last) = state.tasks.iter().filter_map(|task| task.last_activity_at).max() {
        text.gauge("last_activity_timestamp_seconds", "When a watched file moved last.");
        text.value("last_activity_timestamp_seconds", &[], last.0 as f64 / 1000.0);
    }
}

fn write_log_metrics(text: &mut MetricsText, hub: &Hub) {
    let volume = hub.log_stats();
    text.counter("events_total", "Events published by this process.");
    for (name, count) in volume.published {
        text.value("events_total", &[("type", name)], count as f64);
    }
    text.gauge("log_events", "Events kept for clients that come back.");
    text.value("log_events", &[], volume.events as f64);
    text.gauge("log_bytes", "What they take in memory, about.");
    text.value("log_bytes", &[], volume.bytes as f64);
    text.gauge("large_state_bytes", "What the large states take that clients have not read to their end.");
    text.value("large_state_bytes", &[], hub.large_state_bytes() as f64);
}

fn write_client_metrics(text: &mut MetricsText, counters: &Counters) {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed) as f64;
    text.gauge("connections", "Open connections.");
    text.value("connections", &[], counters.connections.current() as f64);
    text.counter("connections_total", "Connections accepted.");
    text.value("connections_total", &[], counters.connections.total() as f64);
    let streams = [("progress", &counters.progress), ("state", &counters.states)];
    text.gauge("streams", "Streams that are being served.");
    for (name, gauge) in streams {
        text.value("streams", &[("stream", name)], gauge.current() as f64);
    }
    text.counter("streams_total", "Streams begun.");
    for (name, gauge) in streams {
        text.value("streams_total", &[("stream", name)], gauge.total() as f64);
    }
    text.gauge("waiting_polls", "Polls that wait for something new.");
    text.value("waiting_polls", &[], counters.polls.current() as f64);
    text.counter("busy_total", "Clients that were asked to come back later.");
    text.value("busy_total", &[], read(&counters.busy));
    text.counter("stuck_total", "Connections reset because the client took nothing.");
    text.value("stuck_total", &[], read(&counters.write_timeouts));
    text.counter("gaps_total", "Streams told that they cannot go on where they were.");
    for ((_, name), count) in GAPS.iter().zip(&counters.gaps) {
        text.value("gaps_total", &[("reason", name)], read(count));
    }
    text.counter("malformed_total", "Connections closed because of bytes that are no HTTP request.");
    text.value("malformed_total", &[], read(&counters.malformed));
    text.counter("refused_total", "Connections closed at once because there was no room and none was idle.");
    text.value("refused_total", &[], read(&counters.refused));
    text.counter("requests_total", "Requests answered.");
    for (route, classes) in ROUTES.iter().chain(&["other"]).zip(&counters.requests) {
        for (class, count) in CLASSES.iter().zip(classes).filter(|(_, count)| count.load(Ordering::Relaxed) > 0) {
            text.value("requests_total", &[("route", route), ("code", class)], read(count));
        }
    }
}

#[derive(Debug, Default)]
struct MetricsText(String);

impl MetricsText {
    fn gauge(&mut self, name: &str, help: &str) {
        self.head(name, help, "gauge");
    }

    fn counter(&mut self, name: &str, help: &str) {
        self.head(name, help, "counter");
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        self.push(format_args!("# HELP progress_bridge_{name} {help}\n# TYPE progress_bridge_{name} {kind}\n"));
    }

    /// Every value is a whole number or a time, whose shortest form Prometheus reads.
    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>().join(",");
        let labels = if labels.is_empty() { labels } else { format!("{{{labels}}}") };
        self.push(format_args!("progress_bridge_{name}{labels} {value}\n"));
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing into a `String` cannot fail.
        let _never = self.0.write_fmt(text).is_err();
    }
}

fn increment(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Release);
}
