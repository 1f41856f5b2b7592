//! What must hold for any history of facts: their order among different stories means nothing, nor does a restart.

use proptest::prelude::*;

use super::state::{AttentionKind, Remaining, SourceState, StoryStatus, TaskState};
use super::*;
use crate::event::EventData;
use crate::fact::{Criterion, ErrorKind, Failure, Outcome, RecordedTime, StatementForm, StoryName};
use crate::plan::PlanStory;
use crate::text::CleanText;

const NOW: Timestamp = Timestamp(1_770_100_000_000);

/// What a story goes through, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoryStep {
    Start,
    Criterion,
    Error,
    Fail,
    Pass,
}

/// A life of a story: attempts that fail, then perhaps one that passes.
fn life() -> impl Strategy<Value = Vec<StoryStep>> {
    let middle = proptest::collection::vec(prop_oneof![Just(StoryStep::Criterion), Just(StoryStep::Error)], 0..3);
    let attempt = middle.prop_map(|middle| [vec![StoryStep::Start], middle, vec![StoryStep::Fail]].concat());
    (proptest::collection::vec(attempt, 0..3), proptest::option::of(any::<bool>())).prop_map(|(failed, last)| {
        let last = match last {
            None => vec![],
            Some(false) => vec![StoryStep::Start, StoryStep::Criterion],
            Some(true) => vec![StoryStep::Start, StoryStep::Criterion, StoryStep::Pass],
        };
        [failed.concat(), last].concat()
    })
}

fn story_ref(story: usize) -> StoryRef {
    let id = format!("US-{story}");
    StoryRef { key: Arc::from(id.as_str()), id: Some(Arc::from(id.as_str())) }
}

fn planned(stories: usize) -> TaskModel {
    let plan = Plan {
        stories: (0..stories)
            .map(|story| PlanStory { id: Some(format!("US-{story}").into()), criteria: vec!["It works".into()], ..PlanStory::default() })
            .map(Arc::new)
            .collect(),
        ..Plan::default()
    };
    let plan = Arc::new(plan);
    let mut model = TaskModel::new("shop", "shop", true);
    let subjects: Vec<StoryRef> = (0..stories).map(story_ref).collect();
    let path = Arc::from("prd.json");
    model.apply_plan(PlanUpdate { plan: &plan, subjects: &subjects, reopened: &[], change: None, path: &path, now: Timestamp(0) });
    let begin = Statement::TaskStarted { name: None, branch: None, description: None, story_count: None, estimated_secs: None };
    state(&mut model, None, begin, 0, 1);
    model
}

/// Applies a fact that states its time, in seconds.
fn state(model: &mut TaskModel, story: Option<usize>, statement: Statement, secs: i64, occurrence: u32) -> Option<Event> {
    let subject = story.map(story_ref);
    let kind = CountedKind::of(&statement).expect("it is counted");
    let at = Timestamp(1_770_000_000_000 + secs * 1000);
    let fact = Fact {
        statement,
        story: story.map(|story| StoryName::of_id(&format!("US-{story}"))),
        form: StatementForm::Line,
        provenance: Provenance::Explicit,
        line: u32::try_from(secs).expect("it is small") + 1,
        text: "line".into(),
        entry_hash: 0,
        recorded_at: Some(RecordedTime { at, precision: Precision::Second }),
        late: false,
    };
    model.apply(&FactUpdate {
        fact: &fact,
        kind,
        subject: subject.as_ref(),
        criterion: Some(0),
        key_text: "key",
        occurrence: Some(occurrence),
        origin: &Origin { path: Arc::from("progress.txt"), kind: SourceKind::ProgressLog, written: None },
        now: NOW,
        live: false,
        timed: false,
    })
}

fn apply_step(model: &mut TaskModel, story: usize, step: StoryStep, secs: i64) -> Option<Event> {
    let statement = match step {
        StoryStep::Start => Statement::StoryStarted { iteration: None, priority: None, criteria: Vec::new() },
        StoryStep::Criterion => Statement::CriterionDone { criterion: Criterion { index: Some(0), text: None }, duration_ms: None },
        StoryStep::Error => {
            Statement::Error(Failure { kind: ErrorKind::Timeout, message: "no answer".to_owned(), retryable: None, exit_code: Some(124) })
        }
        StoryStep::Fail => {
            let outcome = Outcome::Failed { reason: "failed".to_owned() };
            Statement::StoryEnded { outcome, duration_ms: None, commits: Vec::new() }
        }
        StoryStep::Pass => Statement::StoryEnded { outcome: Outcome::Passed, duration_ms: None, commits: vec!["a1b2c3d".to_owned()] },
    };
    state(model, Some(story), statement, secs, 1)
}

fn shown(model: &TaskModel) -> TaskState {
    let input = ViewInput {
        folder: ".".into(),
        sources: Vec::<SourceState>::new(),
        sources_left_out: 0,
        agents: Vec::new(),
        attention: None,
        remaining: Remaining::Unknown { reason: "not asked".into() },
        first_guess: None,
        usual_story: None,
        listed: true,
    };
    model.view(input, NOW, StoryDetail::Whole)
}

proptest! {
    #![proptest_config(crate::property::config(256))]
    #[test]
    fn facts_of_different_stories_commute(
        lives in proptest::collection::vec(life(), 1..5),
        order in proptest::collection::vec(any::<prop::sample::Index>(), 60),
    ) {
        // The time of each step is its place in the history as it happened; the order of reading is another.
        let mut timed: Vec<Vec<(StoryStep, i64)>> = lives.iter().map(|life| life.iter().map(|step| (*step, 0)).collect()).collect();
        let longest = lives.iter().map(Vec::len).max().unwrap_or(0);
        let mut clock = 0;
        for turn in 0..longest {
            for life in &mut timed {
                if let Some(step) = life.get_mut(turn) {
                    clock += 60;
                    step.1 = clock;
                }
            }
        }
        let mut as_it_happened = planned(timed.len());
        let mut all: Vec<(usize, StoryStep, i64)> =
            timed.iter().enumerate().flat_map(|(story, life)| life.iter().map(move |(step, at)| (story, *step, *at))).collect();
        all.sort_by_key(|(.., at)| *at);
        for (story, step, at) in all {
            apply_step(&mut as_it_happened, story, step, at);
        }
        let mut as_read = planned(timed.len());
        let mut left: Vec<std::collections::VecDeque<(StoryStep, i64)>> = timed.iter().map(|life| life.iter().copied().collect()).collect();
        let mut choices = order.iter().cycle();
        while left.iter().any(|life| !life.is_empty()) {
            let open: Vec<usize> = (0..left.len()).filter(|story| !left[*story].is_empty()).collect();
            let story = open[choices.next().expect("it goes round").index(open.len())];
            let (step, at) = left[story].pop_front().expect("it is not empty");
            apply_step(&mut as_read, story, step, at);
        }
        prop_assert_eq!(shown(&as_it_happened), shown(&as_read));
        prop_assert_eq!(as_it_happened.estimate_input(), as_read.estimate_input());
    }

    #[test]
    fn a_restart_changes_nothing(lives in proptest::collection::vec(life(), 1..4), cut in any::<prop::sample::Index>()) {
        let steps: Vec<(usize, StoryStep)> =
            lives.iter().enumerate().flat_map(|(story, life)| life.iter().map(move |step| (story, *step))).collect();
        let cut = if steps.is_empty() { 0 } else { cut.index(steps.len()) };
        let mut whole = planned(lives.len());
        let mut restarted = planned(lives.len());
        for (at, (story, step)) in steps.iter().enumerate() {
            if at == cut {
                let kept = serde_json::to_vec(&restarted).expect("a model is plain data");
                restarted = planned(lives.len());
                restarted.restore(serde_json::from_slice(&kept).expect("it was written so"));
            }
            let secs = 60 * i64::try_from(at).expect("they are few");
            let event = apply_step(&mut whole, *story, *step, secs);
            prop_assert_eq!(event, apply_step(&mut restarted, *story, *step, secs));
        }
        prop_assert_eq!(shown(&whole), shown(&restarted));
    }

    #[test]
    fn of_one_story_every_attempt_begins_before_it_ends(lives in proptest::collection::vec(life(), 1..4)) {
        let mut model = planned(lives.len());
        let mut secs = 0;
        for (story, life) in lives.iter().enumerate() {
            for step in life {
                secs += 30;
                if let Some(event) = apply_step(&mut model, story, *step, secs) {
                    let named = match &event.data {
                        EventData::StoryStarted(data) => data.story_id.clone(),
                        EventData::AcCompleted(data) => data.story_id.clone(),
                        EventData::StoryCompleted(data) => data.story_id.clone(),
                        EventData::ErrorOccurred(data) => data.story_id.clone(),
                        EventData::TaskStarted(_) | EventData::TaskCompleted(_) => None,
                    };
                    prop_assert_eq!(named, Some(CleanText::from(format!("US-{story}"))));
                }
            }
        }
        let task = shown(&model);
        for (story, life) in task.stories.iter().zip(&lives) {
            let whole = story.whole();
            prop_assert_eq!(whole.attempts.len(), life.iter().filter(|step| **step == StoryStep::Start).count());
            for attempt in &whole.attempts {
                prop_assert!(attempt.started_at <= attempt.ended_at || attempt.ended_at.is_none());
            }
            prop_assert!(whole.attempts.is_sorted_by_key(|attempt| attempt.started_at));
            let passed = life.last() == Some(&StoryStep::Pass);
            prop_assert_eq!(story.status == StoryStatus::Passed, passed);
        }
        prop_assert_eq!(task.history.last().map_or(0, |point| point.passed), task.stories_passed);
        prop_assert!(task.attention.is_none_or(|attention| attention.kind == AttentionKind::Quiet));
    }
}

#[test]
fn a_snapshot_is_bounded_and_each_story_is_had_whole() {
    let stories = 2_000;
    let mut model = planned(stories);
    for story in 0..stories {
        let secs = i64::try_from(story).expect("they are few");
        apply_step(&mut model, story, StoryStep::Start, secs);
        apply_step(&mut model, story, StoryStep::Criterion, secs);
        apply_step(&mut model, story, if story % 2 == 0 { StoryStep::Fail } else { StoryStep::Pass }, secs);
    }
    let task = shown(&model);
    assert_eq!(task.stories.len(), stories);
    let detailed = task.stories.iter().filter(|story| !story.attempts.is_empty()).count();
    // The failed ones are wanted, but not all of them fit.
    assert!((100..1_000).contains(&detailed), "{detailed}");
    let rows = serde_json::to_vec(&task).expect("it is plain data").len();
    assert!(rows < 600 * stories + 300 * 1024, "{rows}");
    assert!(task.stories.iter().all(|story| story.whole().attempts.len() == 1 && story.criteria_count == 1));
    assert!(task.history.len() <= 500, "{}", task.history.len());
}

/// Milliseconds of each story as the state shows them.
fn durations(model: &TaskModel) -> Vec<Option<u64>> {
    shown(model).stories.iter().map(|story| story.duration_ms).collect()
}

#[test]
fn entries_that_were_written_together_share_the_time() {
    let mut model = planned(4);
    for (story, secs) in [(0, 600), (1, 4200), (2, 4200), (3, 4200)] {
        apply_step(&mut model, story, StoryStep::Pass, secs);
    }
    let third = Some(1_200_000);
    assert_eq!(durations(&model)[1..], [third, third, third]);
    let all: u64 = model.estimate_input().finished.iter().map(|story| story.duration_ms).sum();
    assert_eq!(all, 4_200_000, "no hour is counted twice");
}

#[test]
fn a_time_of_a_test_run_in_prose_forecasts_nothing() {
    let mut model = planned(3);
    let pass = |duration_ms| Statement::StoryEnded { outcome: Outcome::Passed, duration_ms, commits: Vec::new() };
    state(&mut model, Some(0), pass(Some(300_000)), 300, 1);
    state(&mut model, Some(1), pass(Some(20)), 900, 1);
    state(&mut model, Some(2), pass(Some(86_400_000)), 1800, 1);
    let finished: Vec<u64> = model.estimate_input().finished.iter().map(|story| story.duration_ms).collect();
    assert_eq!(finished, [300_000, 600_000, 900_000]);
}
