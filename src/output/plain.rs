//! One plain line per event, and per beginning and end of what wants a look: for pipes, CI, dumb terminals and screen readers.
//!
//! [`Plain`] makes the lines and is pure; [`run`] writes them. No colour, no cursor movement, no redraw.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::time::Instant;

use super::text::{self, Charset, clean, count, duration};
use crate::clock::Timestamp;
use crate::event::{EndStatus, Event, EventData};
use crate::fact::{Precision, Provenance};
use crate::hub::{Batch, Hub, Subscription};
use crate::model::state::{Headline, Remaining, State, TaskState};
use crate::text::CleanText;

/// The format of the lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Plain {
    pub zone: TimeZone,
    pub charset: Charset,
}

impl Plain {
    /// `14:31:02  story_completed  US-006 passed 28m 22s  6/8 stories  ~20m left (10m–40m)`. The time has a date when the event
    /// is of another day than `now`. The count is the event's own; the time left, and the task's id when there are several tasks, are from
    /// `state`, whose time left is that after the last event of a look and not after each.
    pub fn line(&self, event: &Event, state: Option<&State>, is_last: bool, now: Timestamp) -> String {
        let task = state.and_then(|state| state.tasks.iter().find(|task| task.task_id == *event.task_id));
        let mut line = format!("{}  {:<15}  ", self.time(event, now), event.data.type_name());
        if state.is_some_and(|state| state.tasks.len() > 1) {
            line.push_str(&format!("[{}] ", event.task_id));
        }
        line.push_str(&self.describe(&event.data, task, is_last));
        match event.provenance {
            Provenance::Explicit => {}
            Provenance::Derived => line.push_str("  (derived)"),
            Provenance::Inferred => line.push_str("  (inferred)"),
        }
        clean(line.trim_end(), self.charset).into_owned()
    }

    /// The status of a task, printed when no events come: `14:32:02  running          User Authentication: 5/8 stories, …`.
    pub fn status_line(&self, task: &TaskState, now: Timestamp) -> String {
        let word = task.headline().word();
        let mut parts = vec![text::tally(task.stories_passed, task.story_count)];
        if let Some(story) = task.current() {
            let age = story.started_at.and_then(|at| now.since(at)).map(|ms| format!(" for {}", text::short_duration(ms)));
            parts.push(format!(
                "{}{}",
                text::id_and_title(story.story_id.as_deref(), story.title.as_deref(), " "),
                age.unwrap_or_default()
            ));
            if story.criteria_count > 0 {
                parts.push(format!("{}/{} criteria", story.criteria_done, story.criteria_count));
            }
        }
        if let Some(age) = task.last_activity_at.and_then(|at| now.since(at)) {
            parts.push(format!("last sign of life {} ago", text::short_duration(age)));
        }
        let time = text::local(now, &self.zone, "%H:%M:%S");
        clean(&format!("{time}  {word:<15}  {}: {}", task.task_name, parts.join(", ")), self.charset).into_owned()
    }

    fn time(&self, event: &Event, now: Timestamp) -> String {
        let day = |at| text::local(at, &self.zone, "%Y-%m-%d");
        let (date, time) = (day(event.timestamp), text::local(event.timestamp, &self.zone, "%H:%M:%S"));
        match event.timestamp_precision {
            // A day is recorded as its midnight in UTC, which is the day before in western zones.
            Some(Precision::Day) => text::local(event.timestamp, &TimeZone::UTC, "%Y-%m-%d"),
            Some(Precision::Minute | Precision::Second) | None if date == day(now) => time,
            Some(Precision::Minute | Precision::Second) | None => format!("{date} {time}"),
        }
    }

    /// When a run goes quiet, wants a person, or stops: why. When that is over: so. `None` for every other change.
    fn change_line(&self, task: &TaskState, before: Option<Headline>, now: Timestamp) -> Option<String> {
        let headline = task.headline();
        let wants_attention = |headline: Headline| matches!(headline, Headline::Quiet | Headline::NeedsYou | Headline::Ended);
        let (word, words) = match before {
            Some(before) if before == headline => return None,
            _ if wants_attention(headline) => {
                let attention = task.attention.as_ref().map(|attention| attention.reason.as_str());
                (headline.word().to_owned(), attention.or(task.end_reason.as_deref()).unwrap_or_default())
            }
            // An end has its event.
            Some(before) if wants_attention(before) && headline == Headline::Running => {
                (format!("{} no more", before.word()), "it goes on")
            }
            Some(_) | None => return None,
        };
        let time = text::local(now, &self.zone, "%H:%M:%S");
        Some(clean(&format!("{time}  {word:<15}  {}: {words}", task.task_name), self.charset).into_owned())
    }

    fn describe(&self, data: &EventData, task: Option<&TaskState>, is_last: bool) -> String {
        match data {
            EventData::TaskStarted(started) => {
                let stories = started.story_count.map(|n| format!(", {}", count(n, "story", "stories"))).unwrap_or_default();
                format!("{}{stories}", started.task_name)
            }
            EventData::StoryStarted(started) => {
                let criteria = started.ac_count.filter(|n| *n > 0).map(|n| format!(", {}", count(n, "criterion", "criteria")));
                format!(
                    "{}{}{}",
                    text::id_and_title(started.story_id.as_deref(), started.title.as_deref(), " "),
                    attempt(started.attempt),
                    criteria.unwrap_or_default()
                )
            }
            EventData::AcCompleted(done) => {
                let story = task.and_then(|task| {
                    task.all_stories()
                        .find(|story| story.story_id == done.story_id && (done.story_id.is_some() || story.title == done.title))
                });
                let all = story.filter(|story| !story.criteria.is_empty()).map(|story| format!("/{}", story.criteria.len()));
                let taken = done.duration_ms.map(|ms| format!("  {}", duration(ms))).unwrap_or_default();
                let name = done.story_id.as_deref().or(done.title.as_deref()).unwrap_or_default();
                format!("{name} {}{} {}{taken}", done.ac_index + 1, all.unwrap_or_default(), done.ac_text.as_deref().unwrap_or_default())
            }
            EventData::StoryCompleted(ended) => {
                let name = text::id_and_title(ended.story_id.as_deref(), ended.title.as_deref(), " ");
                let taken = ended.duration_ms.map(|ms| format!(" {}", duration(ms))).unwrap_or_default();
                // Avoids "failed (failed)".
                let reason = ended.reason.as_deref().filter(|reason| *reason != "failed").map(|reason| format!(" ({reason})"));
                let count = ended.tally.map(|tally| format!("  {}", text::tally(tally.passed, tally.total))).unwrap_or_default();
                let left = task.filter(|_| is_last).map(|task| self.remaining(task)).unwrap_or_default();
                format!("{name} {}{}{}{taken}{count}{left}", ending(ended.status), reason.unwrap_or_default(), attempt(ended.attempt))
            }
            EventData::TaskCompleted(ended) => {
                let all = ended.story_count.map(|n| format!("/{n}")).unwrap_or_default();
                let mut line = format!("{} {}{all} stories", ending(ended.status), ended.stories_passed);
                if let Some(ms) = ended.duration_ms {
                    line.push_str(&format!(" in {}", duration(ms)));
                }
                for (n, one, many) in
                    [(ended.stories_failed, "failed", "failed"), (ended.retries, "retry", "retries"), (ended.errors, "error", "errors")]
                {
                    if n > 0 {
                        line.push_str(&format!(", {}", count(n, one, many)));
                    }
                }
                line
            }
            EventData::ErrorOccurred(error) => {
                let name = error.story_id.as_deref().map(|id| format!("{id} ")).unwrap_or_default();
                let code = error.exit_code.map(|code| format!(", exit code {code}")).unwrap_or_default();
                let retry = if error.retryable == Some(true) { " (retryable)" } else { "" };
                format!("{name}{}: {}{code}{retry}", text::error_kind(error.error_type), error.error_message)
            }
        }
    }

    /// The estimate without its basis, which would be the same on every line.
    fn remaining(&self, task: &TaskState) -> String {
        match &task.remaining {
            Remaining::Range { p90, rough: true, .. } => format!("  under {} left", text::short_duration(p90 * 1000)),
            Remaining::Range { p10, p50, p90, .. } => {
                let spread = text::spread(*p10, *p90, self.charset).map(|spread| format!(" ({spread})")).unwrap_or_default();
                format!("  {} left{spread}", text::estimate(*p50))
            }
            Remaining::LongerThanUsual { .. } | Remaining::Unknown { .. } | Remaining::None { .. } => String::new(),
        }
    }
}

/// Delay before the status lines. A build service ends a job that prints nothing for minutes.
const IDLE_AFTER: Duration = Duration::from_secs(60);

/// How long the lines of an event wait for the state that has it: as long as a snapshot usually takes at most.
const STATE_TIMEOUT: Duration = Duration::from_millis(250);

/// Writes one line per event until the events end, one write per batch; a line when a run wants a look and when it does no more; and status
/// lines after each minute without a line.
pub async fn run(mut to: impl Write, plain: &Plain, hub: &Hub, mut events: Subscription) -> io::Result<()> {
    let _states = hub.read_states();
    let mut headlines = HashMap::new();
    let mut printed = Vec::new();
    let mut version = 0;
    let mut idle_at = Instant::now() + IDLE_AFTER;
    loop {
        let lines = tokio::select! {
            biased;
            batch = events.next() => match batch {
                None => return Ok(()),
                Some(Batch::Events(entries)) => {
                    let state = state_with(hub, entries.last().map(|entry| &entry.event)).await;
                    let (now, last) = (Timestamp::now(), entries.len() - 1);
                    let lines = entries.iter().enumerate().map(|(at, entry)| plain.line(&entry.event, Some(&state), at == last, now) + "\n");
                    lines.collect()
                }
                Some(Batch::Gap { .. }) => "(some events came too fast to be shown)\n".to_owned(),
            },
            Some(snapshot) = hub.snapshot_after(version) => {
                version = snapshot.version;
                change_lines(plain, &snapshot.state, Timestamp::now(), &mut headlines)
            }
            () = tokio::time::sleep_until(idle_at) => idle_lines(plain, &hub.snapshot().state, Timestamp::now(), &mut printed),
        };
        if !lines.is_empty() {
            idle_at = Instant::now() + IDLE_AFTER;
            write(&mut to, &lines)?;
        } else if idle_at <= Instant::now() {
            idle_at += IDLE_AFTER;
        }
    }
}

/// The newest state; for the end of a story of this process the one that has it, if that comes soon.
async fn state_with(hub: &Hub, event: Option<&Event>) -> Arc<State> {
    let newest = || hub.snapshot();
    let Some(seq) =
        event.filter(|event| matches!(&event.data, EventData::StoryCompleted(ended) if ended.tally.is_some())).map(|event| event.seq)
    else {
        return newest().state.clone();
    };
    let with_event = async {
        let mut snapshot = newest();
        while snapshot.state.seq < seq {
            match hub.snapshot_after(snapshot.version).await {
                Some(newer) => snapshot = newer,
                None => break,
            }
        }
        snapshot
    };
    match tokio::time::timeout(STATE_TIMEOUT, with_event).await {
        Ok(snapshot) => snapshot.state.clone(),
        Err(_) => newest().state.clone(),
    }
}

/// The lines for what has changed since the headlines that were kept.
fn change_lines(plain: &Plain, state: &State, now: Timestamp, headlines: &mut HashMap<CleanText, Headline>) -> String {
    let mut lines = String::new();
    for task in state.tasks.iter().filter(|task| task.listed) {
        let before = headlines.insert(task.task_id.clone(), task.headline());
        // What was over before anybody looked is no change.
        let is_old = before.is_none() && task.status.is_over();
        lines.extend(plain.change_line(task, before, now).filter(|_| !is_old).map(|line| line + "\n"));
    }
    lines
}

/// The status lines after a minute without events: of every running task, and of another task when its status differs from the one in
/// `printed`.
fn idle_lines(plain: &Plain, state: &State, now: Timestamp, printed: &mut Vec<Headline>) -> String {
    let before = std::mem::replace(printed, state.tasks.iter().map(TaskState::headline).collect());
    let changed = state
        .tasks
        .iter()
        .enumerate()
        .filter(|(at, task)| task.headline() == Headline::Running || before.get(*at) != Some(&task.headline()));
    changed.map(|(_, task)| plain.status_line(task, now) + "\n").collect()
}

fn write(to: &mut impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.flush()
}

/// `, attempt 2`; empty for the first attempt.
fn attempt(attempt: u32) -> String {
    if attempt > 1 { format!(", attempt {attempt}") } else { String::new() }
}

fn ending(ending: EndStatus) -> &'static str {
    match ending {
        EndStatus::Passed => "passed",
        EndStatus::Failed => "failed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::StoryTally;
    use crate::hub::{HubSettings, StartPosition};
    use crate::model::state::TaskStatus;
    use crate::output::sample;

    fn check(plain: &Plain, events: &[Event], state: Option<&State>, expected: &[&str]) {
        let lines: Vec<String> = events.iter().map(|event| plain.line(event, state, true, sample::NOW)).collect();
        assert_eq!(lines, expected);
    }

    const UTC: Plain = Plain { zone: TimeZone::UTC, charset: Charset::Unicode };

    #[test]
    fn a_line_per_event() {
        let state = sample::state(vec![sample::running()]);
        check(
            &UTC,
            &sample::events(),
            Some(&state),
            &[
                "13:55:20  task_started     User Authentication, 8 stories",
                "13:56:20  story_started    US-006 Implement login endpoint, 5 criteria",
                "13:57:20  ac_completed     US-006 3/5 Hash password with bcrypt  48s",
                "13:58:20  error_occurred   US-006 timeout: API call timed out after 30s, exit code 124 (retryable)",
                "13:59:20  story_completed  US-006 Implement login endpoint failed (blocked)  ~25m left (12m–45m)",
                "14:00:20  story_completed  US-006 Implement login endpoint passed, attempt 2 28m 22s  ~25m left (12m–45m)",
                "14:01:20  task_completed   passed 8/8 stories in 1h04m, 2 retries, 1 error",
            ],
        );
    }

    #[test]
    fn without_a_state_the_line_has_no_numbers() {
        check(&UTC, &sample::events()[2..3], None, &["13:57:20  ac_completed     US-006 3 Hash password with bcrypt  48s"]);
    }

    #[test]
    fn another_day_another_task_another_zone() {
        let mut event = sample::events().remove(2);
        let state = sample::state(vec![sample::running(), sample::waiting()]);
        event.provenance = Provenance::Derived;
        let berlin = Plain { zone: TimeZone::fixed(jiff::tz::offset(1)), charset: Charset::Ascii };
        check(
            &berlin,
            &[event.clone()],
            Some(&state),
            &["14:57:20  ac_completed     [auth] US-006 3/5 Hash password with bcrypt  48s  (derived)"],
        );
        event.timestamp = sample::ago(86_400);
        check(&UTC, &[event.clone()], None, &["2026-01-23 14:05:20  ac_completed     US-006 3 Hash password with bcrypt  48s  (derived)"]);
        event.timestamp_precision = Some(Precision::Day);
        check(&UTC, &[event.clone()], None, &["2026-01-23  ac_completed     US-006 3 Hash password with bcrypt  48s  (derived)"]);
        let EventData::AcCompleted(data) = &mut event.data else { panic!("the third sample is a criterion") };
        data.ac_text = Some("é \u{1b}[2J日本".into());
        check(&berlin, &[event], None, &["2026-01-23  ac_completed     US-006 3 ? ????  48s  (derived)"]);
    }

    #[test]
    fn a_count_is_that_after_its_event() {
        let mut lines = Vec::new();
        let mut event = sample::events().remove(5);
        for passed in 2..=4 {
            let EventData::StoryCompleted(data) = &mut event.data else { panic!("the sixth sample is a pass") };
            data.tally = Some(StoryTally { passed, total: Some(4) });
            let state = sample::state(vec![sample::running()]);
            lines.push(UTC.line(&event, Some(&state), passed == 4, sample::NOW));
        }
        let ends: Vec<&str> = lines.iter().filter_map(|line| line.split_once("28m 22s  ")).map(|(_, end)| end).collect();
        assert_eq!(ends, ["2/4 stories", "3/4 stories", "4/4 stories  ~25m left (12m–45m)"]);
    }

    #[test]
    fn what_wants_attention_has_a_line_when_it_begins_and_when_it_ends() {
        let mut headlines = HashMap::new();
        let mut shown = |task: TaskState| change_lines(&UTC, &sample::state(vec![task]), sample::NOW, &mut headlines);
        assert_eq!(shown(sample::running()), "");
        let quiet = shown(sample::quiet());
        assert!(quiet.starts_with("14:05:20  quiet            User Authentication: ") && quiet.ends_with('\n'), "{quiet}");
        assert_eq!(shown(sample::quiet()), "");
        assert_eq!(shown(sample::running()), "14:05:20  quiet no more    User Authentication: it goes on\n");
        let ended = shown(TaskState { status: TaskStatus::Ended, end_reason: Some("it was killed".into()), ..sample::running() });
        assert_eq!(ended, "14:05:20  ended            User Authentication: it was killed\n");
        assert_eq!(shown(sample::passed()), "");
    }

    #[test]
    fn an_idle_task_has_a_status_line() {
        assert_eq!(
            UTC.status_line(&sample::quiet(), sample::NOW),
            "14:05:20  quiet            User Authentication: 5/8 stories, US-006 Implement login endpoint for 2m, 3/5 criteria, last sign of life 14m ago"
        );
    }

    #[test]
    fn only_a_running_task_has_its_status_line_repeated() {
        let state = sample::state(vec![sample::running(), sample::waiting()]);
        let mut printed = Vec::new();
        assert_eq!(idle_lines(&UTC, &state, sample::NOW, &mut printed).lines().count(), 2);
        assert_eq!(idle_lines(&UTC, &state, sample::NOW, &mut printed).lines().count(), 1);
    }

    #[test]
    fn all_is_written() {
        let hub = Hub::new(HubSettings::default());
        hub.set_state(sample::state(vec![sample::running()]));
        let events = hub.subscribe(StartPosition::Oldest);
        hub.publish(sample::events());
        hub.close();
        let mut written = Vec::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(run(&mut written, &UTC, &hub, events)).unwrap();
        assert_eq!(String::from_utf8(written).unwrap().lines().count(), 7);
    }
}
