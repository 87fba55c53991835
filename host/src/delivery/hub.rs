//! Which messages are being submitted or canceled now, and who waits for the end of what.

use crate::message::{Message, MessageId, Timestamp};
use std::{
    collections::{HashMap, hash_map::Entry},
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
    /// Numbers of tickets, so that each takes out what it put in alone.
    numbers: u64,
    /// How many gateways have each message in their hands, and since when the last of them does: one that has just recorded its outcome
    /// beside the next, or one that is about to see that the message was moved away from it.
    sending: HashMap<MessageId, (u32, Timestamp)>,
    /// Not to be submitted, though a gateway may have them in memory; each with how many cancels of it are under way.
    canceled: HashMap<MessageId, u32>,
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
        if tables.canceled.contains_key(&id) {
            return None;
        }
        let (gateways, last) = tables.sending.entry(id).or_insert((0, since));
        (*gateways, *last) = (*gateways + 1, since);
        Some(Sending { id, hub: self.clone() })
    }

    /// Keeps the message from being submitted until [`Hub::forget`], once for each. `false`: its submission is going on.
    pub(super) fn cancel(&self, id: MessageId) -> bool {
        let mut tables = self.tables();
        !tables.sending.contains_key(&id) && {
            *tables.canceled.entry(id).or_default() += 1;
            true
        }
    }

    /// The message may be submitted, or no gateway has it in memory any more.
    pub(super) fn forget(&self, id: MessageId) {
        if let Entry::Occupied(mut cancels) = self.tables().canceled.entry(id) {
            *cancels.get_mut() -= 1;
            if *cancels.get() == 0 {
                cancels.remove();
            }
        }
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
    hub: Hub,
}

impl Drop for Sending {
    fn drop(&mut self) {
        let mut tables = self.hub.tables();
        if let Entry::Occupied(mut sending) = tables.sending.entry(self.id) {
            let (gateways, _) = sending.get_mut();
            *gateways -= 1;
            if *gateways == 0 {
                sending.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_being_sent_until_the_last_gateway_lets_go_of_it() {
        let (hub, id) = (Hub::default(), MessageId::new());
        let at = Timestamp::from_millis;
        let first = hub.sending(id, at(1)).unwrap();
        let stale = hub.sending(id, at(2)).unwrap();
        drop(stale);
        assert!(hub.sending_since(id).is_some());
        assert!(!hub.cancel(id));
        let next = hub.sending(id, at(3)).unwrap();
        drop(first);
        assert_eq!((hub.sending_since(id), hub.sending_count()), (Some(at(3)), 1));
        drop(next);
        assert_eq!((hub.sending_since(id), hub.sending_count()), (None, 0));
        assert!(hub.cancel(id) && hub.cancel(id));
        hub.forget(id);
        assert!(hub.sending(id, at(4)).is_none(), "the other cancel is under way still");
        hub.forget(id);
        assert!(hub.sending(id, at(5)).is_some());
    }
}
