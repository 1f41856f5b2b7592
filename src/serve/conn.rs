//! The accept loop and its limits: the only module that knows sockets and hyper. The routes make the responses.
//!
//! warp's own server gives no access to sockets: it never sets TCP_NODELAY, bounds no send buffer and waits for ever for a
//! client that has stopped reading (measured: such a client pins 3.8 MiB of kernel memory, and a plain close frees none of it).

mod idle;
mod stream_writer;
mod tracked_body;
mod write_timeout;

use std::convert::Infallible;
use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{AbortRegistration, Abortable};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use warp::filters::BoxedFilter;
use warp::reply::{Reply, Response};

pub(super) use self::stream_writer::LongResponse;

use self::idle::{IdleConnections, IdleState, RequestGuard};
use self::stream_writer::{StreamWriter, takes_chunks};
use self::tracked_body::TrackedBody;
use self::write_timeout::WriteTimeout;
use super::audience::PeerSocket;
use super::metrics::Counters;
use super::{ServeSettings, Shutdown, guard};
use crate::inline_delivery::InlineFuture;

/// Kernel memory that a client which does not read can hold.
const SEND_BUFFER: usize = 256 * 1024;

/// Largest buffer of hyper per connection, in addition to [`SEND_BUFFER`]; also the longest request head.
const MAX_BUFFER: usize = 64 * 1024;

/// Time that all connections together have to finish after the shutdown is requested. The server promises two seconds.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(1_500);

/// Delay after a failed accept. The usual cause is a lack of descriptors, which a retry at once cannot mend.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Connections that the kernel queues until they are accepted. With the usual 128, thousands of clients that reconnect at one time
/// wait for seconds, because the kernel drops their first packets. The system may lower the number.
const BACKLOG: i32 = 4_096;

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    connections: usize,
    head_timeout: Duration,
    write_timeout: Duration,
}

impl Limits {
    pub(super) fn new(settings: &ServeSettings) -> Self {
        Limits { connections: settings.max_connections, head_timeout: settings.head_timeout, write_timeout: settings.write_timeout }
    }
}

/// What every connection shares.
#[derive(Clone)]
struct ConnContext {
    routes: BoxedFilter<(Response,)>,
    limits: Limits,
    counters: Arc<Counters>,
    shutdown: Shutdown,
}

/// Accepts connections until the shutdown is requested, then waits at most [`SHUTDOWN_GRACE`] for the open ones.
///
/// Accepting never stops: when there is no room, the oldest idle connection is closed, and without one the new connection.
pub(super) async fn accept(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    limits: Limits,
    counters: Arc<Counters>,
    shutdown: Shutdown,
) {
    // Accepted sockets inherit the buffer size. A kernel that refuses keeps its defaults: that costs memory and time only.
    let socket = SockRef::from(&listener);
    let _refused = socket.set_send_buffer_size(SEND_BUFFER).is_err() || socket.listen(BACKLOG).is_err();
    let context = ConnContext { routes, limits, counters, shutdown };
    let idle = Arc::new(IdleConnections::default());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(context.shutdown.clone().requested());
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            Some(_ended) = connections.join_next() => context.counters.connections.close(),
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    if connections.len() >= limits.connections {
                        if !idle.close_oldest() {
                            context.counters.count_refused();
                            continue;
                        }
                        // The closed connection ends at once; its descriptor is free before another is taken.
                        let _ended = connections.join_next().await;
                        context.counters.connections.close();
                    }
                    context.counters.connections.open();
                    let (state, registration) = idle.add();
                    connections.spawn(InlineFuture::new(connection(stream, state, registration, context.clone())));
                }
                Err(_) => {
                    idle.close_oldest();
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            },
        }
    }
    drop(listener);
    // What is still open after the grace period is cut off.
    let _all_ended = tokio::time::timeout(SHUTDOWN_GRACE, async { while connections.join_next().await.is_some() {} }).await.is_ok();
}

/// Answers requests, then writes the stream that one of them may have asked for. Only requests are aborted: a stream is never idle.
async fn connection(stream: TcpStream, state: Arc<IdleState>, registration: AbortRegistration, context: ConnContext) {
    let counters = context.counters.clone();
    // In a box, which is freed before a stream begins: few connections are in the middle of a request.
    let requests = Box::pin(Abortable::new(serve_requests(stream, state, context), registration));
    let Ok(Some((socket, response, guard))) = requests.await else { return };
    let mut writer = StreamWriter::new(socket, response.map(|body| TrackedBody { body, _guard: guard }));
    let written = poll_fn(|cx| writer.poll_write(cx)).await;
    // Any other error means that the client has closed the connection, or lost a payload.
    if written.is_err() && writer.socket().has_timed_out() {
        counters.count_write_timeout();
    }
}

/// The socket, the response that may last for hours, and what marks the connection as busy.
type LongAnswer = (WriteTimeout, Response, RequestGuard);

/// Answers requests until the connection ends. Returns the socket with a response that may last for hours: hyper has read its request, and
/// has nothing more to do.
async fn serve_requests(stream: TcpStream, state: Arc<IdleState>, context: ConnContext) -> Option<LongAnswer> {
    let (Ok(local), Ok(peer)) = (stream.local_addr(), stream.peer_addr()) else { return None };
    let peer = PeerSocket::new(local, peer, context.counters.clone());
    // Without TCP_NODELAY the kernel delays a small frame until the client acknowledges the previous one. Only a dead socket refuses.
    let _refused = stream.set_nodelay(true).is_err();
    let ConnContext { routes, limits, counters, shutdown } = context;
    let long = Arc::new(Mutex::new(None));
    let service = {
        let (routes, long) = (TowerToHyperService::new(warp::service(routes)), long.clone());
        service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
            let guard = state.begin_request();
            let takes_chunks = takes_chunks(&request);
            let long = long.clone();
            request.extensions_mut().insert(peer.clone());
            let response = guard::check_form(request.uri(), request.headers()).map(|()| routes.call(request));
            // `into_parts` below gives the socket back only when this future is `Unpin`: hence the box.
            Box::pin(async move {
                let response = match response {
                    Ok(response) => response.await?,
                    Err(refusal) => refusal.into_response(),
                };
                if takes_chunks && response.extensions().get::<LongResponse>().is_some() {
                    *lock(&long) = Some((response, guard));
                    return pending().await;
                }
                Ok::<_, Infallible>(response.map(|body| TrackedBody { body, _guard: guard }))
            })
        })
    };
    let socket = TokioIo::new(WriteTimeout::new(stream, limits.write_timeout));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head_timeout).max_buf_size(MAX_BUFFER);
    let mut http = builder.serve_connection(socket, service);
    let mut is_ending = false;
    let mut shutdown = pin!(shutdown.requested());
    let result = poll_fn(|cx| {
        if !is_ending && shutdown.as_mut().poll(cx).is_ready() {
            is_ending = true;
            Pin::new(&mut http).graceful_shutdown();
        }
        match http.poll_without_shutdown(cx) {
            // The request has just been answered by a stream.
            Poll::Pending if lock(&long).is_some() => Poll::Ready(Ok(())),
            result => result,
        }
    })
    .await;
    let mut socket = http.into_parts().io.into_inner();
    if let Some((response, guard)) = lock(&long).take() {
        return Some((socket, response, guard));
    }
    match result {
        Ok(()) => {
            // An error means that the client has closed already.
            let _closed = socket.shutdown().await.is_err();
        }
        Err(_) if socket.has_timed_out() => counters.count_write_timeout(),
        // hyper has answered with 400 or 431.
        Err(cause) if cause.is_parse() => counters.count_malformed(),
        // The client closed the connection, or was silent for too long.
        Err(_) => {}
    }
    None
}

fn lock<T>(long: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing between taking and releasing it can panic.
    long.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The server holds ten thousand connections at one time.
    #[tokio::test]
    async fn a_connection_is_small() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let stream = TcpStream::connect(listener.local_addr().expect("an address")).await.expect("it listens");
        let (_stop, shutdown) = tokio::sync::watch::channel(false);
        let routes = warp::Filter::boxed(warp::Filter::map(warp::any(), Response::default));
        let limits = Limits::new(&ServeSettings::default());
        let context = ConnContext { routes, limits, counters: Arc::default(), shutdown: Shutdown(shutdown) };
        let (state, registration) = Arc::new(IdleConnections::default()).add();
        let size = size_of_val(&connection(stream, state, registration, context));
        assert!(size < 1024, "{size} bytes");
    }
}
