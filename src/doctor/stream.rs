//! A measured stream → what is wrong with the way from there to here. Pure but for the first question.

use std::time::Duration;

use super::Finding;
use crate::client::http::{HttpClient, RequestError, body};
use crate::client::probe::{Quiet, Resumed, StreamProbe};

/// First bytes that take longer were collected by somebody.
const SLOW: Duration = Duration::from_millis(1500);

/// Which bridge answers there.
pub(super) async fn version(client: &HttpClient) -> Result<String, RequestError> {
    let response = client.get("/version", &[], Duration::ZERO).await?;
    let json: serde_json::Value = serde_json::from_slice(&body(response).await?).unwrap_or_default();
    match json["version"].as_str() {
        Some(version) => Ok(version.to_owned()),
        None => Err(RequestError::Unreachable("whatever answers there is no progress-bridge: check host, port and path".to_owned())),
    }
}

pub(super) fn examine(url: &str, version: &str, probe: &StreamProbe) -> Vec<Finding> {
    let mut findings = vec![Finding::Heading(format!("{url}: progress-bridge {version}"))];
    findings.push(if probe.content_type == "text/event-stream" {
        Finding::good("content type text/event-stream")
    } else {
        Finding::bad(format!(
            "content type {:?} instead of text/event-stream: something in between rewrites it, and browsers refuse the stream",
            probe.content_type
        ))
    });
    if let Some(encoding) = &probe.content_encoding {
        findings.push(Finding::bad(format!(
            "compressed ({encoding}): events come in lumps; leave text/event-stream out of the proxy's compression"
        )));
    }
    let Some(taken) = probe.first_bytes else {
        findings.push(Finding::bad(
            "nothing came within 5 s: something in between collects the stream; switch its buffering off for /stream/ (docs/deployment.md)",
        ));
        findings.push(Finding::Next(format!("progress-bridge --connect {url}   # polls where streams do not come through")));
        return findings;
    };
    findings.push(if taken > SLOW {
        Finding::poor(format!("the first bytes took {:.1} s: a slow way, or something in between that collects them", taken.as_secs_f64()))
    } else {
        Finding::good(format!("first bytes after {} ms", taken.as_millis()))
    });
    findings.push(frames(probe));
    let heartbeat = probe.heartbeat.as_secs();
    findings.push(match probe.quiet {
        Quiet::Kept => Finding::good(format!("kept open while quiet, a sign of life within {heartbeat} s")),
        Quiet::Silent => Finding::bad(format!(
            "no sign of life although one was due after {heartbeat} s: something in between collects bytes; switch its buffering off for /stream/"
        )),
        Quiet::Cut(after) => Finding::bad(format!(
            "cut after {} s of quiet: raise the idle timeout in between above {heartbeat} s (nginx: proxy_read_timeout)",
            after.as_secs()
        )),
    });
    findings.extend(probe.resumed.map(|resumed| match resumed {
        Resumed::WentOn => Finding::good("Last-Event-ID gets there: a client goes on where it was"),
        Resumed::BeganAnew => Finding::bad(
            "known events came again: Last-Event-ID does not get there; let the header through, or resume with ?last_event_id=",
        ),
        Resumed::Failed => Finding::bad("a second stream did not begin: something in between allows too few connections; raise its limit"),
    }));
    findings.push(Finding::Next(format!("progress-bridge --connect {url}")));
    findings
}

fn frames(probe: &StreamProbe) -> Finding {
    let all = probe.frames.len();
    let without_id = probe.frames.iter().filter(|frame| frame.id.is_none()).count();
    match (probe.frames.first().map(|frame| frame.event.as_str()), without_id) {
        (Some("busy"), _) => Finding::bad("no seat is free: ask again later, or raise --max-clients there"),
        (Some("hello"), 0) => Finding::good(format!("{all} frames, each with its id")),
        (Some("hello"), missing) => Finding::bad(format!(
            "{missing} of {all} frames without id: something in between rewrites the stream, and clients cannot come back where they were"
        )),
        (Some(_) | None, _) => {
            Finding::bad("the stream does not begin with hello: something in between answers in the bridge's place; check the URL")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::probe::ProbedFrame;

    fn frame(event: &str, id: Option<&str>) -> ProbedFrame {
        ProbedFrame { event: event.to_owned(), id: id.map(str::to_owned), data: "{}".to_owned() }
    }

    fn good() -> StreamProbe {
        StreamProbe {
            content_type: "text/event-stream".to_owned(),
            content_encoding: None,
            first_bytes: Some(Duration::from_millis(3)),
            frames: vec![frame("hello", Some("e-1")), frame("story_started", Some("e-2"))],
            heartbeat: Duration::from_secs(15),
            quiet: Quiet::Kept,
            resumed: Some(Resumed::WentOn),
        }
    }

    #[track_caller]
    fn check(probe: &StreamProbe, bad: &[&str]) {
        let findings = examine("http://127.0.0.1:7333", "1.5.0", probe);
        let text: String = findings.iter().map(crate::doctor::line).collect();
        assert_eq!(text.matches("  BAD   ").count(), bad.len(), "{text}");
        for words in bad {
            assert!(text.contains(words), "{words:?} is missing in\n{text}");
        }
    }

    #[test]
    fn each_way_of_spoiling_a_stream_is_named_with_its_remedy() {
        check(&good(), &[]);
        check(&StreamProbe { content_type: "text/html".to_owned(), ..good() }, &["\"text/html\""]);
        check(&StreamProbe { content_encoding: Some("gzip".to_owned()), ..good() }, &["compression"]);
        check(&StreamProbe { first_bytes: None, ..good() }, &["buffering off"]);
        check(&StreamProbe { frames: vec![frame("hello", None)], ..good() }, &["1 of 1 frames without id"]);
        check(&StreamProbe { frames: vec![frame("busy", Some("e-1"))], ..good() }, &["no seat"]);
        check(&StreamProbe { frames: Vec::new(), ..good() }, &["does not begin with hello"]);
        check(&StreamProbe { quiet: Quiet::Silent, ..good() }, &["after 15 s"]);
        check(&StreamProbe { quiet: Quiet::Cut(Duration::from_secs(5)), ..good() }, &["cut after 5 s"]);
        check(&StreamProbe { resumed: Some(Resumed::BeganAnew), ..good() }, &["Last-Event-ID"]);
        check(&StreamProbe { resumed: Some(Resumed::Failed), ..good() }, &["second stream"]);
    }
}
