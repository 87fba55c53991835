//! Values that can't be printed by accident.

use std::{fmt, ops::Deref};
use zeroize::Zeroize;

/// What a message says: its text, title or data. `Debug` shows its length alone; there is no `Display`.
/// The memory is cleared on drop.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Text(String);

impl Text {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the provider and the store: never for a log, an error or an answer.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.0.len())
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Whom a message is for: a phone number, an address, a device token. `Display` and `Debug` mask it
/// (`+49170*****67`); the API shows the whole to those who may read the message.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient(String);

impl Recipient {
    /// Wraps a recipient.
    pub fn new(to: impl Into<String>) -> Self {
        Self(to.into())
    }

    /// The whole recipient: never for a log or an error.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Recipient {
    /// Six characters at the front and two at the end stay readable, of a short one fewer: an operator can tell country and
    /// network, nobody can call the number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.chars().count();
        // At least four characters, or half of a short one, are always hidden.
        let (front, back) = match length {
            0..=3 => (0, 0),
            4..=8 => (length / 4, 1),
            9..=12 => (length - 7, 2),
            _ => (6, 2),
        };
        for (index, character) in self.0.chars().enumerate() {
            let shown = index < front || index >= length - back;
            write!(f, "{}", if shown { character } else { '*' })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a message's changes are told. `Debug` shows scheme, host and port alone: applications put tokens into paths and queries.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(String);

impl WebhookUrl {
    /// Wraps an address.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }
}

/// The whole of it: never for a log or an error.
impl Deref for WebhookUrl {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("", &self.0));
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        write!(f, "WebhookUrl({scheme}://{host})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_webhooks_show_neither_path_nor_query() {
        for url in ["https://app.example:8443/hook/hunter2", "https://app.example:8443?token=hunter2"] {
            assert_eq!(format!("{:?}", WebhookUrl::new(url)), "WebhookUrl(https://app.example:8443)");
        }
    }

    #[test]
    fn phone_numbers_keep_their_front_and_their_end() {
        assert_eq!(Recipient::new("+491701234567").to_string(), "+49170*****67");
        assert_eq!(Recipient::new("+4917012345").to_string(), "+491*****45");
        assert_eq!(Recipient::new("12345").to_string(), "1***5");
        assert_eq!(Recipient::new("123").to_string(), "***");
        assert_eq!(Recipient::new("").to_string(), "");
    }

    #[test]
    fn texts_can_not_be_printed() {
        assert_eq!(format!("{:?}", Text::new("code 123456")), "Text(11 bytes)");
    }
}
