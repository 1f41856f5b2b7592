//! Sends one request: plain or over TLS with the roots of the system. No redirect is followed, no connection kept.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_LENGTH, HOST, RETRY_AFTER, USER_AGENT};
use hyper::{Request, Response, StatusCode, Uri, body::Incoming};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::outbox::DeliveryResult;
use super::request::HookRequest;

/// For connecting, sending and the head of the answer together.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Sends the request. A success is 2xx and nothing else.
pub(super) async fn send(request: HookRequest) -> DeliveryResult {
    match tokio::time::timeout(TIMEOUT, exchange(request)).await {
        Ok(Ok(response)) => outcome(&response),
        Ok(Err(reason)) => DeliveryResult::Failed { reason, retry_after: None },
        Err(_) => DeliveryResult::Failed { reason: format!("no answer within {} s", TIMEOUT.as_secs()), retry_after: None },
    }
}

fn outcome(response: &Response<Incoming>) -> DeliveryResult {
    let status = response.status();
    if status.is_success() {
        return DeliveryResult::Delivered;
    }
    if status == StatusCode::GONE {
        return DeliveryResult::Gone;
    }
    let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let reason = if status.is_redirection() {
        format!("it answers {status}, and redirects are not followed")
    } else {
        format!("it answers {status}")
    };
    DeliveryResult::Failed { reason, retry_after: seconds.map(Duration::from_secs) }
}

async fn exchange(request: HookRequest) -> Result<Response<Incoming>, String> {
    let uri = &request.uri;
    let host = uri.host().unwrap_or_default();
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let bare = host.trim_matches(['[', ']']);
    let stream = TcpStream::connect((bare, port)).await.map_err(|error| short(&error))?;
    if !is_tls {
        return over(stream, request).await;
    }
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| error.to_string())?;
    let stream = TlsConnector::from(tls()).connect(name, stream).await.map_err(|error| short(&error))?;
    over(stream, request).await
}

async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, request: HookRequest) -> Result<Response<Incoming>, String> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // Ends with the response, which is dropped with its head.
    tokio::spawn(connection);
    let HookRequest { uri, headers, body } = request;
    let mut builder = Request::post(path(&uri))
        .header(HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(USER_AGENT, concat!("progress-bridge/", env!("CARGO_PKG_VERSION")))
        .header(CONTENT_LENGTH, body.len());
    for (name, value) in headers {
        builder = builder.header(name, value);
    }
    let request = builder.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
    sender.send_request(request).await.map_err(|error| error.to_string())
}

fn path(uri: &Uri) -> &str {
    uri.path_and_query().map_or("/", |path| path.as_str())
}

/// Made once: reading the roots of the system takes some milliseconds.
fn tls() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let make = || {
        let mut roots = RootCertStore::empty();
        // What cannot be read is missing: connections that need it fail and say so.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        Arc::new(builder.expect("the provider has the default versions").with_root_certificates(roots).with_no_client_auth())
    };
    CONFIG.get_or_init(make).clone()
}

/// What the system says, in short: `connection refused`.
fn short(error: &std::io::Error) -> String {
    let whole = error.to_string().to_lowercase();
    whole.split(" (os error").next().unwrap_or_default().to_owned()
}
