//! The embedded page and panel: modules and styles of our own and two vendored libraries, none of which refers to another host, so that
//! the content policy can forbid everything else. Served at the paths they have in `page/assets`, without a build step.

use std::sync::LazyLock;

use bytes::Bytes;
use warp::Filter;
use warp::Rejection;
use warp::filters::path::FullPath;
use warp::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, IF_NONE_MATCH};
use warp::http::{HeaderMap, StatusCode};
use warp::reply::{Reply, Response};
use xxhash_rust::xxh3::xxh3_64;

use super::query::HttpRequest;

/// The path of the page itself.
pub(super) const INDEX: &str = "/";

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        [(INDEX, include_str!("page/assets/index.html")), $((concat!("/", $name), include_str!(concat!("page/assets/", $name)))),*]
    };
}

/// Every file by its path.
const SOURCES: [(&str, &str); 30] = sources![
    "announce.js",
    "app.js",
    "clock.js",
    "feed.js",
    "icons.js",
    "lead.js",
    "link.js",
    "notify.js",
    "page.css",
    "panel.css",
    "panel.js",
    "parts.js",
    "report.js",
    "scale.js",
    "session.js",
    "tokens.css",
    "vendor/eventsource-parser/index.js",
    "vendor/lit-html/directive.js",
    "vendor/lit-html/lit-html.js",
    "view/alert.js",
    "view/aside.js",
    "view/burnup.js",
    "view/events.js",
    "view/help.js",
    "view/login.js",
    "view/stories.js",
    "view/top.js",
    "wholes.js",
    "words.js",
];

/// A file as it is sent.
struct Asset {
    path: &'static str,
    content_type: &'static str,
    body: Bytes,
    etag: HeaderValue,
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| SOURCES.iter().map(|(path, source)| Asset::new(path, source)).collect());

impl Asset {
    fn new(path: &'static str, source: &'static str) -> Self {
        let content_type = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            _ => "text/html; charset=utf-8",
        };
        // Vendored files are sent as their authors published them.
        let body = match path.rsplit_once('.') {
            _ if path.starts_with("/vendor/") => Bytes::from_static(source.as_bytes()),
            Some((_, "css")) => without_spaces(&without_comments(source)).into(),
            _ => without_comments(source).into(),
        };
        let etag = format!("\"{:016x}\"", xxh3_64(&body));
        Asset { path, content_type, body, etag: HeaderValue::from_str(&etag).expect("a quoted hexadecimal number is a header value") }
    }
}

/// A file as it is sent, for pages that carry it with them.
pub(crate) fn source(path: &str) -> String {
    let asset = ASSETS.iter().find(|asset| asset.path == path);
    asset.map(|asset| String::from_utf8_lossy(&asset.body).into_owned()).unwrap_or_default()
}

/// Drops indentation and whole-line comments, which serve the readers of the source and are a tenth of it.
fn without_comments(source: &str) -> String {
    let is_comment = |line: &&str| line.starts_with("//") || (line.starts_with("/*") && line.ends_with("*/"));
    source.lines().map(str::trim).filter(|line| !line.is_empty() && !is_comment(line)).flat_map(|line| [line, "\n"]).collect()
}

/// Drops the spaces of style sheets that stand for nothing: a tenth again.
fn without_spaces(sheet: &str) -> String {
    const SHORTER: [(&str, &str); 9] =
        [(" { ", "{"), (": ", ":"), ("; ", ";"), (" }", "}"), (";}", "}"), ("} ", "}"), (", ", ","), ("}\n", "}"), (";\n", ";")];
    SHORTER.iter().fold(sheet.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Whether the path is one of the page's files: they are the same for everybody and hold nothing of what is watched.
pub(super) fn is_asset(path: &str) -> bool {
    SOURCES.iter().any(|(known, _)| *known == path)
}

/// The route that a request is counted for: a file of the page counts as the page.
pub(super) fn route_of(path: &str) -> &str {
    if path != "/panel.js" && is_asset(path) { INDEX } else { path }
}

/// The page, the panel and their files.
pub(super) fn assets() -> impl Filter<Extract = (Response,), Error = Rejection> + Clone {
    warp::path::full()
        .and_then(|path: FullPath| {
            let found = ASSETS.iter().find(|asset| asset.path == path.as_str());
            std::future::ready(found.ok_or_else(warp::reject::not_found))
        })
        .and(warp::get().or(warp::head()).unify().and(super::query::parse_request()))
        .map(|asset: &'static Asset, request: HttpRequest| respond(asset, &request.headers))
}

/// Revalidated on every load: a newer bridge on the same port must not meet an old script.
fn respond(asset: &'static Asset, request: &HeaderMap) -> Response {
    let known = request.get(IF_NONE_MATCH).is_some_and(|tag| *tag == asset.etag);
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(asset.body.clone().into()) };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ETAG, asset.etag.clone());
    // The panel is loaded by pages of other origins; the page itself is nobody else's.
    let policy = if asset.path == INDEX { "same-origin" } else { "cross-origin" };
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static(policy));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> String {
        let asset = ASSETS.iter().find(|asset| asset.path == path).unwrap_or_else(|| panic!("{path} is embedded"));
        String::from_utf8(asset.body.to_vec()).expect("files are text")
    }

    #[test]
    fn comments_stay_at_home_and_nothing_else() {
        let source = "// one\nconst a = 1; // two\n\n  /* three */\n  * { b: 2 }\n/** four */\n`//${x}`\n";
        assert_eq!(without_comments(source), "const a = 1; // two\n* { b: 2 }\n`//${x}`\n");
        assert!(!text("/app.js").contains("\n//"));
    }

    #[test]
    fn spaces_of_style_sheets_that_mean_something_stay() {
        let sheet = ".a .b > c, .d :hover { margin: 0 1px; width: calc(1px + 2px); }\n@media (width < 1px) { .e { color: red } }\n";
        let expected = ".a .b > c,.d :hover{margin:0 1px;width:calc(1px + 2px)}@media (width < 1px){.e{color:red}}";
        assert_eq!(without_spaces(sheet), expected);
        // What is replaced must not stand in a text.
        let sheets = SOURCES.iter().filter(|(path, _)| path.ends_with(".css"));
        let mut texts = sheets.flat_map(|(_, source)| source.lines()).flat_map(|line| line.split('"').skip(1).step_by(2));
        assert_eq!(texts.find(|text| without_spaces(text) != *text), None);
    }

    #[test]
    fn every_import_is_embedded() {
        for asset in ASSETS.iter().filter(|asset| asset.path.ends_with(".js")) {
            let code = text(asset.path);
            let folder = asset.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let imported = code.split(['"', '\'', '`']).filter(|word| word.starts_with("./") || word.starts_with("../"));
            for word in imported.filter(|word| word.ends_with(".js")) {
                let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
                for step in word.split('/') {
                    match step {
                        "." => {}
                        ".." => drop(parts.pop()),
                        name => parts.push(name),
                    }
                }
                assert!(is_asset(&format!("/{}", parts.join("/"))), "{} imports {word}", asset.path);
            }
        }
    }

    #[test]
    fn it_stays_small() {
        let total: usize = ASSETS.iter().map(|asset| asset.body.len()).sum();
        assert!(total <= 150_000, "{total} bytes plain");
    }

    #[test]
    fn nothing_is_inline_and_text_never_becomes_markup() {
        let own = || ASSETS.iter().filter(|asset| !asset.path.starts_with("/vendor/"));
        for asset in own() {
            let code = text(asset.path);
            for forbidden in
                ["innerHTML", "outerHTML", "insertAdjacentHTML", "unsafeHTML", "document.write", "eval(", "http://cdn", "https://"]
            {
                assert!(!code.contains(forbidden), "{} contains {forbidden}", asset.path);
            }
            assert!(!code.contains(" style=") && !code.contains("<style") && !code.contains(" onclick="), "{} is inline", asset.path);
        }
        assert!(!text(INDEX).contains("<script>"));
    }
}
