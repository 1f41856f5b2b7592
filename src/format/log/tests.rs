use std::path::{Path, PathBuf};

use super::*;
use crate::line::LineEnd;

fn texts_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts_below(&path, found);
        } else if path.extension().is_some_and(|extension| ["md", "txt", "log"].iter().any(|known| extension == *known)) {
            found.push(path);
        }
    }
}

/// Each fixture grows line by line, and is looked at after every third.
#[test]
fn an_assessment_that_is_left_out_at_a_pause_would_have_added_nothing() {
    let mut paths = Vec::new();
    texts_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"), &mut paths);
    let zone = TimeZone::UTC;
    let mut left_out = 0;
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        let (mut log, mut facts) = (Log::default(), Vec::new());
        for (number, text) in (1..).zip(text.lines()) {
            log.line(Line { number, text: &crate::text::clean(text), end: LineEnd::Feed }, &zone, &mut facts);
            if number % 3 > 0 {
                continue;
            }
            log.extract(Pause::None, &zone, &mut facts);
            let at_pause = |complete_at| {
                let (mut log, mut facts) = (Log { complete_at, ..log.clone() }, Vec::new());
                log.extract(Pause::Quiet, &zone, &mut facts);
                let assessed = (log.understood, log.passed_over, log.waited, log.is_doubtful, log.order.falls());
                (facts, assessed, log.header, log.votes)
            };
            left_out += u32::from(log.complete_at.is_some());
            assert_eq!(format!("{:?}", at_pause(log.complete_at)), format!("{:?}", at_pause(None)), "{}:{number}", path.display());
            if number % 2 == 0 {
                log.extract(Pause::Quiet, &zone, &mut facts);
            }
        }
    }
    assert!(left_out > 100, "{left_out}");
}
