//! The accept loop and its limits: the only place that knows sockets and hyper. What is answered is the routes' business.
//!
//! warp's own server gives no access to sockets: it never sets TCP_NODELAY, bounds no send buffer and waits for ever for a
//! client that has stopped reading (measured: such a client pins 3.8 MiB of kernel memory, and a plain close frees none of it).

mod descriptors;
mod patient;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use warp::filters::BoxedFilter;
use warp::http::StatusCode;
use warp::reply::Response;

use self::patient::{Ears, Patient, say_and_close};
use super::hand::AtHand;
use super::metrics::Counters;
use super::refusal::Refusal;
use super::{ServeSettings, Stopping};

/// What a client that does not read may pin in the kernel.
const SEND_BUFFER: usize = 256 * 1024;

/// What hyper holds per connection at most, on top of that; also the longest request head.
const OWN_BUFFER: usize = 64 * 1024;

/// From the stop on, for everybody; two seconds are promised.
const LAST_WORDS: Duration = Duration::from_millis(1_500);

/// After an accept that failed: out of descriptors, as a rule, and asking again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Clients that the kernel may hold until we get to them. The usual 128 make thousands that come back at one time wait for seconds,
/// because the kernel drops their first packets; where the system allows less, it takes less.
const BACKLOG: i32 = 4_096;

/// Beside the streams: pollers, pages, health checks.
const SPARE_CONNECTIONS: usize = 256;

/// The address a request came to, for the routes.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalAddress(pub(super) SocketAddr);

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    connections: usize,
    head_timeout: Duration,
    stuck_after: Duration,
}

impl Limits {
    pub(super) fn new(settings: &ServeSettings) -> Self {
        // Twice the streams, so that those who are to be told "busy" get in to hear it.
        let connections = settings.max_clients.saturating_mul(2).saturating_add(SPARE_CONNECTIONS);
        let connections = descriptors::room_for(connections);
        Limits { connections, head_timeout: settings.head_timeout, stuck_after: settings.stuck_after }
    }
}

/// What every connection needs.
#[derive(Clone)]
struct House {
    routes: BoxedFilter<(Response,)>,
    limits: Limits,
    counters: Arc<Counters>,
    stopping: Stopping,
}

/// Accepts until the stop, then lets everybody finish for [`LAST_WORDS`].
pub(super) async fn accept(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    limits: Limits,
    counters: Arc<Counters>,
    stopping: Stopping,
) {
    // Accepted sockets inherit the size. A kernel that refuses keeps its own numbers: only memory and time are at stake.
    let socket = SockRef::from(&listener);
    let _refused = socket.set_send_buffer_size(SEND_BUFFER).is_err() || socket.listen(BACKLOG).is_err();
    let house = House { routes, limits, counters, stopping };
    let mut connections = JoinSet::new();
    let mut stopped = pin!(house.stopping.clone().stopped());
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => break,
            Some(_ended) = connections.join_next() => house.counters.connections.close(),
            accepted = listener.accept(), if connections.len() < limits.connections => match accepted {
                Ok((stream, _)) => {
                    house.counters.connections.open();
                    connections.spawn(AtHand::new(connection(stream, house.clone())));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, house: House) {
    let Ok(local) = stream.local_addr() else { return };
    // Without it the kernel holds a small frame back until the one before is acknowledged. Refused only by dead sockets.
    let _refused = stream.set_nodelay(true).is_err();
    let House { routes, limits, counters, stopping } = house;
    let ears = Arc::new(Ears::default());
    let service = {
        let (routes, ears) = (TowerToHyperService::new(warp::service(routes)), ears.clone());
        service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            ears.heard_request();
            request.extensions_mut().insert(LocalAddress(local));
            // Boxed, because only then does hyper give the socket back at the end.
            Box::pin(routes.call(request))
        })
    };
    let socket = TokioIo::new(Patient::new(stream, limits.stuck_after, ears.clone()));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout).max_buf_size(OWN_BUFFER);
    let mut serving = builder.serve_connection(socket, service);
    let ended = tokio::select! {
        ended = poll_fn(|cx| serving.poll_without_shutdown(cx)) => ended,
        () = stopping.stopped() => {
            Pin::new(&mut serving).graceful_shutdown();
            let last_words = Box::pin(tokio::time::timeout(LAST_WORDS, poll_fn(|cx| serving.poll_without_shutdown(cx)))).await;
            // Out of time: cut off.
            let Ok(ended) = last_words else { return };
            ended
        }
    };
    let mut socket = serving.into_parts().io.into_inner();
    match ended {
        Ok(()) => {
            // The client may be gone already: its connection is over either way.
            let _gone = socket.shutdown().await.is_err();
        }
        Err(trouble) if ears.heard_only_noise() => {
            if let Some(refusal) = unheard(&trouble) {
                counters.misheard(refusal.status);
                // Boxed: what few connections need must not make every one of them larger.
                Box::pin(say_and_close(socket, refusal.whole_response())).await;
            }
        }
        Err(_) if ears.is_stuck() => counters.stuck(),
        // The client's going away.
        Err(_) => {}
    }
}

/// What is answered to something that never became a request.
fn unheard(trouble: &hyper::Error) -> Option<Refusal> {
    if trouble.is_parse_too_large() {
        let hint = format!("the whole head of a request may have {} KiB and 100 lines", OWN_BUFFER / 1024);
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        Some(Refusal::new(status, "head_too_large", "the head of the request is too large", hint))
    } else if trouble.is_timeout() {
        let hint = "send the whole head of the request at once";
        Some(Refusal::new(StatusCode::REQUEST_TIMEOUT, "head_too_slow", "the head of the request took too long", hint))
    } else if trouble.is_parse() {
        Some(Refusal::new(StatusCode::BAD_REQUEST, "bad_request", "that is no HTTP request", "ask in HTTP/1.1, without TLS"))
    } else {
        None
    }
}
#[cfg(test)]
mod tests {
    use super::*;

    /// Ten thousand of them are held at one time.
    #[tokio::test]
    async fn a_connection_is_small() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("it listens");
        let (_stop, stopping) = tokio::sync::watch::channel(false);
        let routes = warp::Filter::boxed(warp::Filter::map(warp::any(), Response::default));
        let limits = Limits::new(&ServeSettings::default());
        let house = House { routes, limits, counters: Arc::default(), stopping: Stopping(stopping) };
        let size = size_of_val(&connection(stream, house));
        assert!(size < 3 * 1024, "{size} bytes");
    }
}
