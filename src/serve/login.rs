//! The one-time code of the printed link, and `POST /api/login`, which exchanges it for the token.
//!
//! The link carries a code and not the token, because browsers and terminals keep links: a code that was used opens nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Buf;
use futures_util::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use warp::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use warp::http::{HeaderMap, Method, StatusCode};
use warp::reply::{Reply, Response};

use super::api_error::ApiError;
use super::guard::Token;
use super::{ServeSettings, ServerContext};

/// The path of the route.
pub(super) const PATH: &str = "/api/login";

/// Its methods.
pub(super) const METHODS: HeaderValue = HeaderValue::from_static("POST, OPTIONS");

/// So many wrong codes void the right one.
const MAX_WRONG_CODES: u32 = 10;

/// Longest body of a request: a code and its braces take 50 bytes.
const MAX_BODY: usize = 1_024;

/// A code as it was printed.
#[derive(Debug, Clone)]
pub struct LoginCode {
    /// What the link carries.
    pub code: Token,
    /// It is void from then on.
    pub expires: Instant,
}

/// The code while it is good.
#[derive(Debug)]
pub(super) struct LoginState(Mutex<Option<UnusedCode>>);

#[derive(Debug)]
struct UnusedCode {
    code: LoginCode,
    wrong_codes: u32,
}

impl LoginState {
    pub(super) fn new(settings: &ServeSettings) -> Self {
        LoginState(Mutex::new(settings.login_code.clone().map(|code| UnusedCode { code, wrong_codes: 0 })))
    }

    /// Whether `given` is the code. A right code is void afterwards.
    fn redeem(&self, given: &str, now: Instant) -> bool {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(unused) = slot.as_mut().filter(|unused| now < unused.code.expires) else { return false };
        let is_right = unused.code.code.equals(given.as_bytes());
        unused.wrong_codes += u32::from(!is_right);
        if is_right || unused.wrong_codes >= MAX_WRONG_CODES {
            *slot = None;
        }
        is_right
    }
}

/// `POST /api/login`.
pub(super) async fn login<B: Buf>(
    method: Method,
    headers: HeaderMap,
    body: impl Stream<Item = Result<B, warp::Error>>,
    server: Arc<ServerContext>,
) -> Result<Response, ApiError> {
    #[derive(Deserialize)]
    struct LoginRequest {
        code: String,
    }
    #[derive(Serialize)]
    struct LoginResponse<'a> {
        token: &'a str,
    }
    if method != Method::POST {
        let message = "a code is sent by POST";
        let error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message, "POST {\"code\": …} as JSON");
        let mut response = error.into_response();
        response.headers_mut().insert(ALLOW, METHODS);
        return Ok(response);
    }
    // A form of a foreign page cannot send this type without asking first.
    if !is_json(&headers) {
        let hint = "send Content-Type: application/json";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "json_needed", "the body must be JSON", hint));
    }
    let body = read_body(body, server.settings.head_timeout).await?;
    let unusable = |_| ApiError::new(StatusCode::BAD_REQUEST, "bad_request", "the body is no object with a code", "send {\"code\": …}");
    let request: LoginRequest = serde_json::from_slice(&body).map_err(unusable)?;
    match &server.settings.token {
        Some(token) if server.login.redeem(&request.code, Instant::now()) => {
            let mut response = warp::reply::json(&LoginResponse { token: token.text() }).into_response();
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
            Ok(response)
        }
        Some(_) | None => {
            let hint = "a printed link is good once and for ten minutes; use the token itself, or start the program again";
            Err(ApiError::new(StatusCode::FORBIDDEN, "code_refused", "that code is not good, or not any more", hint))
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// At most [`MAX_BODY`] bytes within `timeout`.
async fn read_body<B: Buf>(body: impl Stream<Item = Result<B, warp::Error>>, timeout: Duration) -> Result<Vec<u8>, ApiError> {
    let read = async {
        let mut body = std::pin::pin!(body);
        let mut bytes = Vec::new();
        while let Some(chunk) = body.next().await {
            let broken = |_| ApiError::new(StatusCode::BAD_REQUEST, "bad_request", "the body broke off", "send it whole");
            let mut chunk = chunk.map_err(broken)?;
            if bytes.len() + chunk.remaining() > MAX_BODY {
                let hint = format!("send {MAX_BODY} bytes at most");
                return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is too large", hint));
            }
            while chunk.has_remaining() {
                bytes.extend_from_slice(chunk.chunk());
                chunk.advance(chunk.chunk().len());
            }
        }
        Ok(bytes)
    };
    let too_slow =
        |_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body of the request took too long", "send it at once");
    tokio::time::timeout(timeout, read).await.map_err(too_slow)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(now: Instant) -> LoginState {
        let code = LoginCode { code: Token::new("0123456789abcdef").expect("it is usable"), expires: now + Duration::from_secs(600) };
        LoginState::new(&ServeSettings { login_code: Some(code), ..ServeSettings::default() })
    }

    #[test]
    fn a_code_is_good_once_and_for_ten_minutes() {
        let now = Instant::now();
        let codes = state(now);
        assert!(!codes.redeem("", now) && !codes.redeem("0123456789abcde", now));
        assert!(codes.redeem("0123456789abcdef", now + Duration::from_secs(599)));
        assert!(!codes.redeem("0123456789abcdef", now + Duration::from_secs(599)));
        assert!(!state(now).redeem("0123456789abcdef", now + Duration::from_secs(600)));
        assert!(!LoginState::new(&ServeSettings::default()).redeem("", now), "without a link there is no code");
    }

    #[test]
    fn ten_wrong_codes_void_it() {
        let now = Instant::now();
        let codes = state(now);
        (1..MAX_WRONG_CODES).for_each(|_| assert!(!codes.redeem("wrong", now)));
        assert!(codes.redeem("0123456789abcdef", now), "nine do not");
        let codes = state(now);
        (0..MAX_WRONG_CODES).for_each(|_| assert!(!codes.redeem("wrong", now)));
        assert!(!codes.redeem("0123456789abcdef", now));
    }
}
