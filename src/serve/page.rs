//! The embedded page: three files without references to other hosts, so that the content policy can forbid everything else.

use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use warp::reply::Response;

const INDEX: &str = include_str!("page/index.html");
const SCRIPT: &str = include_str!("page/page.js");
const STYLE: &str = include_str!("page/page.css");

pub(super) fn index() -> Response {
    file("text/html; charset=utf-8", INDEX)
}

pub(super) fn script() -> Response {
    file("text/javascript; charset=utf-8", SCRIPT)
}

pub(super) fn style() -> Response {
    file("text/css; charset=utf-8", STYLE)
}

/// HttpRequest for anew every time: a newer bridge on the same port must not meet an old script.
fn file(content_type: &'static str, body: &'static str) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}
