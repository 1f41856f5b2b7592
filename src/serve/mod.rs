//! HTTP: the routes, put together, and the life of the server. Routes are warp filters; `conn` runs them on our own accept loop.
//!
//! No state of its own beyond who is connected: everything served is a cursor on the hub or its newest snapshot.

mod api;
mod conn;
mod guard;
mod hand;
mod metrics;
mod page;
mod query;
mod refusal;
mod sse;

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use warp::filters::BoxedFilter;
use warp::filters::path::FullPath;
use warp::http::StatusCode;
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

pub use self::guard::Token;

use self::metrics::Counters;
use self::query::Asked;
use self::refusal::Refusal;
use crate::hub::Hub;

/// Everything that can be asked for.
const ROUTES: [&str; 10] =
    ["/", "/page.js", "/page.css", "/stream/progress", "/stream/state", "/api/state", "/api/events", "/healthz", "/metrics", "/version"];

/// What the server may do and for whom.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Live events per client in any second; 0 is unlimited.
    pub max_rate: u32,
    /// Streams at a time; one more is told to come back.
    pub max_clients: usize,
    /// Host names to answer to besides loopback and the address itself.
    pub allow_host: Vec<String>,
    /// Origins whose pages may read us, as `scheme://host[:port]`.
    pub allow_origin: Vec<String>,
    /// Asked of everyone when set.
    pub token: Option<Token>,
    /// A comment goes out on `/stream/progress` this often.
    pub heartbeat: Duration,
    /// A `heartbeat` event goes out on `/stream/state` this often.
    pub state_heartbeat: Duration,
    /// For a request's head, and for the next one on a kept connection.
    pub head_timeout: Duration,
    /// A client that takes nothing for this long while there is something to take is cut off.
    pub stuck_after: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        ServeSettings {
            max_rate: 10,
            max_clients: 1_024,
            allow_host: Vec::new(),
            allow_origin: Vec::new(),
            token: None,
            heartbeat: Duration::from_secs(15),
            state_heartbeat: Duration::from_secs(5),
            head_timeout: Duration::from_secs(30),
            stuck_after: Duration::from_secs(30),
        }
    }
}

/// What every route needs.
#[derive(Debug)]
struct Serving {
    hub: Hub,
    settings: ServeSettings,
    /// One per stream.
    seats: Arc<Semaphore>,
    counters: Arc<Counters>,
    stopping: Stopping,
}

/// Turns true once, when the server is about to end.
#[derive(Debug, Clone)]
struct Stopping(watch::Receiver<bool>);

impl Stopping {
    async fn stopped(mut self) {
        // An error means that whoever would say so is gone: that is the end as well.
        let _gone = self.0.wait_for(|stopping| *stopping).await.is_err();
    }
}

/// Serves until `stop` resolves or the hub closes; then tells every stream and returns within two seconds, whatever clients do.
pub async fn run(listener: TcpListener, hub: Hub, settings: ServeSettings, stop: impl Future<Output = ()>) {
    let (stop_now, stopping) = watch::channel(false);
    let stopping = Stopping(stopping);
    let limits = conn::Limits::new(&settings);
    let seats = Arc::new(Semaphore::new(settings.max_clients.min(Semaphore::MAX_PERMITS)));
    let counters = Arc::new(Counters::default());
    let serving = Serving { hub: hub.clone(), settings, seats, counters: counters.clone(), stopping: stopping.clone() };
    let runtime = tokio::runtime::Handle::current();
    hub.set_messenger(move |wake| hand::deliver(&runtime, wake));
    let ending = async {
        tokio::select! {
            () = stop => {}
            () = hub.closed() => {}
        }
        stop_now.send_replace(true);
    };
    tokio::join!(conn::accept(listener, routes(Arc::new(serving)), limits, counters, stopping), ending);
}

fn routes(serving: Arc<Serving>) -> BoxedFilter<(Response,)> {
    let to = {
        let serving = serving.clone();
        warp::get().or(warp::head()).unify().and(query::asked()).and(warp::any().map(move || serving.clone())).boxed()
    };
    let page = warp::path::end().and(to.clone()).map(|_, _| page::index());
    let script = warp::path!("page.js").and(to.clone()).map(|_, _| page::script());
    let style = warp::path!("page.css").and(to.clone()).map(|_, _| page::style());
    let progress = warp::path!("stream" / "progress").and(to.clone()).map(answer(sse::progress));
    let states = warp::path!("stream" / "state").and(to.clone()).map(answer(sse::states));
    let state = warp::path!("api" / "state").and(to.clone()).then(|asked, serving| async { or_refusal(api::state(asked, serving).await) });
    let events =
        warp::path!("api" / "events").and(to.clone()).then(|asked, serving| async { or_refusal(api::events(asked, serving).await) });
    let health = warp::path!("healthz").and(to.clone()).map(|_, serving: Arc<Serving>| api::health(&serving));
    let metrics = warp::path!("metrics").and(to.clone()).map(|_, serving: Arc<Serving>| metrics::metrics(&serving));
    let version = warp::path!("version").and(to).map(|_, _| api::version());

    let streams = progress.or(states).unify().boxed();
    let api = state.or(events).unify().or(health).unify().or(metrics).unify().or(version).unify().boxed();
    let pages = page.or(script).unify().or(style).unify().boxed();
    let all = guard::options().or(streams).unify().or(api).unify().or(pages).unify();

    let answers = guard::admitted(serving.clone()).and(all).recover(rejected).unify();
    warp::header::headers_cloned()
        .and(warp::path::full())
        .and(answers)
        .map(move |headers, path: FullPath, response: Response| {
            serving.counters.answered(path.as_str(), response.status());
            guard::dress(&serving.settings, &headers, response)
        })
        .boxed()
}

fn answer<F>(handler: F) -> impl Fn(Asked, Arc<Serving>) -> Response + Clone
where
    F: Fn(Asked, Arc<Serving>) -> Result<Response, Refusal> + Clone,
{
    move |asked, serving| or_refusal(handler(asked, serving))
}

fn or_refusal(answer: Result<Response, Refusal>) -> Response {
    answer.unwrap_or_else(Reply::into_response)
}

/// What no route took, as JSON.
async fn rejected(rejection: Rejection) -> Result<Response, Infallible> {
    let refusal = if let Some(refusal) = rejection.find::<Refusal>() {
        refusal.clone()
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "everything here is read only", "use GET or HEAD")
    } else if rejection.is_not_found() {
        let hint = format!("the routes are {}", ROUTES.join(" "));
        Refusal::new(StatusCode::NOT_FOUND, "not_found", "there is no such route", hint)
    } else {
        Refusal::new(StatusCode::BAD_REQUEST, "bad_request", "the request cannot be understood", "see / for what can be asked")
    };
    Ok(refusal.into_response())
}
