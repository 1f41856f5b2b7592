//! One document source: the last good plan, the one that waits to be believed, and the rising edges of its flags.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::format::SourceKind;
use crate::ledger::{SETTLE, TOTAL};
use crate::model::Origin;
use crate::plan::{self, Notation, ParseError, Plan, PlanStory};

/// A broken document is mentioned after this long: shorter is a write under way.
const BROKEN_FOR: Duration = Duration::from_secs(3);

/// What it holds goes into `--state`; what waits or was complained of does not.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct PlanSource {
    #[serde(skip)]
    pub(super) path: Arc<str>,
    pub(super) plan: Option<Plan>,
    /// Read, but not believed yet: flags fell, or it may be another plan.
    #[serde(skip)]
    next: Option<Plan>,
    #[serde(skip)]
    waits_since: Duration,
    #[serde(skip)]
    changed: Duration,
    #[serde(skip)]
    broken: Option<(Duration, String)>,
    #[serde(skip)]
    broken_said: bool,
    #[serde(skip)]
    spare_said: bool,
    /// Rising edges seen in this run, per story key.
    edges: HashMap<Arc<str>, u32>,
    /// Keys of the stories whose flag was up when the plan last had them: one that leaves and comes back has not fallen.
    up: HashSet<Arc<str>>,
    /// How often the whole plan came true, and whether it is true now and has been said.
    completions: u32,
    complete_said: bool,
    #[serde(skip)]
    pub(super) written: Option<Timestamp>,
}

/// What the next plan means for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    First,
    SameRun,
    NewRun,
}

impl PlanSource {
    pub(super) fn new(path: &str) -> Self {
        PlanSource { path: Arc::from(path), ..PlanSource::default() }
    }

    /// The plan as an earlier process believed it.
    pub(super) fn restore(&mut self, kept: PlanSource) {
        *self = PlanSource { path: self.path.clone(), ..kept };
    }

    pub(super) fn origin(&self) -> Origin {
        Origin { path: self.path.clone(), kind: SourceKind::Plan, written: self.written }
    }

    pub(super) fn take(&mut self, now: Duration, text: &str) {
        self.changed = now;
        match plan::parse(Notation::of(&self.path), text) {
            // Stories come back, or others come: only then is it known what the empty one was about.
            Ok(plan) if self.is_emptied(&plan) => {
                self.broken = None;
                self.next = None;
            }
            Ok(plan) => {
                if self.next.is_none() {
                    self.waits_since = now;
                }
                self.broken = None;
                self.broken_said = false;
                self.next = Some(plan);
            }
            Err(ParseError::Invalid(why)) => {
                let since = self.broken.as_ref().map_or(now, |(since, _)| *since);
                self.broken = Some((since, why));
                // A version that waited to be believed has been replaced by one that cannot be read.
                self.next = None;
            }
            Err(ParseError::NotAPlan) => {
                // Nor is it that version any more when it is something else.
                self.next = None;
                self.broken = None;
            }
        }
    }

    /// The document as it was read last.
    pub(super) fn newest(&self) -> Option<&Plan> {
        self.next.as_ref().or(self.plan.as_ref())
    }

    /// Whether `next` has lost all stories and says nothing else that is new.
    fn is_emptied(&self, next: &Plan) -> bool {
        next.stories.is_empty() && self.plan.as_ref().is_some_and(|plan| !plan.stories.is_empty() && !renamed(plan, next))
    }

    /// What is wrong with the document, once it has been wrong for long enough.
    pub(super) fn complaint(&mut self, now: Duration) -> Option<String> {
        let (since, why) = self.broken.as_ref()?;
        if self.broken_said || now.saturating_sub(*since) < BROKEN_FOR {
            return None;
        }
        self.broken_said = true;
        Some(format!("is not valid JSON ({why}); the last good version stands until it is"))
    }

    /// Whether the version that waits is another run's.
    pub(super) fn next_is_another_run(&self) -> bool {
        self.next.as_ref().is_some_and(|next| self.change(next) == Change::NewRun)
    }

    /// Whether it is, and is to be believed now.
    pub(super) fn wants_new_run(&self, now: Duration, at_once: bool) -> bool {
        self.next_is_another_run() && (at_once || self.has_settled(now))
    }

    /// The plan to believe now, and what it means.
    pub(super) fn believe(&mut self, now: Duration, at_once: bool) -> Option<(Plan, Change)> {
        let next = self.next.as_ref()?;
        let change = self.change(next);
        let lost = change == Change::NewRun || self.some_fell(next);
        if lost && !at_once && !self.has_settled(now) {
            return None;
        }
        self.next.take().map(|plan| (plan, change))
    }

    fn change(&self, next: &Plan) -> Change {
        match &self.plan {
            None => Change::First,
            Some(plan) if renamed(plan, next) || self.all_fell(next) => Change::NewRun,
            Some(_) => Change::SameRun,
        }
    }

    /// Quiet for long enough, or waiting for so long that its writer will never rest.
    fn has_settled(&self, now: Duration) -> bool {
        now.saturating_sub(self.changed) >= SETTLE || now.saturating_sub(self.waits_since) >= TOTAL
    }

    /// Whether a flag that was up is down in `next`, or gone with its story.
    fn some_fell(&self, next: &Plan) -> bool {
        let Some(plan) = &self.plan else { return false };
        let passed = names(next, PlanStory::is_passed);
        plan.stories.iter().any(|story| story.is_passed() && !passed.contains(&name(story)))
    }

    /// Every flag that was up is down, and not only because the finished stories were taken out of a plan that goes on.
    fn all_fell(&self, next: &Plan) -> bool {
        let Some(plan) = &self.plan else { return false };
        let was_up = names(plan, PlanStory::is_passed);
        if was_up.is_empty() || next.stories.iter().any(|story| story.is_passed() && was_up.contains(&name(story))) {
            return false;
        }
        let present = names(next, |_| true);
        let fell = was_up.iter().any(|story| present.contains(story));
        let goes_on = plan.stories.iter().any(|story| present.contains(&name(story)));
        fell || !goes_on
    }

    /// Adopts a believed plan. `keys` are its stories' keys in array order. Returns the places of the stories whose flag
    /// rose, each with how often it has in this run, and the places of those whose flag fell.
    pub(super) fn adopt(&mut self, plan: Plan, keys: &[Arc<str>]) -> (Vec<(usize, u32)>, Vec<usize>) {
        let mut rose = Vec::new();
        let mut fell = Vec::new();
        for (place, (story, key)) in plan.stories.iter().zip(keys).enumerate() {
            if story.is_passed() {
                if self.up.insert(key.clone()) {
                    let edges = self.edges.entry(key.clone()).or_default();
                    *edges += 1;
                    rose.push((place, *edges));
                }
            } else if self.up.remove(key) {
                fell.push(place);
            }
        }
        self.plan = Some(plan);
        if !self.is_complete() {
            self.complete_said = false;
        }
        (rose, fell)
    }

    /// Another run has begun: edges seen so far belong to the old one. `reset` when this plan said so itself.
    pub(super) fn begin_run(&mut self, reset: bool) {
        self.edges.clear();
        self.completions = 0;
        if reset {
            self.up.clear();
            self.complete_said = false;
        }
    }

    /// Whether a version waits to be believed, or cannot be read.
    pub(super) fn is_unread(&self) -> bool {
        self.next.is_some() || self.broken.is_some()
    }

    pub(super) fn has_stories(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| !plan.stories.is_empty())
    }

    /// The task has its plan elsewhere: what was read here is not believed. Returns whether that is still to be said.
    pub(super) fn stand_back(&mut self) -> bool {
        self.next.take().is_some_and(|next| !next.stories.is_empty()) && !std::mem::replace(&mut self.spare_said, true)
    }

    fn is_complete(&self) -> bool {
        self.plan.as_ref().is_some_and(Plan::is_complete)
    }

    /// How often the whole plan has come true, when it just has and the file has been quiet.
    pub(super) fn completion(&mut self, now: Duration, at_once: bool) -> Option<u32> {
        if self.complete_said || self.next.is_some() || !self.is_complete() {
            return None;
        }
        if !at_once && now.saturating_sub(self.changed) < SETTLE {
            return None;
        }
        self.complete_said = true;
        self.completions += 1;
        Some(self.completions)
    }

    pub(super) fn deadline(&self, ticked: Duration) -> Option<Duration> {
        let waits = self.next.is_some() || (self.is_complete() && !self.complete_said);
        let complains = self.broken.as_ref().filter(|_| !self.broken_said).map(|(since, _)| *since + BROKEN_FOR);
        [waits.then_some(self.changed + SETTLE), complains].into_iter().flatten().filter(|time| *time > ticked).min()
    }
}

/// Both have a name (or a branch) and they differ; one that is only added later renames nothing.
fn renamed(old: &Plan, new: &Plan) -> bool {
    let differ = |old: &Option<String>, new: &Option<String>| matches!((old, new), (Some(old), Some(new)) if old != new);
    differ(&old.name, &new.name) || differ(&old.branch, &new.branch)
}

/// What tells the stories of one plan apart, and finds them again in its next version.
fn name(story: &PlanStory) -> (Option<String>, Option<&str>) {
    match &story.id {
        Some(id) => (Some(id.to_ascii_lowercase()), None),
        None => (None, story.title.as_deref()),
    }
}

fn names(plan: &Plan, which: fn(&PlanStory) -> bool) -> HashSet<(Option<String>, Option<&str>)> {
    plan.stories.iter().filter(|story| which(story)).map(name).collect()
}
