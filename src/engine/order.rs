//! The order of one look: the run's beginning, then stories as they first appear (inside an attempt: started, criteria, errors, completed),
//! then the run's end.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fact::{CountedKind, StatementForm};

use super::task::Pending;

/// Puts a look in order. It comes in the order of trust, each source in file order.
pub(super) fn sorted(look: Vec<Pending>) -> Vec<Pending> {
    let groups = groups(&look);
    let mut keyed: Vec<((u8, usize, u8, bool), Pending)> = Vec::with_capacity(look.len());
    for (place, pending) in look.into_iter().enumerate() {
        let group = groups[place];
        // What a summary says, an entry says better: with its date and its title.
        let summary = pending.fact.form == StatementForm::Summary && pending.fact.line > 0;
        let order = match pending.subjects.kind {
            Some(CountedKind::TaskStarted) => (0, place, 0, false),
            None | Some(CountedKind::StoryStarted) => (1, group, 0, summary),
            Some(CountedKind::CriterionDone) => (1, group, 1, summary),
            Some(CountedKind::Error) => (1, group, 2, summary),
            Some(CountedKind::StoryPassed | CountedKind::StoryFailed) => (1, group, 3, summary),
            Some(CountedKind::TaskPassed | CountedKind::TaskFailed) => (2, place, 0, false),
        };
        keyed.push((order, pending));
    }
    keyed.sort_by_key(|(order, _)| *order);
    keyed.into_iter().map(|(_, pending)| pending).collect()
}

/// One attempt at a story as one voice tells it.
struct Attempt {
    started: bool,
    ending: Option<CountedKind>,
    facts: Vec<usize>,
}

/// For every fact the place in the look at which its attempt stands.
fn groups(look: &[Pending]) -> Vec<usize> {
    let mut groups: Vec<usize> = (0..look.len()).collect();
    for mut voices in told_by_voice(look) {
        // An entry says when; a row of a summary only says that.
        voices.sort_by_key(|voice| voice[0].facts.iter().all(|fact| look[*fact].fact.form == StatementForm::Summary));
        // The most trusted voice says how many attempts there were; the others' are recognised by how they ended.
        let mut attempts: Vec<(Option<CountedKind>, usize)> = Vec::new();
        for voice in voices {
            let mut used = vec![false; attempts.len()];
            let in_voice = voice.len();
            for (nth, attempt) in voice.into_iter().enumerate() {
                let first = attempt.facts[0];
                let unused = |ending: Option<CountedKind>| (0..used.len()).find(|at| !used[*at] && attempts[*at].0 == ending);
                let same = unused(attempt.ending).or_else(|| match attempt.ending {
                    // One whose end has not been told; of several the last.
                    Some(_) => (0..used.len()).rev().find(|at| !used[*at] && attempts[*at].0.is_none()),
                    // Nobody knows which: counted from the last one.
                    None => used.len().checked_sub(in_voice - nth).or_else(|| used.len().checked_sub(1)),
                });
                let place = match same {
                    Some(at) => {
                        used[at] = true;
                        attempts[at].0 = attempts[at].0.or(attempt.ending);
                        attempts[at].1
                    }
                    None => {
                        attempts.push((attempt.ending, first));
                        first
                    }
                };
                for fact in attempt.facts {
                    groups[fact] = place;
                }
            }
        }
    }
    groups
}

/// The attempts at each story, voice by voice, in the order of first appearance.
fn told_by_voice(look: &[Pending]) -> Vec<Vec<Vec<Attempt>>> {
    let mut stories: HashMap<Arc<str>, usize> = HashMap::new();
    let mut voices: HashMap<(Arc<str>, StatementForm, Arc<str>), usize> = HashMap::new();
    let mut told: Vec<Vec<Vec<Attempt>>> = Vec::new();
    for (place, pending) in look.iter().enumerate() {
        let Some(story) = &pending.subjects.story else { continue };
        let at = *stories.entry(story.key.clone()).or_insert_with(|| {
            told.push(Vec::new());
            told.len() - 1
        });
        let voice = *voices.entry((pending.origin.path.clone(), pending.fact.form, story.key.clone())).or_insert_with(|| {
            told[at].push(Vec::new());
            told[at].len() - 1
        });
        take(&mut told[at][voice], pending.subjects.kind, place);
    }
    told
}

/// Adds a fact to the attempt under way, or to a new one if it cannot belong to that.
fn take(attempts: &mut Vec<Attempt>, kind: Option<CountedKind>, place: usize) {
    let starts = kind == Some(CountedKind::StoryStarted);
    let ends = matches!(kind, Some(CountedKind::StoryPassed | CountedKind::StoryFailed));
    let fits = |last: &&mut Attempt| !(starts && (last.started || last.ending.is_some()) || ends && last.ending.is_some());
    match attempts.last_mut().filter(fits) {
        Some(last) => {
            last.started |= starts;
            last.ending = last.ending.or(kind.filter(|_| ends));
            last.facts.push(place);
        }
        None => attempts.push(Attempt { started: starts, ending: kind.filter(|_| ends), facts: vec![place] }),
    }
}
