//! Admission: a request becomes a message, and durable, or is refused with every reason at once.

mod fields;

use crate::{
    delivery::{Delivery, Ticket},
    message::{Clock, Message, MessageId, NewMessage, Priority},
    store::{Place, Store, StoreError},
};
pub use fields::FieldError;
use fields::Fields;
use serde_json::Value;
use std::{fmt, sync::Arc, time::Duration};

/// When to try again after the bound of unfinished messages was reached, and after the disk was behind.
const QUEUE_RETRY: Duration = Duration::from_secs(10);
const DISK_RETRY: Duration = Duration::from_secs(1);

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// Name of the API key; `None` where the host has no keys.
    pub api_key: Option<String>,
}

/// Why a request was not accepted. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request itself: every field that is wrong.
    #[error("the message has invalid fields")]
    Invalid(Vec<FieldError>),
    /// As many unfinished messages as `store.max_queued` allows, or too many requests wait for the disk.
    #[error("overloaded: {reason}")]
    Overloaded {
        /// Which bound was reached.
        reason: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The store can't take it.
    #[error(transparent)]
    Store(StoreError),
    /// The host stops.
    #[error("the host is stopping")]
    Stopping,
}

/// An accepted message: on disk.
#[derive(Debug)]
pub struct Accepted {
    /// The message as it was stored: `queued`.
    pub message: Message,
    /// Resolves when the message is finished, if that was asked for.
    pub finished: Option<Waiter>,
}

/// Waits for a message's end.
#[derive(Debug)]
pub struct Waiter {
    message: Message,
    ticket: Ticket,
}

impl Waiter {
    /// The message after its end, once that is on disk; `None` if the host stops before that.
    ///
    /// # Cancellation
    /// May be dropped and called again.
    pub async fn finished(&mut self) -> Option<Message> {
        let finish = self.ticket.finished().await?;
        let mut message = self.message.clone();
        message.finish(finish.state, finish.at, finish.attempt, finish.reason);
        Some(message)
    }
}

/// Admits messages.
pub struct Acceptor {
    store: Arc<dyn Store>,
    delivery: Arc<Delivery>,
    clock: Clock,
    max_queued: u64,
}

impl Acceptor {
    /// Admits messages for the gateways of `delivery`, up to `max_queued` unfinished ones.
    pub fn new(store: Arc<dyn Store>, delivery: Arc<Delivery>, clock: Clock, max_queued: u64) -> Self {
        Self { store, delivery, clock, max_queued }
    }

    /// The delivery behind it.
    pub fn delivery(&self) -> &Arc<Delivery> {
        &self.delivery
    }

    /// Whether a message could be stored durably now.
    ///
    /// # Errors
    /// Why not.
    pub async fn writable(&self) -> Result<(), StoreError> {
        self.store.writable().await
    }

    /// Admits a message: checks `body`, stores it, and has its gateway look. With `wait` somebody waits for its end.
    ///
    /// # Errors
    /// Why not; nothing was stored then.
    ///
    /// # Cancellation
    /// A future that is dropped has done all of it or nothing.
    pub async fn accept(&self, body: &Value, caller: &Caller, wait: bool) -> Result<Accepted, Refusal> {
        if self.delivery.is_stopping() {
            return Err(Refusal::Stopping);
        }
        let new = self.admit(body, caller, wait).map_err(Refusal::Invalid)?;
        if self.store.unfinished() >= self.max_queued {
            let reason =
                format!("{} messages wait for delivery, as many as `max_queued` allows", self.max_queued);
            return Err(Refusal::Overloaded { reason, retry_after: QUEUE_RETRY });
        }
        let message = Message::queued(&new);
        let place = Place { priority: new.priority, due_at: new.due_at, id: new.id };
        // Before it is stored: its end could be there before the store's answer is.
        let ticket = wait.then(|| self.delivery.ticket(new.id));
        let (store, delivery) = (Arc::clone(&self.store), Arc::clone(&self.delivery));
        // A task of its own: whoever asks may hang up at any moment, and a message that was stored must be delivered.
        let stored = tokio::spawn(async move {
            let gateway = new.gateway.clone();
            store.insert(vec![new]).await?;
            delivery.wake(&gateway, place);
            Ok(())
        });
        match stored.await {
            Ok(Ok(())) => {}
            Ok(Err(StoreError::Closed)) | Err(_) => return Err(Refusal::Stopping),
            Ok(Err(error @ StoreError::Busy)) => {
                return Err(Refusal::Overloaded { reason: error.to_string(), retry_after: DISK_RETRY });
            }
            Ok(Err(error)) => return Err(Refusal::Store(error)),
        }
        let finished = ticket.map(|ticket| Waiter { message: message.clone(), ticket });
        Ok(Accepted { message, finished })
    }

    /// A message as it stands now.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn message(&self, id: MessageId) -> Result<Option<Message>, StoreError> {
        let found = self.store.message(id).await?;
        Ok(found.map(|message| match self.delivery.sending_since(id) {
            Some(started_at) if !message.state.is_finished() => message.sending(started_at),
            _ => message,
        }))
    }

    fn admit(&self, body: &Value, caller: &Caller, wait: bool) -> Result<NewMessage, Vec<FieldError>> {
        let mut fields = Fields::of(body)?;
        let to = fields.recipient();
        let content = fields.content();
        let gateway = fields.gateway(&self.delivery);
        let from = fields.short_text("from");
        let tag = fields.short_text("tag");
        let default = if wait { Priority::High } else { Priority::Normal };
        let priority = fields.priority().unwrap_or(default);
        let valid_for = fields.valid_for();
        fields.refuse_what_is_not_built();
        let ((Some(to), Some(content), Some(gateway)), []) = ((to, content, gateway), fields.errors()) else {
            return Err(fields.into_errors());
        };
        let now = self.clock.now();
        Ok(NewMessage {
            id: MessageId::new(),
            to,
            content,
            from,
            gateway: gateway.name.to_string(),
            tag,
            priority,
            created_at: now,
            due_at: now,
            expires_at: now.plus(valid_for.unwrap_or(gateway.valid_for)),
            api_key: caller.api_key.clone(),
        })
    }
}

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").field("max_queued", &self.max_queued).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
