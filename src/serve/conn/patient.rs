//! A socket that is given up when the other side takes nothing for too long, and then reset, because only a reset frees what the
//! kernel holds for it. And one that does not pass on what hyper says before a request has been understood: that is ours to say.

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
pub(super) struct Patient {
    stream: TcpStream,
    patience: Duration,
    /// Runs while bytes are waiting that the kernel does not take.
    waiting: Option<Pin<Box<Sleep>>>,
    ears: Arc<Ears>,
}

/// What has been heard on a connection.
#[derive(Debug, Default)]
pub(super) struct Ears {
    /// Any byte at all.
    something: AtomicBool,
    /// A whole request.
    request: AtomicBool,
    /// The other side takes nothing, and its time is over.
    is_stuck: AtomicBool,
}

impl Ears {
    pub(super) fn heard_request(&self) {
        self.request.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_stuck(&self) -> bool {
        self.is_stuck.load(Ordering::Relaxed)
    }

    /// Bytes came, and no request was among them yet.
    pub(super) fn heard_only_noise(&self) -> bool {
        self.something.load(Ordering::Relaxed) && !self.request.load(Ordering::Relaxed)
    }

    fn understood(&self) -> bool {
        self.request.load(Ordering::Relaxed)
    }
}

impl Patient {
    pub(super) fn new(stream: TcpStream, patience: Duration, ears: Arc<Ears>) -> Self {
        Patient { stream, patience, waiting: None, ears }
    }

    fn judge(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience)));
        ready!(waiting.as_mut().poll(cx));
        self.ears.is_stuck.store(true, Ordering::Relaxed);
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
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.ears.something.store(true, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if !self.ears.understood() {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.judge(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if !self.ears.understood() {
            return Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()));
        }
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

/// Says the last thing there is to say on this connection, then listens no longer than it takes the other side to hear it: closing
/// with bytes unread would be a reset, which can overtake what was said.
pub(super) async fn say_and_close(socket: Patient, words: Vec<u8>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const LINGER: Duration = Duration::from_secs(2);
    socket.ears.heard_request();
    let mut socket = socket;
    let saying = async {
        socket.write_all(&words).await?;
        socket.shutdown().await?;
        let mut unheard = vec![0; 16 * 1024];
        while socket.read(&mut unheard).await? > 0 {}
        io::Result::Ok(())
    };
    // Whoever is gone or goes on talking has had the answer.
    let _gone = tokio::time::timeout(LINGER, saying).await.is_err();
}
