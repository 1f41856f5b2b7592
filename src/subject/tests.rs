//! StoryResolver as logs write them, against plans as they spell them.

use super::*;
use crate::plan::PlanStory;

fn plan(stories: &[(&str, &str, &[&str])]) -> Plan {
    let stories = stories
        .iter()
        .map(|(id, title, criteria)| PlanStory {
            id: Some((*id).into()),
            title: Some((*title).into()),
            criteria: criteria.iter().map(|c| (*c).into()).collect(),
            ..PlanStory::default()
        })
        .map(std::sync::Arc::new)
        .collect();
    Plan { stories, ..Plan::default() }
}

fn name(id: &str, title: &str) -> StoryName {
    let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    StoryName::new(some(id), some(title))
}

#[test]
fn a_written_name_finds_its_story() {
    let mut resolver = StoryResolver::default();
    resolver.set_plan(&plan(&[("US-003", "Create the login", &[]), ("7", "Log out", &[])]));
    for (id, title, expected) in [
        ("us-3", "", "US-003"),
        ("[US-003]", "anything", "US-003"),
        ("Task 7", "", "7"),
        ("", "create the LOGIN!", "US-003"),
        ("TASK-007", "", "TASK-007"),
        ("us-9", "Log out", "US-9"),
        ("", "Something else", "title:something else"),
    ] {
        assert_eq!(&*resolver.resolve_story(&name(id, title), "").0.key, expected, "{id} {title}");
    }
}

#[test]
fn a_plan_that_comes_later_does_not_rename_what_was_counted() {
    let mut resolver = StoryResolver::default();
    let before = resolver.resolve_story(&name("us-3", ""), "").0;
    resolver.set_plan(&plan(&[("US-003", "Create the login", &[])]));
    assert_eq!(resolver.resolve_story(&name("us-3", ""), "").0.key, before.key);
}

#[test]
fn another_run_may_spell_an_id_in_another_way() {
    let mut resolver = StoryResolver::default();
    let before = resolver.resolve_story(&name("CHORE-1", ""), "").0;
    resolver.begin_run();
    let after = resolver.resolve_story(&name("chore-1", ""), "").0;
    assert_eq!((after.key == before.key, after.id.as_deref()), (true, Some("chore-1")));
}

#[test]
fn criteria_by_number_text_and_cut_text() {
    let mut resolver = StoryResolver::default();
    resolver.set_plan(&plan(&[("US-1", "T", &["Check the mail address", "Check the password", "Return a token"])]));
    let (story_ref, story_index) = resolver.resolve_story(&name("US-1", ""), "");
    let mut index = |index: Option<u32>, text: &str| {
        resolver.resolve_criterion(&story_ref, story_index, &Criterion { index, text: (!text.is_empty()).then(|| text.to_owned()) })
    };
    assert_eq!(index(Some(2), "whatever"), Some(2));
    assert_eq!(index(None, "check the PASSWORD."), Some(1));
    assert_eq!(index(None, "Return a…"), Some(2));
    assert_eq!(index(None, "Check the…"), Some(3), "two begin like this: it is one more criterion");
    assert_eq!(index(None, "Something new"), Some(4));
    assert_eq!(index(None, "something NEW"), Some(4));
}

#[test]
fn criteria_without_a_plan_are_ranked_by_first_appearance() {
    let mut resolver = StoryResolver::default();
    let (story_ref, story_index) = resolver.resolve_story(&name("US-1", ""), "");
    let mut index = |index: Option<u32>, text: &str| {
        resolver.resolve_criterion(&story_ref, story_index, &Criterion { index, text: Some(text.to_owned()) })
    };
    assert_eq!(index(None, "one"), Some(0));
    assert_eq!(index(None, "two"), Some(1));
    assert_eq!(index(None, "one"), Some(0));
    assert_eq!(index(Some(4), "five"), Some(4));
    assert_eq!(index(None, "three"), Some(2));
}

#[test]
fn a_plan_without_ids_is_known_by_title_and_number() {
    let stories = ["Dashboard shows the table", "Registration form works", "Add a README.md file"];
    let stories = stories.iter().map(|title| PlanStory { title: Some((*title).into()), ..PlanStory::default() }.into()).collect();
    let mut resolver = StoryResolver::default();
    resolver.set_plan(&Plan { stories, ..Plan::default() });
    for (id, title, expected) in [
        ("2", "Single registration form", Some(1)),
        ("", "Added README.md", Some(2)),
        ("1", "dashboard shows the table", Some(0)),
        ("3", "Something else entirely", None),
        ("", "Form", None),
    ] {
        assert_eq!(resolver.resolve_story(&name(id, title), "").1, expected, "{id} {title}");
    }
}

#[test]
fn only_titles_without_a_common_word_clash() {
    assert!(titles_clash("Create branded type validators", "Write schema with unit tests"));
    assert!(!titles_clash("Create login endpoint", "Login endpoint created"));
    assert!(!titles_clash("支払い画面を作る", "Build the payment screen"));
    assert!(!titles_clash("UI Cleanup", "Remove every component"));
}

#[test]
fn retold_titles_agree_and_other_titles_do_not() {
    assert!(titles_agree("Create login endpoint", "login endpoint created (POST)"));
    assert!(titles_agree("Ada", "Add the Ada implementation"));
    assert!(!titles_agree("Create login endpoint", "Export invoices as PDF"));
}
