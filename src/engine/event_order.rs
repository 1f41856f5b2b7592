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

/// What one source states of one story in one form.
struct StatedForm<'a> {
    /// Its place among the stories, in the order of first appearance.
    story: usize,
    path: &'a str,
    form: StatementForm,
    last_attempt: usize,
    /// The form of this story that appeared next.
    next: Option<usize>,
}

/// One attempt at a story, as one form of one source states it.
struct StoryAttempt {
    /// Index into [`StatedAttempts::forms`].
    form: usize,
    started: bool,
    end: Option<CountedKind>,
    /// Index of the first of its facts.
    first: usize,
}

/// The attempts at all stories. In lists that are linked by their indices: there may be tens of thousands of stories, and nearly all have
/// one form and one attempt.
#[derive(Default)]
struct StatedAttempts<'a> {
    /// In the order of first appearance, like the next.
    forms: Vec<StatedForm<'a>>,
    attempts: Vec<StoryAttempt>,
    /// By the index of the fact; `None` for those that are about no story.
    of_facts: Vec<Option<usize>>,
}

/// An attempt whatever its form, while the next form is matched to it.
struct MatchedAttempt {
    end: Option<CountedKind>,
    position: usize,
    is_matched: bool,
}

/// For each fact of the tick the position of its attempt.
fn attempt_positions(facts: &[PendingFact]) -> Vec<usize> {
    let StatedAttempts { forms, attempts, of_facts } = StatedAttempts::of(facts);
    // Those of one story together, form by form. A row of a summary has no time: an entry decides the position.
    let story_and_form = |attempt: &usize| {
        let form = &forms[attempts[*attempt].form];
        (form.story, form.form == StatementForm::Summary, attempts[*attempt].form)
    };
    let mut grouped: Vec<usize> = (0..attempts.len()).collect();
    grouped.sort_by_key(story_and_form);
    let mut positions = vec![0; attempts.len()];
    // The first form decides how many attempts there were; those of the others are matched to them by their ends.
    let mut matched: Vec<MatchedAttempt> = Vec::new();
    for story in grouped.chunk_by(|one, next| story_and_form(one).0 == story_and_form(next).0) {
        matched.clear();
        for form in story.chunk_by(|one, next| attempts[*one].form == attempts[*next].form) {
            let before = matched.len();
            matched.iter_mut().for_each(|attempt| attempt.is_matched = false);
            for (nth, index) in form.iter().enumerate() {
                let attempt = &attempts[*index];
                let is_free = |at: &usize, end| !matched[*at].is_matched && matched[*at].end == end;
                let same = (0..before).find(|at| is_free(at, attempt.end)).or_else(|| match attempt.end {
                    // An attempt without an end so far; of several the last.
                    Some(_) => (0..before).rev().find(|at| is_free(at, None)),
                    // No end tells which: counted from the last attempt.
                    None => before.checked_sub(form.len() - nth).or_else(|| before.checked_sub(1)),
                });
                positions[*index] = match same {
                    Some(at) => {
                        matched[at].is_matched = true;
                        matched[at].end = matched[at].end.or(attempt.end);
                        matched[at].position
                    }
                    None => {
                        matched.push(MatchedAttempt { end: attempt.end, position: attempt.first, is_matched: true });
                        attempt.first
                    }
                };
            }
        }
    }
    of_facts.into_iter().enumerate().map(|(fact, attempt)| attempt.map_or(fact, |attempt| positions[attempt])).collect()
}

impl<'a> StatedAttempts<'a> {
    fn of(facts: &'a [PendingFact]) -> Self {
        let mut stated = StatedAttempts { of_facts: Vec::with_capacity(facts.len()), ..StatedAttempts::default() };
        // The first form of each story.
        let mut stories: SeededMap<&str, usize> = SeededMap::default();
        for (index, pending) in facts.iter().enumerate() {
            let attempt = pending.names.story.as_ref().map(|story| {
                let form = stated.form(&mut stories, &story.key, &pending.origin.path, pending.fact.form);
                stated.add_fact(form, pending.names.kind, index)
            });
            stated.of_facts.push(attempt);
        }
        stated
    }

    /// The index of a form of a story, which is added if it is new.
    fn form(&mut self, stories: &mut SeededMap<&'a str, usize>, key: &'a str, path: &'a str, form: StatementForm) -> usize {
        let (new, new_story) = (self.forms.len(), stories.len());
        let first = *stories.entry(key).or_insert(new);
        let mut at = first;
        // A story is stated by few sources in few forms.
        while let Some(known) = self.forms.get_mut(at) {
            if (known.path, known.form) == (path, form) {
                return at;
            }
            at = *known.next.get_or_insert(new);
        }
        let story = self.forms.get(first).map_or(new_story, |first| first.story);
        self.forms.push(StatedForm { story, path, form, last_attempt: usize::MAX, next: None });
        new
    }

    /// Adds a fact to the attempt under way, or to a new one if it cannot belong to that. Returns the index of the attempt.
    fn add_fact(&mut self, form: usize, kind: Option<CountedKind>, fact: usize) -> usize {
        let is_start = kind == Some(CountedKind::StoryStarted);
        let is_end = matches!(kind, Some(CountedKind::StoryPassed | CountedKind::StoryFailed));
        let last = self.forms[form].last_attempt;
        let fits = |last: &&mut StoryAttempt| !(is_start && (last.started || last.end.is_some()) || is_end && last.end.is_some());
        if let Some(open) = self.attempts.get_mut(last).filter(fits) {
            open.started |= is_start;
            open.end = open.end.or(kind.filter(|_| is_end));
            return last;
        }
        self.attempts.push(StoryAttempt { form, started: is_start, end: kind.filter(|_| is_end), first: fact });
        self.forms[form].last_attempt = self.attempts.len() - 1;
        self.attempts.len() - 1
    }
}
