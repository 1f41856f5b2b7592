//! How far the run was when: from the passes and falls of its stories, and the changes of their number.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::model::TaskModel;
use crate::model::state::{AttemptResult, HistoryPoint, RunState, StoryStatus, TaskStatus};
use crate::text::CleanText;

/// Points that are shown.
const POINT_LIMIT: usize = 500;
/// Changes of the plan that are kept.
pub(super) const CHANGE_LIMIT: usize = 200;

/// The number of stories changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TotalChange {
    pub(super) at: Timestamp,
    pub(super) by: i64,
    pub(super) reason: Option<CleanText>,
}

/// One step of the history.
struct Step {
    at: Timestamp,
    passed: i64,
    total: i64,
    reason: Option<CleanText>,
}

/// Oldest first; the last point is what is true now.
pub(super) fn points(model: &TaskModel) -> Vec<HistoryPoint> {
    let total = model.story_count().map(i64::from);
    let mut steps: Vec<Step> = Vec::new();
    model.counted().for_each(|story| add_steps(story, &mut steps));
    steps.extend(model.total_changes.iter().map(|change| Step {
        at: change.at,
        passed: 0,
        total: change.by,
        reason: change.reason.clone(),
    }));
    if let Some(start) = model.started {
        steps.push(Step { at: start.at, passed: 0, total: 0, reason: None });
    }
    steps.sort_by_key(|step| step.at);
    // What passed or was planned before anything dated stands under all of it.
    let mut passed = i64::from(model.count(&[StoryStatus::Passed])) - steps.iter().map(|step| step.passed).sum::<i64>();
    let mut all = total.map(|total| total - steps.iter().map(|step| step.total).sum::<i64>());
    let number = |n: i64| u32::try_from(n.max(0)).unwrap_or(u32::MAX);
    let mut points: Vec<HistoryPoint> = Vec::with_capacity(steps.len().min(POINT_LIMIT));
    for step in steps {
        passed += step.passed;
        all = all.map(|all| all + step.total);
        let point = HistoryPoint { at: step.at, passed: number(passed), total: all.map(number), reason: step.reason };
        match points.last_mut() {
            Some(last) if last.at == point.at => {
                let reason = point.reason.or(last.reason.take());
                *last = HistoryPoint { reason, ..point };
            }
            Some(_) | None => points.push(point),
        }
    }
    thinned(points)
}

/// The run as later runs list it.
pub(super) fn run_state(model: &TaskModel) -> RunState {
    RunState {
        name: model.run.clone().into(),
        started_at: model.started_at(),
        ended_at: model.end.as_ref().filter(|end| end.dated).map(|end| end.timing.at).or_else(|| last_end(model)),
        status: model.end.as_ref().map_or(TaskStatus::Ended, |end| end.status),
        passed: model.count(&[StoryStatus::Passed]),
        total: model.story_count(),
    }
}

fn last_end(model: &TaskModel) -> Option<Timestamp> {
    model.stories.iter().filter_map(|story| story.finished()).map(|end| end.at).max()
}

/// Adds the passes and falls of one story, in order: a second pass counts only after a fall.
fn add_steps(story: &super::Story, steps: &mut Vec<Step>) {
    let passes = story.attempts.iter().filter(|attempt| attempt.result == AttemptResult::Passed).filter_map(|attempt| attempt.ended);
    if story.extras().falls.is_empty() {
        steps.extend(passes.map(|end| end.at).min().map(|at| Step { at, passed: 1, total: 0, reason: None }));
        return;
    }
    let mut moves: Vec<(Timestamp, bool)> =
        passes.map(|end| (end.at, true)).chain(story.extras().falls.iter().map(|at| (*at, false))).collect();
    moves.sort_unstable();
    // A story that falls first had passed before anything dated.
    let mut has_passed = moves.first().is_some_and(|(_, passes)| !passes);
    for (at, passes) in moves {
        if passes == has_passed {
            continue;
        }
        has_passed = passes;
        let reason = (!passes).then(|| format!("{} was reopened", story.subject.id.as_deref().unwrap_or("a story")).into());
        steps.push(Step { at, passed: if passes { 1 } else { -1 }, total: 0, reason });
    }
}

/// At most [`POINT_LIMIT`]: what carries a reason, the first and the last stay, the others by turns.
fn thinned(mut points: Vec<HistoryPoint>) -> Vec<HistoryPoint> {
    while points.len() > POINT_LIMIT {
        let last = points.len() - 1;
        let mut index = 0;
        points.retain(|point| {
            index += 1;
            let at = index - 1;
            at == 0 || at == last || at % 2 == 0 || (point.reason.is_some() && last < 2 * POINT_LIMIT)
        });
        if points.len() > last {
            // Reasons alone are too many.
            points.drain(..points.len() - POINT_LIMIT);
        }
    }
    points
}
