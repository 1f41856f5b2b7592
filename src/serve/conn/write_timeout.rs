//! A TCP stream with a write timeout. When the client accepts no byte for that long, the stream fails, and its drop resets the
//! connection, because only a reset frees the kernel's send buffer.
//!
//! It also discards what hyper writes before a request was parsed: `conn` answers malformed requests itself.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

#[derive(Debug)]
pub(super) struct WriteTimeout {
    stream: TcpStream,
    timeout: Duration,
    /// Runs while the kernel accepts no byte.
    timer: Option<Pin<Box<Sleep>>>,
    state: Arc<RequestState>,
}

/// What happened on a connection so far; shared by the stream and the connection's task.
#[derive(Debug, Default)]
pub(super) struct RequestState {
    /// The client sent at least one byte.
    received_bytes: AtomicBool,
    /// A whole request was parsed.
    parsed_request: AtomicBool,
    /// The write timeout has passed.
    timed_out: AtomicBool,
}

impl RequestState {
    pub(super) fn mark_request_parsed(&self) {
        self.parsed_request.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_timed_out(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed)
    }

    /// The client sent bytes, and none of them made a request.
    pub(super) fn is_garbage_only(&self) -> bool {
        self.received_bytes.load(Ordering::Relaxed) && !self.has_request()
    }

    fn has_request(&self) -> bool {
        self.parsed_request.load(Ordering::Relaxed)
    }
}

impl WriteTimeout {
    pub(super) fn new(stream: TcpStream, timeout: Duration, state: Arc<RequestState>) -> Self {
        WriteTimeout { stream, timeout, timer: None, state }
    }

    /// Starts the timer when `written` is pending and stops it otherwise.
    fn check_timeout(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.timer = None;
            return written;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.timeout)));
        ready!(timer.as_mut().poll(cx));
        self.state.timed_out.store(true, Ordering::Relaxed);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for WriteTimeout {
    fn drop(&mut self) {
        if self.timer.is_some() {
            // It fails only on a dead socket, which holds no memory.
            let _dead = self.stream.set_zero_linger().is_err();
        }
    }
}

impl AsyncRead for WriteTimeout {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.state.received_bytes.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for WriteTimeout {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if !self.state.has_request() {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.check_timeout(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if !self.state.has_request() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.check_timeout(cx, written)
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

/// Writes `response`, then reads and drops what the client still sends until it closes: a close with unread bytes would be a reset,
/// which can overtake the response.
pub(super) async fn write_and_close(socket: WriteTimeout, response: Vec<u8>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const LINGER: Duration = Duration::from_secs(2);
    socket.state.mark_request_parsed();
    let mut socket = socket;
    let write = async {
        socket.write_all(&response).await?;
        socket.shutdown().await?;
        let mut discarded = vec![0; 16 * 1024];
        while socket.read(&mut discarded).await? > 0 {}
        io::Result::Ok(())
    };
    // After the timeout the response is sent: whether the client also closes does not matter.
    let _timed_out = tokio::time::timeout(LINGER, write).await.is_err();
}
