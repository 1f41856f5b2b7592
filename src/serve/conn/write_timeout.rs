//! A TCP stream with a write timeout. When the client accepts next to nothing for that long while bytes are waiting, the stream fails, and
//! its drop resets the connection, because only a reset frees the kernel's send buffer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;

/// A client that accepts so many bytes within the timeout is slow, not stuck: 2 KiB a second, with the timeout of 30 s.
const MIN_ACCEPTED: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct WriteTimeout {
    stream: TcpStream,
    timeout: Duration,
    /// Runs while bytes are waiting that the kernel did not accept at once.
    timer: Option<Pin<Box<Sleep>>>,
    /// Bytes accepted since the timer was started.
    accepted: usize,
    has_timed_out: bool,
}

impl WriteTimeout {
    pub(super) fn new(stream: TcpStream, timeout: Duration) -> Self {
        WriteTimeout { stream, timeout, timer: None, accepted: 0, has_timed_out: false }
    }

    pub(super) fn has_timed_out(&self) -> bool {
        self.has_timed_out
    }

    /// Starts the timer when `written` is pending, and stops it once enough was accepted.
    fn check_timeout(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(result) = written {
            self.accepted += *result.as_ref().unwrap_or(&0);
            if self.accepted >= MIN_ACCEPTED {
                self.stop_timer();
            }
            return Poll::Ready(result);
        }
        let timer = self.timer.get_or_insert_with(|| {
            self.accepted = 0;
            Box::pin(tokio::time::sleep(self.timeout))
        });
        ready!(timer.as_mut().poll(cx));
        self.has_timed_out = true;
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    fn stop_timer(&mut self) {
        self.timer = None;
        self.accepted = 0;
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
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for WriteTimeout {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.check_timeout(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.check_timeout(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes when nothing is waiting any more.
        self.stop_timer();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
