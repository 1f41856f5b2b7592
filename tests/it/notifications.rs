//! Notifications by the real binary, to a receiver that is another crate's server: what arrives, how often, and signed how.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tiny_http::{Header, Response, Server};

use crate::bridge_process::{BridgeProcess, ProjectFolder, SOON, eventually, kind, story};
use crate::runner::append;
use crate::sse_client::{get, stream};

/// Of the specification's own examples.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Status(u16),
    /// To `/elsewhere`.
    Redirect,
    /// It never answers.
    Hang,
}

/// One request as it came.
#[derive(Debug, Clone)]
struct ReceivedRequest {
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl ReceivedRequest {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("it is JSON")
    }

    fn id(&self) -> &str {
        &self.headers["webhook-id"]
    }
}

/// A receiver on a port of its own. Ends with the process of the tests.
struct WebhookReceiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<ReceivedRequest>>>,
}

impl WebhookReceiver {
    /// `answer` is given the number of the request, from 0.
    fn new(answer: impl Fn(usize) -> Answer + Send + 'static) -> Self {
        let server = Server::http("127.0.0.1:0").expect("a free port");
        let address = server.server_addr().to_ip().expect("it has one");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let shared = requests.clone();
        std::thread::spawn(move || {
            let mut hanging = Vec::new();
            for (number, mut request) in server.incoming_requests().enumerate() {
                let mut body = String::new();
                request.as_reader().read_to_string(&mut body).expect("it has a body");
                let headers =
                    request.headers().iter().map(|header| (header.field.to_string().to_lowercase(), header.value.to_string())).collect();
                shared.lock().expect("nobody panics with it").push(ReceivedRequest { path: request.url().to_owned(), headers, body });
                // Whoever sent it may be gone.
                let _gone = match answer(number) {
                    Answer::Status(status) => request.respond(Response::empty(status)).is_err(),
                    Answer::Redirect => {
                        let to = Header::from_bytes("Location", "/elsewhere").expect("a header");
                        request.respond(Response::empty(307).with_header(to)).is_err()
                    }
                    Answer::Hang => {
                        hanging.push(request);
                        false
                    }
                };
            }
        });
        WebhookReceiver { address, requests }
    }

    fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    fn requests(&self) -> Vec<ReceivedRequest> {
        self.requests.lock().expect("nobody panics with it").clone()
    }

    /// Waits until so many have come.
    #[track_caller]
    fn waits_for(&self, count: usize) -> Vec<ReceivedRequest> {
        eventually(2 * SOON, format!("{count} requests"), || Some(self.requests()).filter(|requests| requests.len() >= count))
    }
}

/// A project whose first story passed before anybody looked.
fn shop() -> ProjectFolder {
    let project = ProjectFolder::new();
    let story = |id: &str, title: &str, passes: bool| json!({"id": id, "title": title, "passes": passes});
    project.write(
        "prd.json",
        &json!({"project": "Corner Shop", "userStories": [story("US-001", "List", true), story("US-002", "Basket", false)]}).to_string(),
    );
    tell(&project, "story_completed", &json!({"story_id": "US-001", "status": "passed"}));
    project
}

fn tell(project: &ProjectFolder, kind: &str, data: &Value) {
    append(&project.file("events.jsonl"), &format!("{}\n", json!({"type": kind, "data": data})));
}

fn start(project: &ProjectFolder, arguments: &[&str]) -> BridgeProcess {
    let mut command =
        project.command([&["prd.json", "events.jsonl", "--no-discover", "--listen", "127.0.0.1:0", "--json"], arguments].concat());
    command.env("PROGRESS_BRIDGE_WEBHOOK_SECRET", SECRET);
    BridgeProcess::start(command)
}

/// Waits until what was there has been read, so that what comes is new.
fn reads_history(bridge: &BridgeProcess) -> SocketAddr {
    bridge.event("the story of before", |event| kind(event) == "story_completed" && story(event) == "US-001");
    let address = bridge.address().parse().expect("an address");
    // The stream begins after the history.
    stream(address, "/stream/progress").wait_for("story_completed");
    address
}

#[track_caller]
fn is_signed(request: &ReceivedRequest) {
    let webhook = standardwebhooks::Webhook::new(SECRET).expect("it is a secret");
    let mut headers = hyper::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, request.headers[name].parse().expect("a value"));
    }
    webhook.verify(request.body.as_bytes(), &headers).expect("the reference library verifies it");
    let forged = [request.body.as_bytes(), b" "].concat();
    assert!(webhook.verify(&forged, &headers).is_err(), "it would verify anything");
}

#[test]
fn a_webhook_is_signed_has_the_events_id_and_comes_once_and_not_at_the_start() {
    let receiver = WebhookReceiver::new(|_| Answer::Status(204));
    let project = shop();
    let mut bridge = start(&project, &["--webhook", &receiver.url(), "--notify-on", "story,passed"]);
    reads_history(&bridge);
    tell(&project, "story_completed", &json!({"story_id": "US-002", "status": "passed"}));
    project.write("prd.json", &fs::read_to_string(project.file("prd.json")).expect("the plan").replace("false", "true"));
    let passed = bridge.event("the end", |event| kind(event) == "task_completed");
    let request = receiver.waits_for(1).remove(0);
    is_signed(&request);
    let body = request.json();
    assert_eq!((request.path.as_str(), &body["type"]), ("/hook", &json!("progress.passed")));
    assert_eq!(request.id(), passed["id"].as_str().expect("an id"), "the event's id makes a repeat harmless");
    assert_eq!(body["data"]["event"], passed);
    let also: Vec<&str> =
        body["data"]["also"].as_array().expect("what came with it").iter().map(|also| also["kind"].as_str().unwrap_or_default()).collect();
    assert_eq!(also, ["story"], "the story of before was no news");
    bridge.signal("TERM");
    eventually(SOON, "it ends", || bridge.poll_ended().then_some(()));
    assert_eq!(receiver.requests().len(), 1, "{:?}", receiver.requests());
}

/// 500 and a redirect are tried again, with the same id and a signature of the new time; a redirect is not followed.
#[test]
fn what_fails_is_tried_again_and_redirects_are_not_followed() {
    let receiver = WebhookReceiver::new(|number| [Answer::Status(500), Answer::Status(200)][number.min(1)]);
    let moved = WebhookReceiver::new(|number| [Answer::Redirect, Answer::Status(200)][number.min(1)]);
    let project = shop();
    let bridge = start(&project, &["--webhook", &receiver.url(), "--webhook", &moved.url(), "--notify-on", "story"]);
    reads_history(&bridge);
    tell(&project, "story_completed", &json!({"story_id": "US-002", "status": "failed", "reason": "tests red"}));
    for receiver in [&receiver, &moved] {
        let requests = receiver.waits_for(2);
        assert_eq!(requests.len(), 2);
        requests.iter().for_each(is_signed);
        assert_eq!(requests[0].id(), requests[1].id());
        assert!(requests.iter().all(|request| request.path == "/hook"), "{requests:?}");
        assert!(requests[0].json()["data"]["text"].as_str().is_some_and(|text| text.contains("tests red")));
    }
}

/// Receivers that hang, refuse or are gone hold up nobody: not one another, not the stream, not the end.
#[test]
fn a_dead_receiver_holds_up_nobody_and_is_a_notice_when_it_is_gone() {
    let (hanging, gone, well) = (
        WebhookReceiver::new(|_| Answer::Hang),
        WebhookReceiver::new(|_| Answer::Status(410)),
        WebhookReceiver::new(|_| Answer::Status(200)),
    );
    let refusing = Server::http("127.0.0.1:0").expect("a free port").server_addr().to_ip().expect("it has one");
    let project = shop();
    let urls = [hanging.url(), gone.url(), format!("http://{refusing}/"), well.url()];
    let mut arguments: Vec<&str> = urls.iter().flat_map(|url| ["--webhook", url.as_str()]).collect();
    arguments.extend(["--notify-on", "story"]);
    let mut bridge = start(&project, &arguments);
    let address = reads_history(&bridge);
    tell(&project, "story_completed", &json!({"story_id": "US-002", "status": "passed"}));
    well.waits_for(1);
    hanging.waits_for(1);
    gone.waits_for(1);
    tell(&project, "error_occurred", &json!({"message": "still read"}));
    bridge.event("the next event", |event| kind(event) == "error_occurred");
    eventually(SOON, "a notice about the one that is gone", || {
        let state = get(address, "/api/state").json();
        let notices = state["notices"].as_array().expect("a list").clone();
        notices
            .into_iter()
            .find(|notice| notice["kind"] == "delivery" && notice["message"].as_str().is_some_and(|text| text.contains("410")))
    });
    bridge.signal("TERM");
    eventually(SOON, "it ends", || bridge.poll_ended().then_some(()));
    assert_eq!((gone.requests().len(), well.requests().len()), (1, 1));
}

/// kill -9 between the event and its delivery: told once more, with the same id, and never again.
#[test]
fn killed_before_the_delivery_it_is_told_by_the_next_process_with_the_same_id() {
    let receiver = WebhookReceiver::new(|number| if number == 0 { Answer::Hang } else { Answer::Status(200) });
    let (project, state) = (shop(), tempfile::tempdir().expect("a temporary folder"));
    let url = receiver.url();
    let arguments = ["--state", state.path().to_str().expect("a plain name"), "--webhook", &url, "--notify-on", "story"];
    let bridge = start(&project, &arguments);
    reads_history(&bridge);
    tell(&project, "story_completed", &json!({"story_id": "US-002", "status": "failed"}));
    receiver.waits_for(1);
    bridge.signal("KILL");
    drop(bridge);
    let mode = fs::metadata(state.path().join("notifications")).expect("it is kept").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let kept = fs::read_to_string(state.path().join("notifications")).expect("it is text");
    assert!(!kept.contains(&url) && !kept.contains(SECRET), "{kept}");

    let bridge = start(&project, &arguments);
    let requests = receiver.waits_for(2);
    assert_eq!(requests[0].id(), requests[1].id());
    requests.iter().for_each(is_signed);
    eventually(SOON, "it is kept that it was told", || {
        let kept: Value = serde_json::from_str(&fs::read_to_string(state.path().join("notifications")).ok()?).ok()?;
        let is_empty = |waiting: &Value| waiting.as_array().is_some_and(Vec::is_empty);
        (is_empty(&kept["collected"]) && kept["waiting"].as_object()?.values().all(is_empty)).then_some(())
    });
    bridge.signal("KILL");
    drop(bridge);

    // What comes next is told, and nothing before it.
    let _bridge = start(&project, &arguments);
    tell(&project, "story_started", &json!({"story_id": "US-002"}));
    tell(&project, "story_completed", &json!({"story_id": "US-002", "status": "passed"}));
    let requests = receiver.waits_for(3);
    assert!(requests[2].id() != requests[0].id() && requests.len() == 3, "{requests:?}");
    assert!(requests[2].json()["data"]["title"].as_str().is_some_and(|title| title.contains("US-002 passed")), "{}", requests[2].json());
    assert!(requests[2].json()["data"].get("also").is_none(), "{}", requests[2].json());
}

/// What happened while nobody watched is told by the next process.
#[test]
fn what_happened_between_two_processes_is_told() {
    let receiver = WebhookReceiver::new(|_| Answer::Status(200));
    let (project, state) = (shop(), tempfile::tempdir().expect("a temporary folder"));
    let url = receiver.url();
    let arguments = ["--state", state.path().to_str().expect("a plain name"), "--webhook", &url, "--notify-on", "story"];
    let mut bridge = start(&project, &arguments);
    reads_history(&bridge);
    eventually(SOON, "it is kept how far it looked", || state.path().join("notifications").exists().then_some(()));
    bridge.signal("TERM");
    eventually(SOON, "it ends", || bridge.poll_ended().then_some(()));
    tell(&project, "story_completed", &json!({"story_id": "US-002", "status": "failed"}));
    let _bridge = start(&project, &arguments);
    let request = receiver.waits_for(1).remove(0);
    assert!(request.json()["data"]["title"].as_str().is_some_and(|title| title.contains("US-002 failed")), "{}", request.json());
    assert_eq!(receiver.requests().len(), 1);
}

/// A command gets everything on its stdin and as variables: a title is never an argument, and no shell reads it.
#[test]
fn a_command_is_run_without_a_shell_and_a_title_is_never_an_argument() {
    let project = ProjectFolder::new();
    let title = "$(touch owned) `touch owned`; touch owned --help \" ' \\";
    project.write("prd.json", &json!({"project": title, "userStories": [{"id": "US-001", "title": title, "passes": false}]}).to_string());
    tell(&project, "story_started", &json!({"story_id": "US-001"}));
    project.write("hook", "#!/bin/sh\ncat > input.new\nenv > variables.new\nprintf '%s\\n' \"$@\" > arguments\nmv variables.new variables\nmv input.new input\necho 'no room' >&2\nexit 3\n");
    fs::set_permissions(project.file("hook"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    let bridge = start(&project, &["--notify-exec", "./hook 'one word' $HOME", "--notify-on", "story"]);
    bridge.event("the start", |event| kind(event) == "story_started");
    let address: SocketAddr = bridge.address().parse().expect("an address");
    stream(address, "/stream/progress").wait_for("story_started");
    tell(&project, "story_completed", &json!({"story_id": "US-001", "status": "failed", "reason": title}));
    let input: Value =
        eventually(2 * SOON, "the command has run", || serde_json::from_str(&fs::read_to_string(project.file("input")).ok()?).ok());
    assert_eq!(input["data"]["task_name"], title);
    assert_eq!(fs::read_to_string(project.file("arguments")).expect("it wrote them"), "one word\n$HOME\n");
    let variables = fs::read_to_string(project.file("variables")).expect("it wrote them");
    assert!(
        variables.contains(&format!("PROGRESS_BRIDGE_TASK={title}\n")) && variables.contains("PROGRESS_BRIDGE_KIND=story\n"),
        "{variables}"
    );
    assert!(
        variables.contains(&format!("PROGRESS_BRIDGE_URL=http://{address}/")) && variables.contains("PROGRESS_BRIDGE_PASSED=0\n"),
        "{variables}"
    );
    assert!(!variables.contains(SECRET), "the secret is none of its business");
    assert!(!project.file("owned").exists());
    let notice = bridge.says("hook ended with");
    assert!(notice.contains("no room") && notice.contains("3"), "{notice}");
}

#[test]
fn the_end_of_a_run_is_told_before_the_program_ends_with_it() {
    let receiver = WebhookReceiver::new(|_| Answer::Status(200));
    let project = shop();
    let bridge = start(&project, &["--webhook", &receiver.url(), "--exit-on-complete"]);
    reads_history(&bridge);
    project.write("prd.json", &fs::read_to_string(project.file("prd.json")).expect("the plan").replace("false", "true"));
    assert_eq!(bridge.finished(2 * SOON).status.code(), Some(0));
    let requests = receiver.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    assert_eq!(requests[0].json()["type"], "progress.passed");
}

/// Another bridge's run is told of by whoever looks at it.
#[test]
fn the_end_of_another_bridges_run_is_told() {
    let receiver = WebhookReceiver::new(|_| Answer::Status(200));
    let project = shop();
    let there = start(&project, &[]);
    let address = reads_history(&there);
    let here = ProjectFolder::new();
    let bridge = here.start(&["--connect", &format!("http://{address}"), "--plain", "--webhook", &receiver.url()]);
    bridge.says("connected");
    bridge.says("US-001");
    project.write("prd.json", &fs::read_to_string(project.file("prd.json")).expect("the plan").replace("false", "true"));
    let requests = receiver.waits_for(1);
    assert_eq!((requests.len(), &requests[0].json()["type"]), (1, &json!("progress.passed")));
}

/// A certificate that the system's roots vouch for is accepted, any other is not.
#[test]
fn https_is_spoken_with_the_roots_of_the_system() {
    let receiver = WebhookReceiver::new(|_| Answer::Status(200));
    let (port, certificate) = tls_in_front_of(receiver.address);
    let project = shop();
    project.write("root.pem", &certificate);
    let url = format!("https://localhost:{port}/hook");
    let run = |roots: &str| {
        let mut command = project.command([
            "prd.json",
            "events.jsonl",
            "--no-discover",
            "--listen",
            "127.0.0.1:0",
            "--json",
            "--webhook",
            &url,
            "--exit-on-complete",
        ]);
        command.env("SSL_CERT_FILE", project.file(roots)).env_remove("SSL_CERT_DIR");
        let bridge = BridgeProcess::start(command);
        reads_history(&bridge);
        let plan = fs::read_to_string(project.file("prd.json")).expect("the plan");
        project.write("prd.json", &plan.replace("false", "true"));
        let finished = bridge.finished(3 * SOON);
        project.write("prd.json", &plan);
        finished.stderr.join("\n")
    };
    let (other, _) = (rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate"), ());
    project.write("other.pem", &pem(other.cert.der()));
    let refused = run("other.pem");
    assert_eq!(receiver.requests().len(), 0);
    assert!(refused.contains("webhook at localhost was not told"), "{refused}");
    run("root.pem");
    assert_eq!(receiver.requests().len(), 1);
}

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", STANDARD.encode(der))
}

/// A port that speaks TLS and passes everything on. Ends with the process of the tests.
fn tls_in_front_of(to: SocketAddr) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let certificate = pem(made.cert.der());
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .expect("they belong together");
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("it is ours");
    let port = listener.local_addr().expect("it is bound").port();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("it is ours");
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that trusts nobody ends the handshake.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let mut server = tokio::net::TcpStream::connect(to).await.expect("it listens");
                    let _ended = tokio::io::copy_bidirectional(&mut client, &mut server).await.is_err();
                });
            }
        });
    });
    (port, certificate)
}
