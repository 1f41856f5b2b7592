//! `status` and `wait`: one answer about a run, from its files or from a bridge that runs elsewhere, for scripts, prompts and status bars.

use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::app::{Observed, print_to_stdout};
use crate::client::http::{BaseUrl, HttpClient, RequestError, body};
use crate::error::{Error, FREE_RESOURCES};
use crate::estimate::backtest;
use crate::model::state::{Headline, State, StoryStatus, TaskState, TaskStatus};
use crate::output::status_line::{self, FIELDS};
use crate::output::style::Environment;
use crate::text::CleanText;

/// Seconds that a bridge holds an answer back until something changes.
const LONG_POLL: u64 = 25;
/// Between two tries to reach a bridge that answered before.
const RETRY: Duration = Duration::from_secs(2);
/// Exit codes beside those of [`Error`].
const ATTENTION: u8 = 11;
const UNFINISHED: u8 = 10;
const NOT_BEGUN: u8 = 12;
const TIMED_OUT: u8 = 124;

/// Where the answer comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum StateSource {
    /// Files, folders and globs; none for the current folder.
    Files(Vec<PathBuf>),
    /// Another bridge, with the token that it asks for.
    Bridge {
        /// Where it listens.
        url: String,
        /// What it asks of its clients.
        token: Option<String>,
    },
}

/// What `status` is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct StatusRequest {
    /// Where to look.
    pub origin: StateSource,
    /// Only this one, by its id or its name.
    pub task: Option<String>,
    /// The whole state as JSON.
    pub json: bool,
    /// A template instead of the line.
    pub format: Option<String>,
    /// How good the forecasts of these finished runs would have been, each path by itself.
    pub backtest: bool,
}

/// What `wait` waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// The end of the run.
    Run,
    /// The end of this story.
    Story(String),
}

/// What `wait` is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct WaitRequest {
    /// Where to look.
    pub origin: StateSource,
    /// Only this task, by its id or its name.
    pub task: Option<String>,
    /// What must end.
    pub goal: Goal,
    /// How long at most.
    pub timeout: Option<Duration>,
}

/// Says the state once. Returns the exit code that stands for it.
///
/// # Errors
///
/// There is nothing to read, the bridge does not answer, no task has this name, or the template has a wrong field.
pub fn status(request: &StatusRequest) -> Result<u8, Error> {
    if let (true, StateSource::Files(paths)) = (request.backtest, &request.origin) {
        print_to_stdout(&backtest(paths))?;
        return Ok(0);
    }
    let mut state = match &request.origin {
        StateSource::Files(paths) => State::clone(&Observed::once(paths)?.state),
        StateSource::Bridge { url, token } => {
            runtime()?.block_on(async { Remote::new(url, token.as_deref())?.ask(0).await.map(|state| state.0) })?
        }
    };
    if let Some(name) = &request.task {
        state.tasks.retain(|task| is_named(task, name));
        if state.tasks.is_empty() {
            return Err(no_such_task(name));
        }
    }
    let text = if request.json {
        serde_json::to_string(&state).map_err(|cause| Error::Io {
            what: "cannot write the state".to_owned(),
            path: None,
            cause: cause.into(),
            hint: "please report it",
        })? + "\n"
    } else {
        lines(&state, request.format.as_deref())?
    };
    print_to_stdout(&text)?;
    Ok(exit_code(&state))
}

/// What the forecasts of finished runs would have been worth. A path that cannot be read is left out and counted.
fn backtest(paths: &[PathBuf]) -> String {
    let mut runs: Vec<Vec<Duration>> = Vec::new();
    let mut unreadable = 0;
    for path in paths {
        match Observed::once(std::slice::from_ref(path)) {
            Ok(snapshot) => runs.extend(snapshot.state.tasks.iter().map(story_times)),
            Err(_) => unreadable += 1,
        }
    }
    let score = backtest::score(&runs);
    let share = |n: u32| 100.0 * f64::from(n) / f64::from((score.forecasts - score.silent).max(1));
    let left_out = if unreadable == 0 { String::new() } else { format!("{unreadable} paths could not be read\n") };
    format!(
        "{} runs with two timed stories or more, {} forecasts, {} of them without a number (longer than usual)\n\
         within the 10-90 % band {:.0} % of the forecasts, {:.0} % with each run counting alike; faster {:.0} %, slower {:.0} %\n\
         median error {:.2}; elapsed / done * left: {:.2}\n{left_out}",
        score.runs,
        score.forecasts,
        score.silent,
        share(score.inside),
        100.0 * score.inside_by_run,
        share(score.below),
        share(score.above),
        score.error,
        score.naive_error,
    )
}

/// The times of the stories that passed, in the order of their ends.
fn story_times(task: &TaskState) -> Vec<Duration> {
    let mut passed: Vec<_> = task.all_stories().filter(|story| story.status == StoryStatus::Passed).collect();
    passed.sort_by_key(|story| story.finished_at);
    passed.iter().filter_map(|story| story.duration_ms).map(Duration::from_millis).collect()
}

/// Waits for the end. Returns 0 when it passed, 1 when it did not, 124 when the time is over.
///
/// # Errors
///
/// As [`status`]; a bridge that answered once may be away for a while.
pub fn wait(request: &WaitRequest) -> Result<u8, Error> {
    runtime()?.block_on(async {
        let deadline = request.timeout.map(|timeout| Instant::now() + timeout);
        let answer = async {
            match &request.origin {
                StateSource::Files(paths) => wait_for_files(paths, request).await,
                StateSource::Bridge { url, token } => wait_for_bridge(&Remote::new(url, token.as_deref())?, request).await,
            }
        };
        match deadline {
            Some(deadline) => tokio::time::timeout_at(deadline, answer).await.unwrap_or(Ok(TIMED_OUT)),
            None => answer.await,
        }
    })
}

async fn wait_for_files(paths: &[PathBuf], request: &WaitRequest) -> Result<u8, Error> {
    let observed = Observed::follow(paths)?;
    let mut version = 0;
    while let Some(snapshot) = observed.snapshot_after(version).await {
        version = snapshot.version;
        if let Some(code) = verdict(&snapshot.state, request)? {
            return Ok(code);
        }
    }
    Ok(1)
}

async fn wait_for_bridge(bridge: &Remote, request: &WaitRequest) -> Result<u8, Error> {
    let (mut state, mut etag) = bridge.ask(0).await?;
    loop {
        if let Some(code) = verdict(&state, request)? {
            return Ok(code);
        }
        match bridge.ask_after(&etag).await {
            Ok(Some(newer)) => (state, etag) = newer,
            Ok(None) => {}
            // It may be restarted; whoever waits for hours does not want to hear of it.
            Err(RequestError::Refused(status, message)) => return Err(RequestError::Refused(status, message).into_error(&bridge.url)),
            Err(RequestError::Unreachable(_) | RequestError::TimedOut) => tokio::time::sleep(RETRY).await,
        }
    }
}

/// The exit code when what is waited for has ended.
fn verdict(state: &State, request: &WaitRequest) -> Result<Option<u8>, Error> {
    let tasks: Vec<&TaskState> = state.tasks.iter().filter(|task| request.task.as_ref().is_none_or(|name| is_named(task, name))).collect();
    if let (Some(name), true) = (&request.task, tasks.is_empty()) {
        return Err(no_such_task(name));
    }
    match &request.goal {
        Goal::Run => Ok(run_verdict(&tasks)),
        Goal::Story(id) => story_verdict(&tasks, id),
    }
}

/// Every task that has begun has ended, and one has.
fn run_verdict(tasks: &[&TaskState]) -> Option<u8> {
    let begun = tasks.iter().filter(|task| task.listed && !matches!(task.status, TaskStatus::Waiting | TaskStatus::Planned));
    let statuses: Vec<TaskStatus> = begun.map(|task| task.status).collect();
    if statuses.is_empty() || statuses.contains(&TaskStatus::Running) {
        return None;
    }
    Some(u8::from(statuses.iter().any(|status| *status != TaskStatus::Passed)))
}

fn story_verdict(tasks: &[&TaskState], id: &str) -> Result<Option<u8>, Error> {
    let is_it = |name: &Option<CleanText>| name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(id));
    let found = tasks.iter().find_map(|task| {
        let story = task.all_stories().find(|story| is_it(&story.story_id) || (story.story_id.is_none() && is_it(&story.title)))?;
        Some((*task, story))
    });
    let Some((task, story)) = found else {
        // Without a plan a story may still turn up; a plan has all of them.
        let all_planned = !tasks.is_empty() && tasks.iter().all(|task| task.story_count.is_some());
        return match all_planned {
            true => Err(Error::NothingToWatch(format!("no story is called {id}: give its id as the plan writes it"))),
            false => Ok(None),
        };
    };
    Ok(match story.status {
        StoryStatus::Passed => Some(0),
        StoryStatus::Failed | StoryStatus::Deferred | StoryStatus::Cancelled => Some(1),
        StoryStatus::Open | StoryStatus::InProgress | StoryStatus::Blocked => task.status.is_over().then_some(1),
    })
}

/// By need: the first of attention, failed or ended, running, waiting or planned, passed that a listed task has.
fn exit_code(state: &State) -> u8 {
    let code = |task: &TaskState| match task.headline() {
        Headline::NeedsYou | Headline::Quiet => ATTENTION,
        Headline::Failed | Headline::Ended => 1,
        Headline::Running => UNFINISHED,
        Headline::Waiting | Headline::Planned => NOT_BEGUN,
        Headline::Passed => 0,
    };
    let codes: Vec<u8> = state.tasks.iter().filter(|task| task.listed).map(code).collect();
    [ATTENTION, 1, UNFINISHED, NOT_BEGUN, 0].into_iter().find(|code| codes.contains(code)).unwrap_or(NOT_BEGUN)
}

/// A line for each listed task, the ones that want a look first.
fn lines(state: &State, format: Option<&str>) -> Result<String, Error> {
    let charset = Environment::from_process(false, true, None).style().charset;
    let mut tasks: Vec<&TaskState> = state.tasks.iter().filter(|task| task.listed).collect();
    tasks.sort_by_key(|task| task.headline().rank());
    let now = state.server_time;
    let mut lines = String::new();
    for task in tasks {
        lines += &match format {
            None => status_line::line(task, now, charset),
            Some(template) => status_line::fill(template, task, now, charset).map_err(|name| {
                Error::Usage(format!("--format knows no {{{name}}}: it has {}", FIELDS.map(|field| format!("{{{field}}}")).join(" ")))
            })?,
        };
        lines.push('\n');
    }
    if let (Some(unlisted), None) = (&state.unlisted, format) {
        lines += &format!("{} finished, {} planned\n", unlisted.finished, unlisted.planned);
    }
    Ok(lines)
}

pub(crate) fn no_such_task(name: &str) -> Error {
    Error::NothingToWatch(format!("no task is called {name}: give its id or its name, as progress-bridge status prints them"))
}

pub(crate) fn is_named(task: &TaskState, name: &str) -> bool {
    task.task_id == name || task.task_name.eq_ignore_ascii_case(name)
}

/// Another bridge.
pub(crate) struct Remote {
    url: BaseUrl,
    client: HttpClient,
}

impl Remote {
    pub(crate) fn new(url: &str, token: Option<&str>) -> Result<Remote, Error> {
        let url = BaseUrl::parse(url)?;
        Ok(Remote { client: HttpClient::new(url.clone(), token), url })
    }

    /// The state, and what it is called by.
    async fn ask(&self, wait: u64) -> Result<(State, String), Error> {
        match self.get("", wait).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(RequestError::Unreachable("an answer that was not asked for".to_owned()).into_error(&self.url)),
            Err(error) => Err(error.into_error(&self.url)),
        }
    }

    /// The next state; `None` when nothing has changed for a while.
    async fn ask_after(&self, etag: &str) -> Result<Option<(State, String)>, RequestError> {
        self.get(etag, LONG_POLL).await
    }

    async fn get(&self, etag: &str, wait: u64) -> Result<Option<(State, String)>, RequestError> {
        let path = format!("/api/state?wait={wait}");
        let answer = self.client.get_unless(&path, etag, Duration::from_secs(wait)).await?;
        let Some((response, etag)) = answer else { return Ok(None) };
        let state = serde_json::from_slice(&body(response).await?)
            .map_err(|error| RequestError::Unreachable(format!("the answer is no state: {error}")))?;
        Ok(Some((state, etag)))
    }

    /// What it answers at `path`.
    ///
    /// # Errors
    ///
    /// It does not answer, or with something else.
    pub(crate) async fn fetch<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let answer = async { body(self.client.get(path, &[], Duration::ZERO).await?).await }.await;
        serde_json::from_slice(&answer.map_err(|error| error.into_error(&self.url))?).map_err(|error| self.unusable(&error))
    }

    /// It answers with something else: it may be of another version.
    pub(crate) fn unusable(&self, error: &serde_json::Error) -> Error {
        RequestError::Unreachable(format!("the answer is of another version: {error}")).into_error(&self.url)
    }
}

pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|cause| Error::Io { what: "cannot start".to_owned(), path: None, cause, hint: FREE_RESOURCES })
}
