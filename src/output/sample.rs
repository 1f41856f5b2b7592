//! States for the tests of every output.

use crate::clock::Timestamp;
use crate::event::*;
use crate::fact::{ErrorKind, Provenance};
use crate::model::state::*;
use crate::text::CleanText;

/// 2026-01-24T14:05:20Z.
pub(crate) const NOW: Timestamp = Timestamp(1_769_263_520_000);

pub(crate) fn ago(secs: i64) -> Timestamp {
    Timestamp(NOW.0 - secs * 1000)
}

pub(crate) fn state(tasks: Vec<TaskState>) -> State {
    State { schema: SCHEMA, server_time: NOW, seq: Seq(0), tasks, unlisted: None, notices: Vec::new(), files: FileCounts::default() }
}

pub(crate) fn criterion(text: &str, done: Option<u64>) -> CriterionState {
    let provenance = done.map(|_| Provenance::Explicit);
    let status = if done.is_some() { CriterionStatus::Done } else { CriterionStatus::Open };
    CriterionState { text: text.into(), status, provenance, duration_ms: done.filter(|ms| *ms > 0) }
}

pub(crate) fn story(id: &str, title: &str, status: StoryStatus, minutes: u64) -> StoryState {
    let finished = matches!(status, StoryStatus::Passed | StoryStatus::Failed);
    StoryState {
        story_id: Some(id.into()),
        title: Some(title.into()),
        status,
        status_reason: None,
        provenance: (status != StoryStatus::Open).then_some(Provenance::Explicit),
        in_plan: true,
        group: None,
        priority: None,
        attempt_count: u32::from(status != StoryStatus::Open),
        attempts: Vec::new(),
        started_at: None,
        started_precision: None,
        finished_at: None,
        finished_precision: None,
        duration_ms: finished.then_some(minutes * 60_000),
        duration_provenance: finished.then_some(Provenance::Explicit),
        reopened_at: None,
        added_at: None,
        changed_at: None,
        commits: Vec::from_iter((status == StoryStatus::Passed).then(|| "a1b2c3d".into())),
        criteria_count: 0,
        criteria_done: 0,
        percent: None,
        criteria: Vec::new(),
        last_error: None,
        disagreement: None,
        left_out: None,
    }
}

/// The end of an attempt, with nothing else known of it.
pub(crate) fn story_ended(id: &str, status: EndStatus, attempt: u32) -> StoryCompleted {
    let (title, reason, duration_ms, tally) = (None, None, None, None);
    StoryCompleted { story_id: Some(id.into()), title, status, reason, duration_ms, commits: Vec::new(), attempt, tally }
}

/// As an estimate says it.
pub(crate) fn range(p10: u64, p50: u64, p90: u64, samples: u32) -> Remaining {
    Remaining::Range { p10, p50, p90, basis: format!("from {samples} stories").into(), samples, rough: false, text: CleanText::default() }
}

pub(crate) fn longer_than_usual() -> Remaining {
    Remaining::LongerThanUsual { usual_p10: 360, usual_p90: 780, basis: "from 5 stories".into(), samples: 5, text: CleanText::default() }
}

fn source(path: &str, kind: &str, state: SourceCondition) -> SourceState {
    SourceState {
        path: path.into(),
        kind: kind.into(),
        state,
        changed_at: None,
        unit: SourceUnit::Lines,
        understood: 12,
        unknown: 3,
        record_like: 0,
        unknown_lines: Vec::new(),
    }
}

/// The seed's picture: five of eight done, the sixth in work.
pub(crate) fn running() -> TaskState {
    use StoryStatus::{InProgress, Open, Passed};
    let mut stories = vec![
        story("US-001", "Project scaffold", Passed, 6),
        story("US-002", "User model", Passed, 9),
        story("US-003", "Password hashing", Passed, 4),
        story("US-004", "Registration", Passed, 12),
        story("US-005", "Session store", Passed, 6),
        story("US-006", "Implement login endpoint", InProgress, 0),
        story("US-007", "Logout", Open, 0),
        story("US-008", "Password reset", Open, 0),
    ];
    stories[5].started_at = Some(ago(154));
    stories[5].criteria = vec![
        criterion("Create POST /api/auth/login endpoint", Some(62_000)),
        criterion("Validate email format", Some(5_230)),
        criterion("Hash password with bcrypt", Some(48_000)),
        criterion("Generate JWT token", None),
        criterion("Return user profile with token", None),
    ];
    (stories[5].criteria_count, stories[5].criteria_done, stories[5].percent) = (5, 3, Some(60));
    TaskState {
        folder: ".".into(),
        run: "feature/auth".into(),
        status: TaskStatus::Running,
        started_at: Some(ago(41 * 60 + 10)),
        started_source: Some(TimestampSource::Record),
        last_activity_at: Some(ago(6)),
        last_activity_path: Some("progress.txt".into()),
        story_count: Some(8),
        stories_passed: 5,
        percent: Some(62),
        stories,
        current_story: CurrentStory::Known { index: 5, provenance: Provenance::Explicit },
        remaining: range(720, 1500, 2700, 5),
        sources: vec![
            source("progress.txt", "progress log", SourceCondition::Reading),
            source("prd.json", "plan", SourceCondition::Reading),
        ],
        ..TaskState::waiting("auth".into(), "User Authentication".into())
    }
}

pub(crate) fn waiting() -> TaskState {
    TaskState {
        status: TaskStatus::Waiting,
        stories: (1..=8).map(|n| story(&format!("US-00{n}"), "Title", StoryStatus::Open, 0)).collect(),
        stories_passed: 0,
        percent: Some(0),
        current_story: CurrentStory::None,
        started_at: None,
        last_activity_at: None,
        last_activity_path: None,
        remaining: Remaining::Unknown { reason: "nothing has begun".into() },
        sources: vec![
            source("prd.json", "plan", SourceCondition::Reading),
            source("progress.txt", "unknown", SourceCondition::Waiting),
            source(".claude-loop/execution_log.jsonl", "unknown", SourceCondition::Unreadable),
        ],
        sources_left_out: 0,
        ..running()
    }
}

pub(crate) fn quiet() -> TaskState {
    TaskState {
        attention: Some(Attention {
            kind: AttentionKind::Quiet,
            reason: "none of 2 watched files has moved; a story usually takes 4m–12m, from 5 stories".into(),
            since: ago(14 * 60),
        }),
        last_activity_at: Some(ago(14 * 60)),
        remaining: Remaining::Unknown { reason: "the run is quiet".into() },
        ..running()
    }
}

pub(crate) fn error() -> ErrorState {
    ErrorState {
        error_type: ErrorKind::Timeout,
        error_message: "API call timed out after 30s".into(),
        story_id: Some("US-006".into()),
        retryable: Some(true),
        exit_code: None,
        at: ago(3),
        path: ".claude-loop/execution_log.jsonl".into(),
        line: Some(41),
        provenance: Provenance::Explicit,
    }
}

pub(crate) fn failed() -> TaskState {
    let mut task = TaskState {
        status: TaskStatus::Failed,
        stories_failed: 1,
        current_story: CurrentStory::None,
        finished_at: Some(ago(3)),
        errors: 3,
        retries: 2,
        last_error: Some(error()),
        remaining: Remaining::None { reason: "the run has ended".into() },
        ..running()
    };
    let criteria = std::mem::take(&mut task.stories[5].criteria);
    task.stories[5] = StoryState {
        attempt_count: 3,
        last_error: Some(Box::new(error())),
        criteria,
        criteria_count: 5,
        criteria_done: 3,
        ..story("US-006", "Implement login endpoint", StoryStatus::Failed, 30)
    };
    task
}

pub(crate) fn passed() -> TaskState {
    let mut task = TaskState {
        status: TaskStatus::Passed,
        stories_passed: 8,
        percent: Some(100),
        current_story: CurrentStory::None,
        started_at: Some(ago(3840)),
        finished_at: Some(ago(0)),
        retries: 2,
        errors: 1,
        remaining: Remaining::None { reason: "the run has ended".into() },
        ..running()
    };
    for story in &mut task.stories {
        let minutes = story.duration_ms.map_or(11, |ms| ms / 60_000);
        *story = self::story(story.story_id.as_deref().unwrap_or(""), story.title.as_deref().unwrap_or(""), StoryStatus::Passed, minutes);
    }
    task
}

/// Titles of two columns a letter, clusters of several characters, and a text that would steer the terminal.
pub(crate) fn foreign() -> TaskState {
    let mut task = TaskState { task_name: "ユーザー認証とセッション管理の実装 (v2) 🔐".into(), ..running() };
    task.stories[5].title = Some("ログインエンドポイントを実装し、メール形式を検証してからパスワードを確認する".into());
    task.stories[5].criteria = vec![
        criterion("이메일 형식 검증", Some(5000)),
        criterion("生成 JWT 令牌 👩‍💻", None),
        criterion("Return \u{1b}[31mprofile with a very long description that goes past the right border of the box", None),
    ];
    (task.stories[5].criteria_count, task.stories[5].criteria_done) = (3, 1);
    task
}

/// One event of every type, in the order of a run.
pub(crate) fn events() -> Vec<Event> {
    let id: Option<CleanText> = Some("US-006".into());
    let title: Option<CleanText> = Some("Implement login endpoint".into());
    let data = [
        EventData::TaskStarted(TaskStarted {
            task_id: "auth".into(),
            task_name: "User Authentication".into(),
            story_count: Some(8),
            ..TaskStarted::default()
        }),
        EventData::StoryStarted(StoryStarted {
            story_id: id.clone(),
            title: title.clone(),
            ac_count: Some(5),
            attempt: 1,
            ..StoryStarted::default()
        }),
        EventData::AcCompleted(AcCompleted {
            story_id: id.clone(),
            ac_index: 2,
            ac_text: Some("Hash password with bcrypt".into()),
            duration_ms: Some(48_000),
            ..AcCompleted::default()
        }),
        EventData::ErrorOccurred(ErrorOccurred {
            story_id: id.clone(),
            error_type: ErrorKind::Timeout,
            error_message: "API call timed out after 30s".into(),
            retryable: Some(true),
            exit_code: Some(124),
        }),
        EventData::StoryCompleted(StoryCompleted {
            title: title.clone(),
            reason: Some("blocked".into()),
            ..story_ended("US-006", EndStatus::Failed, 1)
        }),
        EventData::StoryCompleted(StoryCompleted {
            title,
            duration_ms: Some(1_702_000),
            commits: vec!["a1b2c3d".into()],
            ..story_ended("US-006", EndStatus::Passed, 2)
        }),
        EventData::TaskCompleted(TaskCompleted {
            task_id: "auth".into(),
            status: EndStatus::Passed,
            stories_passed: 8,
            stories_failed: 0,
            story_count: Some(8),
            duration_ms: Some(3_840_000),
            retries: 2,
            errors: 1,
        }),
    ];
    let event = |(at, data): (usize, EventData)| Event {
        id: EventId::new("auth", "feature/auth", crate::fact::CountedKind::StoryStarted, "US-006", at as u32),
        seq: Seq(at as u64 + 1),
        timestamp: ago(600 - 60 * at as i64),
        timestamp_source: TimestampSource::Record,
        timestamp_precision: None,
        late: false,
        origin: None,
        task_id: "auth".into(),
        run: "feature/auth".into(),
        provenance: Provenance::Explicit,
        source: EventSource { path: "progress.txt".into(), line: Some(120), text: None },
        data,
    };
    data.into_iter().enumerate().map(event).collect()
}
