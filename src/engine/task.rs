//! One task: its sources' counts, its run, and the telling of its facts in order.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{ClockReading, Timestamp};
use crate::discover::Task as FoundTask;
use crate::event::Event;
use crate::fact::{CountedKind, Fact, Outcome, Provenance, Statement, StatementForm, StoryName, entry_hash};
use crate::format::SourceKind;
use crate::ledger::Run;
use crate::line::Lines;
use crate::model::{self, FactUpdate, Origin, PlanUpdate};
use crate::plan::Plan;
use crate::subject::Subject;

use super::claims::Claims;
use super::document::PlanSource;
use super::infer::Guesses;
use super::lines::{Counted, Judged, LineSource};
use super::order::sorted;
use super::passes;
use super::resolve::{Begun, Resolved, Resolver, Subjects, key};

pub(super) struct Task {
    /// Its place among the tasks.
    pub(super) at: usize,
    pub(super) folder: PathBuf,
    pub(super) id: Arc<str>,
    pub(super) lines: Vec<LineSource>,
    pub(super) plans: Vec<PlanSource>,
    pub(super) model: model::TaskModel,
    pub(super) guesses: Guesses,
    pub(super) resolver: Resolver,
    pub(super) run: Run,
    pub(super) run_name: Option<String>,
    pub(super) runs: HashMap<String, u32>,
    /// Nothing but its beginning has been said of the present run: further signs belong to the same switch.
    pub(super) untold: bool,
    /// Line sources that wait to know whether a new run began.
    pub(super) hold: BTreeSet<usize>,
    /// A new run has been decided on; it begins with the next look.
    pub(super) switching: bool,
    /// It goes on from what an earlier process knew, so that nothing it finds is old.
    pub(super) restored: bool,
    /// That a source says too many different things has been said.
    pub(super) full_said: bool,
}

/// What a plan states. Its story is known by its place, not by its name: a plan may use a name twice.
pub(super) struct Planned {
    fact: Fact,
    story: Option<Subject>,
    said: Option<u32>,
}

/// A fact that is to be told in this look.
#[derive(Clone)]
pub(super) struct Pending {
    pub(super) fact: Fact,
    pub(super) subjects: Subjects,
    said: Option<u32>,
    pub(super) origin: Origin,
    /// Read, counted and shown, but not to be emitted (`--from end`).
    mute: bool,
    live: bool,
    /// Seen as it happened and by itself, so that it can be said how long it took.
    timed: bool,
}

impl Task {
    pub(super) fn new(found: &FoundTask, at: usize, source_text: bool, infer: bool) -> Self {
        let id = found.name.as_str();
        Task {
            at,
            folder: found.folder.clone(),
            id: Arc::from(id),
            lines: Vec::new(),
            plans: Vec::new(),
            model: model::TaskModel::new(id, source_text),
            resolver: Resolver::default(),
            run: Run::default(),
            run_name: None,
            runs: HashMap::new(),
            untold: true,
            hold: BTreeSet::new(),
            switching: false,
            restored: false,
            full_said: false,
            guesses: Guesses::new(infer),
        }
    }

    pub(super) fn plan(&self) -> Option<&Plan> {
        the_plan(&self.plans)
    }

    /// The file that holds the plan, when that is another than this one: a task has one plan, the one that was there first.
    pub(super) fn planned_elsewhere(&self, source: usize) -> Option<&Arc<str>> {
        let plans = self.plans.iter().enumerate();
        plans.filter(|(at, plan)| *at != source && plan.has_stories()).map(|(_, plan)| &plan.path).next()
    }

    /// Judges a line source's rewritten content, if it has any.
    pub(super) fn judge(&mut self, line: usize, now: Duration, finish: bool, claims: &mut Claims) -> Option<Judged> {
        let (source, resolve) = self.apart(line, Begun::default(), claims);
        source.judge(now, finish, resolve)
    }

    /// Counts what a line source was appended since the last look. What lies before `begun` belongs to earlier runs.
    pub(super) fn count_fresh(&mut self, line: usize, now: Duration, begun: Begun, claims: &mut Claims) -> Vec<Counted> {
        let (source, resolve) = self.apart(line, begun, claims);
        source.count_fresh(now, resolve)
    }

    /// Lines of a line source.
    pub(super) fn take(&mut self, line: usize, now: Duration, lines: &Lines, claims: &mut Claims) {
        let (at, source) = (self.at, &mut self.lines[line]);
        let file = source.file;
        let added = source.is_read_on();
        source.take(now, lines, |fact| if added { claims.is_now_of(at, file, fact) } else { claims.is_of(at, file, fact) });
    }

    /// What was read of a line source since its beginning was counted by an earlier process.
    pub(super) fn resumed(&mut self, line: usize, now: Duration, claims: &mut Claims) {
        let (source, resolve) = self.apart(line, Begun::default(), claims);
        source.resumed(now, resolve);
    }

    /// A line source, and what its facts count as.
    pub(super) fn apart<'a>(
        &'a mut self,
        line: usize,
        begun: Begun,
        claims: &'a mut Claims,
    ) -> (&'a mut LineSource, impl FnMut(&Fact) -> Resolved + 'a) {
        let Task { at, lines, plans, resolver, .. } = self;
        let (at, plan, source) = (*at, the_plan(plans), &mut lines[line]);
        let file = source.file;
        let resolve = move |fact: &Fact| match claims.is_of(at, file, fact) {
            true => resolver.resolve(fact, plan, begun),
            false => Resolved::Nowhere,
        };
        (source, resolve)
    }

    /// The plan as its file has it now, believed or not.
    pub(super) fn newest_plan(&self) -> Option<&Plan> {
        self.plans.iter().filter_map(PlanSource::newest).find(|plan| !plan.stories.is_empty())
    }

    /// Where the present run begins in what a log already held: for a machine's at the time that the progress log's header names, for a
    /// progress log that goes through the plan more than once at its last pass. What is seen as it happens is always of the present run.
    pub(super) fn begun(&self, line: usize, live: bool) -> Begun {
        let source = &self.lines[line];
        if live {
            return Begun::default();
        }
        if !source.is_machine_log() {
            let plan = self.plan().filter(|_| !source.reader().is_newest_first());
            return Begun { at: None, line: plan.map_or(0, |plan| passes::last(source.stated(), plan)) };
        }
        // A date alone stands for its midnight; that is early enough to lose nothing.
        let mut logs = self.lines.iter().filter(|source| !source.is_machine_log());
        Begun { at: logs.find_map(|source| source.reader().head().started).map(|started| started.at), line: 0 }
    }

    /// Prepares counted facts of one source for telling.
    pub(super) fn prepare(&mut self, source: usize, counted: Vec<Counted>, mute: bool, live: bool) -> Vec<Pending> {
        let origin = self.lines[source].origin();
        let mut pending = Vec::with_capacity(counted.len());
        for Counted { fact, said } in counted {
            pending.push(self.pending(fact, said, &origin, mute, live));
        }
        pending
    }

    pub(super) fn pending(&mut self, fact: Fact, said: Option<u32>, origin: &Origin, mute: bool, live: bool) -> Pending {
        let subjects = self.resolver.subjects(&fact);
        Pending { fact, subjects, said, origin: origin.clone(), mute, live, timed: live }
    }

    pub(super) fn planned(&mut self, stated: Planned, origin: &Origin, mute: bool, live: bool) -> Pending {
        let mut pending = self.pending(stated.fact, stated.said, origin, mute, live);
        if let Some(story) = stated.story {
            pending.subjects.is_story(story);
        }
        pending
    }

    /// Tells a look's facts in order; pushes the events of those that are due.
    pub(super) fn tell_all(&mut self, look: Vec<Pending>, now: ClockReading, events: &mut Vec<Event>) {
        let criteria = look.iter().filter(|pending| pending.subjects.kind == Some(CountedKind::CriterionDone)).count();
        for mut pending in sorted(look) {
            // Of several that are ticked at once nobody knows how long each took.
            pending.timed = pending.live && criteria == 1;
            self.tell(&pending, now, events);
        }
    }

    fn tell(&mut self, pending: &Pending, now: ClockReading, events: &mut Vec<Event>) {
        let Some(kind) = pending.subjects.kind else {
            self.say(pending, CountedKind::TaskStarted, &pending.fact, None, now, events);
            return;
        };
        if kind == CountedKind::TaskStarted {
            let due = self.run.count(key(kind, "")) == 0;
            let occurrence = due.then(|| self.run.add(key(kind, "")));
            self.say(pending, kind, &pending.fact, occurrence, now, events);
            return;
        }
        // Whether a run with a plan has passed is the plan's to say.
        let not_theirs_to_say = kind == CountedKind::TaskPassed && pending.origin.kind != SourceKind::Plan && self.has_plan();
        if not_theirs_to_say || (kind == CountedKind::StoryStarted && self.absorbs_start(pending)) {
            self.say(pending, kind, &pending.fact, None, now, events);
            return;
        }
        let due = pending.said.map(|said| self.run.offer(key(kind, &pending.subjects.key_text), said)).filter(|due| !due.is_empty());
        let Some(due) = due else {
            self.say(pending, kind, &pending.fact, None, now, events);
            return;
        };
        self.begin_if_untold(pending, now, events);
        for occurrence in due {
            if matches!(kind, CountedKind::StoryPassed | CountedKind::StoryFailed) {
                self.imply_start(pending, now, events);
            }
            self.say(pending, kind, &pending.fact, Some(occurrence), now, events);
        }
        self.untold = false;
    }

    /// Whether a start belongs to an attempt whose end was emitted without one (see `imply_start`): too late to be told.
    fn absorbs_start(&mut self, pending: &Pending) -> bool {
        let start = key(CountedKind::StoryStarted, &pending.subjects.key_text);
        let late =
            pending.said.is_some_and(|said| said > self.run.count(start)) && self.run.count(start) < self.ends(&pending.subjects.key_text);
        if late {
            self.run.add(start);
        }
        late
    }

    /// Whether there is, or was, a file with lines: only such a one says when a story starts.
    pub(super) fn has_a_log(&self) -> bool {
        self.lines.iter().any(LineSource::is_there)
    }

    /// Completions of a story emitted so far in this run, whatever their outcome.
    pub(super) fn ends(&self, story: &str) -> u32 {
        self.run.count(key(CountedKind::StoryPassed, story)) + self.run.count(key(CountedKind::StoryFailed, story))
    }

    /// A run whose beginning nobody has stated begins with its first fact.
    fn begin_if_untold(&mut self, pending: &Pending, now: ClockReading, events: &mut Vec<Event>) {
        if self.run.count(key(CountedKind::TaskStarted, "")) > 0 {
            return;
        }
        let statement = Statement::TaskStarted { name: None, branch: None, description: None, story_count: None, estimated_secs: None };
        let fact = Fact { statement, story: None, provenance: Provenance::Derived, ..pending.fact.clone() };
        let occurrence = self.run.add(key(CountedKind::TaskStarted, ""));
        let header = Pending { subjects: self.resolver.subjects(&fact), fact, ..pending.clone() };
        self.say(&header, CountedKind::TaskStarted, &header.fact, Some(occurrence), now, events);
    }

    /// A completion whose start was not emitted emits that start first. A flag of a plan has no line that could have said so:
    /// alone it only says where the story stands.
    fn imply_start(&mut self, pending: &Pending, now: ClockReading, events: &mut Vec<Event>) {
        if pending.origin.kind == SourceKind::Plan && !self.has_a_log() {
            return;
        }
        let start = key(CountedKind::StoryStarted, &pending.subjects.key_text);
        if self.run.count(start) >= self.ends(&pending.subjects.key_text) {
            return;
        }
        let statement = Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() };
        let fact = Fact { statement, provenance: Provenance::Derived, ..pending.fact.clone() };
        let occurrence = self.run.add(start);
        self.say(pending, CountedKind::StoryStarted, &fact, Some(occurrence), now, events);
    }

    pub(super) fn say(
        &mut self,
        pending: &Pending,
        kind: CountedKind,
        fact: &Fact,
        occurrence: Option<u32>,
        now: ClockReading,
        events: &mut Vec<Event>,
    ) {
        if occurrence.is_some() {
            self.name_run(pending);
        }
        let update = FactUpdate {
            fact,
            kind,
            subject: pending.subjects.story.as_ref(),
            criterion: pending.subjects.criterion,
            key_text: &pending.subjects.key_text,
            occurrence,
            origin: &pending.origin,
            now: now.wall,
            live: pending.live,
            timed: pending.timed,
        };
        if let Some(event) = self.model.apply(&update)
            && !pending.mute
        {
            events.push(event);
        }
    }

    pub(super) fn has_plan(&self) -> bool {
        self.plans.iter().any(PlanSource::has_stories)
    }

    /// Whether a source must wait to know whether a new run began: a line source by its place, else a plan.
    pub(super) fn waits(&self, line: Option<usize>) -> bool {
        if self.switching {
            return false;
        }
        let by_log = !self.hold.is_empty() && line.is_none_or(|line| !self.hold.contains(&line));
        by_log || (line.is_some() && self.plans.iter().any(PlanSource::next_is_another_run))
    }

    /// A new run begins; `lines` and `plans` were reset with it. Returns whether it is one, or only a further sign of the last switch.
    pub(super) fn new_run(&mut self, lines: &BTreeSet<usize>, plans: &BTreeSet<usize>, now: Timestamp) -> bool {
        for (place, source) in self.lines.iter_mut().enumerate() {
            if lines.contains(&place) {
                source.ledger.begin_run();
            } else {
                source.outlive_run();
            }
        }
        for (place, source) in self.plans.iter_mut().enumerate() {
            source.begin_run(plans.contains(&place));
        }
        self.hold.clear();
        if self.untold {
            return false;
        }
        self.run.clear();
        self.run_name = None;
        self.resolver.begin_run();
        self.model.begin_run();
        self.untold = true;
        let stays = (0..self.plans.len()).find(|place| !plans.contains(place) && self.plans[*place].has_stories());
        if let Some(place) = stays
            && let Some(plan) = self.plans[place].plan.clone()
        {
            let subjects = self.resolver.set_plan(&plan);
            let path = &self.plans[place].path;
            self.model.apply_plan(PlanUpdate { plan: &plan, subjects: &subjects, reopened: &[], change: None, path, now });
        }
        true
    }

    /// Believes a plan: tells the model and returns the facts its flags state.
    pub(super) fn adopt_plan(&mut self, source: usize, plan: Plan, change: Option<String>, now: Timestamp) -> Vec<Planned> {
        let subjects = self.resolver.set_plan(&plan);
        let keys: Vec<Arc<str>> = subjects.iter().map(|subject| subject.key.clone()).collect();
        let (rose, fell) = self.plans[source].adopt(plan.clone(), &keys);
        for place in &fell {
            // Its next start is that of another attempt, even if the finished one was never seen to start.
            let story = &keys[*place];
            while self.run.count(key(CountedKind::StoryStarted, story)) < self.ends(story) {
                self.run.add(key(CountedKind::StoryStarted, story));
            }
        }
        let reopened: Vec<_> = fell.iter().map(|place| subjects[*place].clone()).collect();
        let path = &self.plans[source].path;
        self.model.apply_plan(PlanUpdate { plan: &plan, subjects: &subjects, reopened: &reopened, change, path, now });
        let mut facts = Vec::new();
        if !plan.stories.is_empty() {
            let statement = Statement::TaskStarted {
                name: plan.name.clone(),
                branch: plan.branch.clone(),
                description: plan.description.clone(),
                story_count: u32::try_from(plan.stories.len()).ok(),
                estimated_secs: plan.estimated_secs,
            };
            facts.push(Planned { fact: plan_fact(statement, None), story: None, said: None });
        }
        for (place, edges) in rose {
            let story = StoryName { id: plan.stories[place].id.clone(), title: plan.stories[place].title.clone() };
            let statement = Statement::StoryEnded { outcome: Outcome::Passed, duration_ms: None, commits: Vec::new() };
            let fact = plan_fact(statement, Some(story));
            facts.push(Planned { fact, story: Some(subjects[place].clone()), said: Some(edges) });
        }
        facts
    }
}

pub(super) fn the_plan(plans: &[PlanSource]) -> Option<&Plan> {
    plans.iter().find(|source| source.has_stories()).and_then(|source| source.plan.as_ref())
}

/// A fact that a document states: it has no line.
pub(super) fn plan_fact(statement: Statement, story: Option<StoryName>) -> Fact {
    let provenance = Provenance::Derived;
    Fact {
        statement,
        story,
        form: StatementForm::Summary,
        provenance,
        line: 0,
        text: "".into(),
        entry_hash: entry_hash(""),
        recorded_at: None,
    }
}
