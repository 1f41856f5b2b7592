//! Error responses in JSON, for requests that can never succeed. A temporary failure on a stream is answered with 200 and an event
//! instead, because a browser never reconnects after another status.

use serde::Serialize;
use warp::http::StatusCode;
use warp::http::header::{ALLOW, CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE};
use warp::reply::{Reply, Response};

/// The methods of every route.
pub(super) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// A response with an error status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ApiError {
    #[serde(skip)]
    pub(super) status: StatusCode,
    /// Stable, for programs.
    code: &'static str,
    /// What is wrong, for people.
    message: String,
    /// How to mend it.
    hint: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        ApiError { status, code, message: message.into(), hint: hint.into() }
    }

    /// 400 for a query parameter with an unusable value.
    pub(super) fn bad_query(name: &str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, "bad_query", format!("{name}: {}", message.into()), "see / for what can be asked")
    }

    /// The whole response in HTTP/1.1, for connections on which no request was parsed and so no route could respond.
    pub(super) fn to_http1(&self) -> Vec<u8> {
        let body = serde_json::to_vec(&ErrorBody { error: self }).expect("an error is plain data: it cannot fail to serialise");
        let status = self.status;
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncache-control: no-store\r\nx-content-type-options: nosniff\r\n\
             connection: close\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), &body].concat()
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a ApiError,
}

impl warp::reject::Reject for ApiError {}

impl Reply for ApiError {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = warp::reply::with_status(warp::reply::json(&ErrorBody { error: &self }), status).into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            response.headers_mut().insert(ALLOW, METHODS);
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
