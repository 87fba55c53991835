//! A message as it stood at an earlier change of its state.

use super::{Message, OutcomeKind, State};

impl Message {
    /// The message as it stood right after a change of its state: its `change`th, counted from 0. `None` if it had none such.
    ///
    /// What is kept of a message says when each thing happened, so that the past can be told from it, with one limit: which gateway it
    /// waited for is known only where it was submitted through it afterwards.
    pub fn stood_at(&self, change: usize) -> Option<Self> {
        let event = *self.events.get(change)?;
        let mut then = self.clone();
        then.events.truncate(change + 1);
        (then.state, then.updated_at) = (event.state, event.at);
        then.attempts.retain(|attempt| {
            // The submission that made it `sending` may have ended within the same millisecond, but later.
            attempt.ended_at <= event.at && (event.state != State::Sending || attempt.started_at < event.at)
        });
        then.receipts.retain(|receipt| receipt.at <= event.at);
        let went_out = then
            .attempts
            .iter()
            .rev()
            .map(|attempt| &attempt.outcome)
            .find(|outcome| outcome.kind == OutcomeKind::Accepted || !outcome.provider_ids.is_empty());
        (then.parts, then.provider_ids) = match went_out {
            Some(outcome) => (outcome.parts, outcome.provider_ids.clone()),
            None => (0, Vec::new()),
        };
        then.reason = match event.state {
            State::Failed if self.state == State::Failed => self.reason,
            State::Failed => then.attempts.last().map(|attempt| attempt.outcome.kind),
            _ => None,
        };
        if !event.state.is_finished()
            && let Some(next) = self.attempts.get(then.attempts.len())
        {
            then.gateway.clone_from(&next.gateway);
        }
        Some(then)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        message::{Attempt, Outcome, PartReceipt, ReceiptStatus, Timestamp},
        store::conformance::new_message,
    };
    use std::time::Duration;

    const NOON: Timestamp = Timestamp::from_millis(1_767_268_800_000);

    fn at(millis: u64) -> Timestamp {
        NOON.plus(Duration::from_millis(millis))
    }

    fn attempt(gateway: &str, (started, ended): (u64, u64), outcome: Outcome) -> Attempt {
        Attempt { gateway: gateway.into(), started_at: at(started), ended_at: at(ended), outcome }
    }

    #[test]
    fn every_change_shows_the_message_as_it_stood() {
        let mut message = Message::queued(&new_message("one", "hello"));
        let unavailable = || Outcome::new(OutcomeKind::Unavailable, "no");
        let mut stood = Vec::new();
        stood.push(message.clone());
        stood.push(message.clone().sending(at(5)));
        // Two gateways in one round, then it waits for the next.
        message.attempted(attempt("one", (5, 5), unavailable()));
        message.attempted(attempt("two", (6, 9), unavailable()));
        message.change(State::Queued, at(9), None);
        message.gateway = "one".into();
        stood.push(message.clone());
        stood.push(message.clone().sending(at(20)));
        message.attempted(attempt("one", (20, 20), Outcome::accepted(vec!["a".into()], 1)));
        message.change(State::Sent, at(20), None);
        stood.push(message.clone());
        let receipt = |millis, status| PartReceipt {
            provider_id: "a".into(),
            status,
            code: None,
            detail: None,
            at: at(millis),
        };
        message.change(State::Delivered, at(30), None);
        message.receipts.push(receipt(30, ReceiptStatus::Delivered));
        stood.push(message.clone());
        for (change, stood) in stood.iter().enumerate() {
            assert_eq!(message.stood_at(change).as_ref(), Some(stood), "change {change}");
        }
        assert_eq!(message.stood_at(stood.len()), None);
    }

    #[test]
    fn a_failure_keeps_its_reason_whatever_comes_later() {
        let mut message = Message::queued(&new_message("one", "hello"));
        message.attempted(attempt("one", (5, 9), Outcome::new(OutcomeKind::Uncertain, "no answer")));
        message.change(State::Failed, at(9), Some(OutcomeKind::Uncertain));
        let failed = message.clone();
        assert_eq!(message.stood_at(2), Some(failed.clone()));
        assert_eq!(message.stood_at(1).unwrap().reason, None);
        message.change(State::Delivered, at(50), None);
        assert_eq!(message.stood_at(2), Some(failed));
    }
}
