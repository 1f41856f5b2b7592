//! Signs what is sent after Standard Webhooks 1.0: HMAC-SHA256 of id, time and body, so that a receiver knows from whom it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// How secrets of the specification begin.
const PREFIX: &str = "whsec_";
/// Bytes of a secret, as the specification has them.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The secrets that the receiver may know. Several while one replaces another: each signs.
#[derive(Clone)]
pub struct SigningSecret(Vec<hmac::Key>);

impl SigningSecret {
    /// From `whsec_…`, several of them apart by white space.
    ///
    /// # Errors
    ///
    /// What is wrong, and what to do.
    pub fn parse(text: &str) -> Result<SigningSecret, String> {
        let keys: Vec<hmac::Key> = text.split_whitespace().map(key).collect::<Result<_, _>>()?;
        if keys.is_empty() {
            Err("there is no secret in it; write whsec_ and base64 of 24 to 64 random bytes".to_owned())
        } else {
            Ok(SigningSecret(keys))
        }
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let content = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        let one = |key| format!("v1,{}", STANDARD.encode(hmac::sign(key, &content)));
        self.0.iter().map(one).collect::<Vec<_>>().join(" ")
    }
}

fn key(text: &str) -> Result<hmac::Key, String> {
    let usage = |why: &str| {
        format!("{why}; write whsec_ and base64 of 24 to 64 random bytes, for example from: echo whsec_$(openssl rand -base64 32)")
    };
    let bytes = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).map_err(|_| usage("the secret is no base64"))?;
    if !LENGTHS.contains(&bytes.len()) {
        return Err(usage(&format!("the secret has {} bytes", bytes.len())));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningSecret")
    }
}

impl Eq for SigningSecret {}

impl PartialEq for SigningSecret {
    fn eq(&self, other: &Self) -> bool {
        // What both sign of the same content is the same for the same keys.
        self.sign("", 0, b"") == other.sign("", 0, b"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the specification's libraries are tested with.
    #[test]
    fn it_signs_as_the_specification_does() {
        let secret = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("it is one");
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let both = SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nwhsec_plJ3nmyCDGBKInavdOK15jslMfKQ9r8G").expect("two");
        assert!(both.sign("a", 1, b"").starts_with("v1,") && both.sign("a", 1, b"").contains(" v1,"));
    }

    #[test]
    fn what_is_no_secret_is_refused_with_a_way_to_make_one() {
        for text in ["", "whsec_short", "whsec_AAAA", "not base64!"] {
            assert!(SigningSecret::parse(text).expect_err(text).contains("whsec_"), "{text}");
        }
        assert_eq!(format!("{:?}", SigningSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")), "Ok(SigningSecret)");
    }
}
