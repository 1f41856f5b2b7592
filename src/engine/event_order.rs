//! The order of the facts of one tick: the start of the run; then the stories as they first appear, and of each attempt the start, the
//! criteria, the errors and the end; then the end of the run.

use crate::fact::{CountedKind, Fact, StatementForm};
use crate::model::Origin;
use crate::seeded_hash::SeededMap;

use super::resolve::ResolvedNames;

/// A fact that this tick applies to the model.
#[derive(Clone)]
pub(super) struct PendingFact {
    pub(super) fact: Box<Fact>,
    pub(super) names: ResolvedNames,
    /// The source's count of it in this run, when this fact has raised it.
    pub(super) count: Option<u32>,
    pub(super) origin: Origin,
    /// The state shows it, and its event is not emitted (`--from end`).
    pub(super) mute: bool,
    /// It was read as it was written, not found by the initial scan.
    pub(super) live: bool,
    /// It came alone, so that the time since the fact before it is a duration.
    pub(super) timed: bool,
}

/// The facts of a tick in order. There may be thousands, so that each is freed once it is applied.
#[derive(Default)]
pub(super) struct SortedFacts {
    facts: Vec<Option<PendingFact>>,
    /// Indices into `facts`.
    order: std::vec::IntoIter<usize>,
}

impl SortedFacts {
    /// Sorts facts that come source by source, the most trusted kind of source first, each in file order.
    pub(super) fn new(facts: Vec<PendingFact>) -> Self {
        let order = order(&facts).into_iter();
        SortedFacts { facts: facts.into_iter().map(Some).collect(), order }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.as_slice().is_empty()
    }
}

impl Iterator for SortedFacts {
    type Item = PendingFact;

    fn next(&mut self) -> Option<PendingFact> {
        self.facts[self.order.next()?].take()
    }
}

/// The indices of the facts in their order.
fn order(facts: &[PendingFact]) -> Vec<usize> {
    let attempts = attempt_positions(facts);
    let mut keyed: Vec<((u8, usize, u8, bool), usize)> = Vec::with_capacity(facts.len());
    for (index, pending) in facts.iter().enumerate() {
        let attempt = attempts[index];
        // An entry states the same as a summary with a date and a title, so that it comes first.
        let is_summary = pending.fact.form == StatementForm::Summary && pending.fact.line > 0;
        let order = match pending.names.kind {
            Some(CountedKind::TaskStarted) => (0, index, 0, false),
            None | Some(CountedKind::StoryStarted) => (1, attempt, 0, is_summary),
            Some(CountedKind::CriterionDone) => (1, attempt, 1, is_summary),
            Some(CountedKind::Error) => (1, attempt, 2, is_summary),
            Some(CountedKind::StoryPassed | CountedKind::StoryFailed) => (1, attempt, 3, is_summary),
            Some(CountedKind::TaskPassed | CountedKind::TaskFailed) => (2, index, 0, false),
        };
        keyed.push((order, index));
    }
    keyed.sort_by_key(|(order, _)| *order);
    keyed.into_iter().map(|(_, index)| index).collect()
}

/// One attempt at a story, as one form of one source states it.
struct StoryAttempt {
    started: bool,
    end: Option<CountedKind>,
    /// Indices into the facts of the tick.
    facts: Vec<usize>,
}

/// The attempts at one story, by source and form in the order of first appearance.
type StoryAttempts<'a> = Vec<((&'a str, StatementForm), Vec<StoryAttempt>)>;

/// For each fact of the tick the position of its attempt.
fn attempt_positions(facts: &[PendingFact]) -> Vec<usize> {
    let mut positions: Vec<usize> = (0..facts.len()).collect();
    for mut forms in group_attempts(facts) {
        // A row of a summary has no time: an entry decides the position.
        forms.sort_by_key(|(_, form)| form[0].facts.iter().all(|fact| facts[*fact].fact.form == StatementForm::Summary));
        // The first form decides how many attempts there were; those of the others are matched to them by their ends.
        let mut attempts: Vec<(Option<CountedKind>, usize)> = Vec::new();
        for (_, form) in forms {
            let mut used = vec![false; attempts.len()];
            let in_form = form.len();
            for (nth, attempt) in form.into_iter().enumerate() {
                let first = attempt.facts[0];
                let unused = |end: Option<CountedKind>| (0..used.len()).find(|at| !used[*at] && attempts[*at].0 == end);
                let same = unused(attempt.end).or_else(|| match attempt.end {
                    // An attempt without an end so far; of several the last.
                    Some(_) => (0..used.len()).rev().find(|at| !used[*at] && attempts[*at].0.is_none()),
                    // No end tells which: counted from the last attempt.
                    None => used.len().checked_sub(in_form - nth).or_else(|| used.len().checked_sub(1)),
                });
                let position = match same {
                    Some(at) => {
                        used[at] = true;
                        attempts[at].0 = attempts[at].0.or(attempt.end);
                        attempts[at].1
                    }
                    None => {
                        attempts.push((attempt.end, first));
                        first
                    }
                };
                for fact in attempt.facts {
                    positions[fact] = position;
                }
            }
        }
    }
    positions
}

/// The attempts at each story, in the order of first appearance.
fn group_attempts(facts: &[PendingFact]) -> Vec<StoryAttempts<'_>> {
    let mut story_indices: SeededMap<&str, usize> = SeededMap::default();
    let mut stories: Vec<StoryAttempts> = Vec::new();
    for (index, pending) in facts.iter().enumerate() {
        let Some(story) = &pending.names.story else { continue };
        let at = *story_indices.entry(&story.key).or_insert_with(|| {
            // There may be tens of thousands, and nearly all have one form and one attempt.
            stories.push(Vec::with_capacity(1));
            stories.len() - 1
        });
        let forms = &mut stories[at];
        let key = (&*pending.origin.path, pending.fact.form);
        // A story is stated by few sources in few forms.
        let form = forms.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            forms.push((key, Vec::with_capacity(1)));
            forms.len() - 1
        });
        add_fact(&mut forms[form].1, pending.names.kind, index);
    }
    stories
}

/// Adds a fact to the attempt under way, or to a new one if it cannot belong to that.
fn add_fact(attempts: &mut Vec<StoryAttempt>, kind: Option<CountedKind>, index: usize) {
    let is_start = kind == Some(CountedKind::StoryStarted);
    let is_end = matches!(kind, Some(CountedKind::StoryPassed | CountedKind::StoryFailed));
    let fits = |last: &&mut StoryAttempt| !(is_start && (last.started || last.end.is_some()) || is_end && last.end.is_some());
    match attempts.last_mut().filter(fits) {
        Some(last) => {
            last.started |= is_start;
            last.end = last.end.or(kind.filter(|_| is_end));
            last.facts.push(index);
        }
        None => attempts.push(StoryAttempt { started: is_start, end: kind.filter(|_| is_end), facts: vec![index] }),
    }
}
