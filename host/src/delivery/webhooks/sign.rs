//! Signatures of webhooks.

use crate::config::WebhookSecret;
use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Signs with one key.
pub(super) struct Signer {
    key: Key,
}

impl Signer {
    pub(super) fn new(secret: &WebhookSecret) -> Self {
        Self { key: Key::new(HMAC_SHA256, secret.expose()) }
    }

    /// The header `webhook-signature` of one try.
    ///
    /// # Source
    /// Standard Webhooks, "Signature scheme": `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
    pub(super) fn sign(&self, id: &str, timestamp: &str, body: &str) -> String {
        let mut context = Context::with_key(&self.key);
        for part in [id, ".", timestamp, ".", body] {
            context.update(part.as_bytes());
        }
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specifications_example_has_its_signature() {
        // From the specification's own example, which its libraries test themselves with.
        let secret = WebhookSecret::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signed = Signer::new(&secret).sign(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
