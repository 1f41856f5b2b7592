//! The printed link: its code is exchanged for the token once, by JSON, from this machine's own pages.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use progress_bridge::serve::{LoginCode, ServeSettings, Token};
use serde_json::{Value, json};

use crate::bridge_process::{ProjectFolder, SOON};
use crate::in_process_server::InProcessServer;
use crate::sse_client::{Response, TestRequest, exchange, get, send};

const CODE: &str = "00112233445566778899aabbccddeeff";

fn server() -> InProcessServer {
    let code = Token::new(CODE).expect("it is usable");
    let login_code = Some(LoginCode { code, expires: Instant::now() + Duration::from_secs(600) });
    let head_timeout = Duration::from_millis(500);
    InProcessServer::with(ServeSettings { token: Token::new("s3cret"), login_code, head_timeout, ..ServeSettings::default() })
}

fn post(address: std::net::SocketAddr, headers: &[(&str, &str)], body: &str) -> Response {
    let length = body.len().to_string();
    let headers = [&[("Content-Length", length.as_str())], headers].concat();
    exchange(address, &TestRequest { method: "POST", target: "/api/login", headers: &headers }, body)
}

fn login(address: std::net::SocketAddr, code: &str) -> (u16, Value) {
    let response = post(address, &[("Content-Type", "application/json")], &json!({"code": code}).to_string());
    assert_eq!(response.header("cache-control"), Some("no-store"));
    (response.status, response.json())
}

#[test]
fn a_code_brings_the_token_once() {
    let server = server();
    assert_eq!(login(server.address, "ffffffffffffffffffffffffffffffff").0, 403);
    assert_eq!(login(server.address, CODE), (200, json!({"token": "s3cret"})));
    let (status, again) = login(server.address, CODE);
    assert_eq!((status, &again["error"]["code"]), (403, &json!("code_refused")));
}

#[test]
fn ten_wrong_codes_void_the_right_one() {
    let server = server();
    (0..10).for_each(|_| assert_eq!(login(server.address, "wrong").0, 403));
    assert_eq!(login(server.address, CODE).0, 403);
}

#[test]
fn without_a_link_no_code_is_good() {
    let server = InProcessServer::start();
    assert_eq!(login(server.address, "").0, 403);
}

#[test]
fn only_json_of_our_own_pages_is_read() {
    let server = server();
    let body = json!({"code": CODE}).to_string();
    let kind = ("Content-Type", "application/json");
    let check = |headers: &[(&str, &str)], body: &str, status: u16, code: &str| {
        let response = post(server.address, headers, body);
        assert_eq!((response.status, response.header("content-type")), (status, Some("application/json")));
        assert_eq!(response.json()["error"]["code"], code);
    };
    for plain in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonp", ""] {
        check(&[("Content-Type", plain)], &body, 415, "json_needed");
    }
    check(&[kind, ("Origin", "https://evil.example")], &body, 403, "origin_not_allowed");
    check(&[kind, ("Sec-Fetch-Site", "cross-site")], &body, 403, "page_not_allowed");
    check(&[kind, ("Host", "evil.example")], &body, 403, "host_not_allowed");
    for broken in ["", "{", "[]", "7", "{\"code\": 7}", "{}"] {
        check(&[kind], broken, 400, "bad_request");
    }
    check(&[kind], &format!("{{\"code\": \"{}\"}}", "x".repeat(2_000)), 413, "body_too_large");
    let get = get(server.address, "/api/login");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST, OPTIONS")));
    let options = send(server.address, &TestRequest { method: "OPTIONS", target: "/api/login", headers: &[] });
    assert_eq!((options.status, options.header("allow")), (204, Some("POST, OPTIONS")));
    // None of that has used up the code.
    assert_eq!(login(server.address, CODE).0, 200);
}

#[test]
fn a_body_that_never_comes_is_not_waited_for() {
    let server = server();
    let start = Instant::now();
    let headers = [("Content-Type", "application/json"), ("Content-Length", "50")];
    let slow = exchange(server.address, &TestRequest { method: "POST", target: "/api/login", headers: &headers }, "{");
    assert_eq!(slow.status, 408);
    assert!(start.elapsed() < SOON);
    let mut gone = TcpStream::connect(server.address).expect("the server accepts");
    gone.write_all(b"POST /api/login HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("the server listens");
    drop(gone);
    assert_eq!(login(server.address, CODE).0, 200);
}

/// The lines on stderr of a bridge that asks for a token, once it serves.
fn lines(project: &ProjectFolder, arguments: &[&str], variable: Option<&str>) -> (String, Vec<String>, String) {
    let mut command = project.command(["--watch", "progress.txt", "--listen", "127.0.0.1:0"].iter().chain(arguments));
    variable.into_iter().for_each(|token| {
        command.env("PROGRESS_BRIDGE_TOKEN", token);
    });
    let bridge = crate::bridge_process::BridgeProcess::start(command);
    let page = bridge.says("page: ");
    let code = page.split_once("/#code=").and_then(|(_, code)| code.split(' ').next()).expect("the link has a code").to_owned();
    let address = bridge.address().parse().expect("an address");
    let (status, answer) = login(address, &code);
    assert_eq!(status, 200);
    let token = answer["token"].as_str().expect("a token").to_owned();
    let header = format!("Bearer {token}");
    let ask =
        |value: &str| send(address, &TestRequest { method: "GET", target: "/api/state", headers: &[("Authorization", value)] }).status;
    assert_eq!((ask(&header), ask(&format!("Bearer {code}")), login(address, &code).0), (200, 401, 403));
    bridge.says("watching");
    let stderr = bridge.stderr().lines().map(str::to_owned).collect();
    (token, stderr, code)
}

#[test]
fn a_supplied_token_is_never_printed_and_a_made_one_once() {
    let project = ProjectFolder::new();
    project.write("progress.txt", "[US-001] Starting...\n");
    project.write("token", "0123456789abcdefgh\n");
    let printed = |(token, lines, code): (String, Vec<String>, String)| {
        assert_eq!(code.len(), 32, "128 bits: {code}");
        lines.iter().filter(|line| line.contains(&token)).count()
    };
    assert_eq!(printed(lines(&project, &["--token-file", "token"], None)), 0);
    assert_eq!(printed(lines(&project, &[], Some("abcdefgh0123456789"))), 0);
    assert_eq!(printed(lines(&project, &["--require-token"], Some("abcdefgh0123456789"))), 0);
    assert_eq!(printed(lines(&project, &["--require-token"], None)), 1);
    let made = lines(&project, &["--require-token", "--token-file", "made"], None);
    assert_eq!(std::fs::read_to_string(project.file("made")).expect("it was made").trim_end(), made.0);
    assert_eq!(printed(made), 0);
}
