//! Names in the engine: who publishes, which task, and the subjects that follow from the two.
//!
//! The server enforces subjects by its permissions, so a reader takes who and task from the subject, never from a payload.

use std::fmt;
use std::path::Path;

use uuid::Uuid;

use crate::text::CleanText;

/// The stream of all events.
pub const EVENT_STREAM: &str = "PB_EVENTS";
/// The stream of the cards and states: the bucket `PB_STATE` in the form of NATS key-value stores.
pub const STATE_STREAM: &str = "KV_PB_STATE";
const EVENT_PREFIX: &str = "pb.ev";
const STATE_PREFIX: &str = "$KV.PB_STATE";

/// Longest token in characters.
const TOKEN_LENGTH: usize = 64;
/// Hexadecimal digits of the path's hash: of 1,000 tasks of one name and one bridge, two share them with a chance of 3 %.
const HASH_LENGTH: usize = 6;

/// One part of a subject: 1 to 64 letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectToken(String);

/// The task of a bridge: unique in the fleet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskOrigin {
    /// The bridge.
    pub who: SubjectToken,
    /// Its task.
    pub task: SubjectToken,
}

/// What a key of the state bucket holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateKey {
    /// A [`super::card::Card`].
    Card,
    /// The state with this task alone.
    State,
}

impl SubjectToken {
    /// Every other character becomes `_`; what is too long is cut.
    pub fn new(text: &str) -> Self {
        let token: String = text.chars().map(|c| if is_token_char(c) { c } else { '_' }).take(TOKEN_LENGTH).collect();
        SubjectToken(if token.is_empty() { "_".to_owned() } else { token })
    }

    /// The task of this name that lives in the folder. The path's hash tells two tasks of one name apart; a bridge that is started again, or
    /// a second one on the same files, gets the same token.
    pub fn of_task(name: &str, folder: &Path) -> Self {
        // A UUIDv5 namespace of our own, made once with `uuidgen`.
        const NAMESPACE: Uuid = Uuid::from_u128(0x2d7c_91f3_6a0b_4e58_b1c4_77e2_05a9_3c6d);
        let hash = Uuid::new_v5(&NAMESPACE, folder.as_os_str().as_encoded_bytes()).simple().to_string();
        let slug: String = SubjectToken::new(name).0.chars().take(TOKEN_LENGTH - HASH_LENGTH - 1).collect();
        SubjectToken(format!("{slug}-{}", &hash[..HASH_LENGTH]))
    }

    /// A token as it is written: `None` when it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_token = !text.is_empty() && text.len() <= TOKEN_LENGTH && text.chars().all(is_token_char);
        is_token.then(|| SubjectToken(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubjectToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for TaskOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.who, self.task)
    }
}

impl TaskOrigin {
    /// As it is shown to people and in `origin` of events.
    pub fn text(&self) -> CleanText {
        CleanText::from(self.to_string())
    }

    /// The origin that [`TaskOrigin::text`] shows so.
    pub fn of_text(text: &str) -> Option<TaskOrigin> {
        let (who, task) = text.split_once('/')?;
        Some(TaskOrigin { who: SubjectToken::parse(who)?, task: SubjectToken::parse(task)? })
    }

    /// Of its events.
    pub fn event_subject(&self) -> String {
        format!("{EVENT_PREFIX}.{}.{}", self.who, self.task)
    }

    /// Of one of its keys in the bucket.
    pub fn state_subject(&self, key: StateKey) -> String {
        format!("{STATE_PREFIX}.{}.{}.{}", self.who, self.task, key.name())
    }

    /// The origin of an event, by its subject.
    pub fn of_event_subject(subject: &str) -> Option<TaskOrigin> {
        let (who, task) = subject.strip_prefix(EVENT_PREFIX)?.strip_prefix('.')?.split_once('.')?;
        Some(TaskOrigin { who: SubjectToken::parse(who)?, task: SubjectToken::parse(task)? })
    }

    /// The origin and kind of a key, by its subject.
    pub fn of_state_subject(subject: &str) -> Option<(TaskOrigin, StateKey)> {
        let mut parts = subject.strip_prefix(STATE_PREFIX)?.strip_prefix('.')?.split('.');
        let (who, task, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = [StateKey::Card, StateKey::State].into_iter().find(|known| known.name() == key)?;
        let origin = TaskOrigin { who: SubjectToken::parse(who)?, task: SubjectToken::parse(task)? };
        parts.next().is_none().then_some((origin, key))
    }
}

impl StateKey {
    fn name(self) -> &'static str {
        match self {
            StateKey::Card => "card",
            StateKey::State => "state",
        }
    }
}

/// The subjects of all events.
pub fn all_event_subjects() -> String {
    format!("{EVENT_PREFIX}.*.*")
}

/// The subjects of all cards and states.
pub fn all_state_subjects() -> String {
    format!("{STATE_PREFIX}.>")
}

/// The subjects of all cards.
pub fn all_card_subjects() -> String {
    format!("{STATE_PREFIX}.*.*.{}", StateKey::Card.name())
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(who: &str, task: &str) -> TaskOrigin {
        TaskOrigin { who: SubjectToken::new(who), task: SubjectToken::new(task) }
    }

    #[test]
    fn a_token_is_one_part_of_a_subject() {
        for (text, expected) in [
            ("alice", "alice"),
            ("a.b c>*", "a_b_c__"),
            ("", "_"),
            ("漢字", "__"),
            ("acme/shop-4711-build", "acme_shop-4711-build"),
            ("a\u{0}b", "a_b"),
        ] {
            assert_eq!(SubjectToken::new(text).as_str(), expected, "{text}");
        }
        assert_eq!(SubjectToken::new(&"x".repeat(200)).as_str().len(), TOKEN_LENGTH);
    }

    #[test]
    fn folders_distinguish_tasks_of_one_name() {
        let of = |name: &str, folder: &str| SubjectToken::of_task(name, Path::new(folder));
        assert_eq!(of("shop", "/a"), of("shop", "/a"));
        assert_ne!(of("shop", "/a"), of("shop", "/b"));
        let long = of(&"x".repeat(200), "/a");
        assert!(long.as_str().len() == TOKEN_LENGTH && SubjectToken::parse(long.as_str()).is_some(), "{long}");
        assert!(of("my shop", "/a").as_str().starts_with("my_shop-"));
    }

    #[test]
    fn subjects_are_read_as_they_are_written() {
        let task = origin("alice", "shop-1f3a9c");
        assert_eq!(task.event_subject(), "pb.ev.alice.shop-1f3a9c");
        assert_eq!(TaskOrigin::of_event_subject(&task.event_subject()), Some(task.clone()));
        for key in [StateKey::Card, StateKey::State] {
            assert_eq!(TaskOrigin::of_state_subject(&task.state_subject(key)), Some((task.clone(), key)));
        }
        for subject in ["pb.ev.alice", "pb.ev.alice.a.b", "pb.evil.a.b", "pb.ev.a b.c", "pb.ev..c", ""] {
            assert_eq!(TaskOrigin::of_event_subject(subject), None, "{subject}");
        }
        for subject in ["$KV.PB_STATE.a.b", "$KV.PB_STATE.a.b.other", "$KV.PB_STATE.a.b.card.x", "$KV.OTHER.a.b.card"] {
            assert_eq!(TaskOrigin::of_state_subject(subject), None, "{subject}");
        }
    }
}
