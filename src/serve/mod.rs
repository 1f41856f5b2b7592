//! HTTP: combines the routes and runs the server until its shutdown. Routes are warp filters; `conn` runs them on our own accept loop.
//!
//! The server keeps no data of its own: every response is made from a hub subscription or the newest snapshot.

mod api;
mod api_error;
mod audience;
mod client_permit;
mod conn;
mod guard;
mod login;
mod metrics;
mod page;
mod query;
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

pub use self::audience::AgentAccess;
pub use self::guard::Token;
pub use self::login::LoginCode;
pub(crate) use self::page::source as page_source;

use self::api_error::ApiError;
use self::login::LoginState;
use self::metrics::Counters;
use self::query::HttpRequest;
use crate::hub::Hub;
use crate::model::agent::AgentLevel;

/// All routes.
const ROUTES: [&str; 10] =
    ["/", "/panel.js", "/stream/progress", "/stream/state", "/api/state", "/api/events", "/api/login", "/healthz", "/metrics", "/version"];

/// Limits, timeouts and access rules of the server.
#[derive(Debug, Clone)]
pub struct ServeSettings {
    /// Live events per client in any second; 0 is unlimited.
    pub max_rate: u32,
    /// Streams and waiting polls at a time; the next client gets `busy` and retries later.
    pub max_clients: usize,
    /// Connections at a time, those of the streams among them; for the next one the oldest idle connection is closed.
    pub max_connections: usize,
    /// What is told of the agents.
    pub agents: AgentAccess,
    /// `Host` names that are accepted besides loopback and the bound address.
    pub allow_host: Vec<String>,
    /// Origins whose pages may read the responses, as `scheme://host[:port]`.
    pub allow_origin: Vec<String>,
    /// When set, every client must send it.
    pub token: Option<Token>,
    /// The code of the printed link, which `/api/login` exchanges for the token.
    pub login_code: Option<LoginCode>,
    /// Interval of the comments on `/stream/progress`.
    pub heartbeat: Duration,
    /// Interval of the `heartbeat` events on `/stream/state`.
    pub state_heartbeat: Duration,
    /// How long a client may take to send the head of a request, also of the next one on a kept connection.
    pub head_timeout: Duration,
    /// A connection is reset when the client accepts no byte for this long while some are waiting.
    pub write_timeout: Duration,
}

impl Default for ServeSettings {
    fn default() -> Self {
        ServeSettings {
            max_rate: 10,
            max_clients: 1_024,
            max_connections: 1_280,
            agents: AgentAccess { level: AgentLevel::Off, explicit: false },
            allow_host: Vec::new(),
            allow_origin: Vec::new(),
            token: None,
            login_code: None,
            heartbeat: Duration::from_secs(15),
            state_heartbeat: Duration::from_secs(5),
            head_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(30),
        }
    }
}

/// What every route handler shares.
#[derive(Debug)]
struct ServerContext {
    hub: Hub,
    settings: ServeSettings,
    login: LoginState,
    /// One permit per stream and per poll that waits.
    client_permits: Arc<Semaphore>,
    counters: Arc<Counters>,
    shutdown: Shutdown,
}

/// The request to shut down: made once, seen by everyone who holds a clone.
#[derive(Debug, Clone)]
struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    fn is_requested(&self) -> bool {
        // The value changes once. An error means that the sender is gone: the server is ending then too.
        !matches!(self.0.has_changed(), Ok(false))
    }

    async fn requested(mut self) {
        let _sender_gone = self.0.wait_for(|requested| *requested).await.is_err();
    }
}

/// Serves until `stop` resolves or the hub closes. Then every stream sends its final frames, and the function returns within two
/// seconds, whatever clients do.
pub async fn run(listener: TcpListener, hub: Hub, settings: ServeSettings, stop: impl Future<Output = ()>) {
    let (request_shutdown, shutdown) = watch::channel(false);
    let shutdown = Shutdown(shutdown);
    let limits = conn::Limits::new(&settings);
    let client_permits = Arc::new(Semaphore::new(settings.max_clients.min(Semaphore::MAX_PERMITS)));
    let counters = Arc::new(Counters::default());
    let login = LoginState::new(&settings);
    let server =
        ServerContext { hub: hub.clone(), settings, login, client_permits, counters: counters.clone(), shutdown: shutdown.clone() };
    hub.poll_inline(tokio::runtime::Handle::current());
    let wait_for_end = async {
        tokio::select! {
            () = stop => {}
            () = hub.closed() => {}
        }
        request_shutdown.send_replace(true);
    };
    tokio::join!(conn::accept(listener, routes(Arc::new(server)), limits, counters, shutdown), wait_for_end);
}

fn routes(server: Arc<ServerContext>) -> BoxedFilter<(Response,)> {
    let request = {
        let server = server.clone();
        warp::get().or(warp::head()).unify().and(query::parse_request()).and(warp::any().map(move || server.clone())).boxed()
    };
    let progress = warp::path!("stream" / "progress").and(request.clone()).map(respond(sse::progress));
    let states = warp::path!("stream" / "state")
        .and(request.clone())
        .then(|request, server| async { or_api_error(sse::states(request, server).await) });
    let state =
        warp::path!("api" / "state").and(request.clone()).then(|request, server| async { or_api_error(api::state(request, server).await) });
    let events = warp::path!("api" / "events")
        .and(request.clone())
        .then(|request, server| async { or_api_error(api::events(request, server).await) });
    let story = warp::path!("api" / "stories" / String / String).and(request.clone()).then(
        |task: String, story: String, _, server: Arc<ServerContext>| async move { or_api_error(api::story(&task, &story, &server).await) },
    );
    let health =
        warp::path!("healthz").and(request.clone()).then(|_, server: Arc<ServerContext>| async move { api::health(&server).await });
    let metrics = warp::path!("metrics")
        .and(request.clone())
        .then(|request: HttpRequest, server: Arc<ServerContext>| async move { metrics::metrics(&request, &server).await });
    let login = {
        let server = server.clone();
        let request = warp::method().and(warp::header::headers_cloned()).and(warp::body::stream());
        warp::path!("api" / "login").and(request).then(move |method, headers, body| {
            let server = server.clone();
            async { or_api_error(login::login(method, headers, body, server).await) }
        })
    };
    let version = warp::path!("version").and(request).map(|_, _| api::version());

    let streams = progress.or(states).unify().boxed();
    let api =
        state.or(events).unify().or(story).unify().or(login).unify().or(health).unify().or(metrics).unify().or(version).unify().boxed();
    let all = guard::options().or(streams).unify().or(api).unify().or(page::assets()).unify();

    let responses = guard::authorized(server.clone()).and(all).recover(into_error_response).unify();
    warp::header::headers_cloned()
        .and(warp::path::full())
        .and(responses)
        .map(move |headers, path: FullPath, response: Response| {
            server.counters.count_response(page::route_of(path.as_str()), response.status());
            guard::add_headers(&server.settings, &headers, response)
        })
        .boxed()
}

fn respond<F>(handler: F) -> impl Fn(HttpRequest, Arc<ServerContext>) -> Response + Clone
where
    F: Fn(HttpRequest, Arc<ServerContext>) -> Result<Response, ApiError> + Clone,
{
    move |request, server| or_api_error(handler(request, server))
}

fn or_api_error(result: Result<Response, ApiError>) -> Response {
    result.unwrap_or_else(Reply::into_response)
}

/// Answers in JSON what no route accepted.
async fn into_error_response(rejection: Rejection) -> Result<Response, Infallible> {
    let error = if let Some(error) = rejection.find::<ApiError>() {
        error.clone()
    } else if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "everything here is read only", "use GET or HEAD")
    } else if rejection.is_not_found() {
        let hint = format!("the routes are {}", ROUTES.join(" "));
        ApiError::new(StatusCode::NOT_FOUND, "not_found", "there is no such route", hint)
    } else {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_request", "the request cannot be understood", "see / for what can be asked")
    };
    Ok(error.into_response())
}
