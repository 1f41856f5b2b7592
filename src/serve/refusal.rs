//! What will never work, said in JSON. Passing trouble is not refused: a browser gives up for good on any status but 200.

use serde::Serialize;
use warp::http::StatusCode;
use warp::http::header::{ALLOW, CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE};
use warp::reply::{Reply, Response};

/// The methods of every route.
pub(super) const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, OPTIONS");

/// An answer with an error status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Refusal {
    #[serde(skip)]
    pub(super) status: StatusCode,
    /// For programs.
    code: &'static str,
    /// What is wrong.
    message: String,
    /// What to do about it.
    hint: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Refusal { status, code, message: message.into(), hint: hint.into() }
    }

    /// A value in the query that means nothing.
    pub(super) fn bad_query(name: &str, message: impl Into<String>) -> Self {
        Refusal::new(StatusCode::BAD_REQUEST, "bad_query", format!("{name}: {}", message.into()), "see / for what can be asked")
    }
}

impl Refusal {
    /// As it goes out where no request was understood and hence no route could answer.
    pub(super) fn whole_response(&self) -> Vec<u8> {
        let body = serde_json::to_vec(&Body { error: self }).expect("a refusal is plain data: it cannot fail to serialise");
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
struct Body<'a> {
    error: &'a Refusal,
}

impl warp::reject::Reject for Refusal {}

impl Reply for Refusal {
    fn into_response(self) -> Response {
        let status = self.status;
        let mut response = warp::reply::with_status(warp::reply::json(&Body { error: &self }), status).into_response();
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
