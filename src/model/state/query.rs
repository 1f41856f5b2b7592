//! Which tasks of a state a reader wants: those with all of some words, of one bridge of a fleet, in some standing, or by their ids.

use super::{CurrentStory, Headline, State, TaskState};

/// What every task that is wanted has. The default is had by all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskQuery {
    /// One of these ids; empty: any.
    pub ids: Vec<String>,
    /// Each of these in one of its texts, in whatever case; in lower case here.
    pub words: Vec<String>,
    /// The bridge that it is of: ids of a fleet's tasks are `WHO/TASK`.
    pub who: Option<String>,
    /// One of these; empty: any.
    pub headlines: Vec<Headline>,
}

impl TaskQuery {
    /// The task of this id.
    pub fn of_id(id: &str) -> TaskQuery {
        TaskQuery { ids: vec![id.to_owned()], ..TaskQuery::default() }
    }

    /// Whether every task is wanted.
    pub fn is_open(&self) -> bool {
        *self == TaskQuery::default()
    }

    /// Whether the task with this id, standing and texts is wanted.
    pub fn matches(&self, id: &str, headline: Headline, texts: &[&str]) -> bool {
        let is_of = |who: &str| id.split_once('/').is_some_and(|(own, _)| own == who);
        // Asked in this order, the cheapest first: a fleet has thousands of tasks.
        (self.ids.is_empty() || self.ids.iter().any(|wanted| wanted == id))
            && (self.headlines.is_empty() || self.headlines.contains(&headline))
            && self.who.as_deref().is_none_or(is_of)
            && self.words.iter().all(|word| [&[id], texts].concat().iter().any(|text| text.to_lowercase().contains(word)))
    }

    /// The state with the tasks that are wanted, of those that it lists.
    pub fn select(&self, state: &State) -> State {
        let tasks = state.tasks.iter().filter(|task| self.matches(&task.task_id, task.headline(), &texts_of(task))).cloned().collect();
        let State { schema, server_time, seq, ref notices, files, .. } = *state;
        State { schema, server_time, seq, tasks, unlisted: None, notices: notices.clone(), files }
    }
}

/// What a task is found by, besides its id.
fn texts_of(task: &TaskState) -> Vec<&str> {
    let story = match &task.current_story {
        CurrentStory::Unknown { reason } => Some(reason),
        CurrentStory::Known { .. } | CurrentStory::Unplanned { .. } | CurrentStory::None => {
            task.current().and_then(|story| story.title.as_ref().or(story.story_id.as_ref()))
        }
    };
    let texts = [Some(&task.task_name), Some(&task.run), Some(&task.folder), task.branch.as_ref(), story];
    texts.into_iter().flatten().map(|text| &**text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_condition_narrows_and_all_must_hold() {
        let query = |words: &[&str], who: Option<&str>, headlines: &[Headline]| TaskQuery {
            ids: Vec::new(),
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            who: who.map(str::to_owned),
            headlines: headlines.to_vec(),
        };
        let check = |query: TaskQuery, expected: bool| {
            let found = query.matches("alice/auth-1f3a9c", Headline::Running, &["User Login", "ralph/auth"]);
            assert_eq!(found, expected, "{query:?}");
        };
        check(TaskQuery::default(), true);
        check(query(&["login"], None, &[]), true);
        check(query(&["ralph", "user"], None, &[]), true);
        check(query(&["alice"], None, &[]), true);
        check(query(&["login", "bob"], None, &[]), false);
        check(query(&[], Some("alice"), &[Headline::Failed, Headline::Running]), true);
        check(query(&[], Some("alic"), &[]), false);
        check(query(&[], None, &[Headline::Failed]), false);
        check(TaskQuery::of_id("alice/auth-1f3a9c"), true);
        check(TaskQuery::of_id("alice/auth"), false);
    }
}
