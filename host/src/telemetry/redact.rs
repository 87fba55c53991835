//! x
use crate::message::Recipient;
use std::borrow::Cow;
#[derive(Debug)]
pub struct Redactor;
impl Redactor {
    pub fn secrets(_: &[String]) -> Self {
        Self
    }
    pub fn texts<'a>(_: impl IntoIterator<Item = &'a str>) -> Self {
        Self
    }
    pub fn redact<'a>(&self, s: &'a str) -> Cow<'a, str> {
        s.into()
    }
}
pub fn mask_recipient<'a>(s: &'a str, _: &Recipient) -> Cow<'a, str> {
    s.into()
}
pub fn clean(s: &str) -> String {
    s.into()
}
