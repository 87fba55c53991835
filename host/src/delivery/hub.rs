//! Who is being submitted now, and who waits for the end of what.

use crate::{
    message::{MessageId, Timestamp},
    store::Finish,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

#[derive(Clone, Debug, Default)]
pub(super) struct Hub {
    tables: Arc<Mutex<Tables>>,
}

#[derive(Debug, Default)]
struct Tables {
    waiting: HashMap<MessageId, oneshot::Sender<Finish>>,
    sending: HashMap<MessageId, Timestamp>,
}

/// A right to be told of a message's end.
#[derive(Debug)]
pub struct Ticket {
    id: MessageId,
    finished: oneshot::Receiver<Finish>,
    hub: Hub,
}

impl Ticket {
    /// The message's end, once it is on disk; `None` if the host stops before that.
    ///
    /// # Cancellation
    /// May be dropped and called again.
    pub async fn finished(&mut self) -> Option<Finish> {
        (&mut self.finished).await.ok()
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.hub.tables().waiting.remove(&self.id);
    }
}

impl Hub {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn ticket(&self, id: MessageId) -> Ticket {
        let (tell, finished) = oneshot::channel();
        self.tables().waiting.insert(id, tell);
        Ticket { id, finished, hub: self.clone() }
    }

    pub(super) fn sending_since(&self, id: MessageId) -> Option<Timestamp> {
        self.tables().sending.get(&id).copied()
    }

    /// A submission begins; it ends when the guard is dropped.
    pub(super) fn sending(&self, id: MessageId, since: Timestamp) -> Sending {
        self.tables().sending.insert(id, since);
        Sending { id, hub: self.clone() }
    }

    /// The message's end is on disk.
    pub(super) fn finished(&self, finish: &Finish) {
        let waiting = self.tables().waiting.remove(&finish.id);
        if let Some(waiting) = waiting {
            // Whoever waited may have gone this moment.
            waiting.send(finish.clone()).unwrap_or_default();
        }
    }
}

#[derive(Debug)]
pub(super) struct Sending {
    id: MessageId,
    hub: Hub,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.hub.tables().sending.remove(&self.id);
    }
}
