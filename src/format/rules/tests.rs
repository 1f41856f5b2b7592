//! Files of rules, and what is wrong with some.

use std::path::Path;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::make::duration;
use super::{FILE_LIMIT, PATTERN_LIMIT, Rules, parse};
use crate::fact::Fact;
use crate::format::tests::show;
use crate::format::{LogParser, ParserConfig, Pause, SourceKind};
use crate::line::{Line, LineEnd};

const RULES: &str = r#"
files = ["*.run", "logs/night-?.txt"]

[[rule]]
name = "run"
event = "task_started"
match = '^=== (?<task_name>.+) \((?<story_count>\d+) jobs\)$'

[[rule]]
name = "job"
event = "story_started"
match = '^(?<time>\S+) > (?<story_id>\S+): (?<title>.+)$'

[[rule]]
event = "ac_completed"
match = '^  ok (?<ac_number>\d+) (?<ac_text>.+)$'

[[rule]]
event = "story_completed"
match = '^< (?<status>\w+) in (?<duration>.+)$'

[[rule]]
event = "story_completed"
match = '^! (?<story_id>\S+) (?<error_message>.+) \((?<exit_code>\d+)\)$'
with = { status = "blocked", error_type = "timeout", retryable = true }

[[rule]]
event = "error_occurred"
match = '^!! (?<error_message>.+)$'

[[rule]]
event = "task_completed"
match = '^=== over: (?<status>\w+)$'

[[rule]]
event = "activity"
match = '^\.\.\. (?<text>.+) \[(?<iteration>\d+)/(?<max_iterations>\d+)\]$'

[[rule]]
event = "ignore"
match = '^# '
"#;

fn read(name: &str, text: &str) -> (LogParser, Vec<Fact>) {
    let rules = Rules(vec![Arc::new(parse("r.toml", RULES).expect("they are right"))]);
    let mut reader = ParserConfig::new(Path::new(name), TimeZone::UTC, &rules).parser();
    let mut facts = Vec::new();
    for (number, text) in (1..).zip(text.lines()) {
        reader.parse_line(Line { number, text, end: LineEnd::Feed }, &mut facts);
    }
    reader.extract(Pause::None, &mut facts);
    (reader, facts)
}

#[test]
fn lines_become_what_the_first_rule_makes() {
    let text = "=== Night (3 jobs)\n1770112800 > J1: Sweep\n  ok 2 The floor\n... sweeping [1/3]\n< ok in 2m 3s\n< passed in 00:01:02\n\
                ! J2 too dark (9)\n!! no light\n# noise\n=== over: failed\nother\n[US-003] Completed\n";
    let (reader, facts) = read("/x/a.run", text);
    let expected = "1 task Night of 3 line
2 start J1 \"Sweep\" @2026-02-03T10:00:00 line
3 ac J1 \"Sweep\" 1 The floor line
4 activity \"sweeping\" #1/3 line
6 pass J1 \"Sweep\" 62000ms line
7 error J2 Timeout: too dark line
7 fail J2 (blocked) line
8 error J1 \"Sweep\" Unknown: no light line
10 task-fail line
12 pass US-003 line";
    assert_eq!(show(&facts), expected, "`ok` is no status; what no rule knows is read as ever");
    assert_eq!((reader.kind(), reader.line_counts()), (SourceKind::Ruled, (10, 2)));
}

#[test]
fn rules_are_for_the_files_they_name() {
    for (name, ruled) in [("/x/a.run", true), ("/x/a.run.txt", false), ("/x/logs/night-1.txt", true), ("/x/night-1.txt", false)] {
        assert_eq!(read(name, "!! dark\n").1.len(), usize::from(ruled), "{name}");
    }
}

#[test]
fn what_is_wrong_is_reported_with_its_position() {
    let rule = |remainder: &str| format!("[[rule]]\nname = \"job\"\n{remainder}\n");
    for (text, expected) in [
        (String::new(), "r.toml: no rules in it; each begins with [[rule]]"),
        ("files = [".to_owned(), "r.toml:1:"),
        (rule("event = \"story_started\""), "r.toml:1:1: missing field `match`"),
        (rule("even = \"x\""), "r.toml:3:1: unknown field `even`, expected one of `name`, `event`, `match`, `with`"),
        (
            rule("event = \"begun\"\nmatch = 'x'"),
            "r.toml:3:9: rule \"job\": no event is called \"begun\"; there are task_started, story_started, ac_completed, story_completed, task_completed, error_occurred, activity, ignore",
        ),
        (rule("event = \"story_started\"\nmatch = '^(?<title>.+'"), "r.toml:4:11: rule \"job\": unclosed group"),
        (rule("event = \"story_started\"\nmatch = \"^ä\\\\d[(?<title>.+)\""), "r.toml:4:9: rule \"job\": unclosed character class"),
        (
            rule("event = \"story_started\"\nmatch = '''ö (?<titel>.+)'''"),
            "r.toml:4:17: rule \"job\": story_started has no field \"titel\"; it takes time, story_id, title, iteration, max_iterations, priority",
        ),
        (
            rule("event = \"story_started\"\nmatch = '^x$'"),
            "r.toml:4:9: rule \"job\": story_started needs a group (?<story_id>…) or (?<title>…), or a value for it in `with`",
        ),
        (rule("event = \"story_completed\"\nmatch = '^x$'"), "r.toml:4:9: rule \"job\": names no story"),
        (rule("event = \"ignore\"\nmatch = '(?<title>x)'"), "r.toml:4:13: rule \"job\": ignore has no field \"title\"; it takes none"),
        (rule("event = \"task_completed\"\nmatch = 'x'\nwith = { status = \"ok\" }"), "r.toml:5:19: rule \"job\": \"ok\" is no status"),
        (rule("event = \"task_completed\"\nmatch = 'x'\nwith = { status = [] }"), "r.toml:5:19: rule \"job\": a value is a text"),
        (
            rule("event = \"task_completed\"\nmatch = 'x'\nwith = { stat = \"x\" }"),
            "r.toml:5:10: rule \"job\": task_completed has no field \"stat\"",
        ),
        (rule("event = \"ignore\"\nmatch = '(?:\\w{1000}){1000}'"), "r.toml:4:9: rule \"job\": the pattern takes up more than 1 MiB"),
        (
            rule(&format!("event = \"ignore\"\nmatch = '{}'", "x".repeat(PATTERN_LIMIT + 1))),
            "r.toml:4:9: rule \"job\": the pattern is longer than 4096 bytes",
        ),
        ("#".repeat(FILE_LIMIT + 1), "r.toml: 256 KiB long"),
        ("[[rule]]\nevent = \"ignore\"\nmatch = 'x'\n".repeat(201), "r.toml:601:1: more than 200 rules"),
        (format!("files = [\"\"]\n{}", rule("event = \"ignore\"\nmatch = 'x'")), "r.toml:1:10: an empty name is no file"),
    ] {
        let error = parse("r.toml", &text).expect_err(&text);
        assert!(error.starts_with(expected), "{error}\ninstead of\n{expected}");
    }
}

#[test]
fn durations_as_people_write_them() {
    for (text, expected) in [
        ("59ms", Some(59)),
        ("1.5s", Some(1500)),
        ("2m 3s", Some(123_000)),
        ("1h02m", Some(3_720_000)),
        ("00:02:03", Some(123_000)),
        ("12.5", Some(12_500)),
        ("3 minutes, 1 second", Some(181_000)),
        ("soon", None),
        ("3 days", None),
        ("99999999h", None),
    ] {
        assert_eq!(duration(text), expected, "{text}");
    }
}
