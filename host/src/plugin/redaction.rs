//! What a provider says, as it may be shown: without secrets, and without what the messages on their way to it hold.

use super::handle::Submission;
use crate::{
    message::MessageId,
    telemetry::redact::{Redactor, clean, mask_recipient},
};
use abi_stable::std_types::{ROption, RString};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Takes secrets, and the texts and recipients of the messages being submitted, out of all that a provider says.
pub(super) struct Redaction {
    secrets: Redactor,
    in_flight: Mutex<HashMap<MessageId, Arc<Submission>>>,
}

impl Redaction {
    pub(super) fn new(secrets: &[String]) -> Self {
        Self { secrets: Redactor::secrets(secrets), in_flight: Mutex::default() }
    }

    /// Protects the message until the guard is dropped.
    pub(super) fn protect(self: &Arc<Self>, submission: Arc<Submission>) -> Protection {
        let id = submission.id;
        self.in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(id, submission);
        Protection { redaction: Arc::clone(self), id }
    }

    /// What a provider or the service behind it says of message `about`, or of none, as it may be shown: one line, bounded,
    /// without secrets, texts and whole numbers.
    pub(super) fn clean(&self, says: &str, about: Option<MessageId>) -> String {
        if says.is_empty() { String::new() } else { self.cleaner_of(about, says.chars().count()).clean(says) }
    }

    /// The same for several at once; those that say nothing are none.
    pub(super) fn cleaned<const N: usize>(
        &self,
        words: [ROption<RString>; N],
        about: Option<MessageId>,
    ) -> [Option<String>; N] {
        let words = words.map(|words| words.into_option().filter(|words| !words.is_empty()));
        let longest = words.iter().flatten().map(|words| words.chars().count()).max();
        let cleaner = longest.map(|longest| self.cleaner_of(about, longest));
        words.map(|words| Some(cleaner.as_ref()?.clean(&words?)))
    }

    /// The same for many words of one moment, which are about no message.
    pub(super) fn cleaner(&self) -> Cleaner<'_> {
        self.cleaner_of(None, usize::MAX)
    }

    fn cleaner_of(&self, about: Option<MessageId>, longest: usize) -> Cleaner<'_> {
        let concerned: Vec<_> = {
            let in_flight = self.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
            match about.and_then(|id| in_flight.get(&id)) {
                Some(submission) => vec![Arc::clone(submission)],
                // Words of a task that serves all of them: any of their texts may be in it.
                None => in_flight.values().cloned().collect(),
            }
        };
        let texts = concerned.iter().flat_map(|submission| submission.content.parts());
        let texts = Redactor::texts(texts.map(|text| text.expose()), longest);
        Cleaner { secrets: &self.secrets, texts, concerned }
    }
}

/// Makes words of a provider fit to be shown: as long as it lives, those messages are protected that it began with.
pub(super) struct Cleaner<'r> {
    secrets: &'r Redactor,
    texts: Redactor,
    concerned: Vec<Arc<Submission>>,
}

impl Cleaner<'_> {
    /// See [`Redaction::clean`].
    pub(super) fn clean(&self, says: &str) -> String {
        let says = self.secrets.redact(says);
        let mut says = self.texts.redact(&says).into_owned();
        for submission in &self.concerned {
            says = mask_recipient(&says, &submission.to).into_owned();
        }
        clean(&says)
    }

    /// One bounded line without secrets, whatever else is in it.
    pub(super) fn without_secrets(&self, says: &str) -> String {
        clean(&self.secrets.redact(says))
    }
}

/// Ends the protection of a message's text when it is dropped.
pub(super) struct Protection {
    redaction: Arc<Redaction>,
    id: MessageId,
}

impl Protection {
    /// The message that is protected.
    pub(super) fn id(&self) -> MessageId {
        self.id
    }
}

impl Drop for Protection {
    fn drop(&mut self) {
        self.redaction.in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::message::{Content, Recipient, Text, Timestamp};
    use abi_stable::std_types::ROption::{RNone, RSome};

    /// A message to this recipient that says this.
    pub(in crate::plugin) fn submission(to: &str, text: &str) -> Arc<Submission> {
        Arc::new(Submission {
            id: MessageId::new(),
            to: Recipient::new(to),
            from: None,
            content: Content { text: Text::new(text), title: None, data: None },
            tag: None,
            expires_at: Timestamp::from_millis(0),
            attempt: 1,
        })
    }

    const SAYS: &str = "hunter2secret: 987654 and 135791\nto +491701234567";

    #[test]
    fn words_lose_what_the_messages_hold_that_they_may_be_about() {
        let redaction = Arc::new(Redaction::new(&["hunter2secret".into()]));
        let one = redaction.protect(submission("+491701234567", "Your code is 987654"));
        let other = redaction.protect(submission("+491709876543", "Your code is 135791"));
        assert_eq!(redaction.clean(SAYS, Some(one.id())), "***: *** and 135791 to +49170*****67");
        // About none, or one that is not known here: it may be any.
        for about in [None, Some(MessageId::new())] {
            assert_eq!(redaction.clean(SAYS, about), "***: *** and *** to +49170*****67");
        }
        assert_eq!(redaction.cleaner().without_secrets(SAYS), "***: 987654 and 135791 to +491701234567");
        drop(one);
        assert_eq!(redaction.clean(SAYS, None), "***: 987654 and *** to +491701234567");
        drop(other);
        assert_eq!(redaction.clean(SAYS, None), "***: 987654 and 135791 to +491701234567");
    }

    #[test]
    fn a_cleaner_protects_what_was_in_flight_when_it_began() {
        let redaction = Arc::new(Redaction::new(&[]));
        let protection = redaction.protect(submission("+491701234567", "Your code is 987654"));
        let cleaner = redaction.cleaner();
        drop(protection);
        assert_eq!(cleaner.clean("it was 987654"), "it was ***");
        assert_eq!(redaction.cleaner().clean("it was 987654"), "it was 987654");
    }

    #[test]
    fn words_that_say_nothing_are_none() {
        let redaction = Arc::new(Redaction::new(&["hunter2secret".into()]));
        let words = [RNone, RSome("".into()), RSome("no hunter2secret".into())];
        assert_eq!(redaction.cleaned(words, None), [None, None, Some("no ***".into())]);
        assert_eq!(redaction.clean("", None), "");
    }
}
