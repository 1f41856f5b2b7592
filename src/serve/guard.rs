//! Authorises requests by Host name, Origin and token, and adds the headers that tell browsers the same.
//!
//! A page of any site can make a browser send requests to 127.0.0.1, and can point its own name there (DNS rebinding). The Origin
//! check stops the first, the Host check the second, on every route and for every client.

use std::net::IpAddr;
use std::sync::Arc;

use subtle::ConstantTimeEq;
use warp::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use warp::http::uri::Authority;
use warp::http::{Method, StatusCode, Uri};
use warp::reply::{Reply, Response};
use warp::{Filter, Rejection};

use super::api_error::{ApiError, METHODS};
use super::audience::PeerSocket;
use super::{ServeSettings, ServerContext, login, page};

/// The secret that clients send as `Authorization: Bearer …`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Trims white space (files end in newlines). `None` when the rest is empty or does not fit into a header.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        let fits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Token(text.to_owned()))
    }

    /// The secret itself.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Compares in constant time, so that the time reveals nothing about the token but its length.
    pub(super) fn equals(&self, given: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(given).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Allows scripts, styles and images of this server only, nothing inline, and no framing.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                              base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Keeps other pages from embedding a response; the files of the panel say otherwise themselves.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Headers in which a browser says which page makes it send a request, and for what. No page can set them.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The request headers that pages of other origins may send: those of the project's own clients.
const CORS_REQUEST_HEADERS: &str = "Authorization, Cache-Control, Content-Type, If-None-Match, Last-Event-ID";

/// Headers that proxies add, besides `X-Forwarded-…`.
const FORWARDED: [&str; 2] = ["forwarded", "x-real-ip"];

/// Routes without a token besides the page's files: their responses hold nothing from the watched files.
const OPEN_ROUTES: [&str; 3] = ["/healthz", "/version", login::PATH];

/// Headers by which a request is judged: there is one of each at most, because two readers of the same request must not take it for two
/// different ones.
const SINGLE_HEADERS: [(HeaderName, &str); 3] = [
    (header::HOST, "there is more than one Host"),
    (header::ORIGIN, "there is more than one Origin"),
    (header::AUTHORIZATION, "there is more than one Authorization"),
];

/// What every request must have before the routes see it: a target with a path, which warp takes for granted, and each of
/// [`SINGLE_HEADERS`] once at most.
pub(super) fn check_form(target: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let malformed = |message, hint| Err(ApiError::new(StatusCode::BAD_REQUEST, "bad_request", message, hint));
    if target.path_and_query().is_none_or(|path| !path.as_str().starts_with(['/', '*'])) {
        return malformed("the target of the request has no path", "ask for a path, such as /stream/progress");
    }
    match SINGLE_HEADERS.into_iter().find(|(name, _)| headers.get_all(name).iter().nth(1).is_some()) {
        None => Ok(()),
        Some((_, message)) => malformed(message, "send one"),
    }
}

/// Passes authorised requests and rejects all others with an [`ApiError`].
pub(super) fn authorized(server: Arc<ServerContext>) -> impl Filter<Extract = (), Error = Rejection> + Clone {
    warp::filters::host::optional()
        .and(warp::ext::optional::<PeerSocket>())
        .and(warp::method())
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and_then(move |host, peer: Option<PeerSocket>, method, path: warp::path::FullPath, headers| {
            let request = RequestInfo { host, local: peer.map(|peer| peer.local().ip()), method, path: path.as_str().to_owned(), headers };
            let result = authorize(&server.settings, &request).map_err(warp::reject::custom);
            std::future::ready(result)
        })
        .untuple_one()
}

/// Answers OPTIONS, preflights included, for every path. `warp::options` would not do: its rejection turns every
/// unknown path into a wrong method.
pub(super) fn options() -> impl Filter<Extract = (Response,), Error = Rejection> + Copy {
    let respond = |method, path: warp::path::FullPath| {
        std::future::ready(match method {
            Method::OPTIONS => {
                let mut response = StatusCode::NO_CONTENT.into_response();
                let methods = if path.as_str() == login::PATH { login::METHODS } else { METHODS };
                response.headers_mut().insert(header::ALLOW, methods);
                Ok(response)
            }
            _ => Err(warp::reject::not_found()),
        })
    };
    warp::method().and(warp::path::full()).and_then(respond)
}

/// Adds the security and CORS headers.
pub(super) fn add_headers(settings: &ServeSettings, request: &HeaderMap, mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.entry(RESOURCE_POLICY).or_insert(HeaderValue::from_static("same-origin"));
    let mut set = |name: HeaderName, value: &'static str| headers.insert(name, HeaderValue::from_static(value));
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CONTENT_SECURITY_POLICY, CONTENT_POLICY);
    if settings.allow_origin.is_empty() {
        return response;
    }
    set(header::VARY, "Origin");
    let origin = request.get(header::ORIGIN).filter(|origin| is_allowed_origin(settings, origin));
    if let Some(origin) = origin {
        set(header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST");
        set(header::ACCESS_CONTROL_ALLOW_HEADERS, CORS_REQUEST_HEADERS);
        set(header::ACCESS_CONTROL_EXPOSE_HEADERS, "ETag, Last-Event-ID");
        set(header::ACCESS_CONTROL_MAX_AGE, "600");
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response
}

/// The parts of a request that decide whether it is authorised.
struct RequestInfo {
    host: Option<Authority>,
    local: Option<IpAddr>,
    method: Method,
    path: String,
    headers: HeaderMap,
}

fn authorize(settings: &ServeSettings, request: &RequestInfo) -> Result<(), ApiError> {
    let Some(host) = request.host.as_ref().filter(|host| is_own_name(settings, request.local, host)) else {
        let hint = "use the address it listens on, or start it with --allow-host NAME";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "host_not_allowed", "this server does not go by that Host name", hint));
    };
    if let Some(origin) = request.headers.get(header::ORIGIN)
        && !is_own_origin(host, origin)
        && !is_allowed_origin(settings, origin)
    {
        let hint = "start it with --allow-origin ORIGIN to let that page read it";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "origin_not_allowed", "pages of that origin may not read this server", hint));
    }
    if is_of_foreign_page(&request.headers) && !has_allowed_origin(settings, &request.headers) && !is_visit(request) {
        let hint = "open it by itself, or start it with --allow-origin ORIGIN to let that page read it";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "page_not_allowed", "other pages may not make requests to this server", hint));
    }
    // A browser sends OPTIONS first, without the token, to learn whether it may send the token.
    let open = request.method == Method::OPTIONS || OPEN_ROUTES.contains(&request.path.as_str()) || page::is_asset(&request.path);
    match &settings.token {
        Some(token) if !open && !has_token(token, &request.headers) => {
            let hint = "send it as Authorization: Bearer TOKEN; it is read nowhere else, and never from the query";
            Err(ApiError::new(StatusCode::UNAUTHORIZED, "token_needed", "this needs the token, and the right one", hint))
        }
        None if !open && is_forwarded(&request.headers) => {
            let hint = "start it with --require-token or --token-file FILE: a proxy lets in others than this machine's users";
            Err(ApiError::new(StatusCode::FORBIDDEN, "token_required", "behind a proxy this server needs a token", hint))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether a browser says that another page is behind the request, one of another port of this machine included. It says so also where
/// it sends no `Origin`: for images, scripts and frames.
fn is_of_foreign_page(headers: &HeaderMap) -> bool {
    headers.get_all(FETCH_SITE).iter().any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"))
}

fn has_allowed_origin(settings: &ServeSettings, headers: &HeaderMap) -> bool {
    headers.get(header::ORIGIN).is_some_and(|origin| is_allowed_origin(settings, origin))
}

/// Whether somebody follows a link to the page: then it is shown, and the other page learns nothing.
fn is_visit(request: &RequestInfo) -> bool {
    let is = |name, value: &str| request.headers.get(name).is_some_and(|given| given.as_bytes() == value.as_bytes());
    request.path == "/" && request.method == Method::GET && is(FETCH_MODE, "navigate") && is(FETCH_DEST, "document")
}

/// Whether a proxy has marked the request as forwarded. A proxy that does not do so looks like a local client.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| FORWARDED.contains(&name.as_str()) || name.as_str().starts_with("x-forwarded-"))
}

/// Ignores the port: tunnels and containers change it, and no attack depends on it.
fn is_own_name(settings: &ServeSettings, local: Option<IpAddr>, host: &Authority) -> bool {
    // No browser sends a user in a Host, and readers differ on what the name then is.
    if host.as_str().contains('@') {
        return false;
    }
    let name = host.host().trim_start_matches('[').trim_end_matches(']');
    let name = name.strip_suffix('.').unwrap_or(name);
    let address = name.parse::<IpAddr>().ok().map(|address| address.to_canonical());
    let loopback = name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback());
    let bound = address.is_some() && address == local.map(|local| local.to_canonical());
    let named = |allowed: &String| allowed.eq_ignore_ascii_case(name) || allowed.eq_ignore_ascii_case(host.as_str());
    loopback || bound || settings.allow_host.iter().any(named)
}

/// Whether the page was loaded from the host and port it now requests. The scheme may differ, because a proxy may add TLS.
fn is_own_origin(host: &Authority, origin: &HeaderValue) -> bool {
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_str()))
}

fn is_allowed_origin(settings: &ServeSettings, origin: &HeaderValue) -> bool {
    settings.allow_origin.iter().any(|allowed| allowed.trim_end_matches('/').as_bytes() == origin.as_bytes())
}

fn has_token(token: &Token, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
    let scheme = given.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "));
    scheme && token.equals(given[7..].trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Case {
        settings: ServeSettings,
        local: &'static str,
    }

    impl Case {
        fn check(&self, host: &str, path: &str, headers: &[(HeaderName, &str)], expected: u16) {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(name, HeaderValue::from_str(value).expect("a header value"));
            }
            let local = Some(self.local.parse().expect("an address"));
            let request = RequestInfo { host: host.parse().ok(), local, method: Method::GET, path: path.into(), headers: map };
            let status = authorize(&self.settings, &request).err().map_or(200, |error| error.status.as_u16());
            assert_eq!(status, expected, "{host} {path} {headers:?}");
        }
    }

    #[test]
    fn only_own_names_are_answered_to() {
        let settings = ServeSettings { allow_host: vec!["box.lan".into()], ..ServeSettings::default() };
        let case = Case { settings, local: "192.168.1.7" };
        for own in
            ["localhost", "LOCALHOST:7333", "localhost.", "127.0.0.1:7333", "127.8.9.1", "[::1]:7333", "192.168.1.7:80", "Box.lan:7333"]
        {
            case.check(own, "/api/state", &[], 200);
        }
        for foreign in ["evil.example", "localhost.evil.example", "192.168.1.8", "[::2]", "0.0.0.0", "127.0.0.1.nip.io", "", "box.lan.evil"]
        {
            case.check(foreign, "/healthz", &[], 403);
        }
    }

    #[test]
    fn only_own_and_allowed_pages_may_read() {
        let settings = ServeSettings { allow_origin: vec!["https://board.example".into()], ..ServeSettings::default() };
        let case = Case { settings, local: "127.0.0.1" };
        let check = |origin: &str, expected| case.check("localhost:7333", "/api/state", &[(header::ORIGIN, origin)], expected);
        check("http://localhost:7333", 200);
        check("https://localhost:7333", 200);
        check("https://board.example", 200);
        check("https://board.example:444", 403);
        check("http://board.example", 403);
        check("https://board.example.evil", 403);
        check("http://localhost:8000", 403);
        check("http://localhost", 403);
        check("null", 403);
        check("", 403);
    }

    #[test]
    fn other_pages_make_no_requests_but_a_visit() {
        let settings = ServeSettings { allow_origin: vec!["https://board.example".into()], ..ServeSettings::default() };
        let case = Case { settings, local: "127.0.0.1" };
        let check = |path: &str, given: &[(HeaderName, &str)], expected| case.check("localhost:7333", path, given, expected);
        for own in ["same-origin", "none"] {
            check("/stream/progress", &[(FETCH_SITE, own)], 200);
        }
        // `same-site` is what another port of this machine is.
        for foreign in ["same-site", "cross-site", "", "None", "same-origin, cross-site"] {
            let site = (FETCH_SITE, foreign);
            for path in ["/stream/progress", "/api/state", "/healthz", "/app.js", "/panel.js", "/nowhere"] {
                check(path, std::slice::from_ref(&site), 403);
                check(path, &[site.clone(), (FETCH_MODE, "navigate"), (FETCH_DEST, "document")], 403);
            }
            check("/stream/progress", &[site.clone(), (header::ORIGIN, "https://board.example")], 200);
            check("/stream/progress", &[site.clone(), (header::ORIGIN, "http://localhost:3000")], 403);
            check("/", &[site.clone(), (FETCH_MODE, "navigate"), (FETCH_DEST, "document")], 200);
            check("/", &[site.clone(), (FETCH_MODE, "navigate"), (FETCH_DEST, "iframe")], 403);
            check("/", &[site, (FETCH_MODE, "no-cors"), (FETCH_DEST, "image")], 403);
        }
    }

    #[test]
    fn the_token_is_asked_of_everyone_but_on_open_routes() {
        let settings = ServeSettings { token: Token::new("s3cret\n"), ..ServeSettings::default() };
        let case = Case { settings, local: "127.0.0.1" };
        let check = |path: &str, given: &[(HeaderName, &str)], expected| case.check("localhost", path, given, expected);
        for path in OPEN_ROUTES.into_iter().chain(["/", "/app.js", "/view/top.js"]) {
            check(path, &[], 200);
        }
        for path in ["/stream/progress", "/stream/state", "/api/state", "/api/events", "/nowhere", "/healthz/", "//"] {
            check(path, &[], 401);
            check(path, &[(header::AUTHORIZATION, "Bearer s3cret")], 200);
        }
        check("/api/state", &[(header::AUTHORIZATION, "bearer  s3cret ")], 200);
        for wrong in ["Bearer s3cre", "Bearer s3cret2", "Bearer S3CRET", "Basic s3cret", "s3cret", "Bearer", ""] {
            check("/api/state", &[(header::AUTHORIZATION, wrong)], 401);
        }
    }

    #[test]
    fn behind_a_proxy_there_must_be_a_token() {
        let forwarded = |name: &'static str| [(HeaderName::from_static(name), "203.0.113.9")];
        let bare = Case { settings: ServeSettings::default(), local: "127.0.0.1" };
        let guarded = Case { settings: ServeSettings { token: Token::new("s3cret"), ..ServeSettings::default() }, local: "127.0.0.1" };
        for name in ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-real-ip"] {
            bare.check("localhost", "/stream/progress", &forwarded(name), 403);
            bare.check("localhost", "/healthz", &forwarded(name), 200);
            guarded.check("localhost", "/stream/progress", &forwarded(name), 401);
            let [forwarded] = forwarded(name);
            guarded.check("localhost", "/stream/progress", &[forwarded, (header::AUTHORIZATION, "Bearer s3cret")], 200);
        }
    }

    #[test]
    fn a_token_can_stand_in_a_header_and_is_not_shown() {
        assert_eq!(Token::new(" \n"), None);
        assert_eq!(Token::new("two words"), None);
        assert_eq!(format!("{:?}", Token::new("abc")), "Some(Token(…))");
    }
}
