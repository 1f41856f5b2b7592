//! Writes a response that may last for hours, once hyper has read its request: hyper keeps two buffers of 8 KiB for as long as it holds a
//! connection, and a stream of events needs neither of them.

use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use hyper::body::Body;
use hyper::header::{CONNECTION, DATE, HeaderValue, TRANSFER_ENCODING};
use hyper::{Method, Request, Response, Version};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Marks a response that lasts until its client goes away, as an extension.
#[derive(Debug, Clone, Copy)]
pub(in crate::serve) struct LongResponse;

/// Whether a response to such a request can be written in chunks, and has a body.
pub(super) fn takes_chunks<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET && request.version() == Version::HTTP_11
}

/// A response of status 200 on its way, in chunks. The connection ends with it.
#[derive(Debug)]
pub(super) struct StreamWriter<S, B> {
    socket: S,
    body: B,
    /// What is to be written before `data`: the head of the response and the size of its first chunk, then the sizes of the others.
    before: Vec<u8>,
    data: Bytes,
    /// What is to be written after `data`.
    after: &'static [u8],
    is_over: bool,
}

const CHUNK_END: &[u8] = b"\r\n";
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A chunk up to this length is put together for the kernel, which takes one piece faster than three.
const SMALL: usize = 1024;

impl<S, B> StreamWriter<S, B>
where
    S: AsyncRead + AsyncWrite + Unpin,
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    pub(super) fn new(socket: S, response: Response<B>) -> Self {
        let (mut head, body) = response.into_parts();
        head.headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        head.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        head.headers.extend(HeaderValue::from_str(&date).map(|date| (DATE, date)));
        let mut before = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
        for (name, value) in &head.headers {
            before.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        before.extend_from_slice(CHUNK_END);
        StreamWriter { socket, body, before, data: Bytes::new(), after: &[], is_over: false }
    }

    pub(super) fn socket(&self) -> &S {
        &self.socket
    }

    /// Writes what the body gives until it ends, or the client goes away; an error when the response was not written to its end.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_closed(cx)?;
        loop {
            ready!(self.poll_drain(cx))?;
            if self.is_over {
                return Pin::new(&mut self.socket).poll_shutdown(cx);
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)).transpose().map_err(io::Error::other)? {
                Some(frame) => {
                    // There are no trailers; an empty chunk would end the body.
                    if let Some(data) = frame.into_data().ok().filter(|data| !data.is_empty()) {
                        push_size(&mut self.before, data.len());
                        (self.data, self.after) = (data, CHUNK_END);
                    }
                }
                None => (self.after, self.is_over) = (LAST_CHUNK, true),
            }
        }
    }

    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // The head waits for the first chunk: both go out in one write.
        while !self.data.is_empty() || !self.after.is_empty() {
            let parts: [&[u8]; 3] = [&self.before, &self.data, self.after];
            let mut small = [0; SMALL];
            let mut left = &mut small[..];
            let written = if parts.iter().all(|part| left.write_all(part).is_ok()) {
                let length = SMALL - left.len();
                Pin::new(&mut self.socket).poll_write(cx, &small[..length])
            } else {
                Pin::new(&mut self.socket).poll_write_vectored(cx, &parts.map(IoSlice::new))
            };
            match ready!(written)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.advance(written),
            }
        }
        // Room for a size is enough once the head is written.
        self.before.shrink_to(16);
        // The bytes of an event are shared by all clients and may be the last that hold them.
        self.data = Bytes::new();
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn advance(&mut self, written: usize) {
        let of_before = written.min(self.before.len());
        self.before.drain(..of_before);
        let of_data = (written - of_before).min(self.data.len());
        self.data.advance(of_data);
        self.after = &self.after[written - of_before - of_data..];
    }

    /// An error once the client has closed its end. What it sends meanwhile is no request that will be answered.
    fn poll_closed(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let mut bytes = [0; 512];
        loop {
            let mut buffer = ReadBuf::new(&mut bytes);
            match Pin::new(&mut self.socket).poll_read(cx, &mut buffer) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Err(io::ErrorKind::ConnectionAborted.into()),
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(cause)) => return Err(cause),
            }
        }
    }
}

/// The line before a chunk: its size in hexadecimal digits.
fn push_size(line: &mut Vec<u8>, size: usize) {
    for digit in (0..=size.checked_ilog2().unwrap_or(0) / 4).rev() {
        line.push(b"0123456789abcdef"[size >> (4 * digit) & 15]);
    }
    line.extend_from_slice(CHUNK_END);
}

#[cfg(test)]
mod tests {
    use futures_util::stream;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use warp::reply::Reply;

    use super::*;

    const LONG: &str = match std::str::from_utf8(&[b'x'; 2000]) {
        Ok(text) => text,
        Err(_) => "",
    };

    fn response(chunks: &[&'static str]) -> warp::reply::Response {
        let chunks: Vec<io::Result<Bytes>> = chunks.iter().map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).collect();
        warp::reply::stream(stream::iter(chunks)).into_response()
    }

    #[tokio::test]
    async fn a_response_is_written_in_chunks_whatever_the_socket_takes() {
        for room in [1, 2, 7, 64, 4096] {
            let (near, mut far) = tokio::io::duplex(room);
            let mut writer = StreamWriter::new(near, response(&["one", "", "and two", LONG]));
            let written = tokio::spawn(async move { std::future::poll_fn(|cx| writer.poll_write(cx)).await });
            let mut text = String::new();
            far.read_to_string(&mut text).await.unwrap();
            written.await.unwrap().unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("\r\ntransfer-encoding: chunked"), "{head}");
            assert!(head.contains("\r\ndate: ") && head.contains(" GMT"), "{head}");
            assert_eq!(body, format!("3\r\none\r\n7\r\nand two\r\n7d0\r\n{LONG}\r\n0\r\n\r\n"), "{room} bytes at a time");
        }
    }

    #[test]
    fn a_chunk_begins_with_its_size() {
        for size in [1, 9, 15, 16, 255, 256, 4095, 4096, 65_536, 1 << 20, usize::MAX] {
            let mut line = b"head".to_vec();
            push_size(&mut line, size);
            assert_eq!(String::from_utf8(line).unwrap(), format!("head{size:x}\r\n"));
        }
    }

    #[tokio::test]
    async fn it_ends_when_the_client_goes_away_whatever_that_has_sent() {
        let (near, mut far) = tokio::io::duplex(4096);
        let silent = warp::reply::stream(stream::pending::<io::Result<Bytes>>()).into_response();
        let mut writer = StreamWriter::new(near, silent);
        far.write_all(&[b'x'; 2000]).await.unwrap();
        drop(far);
        assert!(std::future::poll_fn(|cx| writer.poll_write(cx)).await.is_err());
    }
}
