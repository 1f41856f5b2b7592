//! One task in one line, for scripts, prompts and status bars: as people read it, or as a template asks.

use crate::clock::Timestamp;
use crate::model::state::{Remaining, TaskState};
use crate::output::text::{self, Charset};

/// The names that a template may use, each in braces.
pub const FIELDS: [&str; 13] =
    ["task", "status", "passed", "total", "failed", "percent", "story", "title", "criteria", "elapsed", "remaining", "iteration", "reason"];

/// `running  User Authentication: 5/8 stories, US-006 - Login (2m), about 25m (12m–45m), from 5 stories`.
pub fn line(task: &TaskState, now: Timestamp, charset: Charset) -> String {
    let name = match &task.qualifier {
        Some(qualifier) => format!("{} ({qualifier})", task.task_name),
        None => task.task_name.to_string(),
    };
    let mut parts = vec![text::tally(task.stories_passed, task.story_count)];
    if task.stories_failed > 0 {
        parts.push(format!("{} failed", task.stories_failed));
    }
    if let Some(story) = task.current() {
        let age = story.started_at.and_then(|at| now.since(at)).map(|ms| format!(" ({})", text::short_duration(ms)));
        let guess = if story.is_guessed() { ", inferred" } else { "" };
        parts.push(format!(
            "{}{}{guess}",
            text::id_and_title(story.story_id.as_deref(), story.title.as_deref(), " - "),
            age.unwrap_or_default()
        ));
    }
    match &task.remaining {
        remaining @ (Remaining::Range { .. } | Remaining::LongerThanUsual { .. }) => parts.push(text::remaining(remaining, charset)),
        Remaining::Unknown { .. } | Remaining::None { .. } => {}
    }
    parts.extend(reason(task).map(str::to_owned));
    text::clean(&format!("{:<9}  {name}: {}", task.headline().word(), parts.join(", ")), charset).into_owned()
}

/// Fills a template such as `{passed}/{total} {story}`. What is not known is empty.
///
/// # Errors
///
/// The name in braces that is none of [`FIELDS`].
pub fn fill(template: &str, task: &TaskState, now: Timestamp, charset: Charset) -> Result<String, String> {
    let mut filled = String::new();
    let mut left = template;
    while let Some((before, after)) = left.split_once('{') {
        filled.push_str(before);
        let Some((name, behind)) = after.split_once('}') else { return Err(after.to_owned()) };
        filled.push_str(&field(name, task, now, charset).ok_or_else(|| name.to_owned())?);
        left = behind;
    }
    filled.push_str(left);
    Ok(text::clean(&filled, charset).into_owned())
}

fn field(name: &str, task: &TaskState, now: Timestamp, charset: Charset) -> Option<String> {
    let story = task.current();
    let number = |n: Option<u32>| n.map(|n| n.to_string()).unwrap_or_default();
    Some(match name {
        "task" => task.task_name.to_string(),
        "status" => task.headline().word().to_owned(),
        "passed" => task.stories_passed.to_string(),
        "total" => number(task.story_count),
        "failed" => task.stories_failed.to_string(),
        "percent" => number(task.percent.map(u32::from)),
        "story" => {
            story.map(|story| story.story_id.clone().or_else(|| story.title.clone()).unwrap_or_default()).unwrap_or_default().to_string()
        }
        "title" => story.and_then(|story| story.title.clone()).unwrap_or_default().to_string(),
        "criteria" => story
            .filter(|story| story.criteria_count > 0)
            .map_or_else(String::new, |story| format!("{}/{}", story.criteria_done, story.criteria_count)),
        "elapsed" => {
            let until = task.finished_at.unwrap_or(now);
            task.started_at.and_then(|at| until.since(at)).map(text::short_duration).unwrap_or_default()
        }
        "remaining" => match &task.remaining {
            Remaining::Range { p90, rough: true, .. } => format!("<{}", text::short_duration(p90 * 1000)),
            Remaining::Range { p50, .. } => text::estimate(*p50),
            remaining @ Remaining::LongerThanUsual { .. } => text::remaining(remaining, charset),
            Remaining::Unknown { .. } | Remaining::None { .. } => String::new(),
        },
        "iteration" => number(task.iteration),
        "reason" => reason(task).unwrap_or_default().to_owned(),
        _ => return None,
    })
}

/// Why a person should look, or why the run ended.
fn reason(task: &TaskState) -> Option<&str> {
    let attention = task.attention.as_ref().map(|attention| attention.reason.as_str());
    attention.or(task.end_reason.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::sample;

    #[test]
    fn a_task_in_a_line() {
        for (task, expected) in [
            (
                sample::running(),
                "running    User Authentication: 5/8 stories, US-006 - Implement login endpoint (2m), ~25m left (12m–45m), from 5 stories",
            ),
            (sample::passed(), "passed     User Authentication: 8/8 stories"),
        ] {
            assert_eq!(line(&task, sample::NOW, Charset::Unicode), expected);
        }
    }

    #[test]
    fn a_template_is_filled_and_a_wrong_name_is_named() {
        let task = sample::running();
        for (template, expected) in [
            ("{passed}/{total} {story}", Ok("5/8 US-006")),
            ("{percent}% {status} {elapsed} {remaining} {criteria}", Ok("62% running 41m ~25m 3/5")),
            ("[{iteration}{reason}]", Ok("[]")),
            ("plain", Ok("plain")),
            ("{mood}", Err("mood")),
            ("{passed", Err("passed")),
        ] {
            let filled = fill(template, &task, sample::NOW, Charset::Unicode);
            assert_eq!(filled.as_deref().map_err(String::as_str), expected, "{template}");
        }
        for name in FIELDS {
            assert!(fill(&format!("{{{name}}}"), &task, sample::NOW, Charset::Ascii).is_ok(), "{name}");
        }
    }

    #[test]
    fn text_from_files_steers_no_terminal() {
        let filled = fill("{title}", &sample::foreign(), sample::NOW, Charset::Ascii).expect("it is a field");
        assert!(filled.is_ascii() && !filled.contains('\u{1b}'), "{filled}");
    }
}
