//! Names of gateways, routes and API keys. The one place where they are checked.

/// How to write one, for error messages.
pub(super) const FORM: &str = "use letters, digits, `.`, `_` and `-`, at most 64, a letter or digit first";

/// `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`
pub(super) fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric())
}
