//! Which messages are being submitted or canceled now, and who waits for the end of what.

use crate::message::{Message, MessageId, Timestamp};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

#[derive(Clone, Debug, Default)]
pub(super) struct Hub {
    tables: Arc<Mutex<Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    waiting: HashMap<MessageId, Vec<(u64, oneshot::Sender<Message>)>>,
    /// Numbers of tickets and submissions, so that each takes out what it put in alone.
    numbers: u64,
    sending: HashMap<MessageId, (u64, Timestamp)>,
    /// Not to be submitted, though a gateway may have them in memory.
    canceled: HashSet<MessageId>,
}

/// A right to be told of a message's end.
#[derive(Debug)]
pub struct Ticket {
    id: MessageId,
    number: u64,
    finished: oneshot::Receiver<Message>,
    hub: Hub,
}

impl Ticket {
    /// The message after its end, once that is on disk; `None` if the host stops before that.
    ///
    /// # Cancellation
    /// May be dropped and called again.
    pub async fn finished(&mut self) -> Option<Message> {
        (&mut self.finished).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut tables = self.hub.tables();
        if let Some(waiting) = tables.waiting.get_mut(&self.id) {
            waiting.retain(|(number, _)| *number != self.number);
            if waiting.is_empty() {
                tables.waiting.remove(&self.id);
            }
        }
    }
}

impl Tables {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }
}

impl Hub {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ticket(&self, id: MessageId) -> Ticket {
        let (tell, finished) = oneshot::channel();
        let mut tables = self.tables();
        let number = tables.number();
        tables.waiting.entry(id).or_default().push((number, tell));
        Ticket { id, number, finished, hub: self.clone() }
    }

    pub(super) fn sending_since(&self, id: MessageId) -> Option<Timestamp> {
        self.tables().sending.get(&id).map(|(_, since)| *since)
    }

    /// How many submissions are going on.
    pub(super) fn sending_count(&self) -> usize {
        self.tables().sending.len()
    }

    /// A submission begins, and ends when the guard is dropped. `None`: the message is being canceled.
    pub(super) fn sending(&self, id: MessageId, since: Timestamp) -> Option<Sending> {
        let mut tables = self.tables();
        if tables.canceled.contains(&id) {
            return None;
        }
        let number = tables.number();
        tables.sending.insert(id, (number, since));
        Some(Sending { id, number, hub: self.clone() })
    }

    /// Keeps the message from being submitted until [`Hub::forget`]. `false`: its submission is going on.
    pub(super) fn cancel(&self, id: MessageId) -> bool {
        let mut tables = self.tables();
        !tables.sending.contains_key(&id) && {
            tables.canceled.insert(id);
            true
        }
    }

    /// The message may be submitted, or no gateway has it in memory any more.
    pub(super) fn forget(&self, id: MessageId) {
        self.tables().canceled.remove(&id);
    }

    /// Whether somebody waits for the message's end.
    pub(super) fn is_waited_for(&self, id: MessageId) -> bool {
        self.tables().waiting.contains_key(&id)
    }

    /// The message's end is on disk.
    pub(super) fn finished(&self, message: &Message) {
        let waiting = self.tables().waiting.remove(&message.id).unwrap_or_default();
        for (_, tell) in waiting {
            // Whoever waited may have gone this moment.
            tell.send(message.clone()).unwrap_or_default();
        }
    }

    /// Nobody will be told: the message can't be read.
    pub(super) fn give_up(&self, id: MessageId) {
        self.tables().waiting.remove(&id);
    }
}

#[derive(Debug)]
pub(super) struct Sending {
    id: MessageId,
    number: u64,
    hub: Hub,
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut tables = self.hub.tables();
        // The next gateway may have begun with it already.
        if tables.sending.get(&self.id).is_some_and(|(number, _)| *number == self.number) {
            tables.sending.remove(&self.id);
        }
    }
}
