//! A notification as the request that a kind of receiver understands: pure.
//!
//! Text of a log stands in JSON strings only, never in a path, a header or a form; where the receiver reads markup, what would be markup is
//! escaped.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use serde::Serialize;
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_64;

use super::occasion::{FoldedNotification, Notification, OccasionKind};
use super::signature::SigningSecret;
use crate::clock::Timestamp;
use crate::text::shortened;

/// Characters of one message that every receiver takes.
const MESSAGE_LIMIT: usize = 1_500;
/// Slack refuses a message with a longer header.
const SLACK_HEADER_LIMIT: usize = 150;

/// A receiver that is called by HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    format: Format,
    pub(super) uri: Uri,
    /// The value of `Authorization`, when the URL names a user.
    authorization: Option<String>,
}

/// What a receiver reads.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    /// Standard Webhooks.
    Standard,
    Ntfy {
        topic: String,
    },
    Slack,
    Discord,
    Telegram {
        chat: String,
    },
}

/// A request that is ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HookRequest {
    pub uri: Uri,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

impl Webhook {
    /// Takes `https://…`, `ntfy+https://host/topic`, `slack+https://…`, `discord+https://…` or `telegram:TOKEN@CHAT`.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do. The URL is not in it: it may be a secret.
    pub fn parse(text: &str) -> Result<Webhook, String> {
        if let Some(token_and_chat) = text.strip_prefix("telegram:") {
            return Webhook::telegram(token_and_chat.trim_start_matches('/'));
        }
        let (kind, url) = match text.split_once("+http") {
            Some((kind, _)) => (kind, &text[kind.len() + 1..]),
            None => ("", text),
        };
        let (scheme, after) = url.split_once("://").ok_or_else(usage)?;
        let (authority, path) = after.split_at(after.find(['/', '?', '#']).unwrap_or(after.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let path = path.split('#').next().unwrap_or_default();
        let host_name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
        match scheme {
            "https" => {}
            "http" if is_near(host_name) => {}
            "http" => return Err("http can be read and changed on the way to another network: use https".to_owned()),
            _ => return Err(usage()),
        }
        let (format, path) = match kind {
            "" => (Format::Standard, path.to_owned()),
            "slack" => (Format::Slack, path.to_owned()),
            "discord" => (Format::Discord, path.to_owned()),
            "ntfy" => {
                let (base, topic) =
                    path.trim_end_matches('/').rsplit_once('/').ok_or_else(|| "ntfy needs a topic: ntfy+https://host/topic".to_owned())?;
                if topic.is_empty() || !topic.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
                    return Err("ntfy needs a topic of letters, digits, - and _: ntfy+https://host/topic".to_owned());
                }
                (Format::Ntfy { topic: topic.to_owned() }, format!("{base}/"))
            }
            _ => return Err(usage()),
        };
        let path = if path.is_empty() { "/".to_owned() } else { path };
        let uri = format!("{scheme}://{host}{path}").parse::<Uri>().ok().filter(|uri| uri.host().is_some()).ok_or_else(usage)?;
        Ok(Webhook { format, uri, authorization: user.map(authorization) })
    }

    fn telegram(text: &str) -> Result<Webhook, String> {
        let wrong = || "telegram needs the bot's token and the chat: telegram:123456:ABC@-100123".to_owned();
        let (token, chat) = text.rsplit_once('@').ok_or_else(wrong)?;
        // A channel is called @name.
        let (token, chat) = match token.strip_suffix('@') {
            Some(token) => (token, format!("@{chat}")),
            None => (token, chat.to_owned()),
        };
        let is_token = token.contains(':') && token.chars().all(|c| c.is_ascii_alphanumeric() || ":-_".contains(c));
        let is_chat = !chat.is_empty() && chat.chars().all(|c| c.is_ascii_alphanumeric() || "@-_".contains(c));
        if !is_token || !is_chat {
            return Err(wrong());
        }
        let uri = format!("https://api.telegram.org/bot{token}/sendMessage").parse().map_err(|_| wrong())?;
        Ok(Webhook { format: Format::Telegram { chat }, uri, authorization: None })
    }

    /// What names this receiver from one process to the next, and gives nothing of a secret away.
    pub(super) fn key(&self) -> String {
        let chat = match &self.format {
            Format::Telegram { chat } => chat.as_str(),
            Format::Ntfy { topic } => topic,
            Format::Standard | Format::Slack | Format::Discord => "",
        };
        format!("{:016x}", xxh3_64(format!("{}\0{chat}", self.uri).as_bytes()))
    }

    /// The request of one try.
    pub(super) fn request(
        &self,
        notification: &Notification,
        secret: Option<&SigningSecret>,
        page: Option<&str>,
        now: Timestamp,
    ) -> HookRequest {
        let body = match &self.format {
            Format::Standard => payload(notification, page),
            Format::Ntfy { topic } => ntfy(notification, topic),
            Format::Slack => slack(notification),
            Format::Discord => discord(notification),
            Format::Telegram { chat } => telegram(notification, chat),
        };
        let body = serde_json::to_vec(&body).expect("it is plain data with string keys: it cannot fail to serialise");
        let mut headers = vec![("content-type", "application/json".to_owned())];
        if self.format == Format::Standard {
            let (id, seconds) = (notification.id.to_string(), now.0.div_euclid(1000));
            if let Some(secret) = secret {
                headers.push(("webhook-signature", secret.sign(&id, seconds, &body)));
            }
            headers.extend([("webhook-id", id), ("webhook-timestamp", seconds.to_string())]);
        }
        headers.extend(self.authorization.clone().map(|value| ("authorization", value)));
        HookRequest { uri: self.uri.clone(), headers, body }
    }
}

/// The kind and the host: the path of a webhook is its secret.
impl fmt::Display for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.format {
            Format::Standard => "webhook",
            Format::Ntfy { .. } => "ntfy",
            Format::Slack => "slack",
            Format::Discord => "discord",
            Format::Telegram { .. } => "telegram",
        };
        write!(f, "{kind} at {}", self.uri.host().unwrap_or_default())
    }
}

fn usage() -> String {
    "give https://host/path, ntfy+https://host/topic, slack+https://…, discord+https://… or telegram:TOKEN@CHAT".to_owned()
}

/// Whether a host is on this machine or in this network, where people run receivers of their own without TLS.
fn is_near(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    if let Ok(ip) = host.parse::<std::net::IpAddr>() {
        return match ip {
            std::net::IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
            std::net::IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        };
    }
    !host.contains('.') || [".local", ".lan", ".internal", ".home.arpa"].iter().any(|end| host.ends_with(end))
}

/// `user:password`, or a token alone.
fn authorization(user: &str) -> String {
    match user.split_once(':') {
        Some((name, password)) if !name.is_empty() => format!("Basic {}", STANDARD.encode(format!("{name}:{password}"))),
        Some((_, token)) => format!("Bearer {token}"),
        None => format!("Bearer {user}"),
    }
}

/// As Standard Webhooks recommends: a type, a time, and the data. Commands get the same.
#[derive(Serialize)]
pub(super) struct Payload<'a> {
    #[serde(rename = "type")]
    kind: String,
    timestamp: Timestamp,
    data: PayloadData<'a>,
}

#[derive(Serialize)]
struct PayloadData<'a> {
    id: String,
    kind: OccasionKind,
    title: &'a str,
    text: &'a str,
    task_id: &'a str,
    task_name: &'a str,
    run: &'a str,
    status: &'a str,
    stories_passed: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    story_count: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'a serde_json::value::RawValue>,
    #[serde(skip_serializing_if = "<[FoldedNotification]>::is_empty")]
    also: &'a [FoldedNotification],
}

/// What a standard webhook and a command get.
pub(super) fn standard_payload<'a>(notification: &'a Notification, page: Option<&'a str>) -> Payload<'a> {
    Payload {
        kind: format!("progress.{}", notification.kind.name()),
        timestamp: notification.at,
        data: PayloadData {
            id: notification.id.to_string(),
            kind: notification.kind,
            title: &notification.title,
            text: &notification.text,
            task_id: &notification.task_id,
            task_name: &notification.task_name,
            run: &notification.run,
            status: &notification.status,
            stories_passed: notification.stories_passed,
            story_count: notification.story_count,
            url: page,
            event: notification.event.as_deref(),
            also: &notification.also,
        },
    }
}

fn payload(notification: &Notification, page: Option<&str>) -> Value {
    serde_json::to_value(standard_payload(notification, page)).expect("it is plain data with string keys: it cannot fail to serialise")
}

/// JSON publishing: the topic is in the body, and nothing of a log in a header.
fn ntfy(notification: &Notification, topic: &str) -> Value {
    let (tag, priority) = match notification.kind {
        OccasionKind::NeedsYou => ("warning", 4),
        OccasionKind::Failed => ("x", 4),
        OccasionKind::Ended => ("black_square_button", 4),
        OccasionKind::Quiet => ("zzz", 3),
        OccasionKind::Passed => ("white_check_mark", 3),
        OccasionKind::Error => ("x", 3),
        OccasionKind::Story | OccasionKind::Started => ("arrow_forward", 2),
    };
    json!({"topic": topic, "title": notification.title, "message": shortened(&notification.whole_text(), MESSAGE_LIMIT), "tags": [tag], "priority": priority})
}

/// Plain text objects, which Slack reads no markup in; the text for notifications is escaped.
fn slack(notification: &Notification) -> Value {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let section = |text: &str| json!({"type": "section", "text": {"type": "plain_text", "text": text, "emoji": false}});
    let title = json!({"type": "header", "text": {"type": "plain_text", "text": shortened(&notification.title, SLACK_HEADER_LIMIT), "emoji": false}});
    let whole_text = notification.whole_text();
    let text = shortened(&whole_text, MESSAGE_LIMIT);
    json!({
        "text": escaped(&format!("{}\n{text}", notification.title)), "mrkdwn": false, "unfurl_links": false, "unfurl_media": false,
        "blocks": [title, section(&text)],
    })
}

/// Markdown escaped, nobody mentioned, no link unfolded.
fn discord(notification: &Notification) -> Value {
    const NO_EMBEDS: u32 = 1 << 2;
    let escaped = |text: &str| {
        let mut escaped = String::new();
        for c in text.chars() {
            if matches!(c, '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '[' | ']' | '(' | ')' | '@' | ':' | '-') {
                escaped.push('\\');
            }
            escaped.push(c);
        }
        escaped
    };
    let whole_text = escaped(&notification.whole_text());
    let text = shortened(&whole_text, MESSAGE_LIMIT);
    json!({
        "content": format!("**{}**\n{text}", escaped(&notification.title)), "allowed_mentions": {"parse": []}, "flags": NO_EMBEDS,
    })
}

/// Without `parse_mode` the text is read as it is.
fn telegram(notification: &Notification, chat: &str) -> Value {
    json!({
        "chat_id": chat, "text": format!("{}\n{}", notification.title, shortened(&notification.whole_text(), MESSAGE_LIMIT)),
        "link_preview_options": {"is_disabled": true},
    })
}
