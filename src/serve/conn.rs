//! The accept loop and its limits: the only place that knows sockets and hyper. What is answered is the routes' business.
//!
//! warp's own server gives no access to sockets: it never sets TCP_NODELAY, bounds no send buffer and waits for ever for a
//! client that has stopped reading (measured: such a client pins 3.8 MiB of kernel memory, and a plain close frees none of it).

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Sleep;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::{ServeSettings, Stopping};

/// What a client that does not read may pin in the kernel.
const SEND_BUFFER: usize = 256 * 1024;

/// What hyper holds per connection at most, on top of that; also the longest request head.
const OWN_BUFFER: usize = 64 * 1024;

/// For a request's head, and for the next one on a kept connection.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// From the stop on, for everybody; two seconds are promised.
const LAST_WORDS: Duration = Duration::from_millis(1_500);

/// After an accept that failed: out of descriptors, as a rule, and asking again at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Beside the streams: pollers, pages, health checks.
const SPARE_CONNECTIONS: usize = 256;

/// The address a request came to, for the routes.
#[derive(Debug, Clone, Copy)]
pub(super) struct LocalAddress(pub(super) SocketAddr);

#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    connections: usize,
    stuck_after: Duration,
}

impl Limits {
    pub(super) fn new(settings: &ServeSettings) -> Self {
        // Twice the streams, so that those who are to be told "busy" get in to hear it.
        let connections = settings.max_clients.saturating_mul(2).saturating_add(SPARE_CONNECTIONS);
        Limits { connections, stuck_after: settings.stuck_after }
    }
}

/// Accepts until the stop, then lets everybody finish for [`LAST_WORDS`].
pub(super) async fn accept(listener: TcpListener, routes: BoxedFilter<(Response,)>, limits: Limits, stopping: Stopping) {
    // Accepted sockets inherit it. A kernel that refuses keeps its own size: only memory is at stake.
    let _refused = SockRef::from(&listener).set_send_buffer_size(SEND_BUFFER).is_err();
    let mut connections = JoinSet::new();
    let mut stopped = pin!(stopping.clone().stopped());
    loop {
        tokio::select! {
            biased;
            () = &mut stopped => break,
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < limits.connections => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, routes.clone(), limits, stopping.clone()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, routes: BoxedFilter<(Response,)>, limits: Limits, stopping: Stopping) {
    let Ok(local) = stream.local_addr() else { return };
    // Without it the kernel holds a small frame back until the one before is acknowledged. Refused only by dead sockets.
    let _refused = stream.set_nodelay(true).is_err();
    let routes = TowerToHyperService::new(warp::service(routes));
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(LocalAddress(local));
        routes.call(request)
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(OWN_BUFFER);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(Patient::new(stream, limits.stuck_after)), service));
    // Errors here are the client's going away: its connection is over either way.
    tokio::select! {
        _over = serving.as_mut() => return,
        () = stopping.stopped() => serving.as_mut().graceful_shutdown(),
    }
    let _too_late = tokio::time::timeout(LAST_WORDS, serving).await.is_err();
}

/// A socket that is given up when the other side takes nothing for too long, and then reset, because only a reset frees what the
/// kernel holds for it.
#[derive(Debug)]
struct Patient {
    stream: TcpStream,
    patience: Duration,
    /// Runs while bytes are waiting that the kernel does not take.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Patient {
    fn new(stream: TcpStream, patience: Duration) -> Self {
        Patient { stream, patience, waiting: None }
    }

    fn judge(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience)));
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        if self.waiting.is_some() {
            // It fails only on a socket that is dead already, and then there is nothing to free.
            let _dead = self.stream.set_zero_linger().is_err();
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.judge(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
