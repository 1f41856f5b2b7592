//! `GET` over plain HTTP/1.1, one connection a request: a stream keeps its connection, and the rest is asked too seldom to keep one.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, ETAG, HOST, HeaderName, HeaderValue, IF_NONE_MATCH};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::error::Error;

/// For the connection, and for the head of a response that needs no wait.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The largest body that is read whole.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// Where another bridge is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// `host:port`, as for the Host header.
    authority: String,
    /// Of a bridge behind a proxy; without a slash at its end.
    path: String,
}

impl BaseUrl {
    /// Takes `http://host:port/path`; scheme and path may be left out, a query and a fragment are dropped.
    ///
    /// # Errors
    ///
    /// It is not such a URL.
    pub fn parse(url: &str) -> Result<BaseUrl, Error> {
        let refused = |why: &str| Err(Error::Usage(format!("cannot ask {url}: {why}; give a URL such as http://127.0.0.1:7333")));
        let bare = match url.split_once("://") {
            Some(("http", bare)) => bare,
            Some(("https", _)) => return refused("https is not spoken here, go through a tunnel such as ssh -L"),
            Some(_) => return refused("the scheme is not http"),
            None => url,
        };
        let bare = bare.split(['?', '#']).next().unwrap_or_default();
        let (authority, path) = bare.split_once('/').unwrap_or((bare, ""));
        let is_plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]_".contains(c);
        if authority.is_empty() || !authority.chars().all(is_plain) || path.chars().any(|c| !c.is_ascii_graphic()) {
            return refused("the host is not readable");
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let path = path.trim_end_matches('/');
        Ok(BaseUrl { authority, path: if path.is_empty() { String::new() } else { format!("/{path}") } })
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}{}", self.authority, self.path)
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum RequestError {
    /// No connection, or it broke.
    Unreachable(String),
    /// Nothing came in time.
    TimedOut,
    /// An answer that is no success: the status, and what its body says.
    Refused(StatusCode, String),
}

impl std::fmt::Display for RequestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RequestError::Unreachable(why) => f.write_str(why),
            RequestError::TimedOut => f.write_str("no answer in time"),
            RequestError::Refused(status, message) if message.is_empty() => write!(f, "it answers {status}"),
            RequestError::Refused(_, message) => f.write_str(message),
        }
    }
}

impl std::error::Error for RequestError {}

impl RequestError {
    /// What stops a question to the bridge at `url`.
    pub fn into_error(self, url: &BaseUrl) -> Error {
        let hint = match &self {
            RequestError::Unreachable(_) => "check host and port, and whether it runs",
            RequestError::TimedOut => "check what lies in between, and ask again",
            RequestError::Refused(StatusCode::UNAUTHORIZED, _) => "give its token with --token-file FILE or PROGRESS_BRIDGE_TOKEN",
            RequestError::Refused(StatusCode::FORBIDDEN, _) => "ask it by a name that it knows, or add --allow-host NAME over there",
            RequestError::Refused(StatusCode::NOT_FOUND, _) => "check the path: it ends before /stream and /api",
            RequestError::Refused(_, _) => "ask again later",
        };
        Error::Remote { url: url.to_string(), reason: self.to_string(), hint: hint.to_owned() }
    }
}

/// Asks one bridge.
#[derive(Debug, Clone)]
pub struct HttpClient {
    base: BaseUrl,
    token: Option<HeaderValue>,
}

impl HttpClient {
    /// With `token` for `Authorization: Bearer`.
    pub fn new(base: BaseUrl, token: Option<&str>) -> HttpClient {
        let bearer = |token: &str| {
            let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        };
        HttpClient { base, token: token.and_then(bearer) }
    }

    /// `GET` of `path`, which begins with a slash. The head of the response must come within [`ANSWER_WITHIN`] and `wait`. A status other
    /// than 200 and 304 is an error.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    pub async fn get(&self, path: &str, headers: &[(HeaderName, &str)], wait: Duration) -> Result<Response<Incoming>, RequestError> {
        let response = tokio::time::timeout(ANSWER_WITHIN + wait, self.send(path, headers)).await.map_err(|_| RequestError::TimedOut)??;
        let status = response.status();
        if status == StatusCode::OK || status == StatusCode::NOT_MODIFIED {
            return Ok(response);
        }
        let body = body(response).await.unwrap_or_default();
        let message = serde_json::from_slice::<serde_json::Value>(&body).ok();
        let message = message.as_ref().and_then(|json| json["error"]["message"].as_str()).unwrap_or_default();
        Err(RequestError::Refused(status, message.to_owned()))
    }

    /// As [`HttpClient::get`], unless the other side still has what `etag` names (empty: nothing); with what it has now is called by.
    ///
    /// # Errors
    ///
    /// See [`RequestError`].
    pub async fn get_unless(&self, path: &str, etag: &str, wait: Duration) -> Result<Option<(Response<Incoming>, String)>, RequestError> {
        let known = [(IF_NONE_MATCH, etag)];
        let response = self.get(path, if etag.is_empty() { &[] } else { &known }, wait).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default().to_owned();
        Ok(Some((response, etag)))
    }

    async fn send(&self, path: &str, headers: &[(HeaderName, &str)]) -> Result<Response<Incoming>, RequestError> {
        let unreachable = |error: &dyn std::fmt::Display| RequestError::Unreachable(error.to_string());
        let stream = TcpStream::connect(&self.base.authority).await.map_err(|error| RequestError::Unreachable(reason(&error)))?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
        // Ends with the body of the response, or at once when that is dropped.
        tokio::spawn(connection);
        let mut request = Request::get(format!("{}{path}", self.base.path)).header(HOST, &self.base.authority).header(ACCEPT, "*/*");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| unreachable(&error))?;
        sender.send_request(request).await.map_err(|error| unreachable(&error))
    }
}

/// The whole body.
///
/// # Errors
///
/// It broke off, or is too large.
pub async fn body(response: Response<Incoming>) -> Result<Bytes, RequestError> {
    let whole = Limited::new(response.into_body(), MAX_BODY).collect();
    match tokio::time::timeout(ANSWER_WITHIN, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) => Err(RequestError::Unreachable(error.to_string())),
        Err(_) => Err(RequestError::TimedOut),
    }
}

/// What the system says, in short: `connection refused`.
fn reason(error: &std::io::Error) -> String {
    let whole = error.to_string().to_lowercase();
    whole.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_as_people_give_them() {
        for (url, expected) in [
            ("http://127.0.0.1:7333", "http://127.0.0.1:7333"),
            ("http://127.0.0.1:7333/#code=abc", "http://127.0.0.1:7333"),
            ("box.lan:7333", "http://box.lan:7333"),
            ("http://box.lan/progress/", "http://box.lan:80/progress"),
            ("http://[::1]:7333/a/b?c=d", "http://[::1]:7333/a/b"),
        ] {
            assert_eq!(BaseUrl::parse(url).map(|url| url.to_string()).ok().as_deref(), Some(expected), "{url}");
        }
        for url in ["https://box.lan", "ftp://box.lan", "", "http://", "http://a b", "http://a/\u{e9}", "http://user@box.lan"] {
            let error = BaseUrl::parse(url).expect_err(url);
            assert_eq!(error.exit_code(), 2, "{url}");
        }
    }

    #[tokio::test]
    async fn a_closed_port_is_unreachable() {
        let port = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port();
        let client = HttpClient::new(BaseUrl::parse(&format!("127.0.0.1:{port}")).expect("it is one"), None);
        let error = client.get("/", &[], Duration::ZERO).await.expect_err("nobody listens");
        assert_eq!(error.to_string(), "connection refused");
    }
}
