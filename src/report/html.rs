//! One page that opens by a double click: the dashboard's own cards, the run, and every step of it. Nothing is loaded from anywhere.
//!
//! The page is kept under [`SIZE_LIMIT`]: steps are joined first, then quoted lines go, then the criteria of stories that passed, then the
//! oldest events. What was left out is said on the page.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;

use super::ReportData;
use super::bundle::{self, Module};
use super::markdown;
use super::replay::{self, Replay};
use crate::clock::Timestamp;
use crate::error::Notice;
use crate::event::Event;
use crate::model::state::{CurrentStory, StoryState, StoryStatus, TaskState};
use crate::output::text;
use crate::serve::page_source;

/// Most bytes of a page: it is sent by mail and kept by CI systems.
const SIZE_LIMIT: usize = 490_000;
/// Rows of stories that all steps together may need: what a second of computing is worth.
const ROW_LIMIT: usize = 400_000;
/// Most tasks of one page.
const TASK_LIMIT: usize = 20;
/// The markup around script, style and data.
const FRAME_SIZE: usize = 6_000;
/// Steps, events and stories that a page keeps as long as it can.
const MIN_STEPS: usize = 32;
const MIN_EVENTS: usize = 100;
const MIN_STORIES: usize = 50;

/// The page's modules, each after those that it imports.
const MODULES: [&str; 12] = [
    "vendor/lit-html/lit-html.js",
    "vendor/lit-html/directive.js",
    "clock.js",
    "words.js",
    "scale.js",
    "icons.js",
    "parts.js",
    "report.js",
    "view/alert.js",
    "view/aside.js",
    "view/burnup.js",
    "view/events.js",
];
const LAST_MODULES: [&str; 2] = ["view/stories.js", "view/top.js"];
const MAIN: Module<'static> = ("report/main.js", include_str!("html/report.js"));

/// What the page's script is given.
#[derive(Serialize)]
struct PageData<'a> {
    generated_at: Timestamp,
    observed_times: bool,
    tasks: Vec<Replay>,
    events: Vec<Value>,
    notices: &'a [Notice],
    /// What was left out, in words.
    #[serde(skip)]
    omissions: Vec<String>,
}

/// The whole page.
pub(super) fn page(data: &ReportData) -> String {
    let script = script();
    let style = [page_source("/tokens.css"), page_source("/page.css"), include_str!("html/report.css").to_owned()].concat();
    let title = match data.state.tasks.as_slice() {
        [only] => format!("{}: {}", only.task_name, only.headline().word()),
        several => format!("Report of {} tasks", several.len()),
    };
    let plain = markdown::report(data);
    let room = SIZE_LIMIT.saturating_sub(script.len() + style.len() + plain.len() + FRAME_SIZE);
    let (json, omissions) = PageData::new(data).fitted(data, room);
    let omissions = match omissions.as_slice() {
        [] => String::new(),
        omissions => format!("<p>To keep this file small: {}.</p>", escaped(&omissions.join("; "))),
    };
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        hash(&script),
        hash(&style)
    );
    format!(
        "<!DOCTYPE html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<meta name=\"color-scheme\" content=\"light dark\">
<meta name=\"referrer\" content=\"no-referrer\">
<title>{title}</title>
<link rel=\"icon\" href=\"data:,\">
<style>{style}</style>
</head>
<body>
{patterns}
<a class=\"skip\" href=\"#main\">Skip to the run</a>
<main class=\"wrap\" id=\"main\" tabindex=\"-1\"><noscript><pre class=\"plain\">{plain}</pre></noscript></main>
<footer class=\"wrap\"><div class=\"made\"><p>Made by progress-bridge {version} from the files of the run; what looks like a secret is masked.</p>{omissions}</div></footer>
<p class=\"sr\" role=\"status\" aria-live=\"polite\" id=\"say\"></p>
<script type=\"application/json\" id=\"data\">{json}</script>
<script>{script}</script>
</body>
</html>
",
        title = escaped(&title),
        patterns = patterns(),
        plain = escaped(&plain),
        version = env!("CARGO_PKG_VERSION"),
    )
}

impl<'a> PageData<'a> {
    fn new(data: &'a ReportData) -> Self {
        let mut omissions = Vec::new();
        if !data.is_complete {
            omissions.push("the log no longer has the run's first events".to_owned());
        }
        let several = data.state.tasks.len();
        if several > TASK_LIMIT {
            omissions.push(format!("of {several} tasks the first {TASK_LIMIT} are shown"));
        }
        PageData {
            generated_at: data.state.server_time,
            observed_times: data.observed_times,
            tasks: replays(data, TaskState::clone),
            events: data.events.iter().map(listed_event).collect(),
            notices: &data.state.notices,
            omissions,
        }
    }

    /// As JSON of at most so many bytes, and what was left out for it.
    fn fitted(mut self, data: &ReportData, room: usize) -> (String, Vec<String>) {
        self.join_steps(room, MIN_STEPS);
        if self.is_longer_than(room) {
            self.omissions.push("events do not quote their lines".to_owned());
            self.events.iter_mut().for_each(remove_quote);
        }
        if self.is_longer_than(room) {
            self.omissions.push("stories that passed are without their criteria".to_owned());
            self.tasks = replays(data, without_passed_criteria);
            self.join_steps(room, MIN_STEPS);
        }
        let all = self.events.len();
        while self.is_longer_than(room) && self.events.len() > MIN_EVENTS {
            self.drop_events(self.events.len() / 2);
        }
        if self.events.len() < all {
            self.omissions.push(format!("of {} the last {} are listed", text::count(all as u64, "event", "events"), self.events.len()));
        }
        let longest = data.state.tasks.iter().map(|task| task.stories.len()).max().unwrap_or(0);
        let mut stories = longest;
        while self.is_longer_than(room) && stories > MIN_STORIES {
            stories /= 2;
            let cut = |task: &TaskState| Replay { beginning: replay::to_value(&with_stories(task, stories)), steps: Vec::new() };
            self.tasks = data.state.tasks.iter().take(TASK_LIMIT).map(cut).collect();
        }
        if stories < longest {
            self.omissions.push(format!("there is no replay, and of a task's stories {stories} are shown"));
        }
        (self.to_json(), self.omissions)
    }

    /// Joins steps in pairs while the whole is too long and they are more than `least`.
    fn join_steps(&mut self, room: usize, least: usize) {
        let mut joined = 1;
        while self.is_longer_than(room) && self.tasks.iter().any(|task| task.steps.len() > least) {
            self.tasks.iter_mut().for_each(Replay::join_pairs);
            joined *= 2;
        }
        if joined > 1 {
            self.omissions.push(format!("the replay takes {joined} steps at once"));
        }
    }

    /// Drops the oldest events of the list.
    fn drop_events(&mut self, count: usize) {
        self.events.drain(..count);
        for step in self.tasks.iter_mut().flat_map(|task| &mut task.steps) {
            step.event = step.event.and_then(|event| event.checked_sub(count));
        }
    }

    fn is_longer_than(&self, room: usize) -> bool {
        self.to_json().len() > room
    }

    fn to_json(&self) -> String {
        let json = serde_json::to_string(self).expect("it is plain data with string keys: it cannot fail to serialise");
        // Within a script element only this character can begin anything.
        json.replace('<', "\\u003c")
    }
}

/// The replay of each task, as `shown` shows it. A long run of many stories has some events a step from the start.
fn replays(data: &ReportData, shown: impl Fn(&TaskState) -> TaskState) -> Vec<Replay> {
    let rows = data.state.tasks.iter().map(|task| task.stories.len() + 1).sum::<usize>().saturating_mul(data.events.len());
    let stride = rows.div_ceil(ROW_LIMIT).max(1);
    let tasks = data.state.tasks.iter().take(TASK_LIMIT);
    tasks.map(|task| replay::replay(&shown(task), &data.events, stride, data.observed_times)).collect()
}

/// The patterns of failed and running attempts, from the dashboard's page.
fn patterns() -> String {
    let index = page_source("/");
    let start = index.find("<svg").unwrap_or(index.len());
    let end = index.find("</svg>").map_or(start, |end| end + "</svg>".len());
    index.get(start..end).unwrap_or_default().to_owned()
}

pub(super) fn script() -> String {
    let sources: Vec<(&str, String)> = MODULES.iter().chain(&LAST_MODULES).map(|path| (*path, page_source(&format!("/{path}")))).collect();
    let modules: Vec<Module<'_>> = sources.iter().map(|(path, source)| (*path, source.as_str())).chain([MAIN]).collect();
    bundle::bundle(&modules)
}

fn without_passed_criteria(task: &TaskState) -> TaskState {
    let mut task = task.clone();
    for story in task.stories.iter_mut().chain(&mut task.unplanned).filter(|story| story.status == StoryStatus::Passed) {
        story.criteria.clear();
    }
    task
}

/// The first stories, and those that did not pass.
fn with_stories(task: &TaskState, most: usize) -> TaskState {
    let mut task = without_passed_criteria(task);
    let mut room = most.saturating_sub(task.stories.iter().filter(|story| is_unfinished(story)).count());
    let current = task.current().cloned();
    task.stories.retain(|story| {
        let is_kept = is_unfinished(story) || room > 0;
        room = room.saturating_sub(usize::from(!is_unfinished(story)));
        is_kept
    });
    task.stories.truncate(most);
    if let (CurrentStory::Known { index, .. }, Some(story)) = (&mut task.current_story, current) {
        *index = task.stories.iter().position(|kept| *kept == story).unwrap_or(usize::MAX);
    }
    task
}

fn is_unfinished(story: &StoryState) -> bool {
    matches!(story.status, StoryStatus::InProgress | StoryStatus::Failed | StoryStatus::Blocked)
}

/// An event of the list.
fn listed_event(event: &Event) -> Value {
    let mut json = serde_json::to_value(event).expect("an event is plain data with string keys: it cannot fail to serialise");
    // The story's row has them.
    if let Some(data) = json.get_mut("data").and_then(Value::as_object_mut) {
        data.remove("acceptance_criteria");
    }
    json
}

/// Errors keep the line that they quote.
fn remove_quote(event: &mut Value) {
    if event["type"] == "error_occurred" {
        return;
    }
    if let Some(source) = event.get_mut("source").and_then(Value::as_object_mut) {
        source.remove("text");
    }
}

/// As a content policy names a script or a style.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(digest(&SHA256, text.as_bytes())))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
