//! Parses the method, headers and query of a request. Unknown query parameters are ignored, because proxies add theirs.

use std::ops::RangeInclusive;

use warp::Filter as _;
use warp::Rejection;
use warp::http::{HeaderMap, Method};

use super::api_error::ApiError;
use super::audience::PeerSocket;
use crate::event::{Event, TYPE_NAMES};
use crate::model::state::{Headline, TaskQuery};

/// Asks for what the agents do, beside the types of events.
const ACTIVITY: &str = "activity";

/// Most tasks, and most words, that a state is asked for.
const MAX_ITEMS: usize = 20;

/// The parts of a request that route handlers read.
#[derive(Debug)]
pub(super) struct HttpRequest {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) peer: Option<PeerSocket>,
    query: Vec<(String, String)>,
}

/// The events that a client requests.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct EventFilter {
    /// Empty: all.
    types: Vec<&'static str>,
    /// What the agents do is wanted, too.
    activity: bool,
    /// Empty: all.
    tasks: Vec<String>,
}

/// A warp filter that extracts an [`HttpRequest`].
pub(super) fn parse_request() -> impl warp::Filter<Extract = (HttpRequest,), Error = Rejection> + Clone {
    warp::method()
        .and(warp::header::headers_cloned())
        .and(warp::ext::optional())
        .and(warp::query::<Vec<(String, String)>>())
        .map(|method, headers, peer, query| HttpRequest { method, headers, peer, query })
}

impl HttpRequest {
    /// The first non-empty value of `name`.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).find(|value| !value.is_empty())
    }

    pub(super) fn number(&self, name: &str, allowed: RangeInclusive<u64>) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.value(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|number| allowed.contains(number));
        let expected = || ApiError::bad_query(name, format!("expected a whole number from {} to {}", allowed.start(), allowed.end()));
        number.map(Some).ok_or_else(expected)
    }

    /// The last event that the client has. The header wins over the query, because a browser sends it on each reconnect.
    pub(super) fn last_event_id(&self) -> Option<String> {
        let header = self.headers.get("last-event-id").map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
        let query = || self.value("last_event_id").or_else(|| self.value("lastEventId")).map(str::to_owned);
        header.filter(|id| !id.is_empty()).or_else(query)
    }

    /// Parses `types` and `task`, each a comma-separated list that may be repeated.
    pub(super) fn filter(&self) -> Result<EventFilter, ApiError> {
        let known = |name: &str| TYPE_NAMES.into_iter().find(|known| *known == name);
        let bad_type = || ApiError::bad_query("types", format!("expected some of {}, {ACTIVITY}", TYPE_NAMES.join(", ")));
        let (activities, events): (Vec<&str>, Vec<&str>) = self.list("types")?.into_iter().partition(|name| *name == ACTIVITY);
        let types = events.into_iter().map(|name| known(name).ok_or_else(bad_type)).collect::<Result<_, _>>()?;
        let tasks = self.list("task")?.into_iter().map(str::to_owned).collect();
        Ok(EventFilter { types, activity: !activities.is_empty(), tasks })
    }

    /// Parses `task` and `status`, which are lists, `q`, whose words must all occur, and `who`: the tasks that a state is to have.
    pub(super) fn tasks(&self) -> Result<TaskQuery, ApiError> {
        let known = |name: &str| Headline::ALL.into_iter().find(|known| known.name() == name);
        let bad_status = || ApiError::bad_query("status", format!("expected some of {}", Headline::ALL.map(Headline::name).join(", ")));
        let headlines = self.list("status")?.into_iter().map(|name| known(name).ok_or_else(bad_status)).collect::<Result<_, _>>()?;
        let ids: Vec<String> = self.list("task")?.into_iter().map(str::to_owned).collect();
        let text = self.value("q").unwrap_or_default().to_lowercase();
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        // Every task is asked for every one of them.
        if ids.len() > MAX_ITEMS || words.len() > MAX_ITEMS {
            let name = if ids.len() > MAX_ITEMS { "task" } else { "q" };
            return Err(ApiError::bad_query(name, format!("expected at most {MAX_ITEMS}")));
        }
        Ok(TaskQuery { ids, words, who: self.value("who").map(str::to_owned), headlines })
    }

    /// Refuses empty items: a mistake would silently widen the filter to everything.
    fn list(&self, name: &str) -> Result<Vec<&str>, ApiError> {
        let items: Vec<_> = self.values(name).flat_map(|value| value.split(',')).map(str::trim).collect();
        match items.iter().any(|item| item.is_empty()) {
            true => Err(ApiError::bad_query(name, "is empty; leave it out to get everything")),
            false => Ok(items),
        }
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl EventFilter {
    pub(super) fn matches(&self, event: &Event) -> bool {
        let names_none = self.types.is_empty() && !self.activity;
        (names_none || self.types.contains(&event.data.type_name())) && self.matches_origin(event)
    }

    fn matches_origin(&self, event: &Event) -> bool {
        self.matches_task(&event.task_id) || event.origin.as_ref().is_some_and(|own| self.tasks.iter().any(|task| *own == *task))
    }

    pub(super) fn matches_task(&self, task_id: &str) -> bool {
        self.tasks.is_empty() || self.tasks.iter().any(|task| task == task_id)
    }

    /// Whether what the agents do is wanted.
    pub(super) fn wants_activity(&self) -> bool {
        self.activity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(query: &str) -> HttpRequest {
        warp::test::request().path(&format!("/?{query}")).filter(&parse_request()).await.expect("any query can be read")
    }

    #[tokio::test]
    async fn tasks_are_asked_for_by_id_words_bridge_and_standing() {
        let parse = async |text: &str| read(text).await.tasks().ok();
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert_eq!(parse("x=1&q=&who=").await, Some(TaskQuery::default()));
        let expected = TaskQuery {
            ids: owned(&["a/b", "c"]),
            words: owned(&["login", "page"]),
            who: Some("alice".to_owned()),
            headlines: vec![Headline::NeedsYou, Headline::Failed],
        };
        assert_eq!(parse("task=a%2Fb,c&q=Login++page&who=alice&status=needs_you,failed").await, Some(expected));
        for wrong in ["status=needs", "status=", "task=", &format!("q={}", "x+".repeat(21))] {
            assert_eq!(parse(wrong).await, None, "{wrong}");
        }
    }

    #[tokio::test]
    async fn filters_are_lists_and_strict() {
        let check = async |query: &str, expected: Option<(&[&'static str], &[&str])>| {
            let expected = expected.map(|(types, tasks)| EventFilter {
                types: types.to_vec(),
                activity: false,
                tasks: tasks.iter().map(ToString::to_string).collect(),
            });
            assert_eq!(read(query).await.filter().ok(), expected, "{query}");
        };
        check("", Some((&[], &[]))).await;
        check("types=story_started,ac_completed&types=error_occurred", Some((&["story_started", "ac_completed", "error_occurred"], &[])))
            .await;
        check("task=a%20b&x=y", Some((&[], &["a b"]))).await;
        let mixed = read("types=activity,story_started").await.filter().expect("both are known");
        assert_eq!(mixed, EventFilter { types: vec!["story_started"], activity: true, tasks: Vec::new() });
        check("types=story_start", None).await;
        check("types=", None).await;
        check("types=story_started,", None).await;
        check("task=", None).await;
    }

    #[tokio::test]
    async fn numbers_have_bounds() {
        let number = async |query: &str| read(query).await.number("wait", 0..=60).map_err(|_| ());
        assert_eq!(number("").await, Ok(None));
        assert_eq!(number("wait=60").await, Ok(Some(60)));
        assert_eq!(number("wait=61").await, Err(()));
        assert_eq!(number("wait=-1").await, Err(()));
        assert_eq!(number("wait=soon").await, Err(()));
    }

    #[tokio::test]
    async fn the_header_goes_before_the_query() {
        let id = async |query: &str, header: Option<&str>| {
            let request = warp::test::request().path(&format!("/?{query}"));
            let request = match header {
                Some(header) => request.header("Last-Event-ID", header),
                None => request,
            };
            request.filter(&parse_request()).await.expect("any query can be read").last_event_id()
        };
        assert_eq!(id("", None).await, None);
        assert_eq!(id("last_event_id=", Some("")).await, None);
        assert_eq!(id("last_event_id=a", Some("")).await, Some("a".into()));
        assert_eq!(id("lastEventId=b", None).await, Some("b".into()));
        assert_eq!(id("last_event_id=a", Some("c")).await, Some("c".into()));
    }
}
