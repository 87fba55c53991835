//! What an outcome makes of a message.

use crate::message::{OutcomeKind, State};

/// The message's state after one submission: every message has one attempt, so that whatever is not `accepted` is its end.
pub(super) fn after(outcome: OutcomeKind) -> (State, Option<OutcomeKind>) {
    match outcome {
        OutcomeKind::Accepted => (State::Sent, None),
        failed => (State::Failed, Some(failed)),
    }
}
