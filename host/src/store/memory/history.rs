//! What became of messages: lists of them, and the stream of their changes.

use super::{Kept, MemoryStore};
use crate::{
    message::{Message, MessageId},
    store::{Change, Filter, History, StoreError},
};
use futures_util::future::BoxFuture;
use tokio::sync::watch;

impl Kept {
    /// Puts down which changes of state a message has had since this was last asked. To be called after each.
    pub(super) fn note(&mut self, id: MessageId) {
        let Some(entry) = self.messages.get_mut(&id) else { return };
        let noted = std::mem::replace(&mut entry.noted, entry.message.events.len());
        self.changes.extend((noted..entry.noted).map(|change| (id, change)));
        self.latest.send_replace(self.changes.len() as u64);
    }
}

impl History for MemoryStore {
    fn list(
        &self,
        filter: &Filter,
        before: Option<MessageId>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.open(|kept| {
            let messages = kept.messages.values().map(|entry| &entry.message);
            let before = messages.filter(|message| before.is_none_or(|before| message.id < before));
            let mut found =
                before.filter(|message| filter.fits(message)).map(|message| message.id).collect::<Vec<_>>();
            found.sort_unstable_by_key(|id| std::cmp::Reverse(*id));
            Ok(found.into_iter().take(limit).filter_map(|id| kept.message(id)).collect())
        })
    }

    fn changes(&self, after: u64, limit: usize) -> BoxFuture<'_, Result<Vec<Change>, StoreError>> {
        self.open(|kept| {
            let changes = (1..).zip(&kept.changes).skip(usize::try_from(after).unwrap_or(usize::MAX));
            let stood = changes.filter_map(|(number, (id, change))| {
                let message = kept.message(*id)?.stood_at(*change)?;
                Some(Change { number, message })
            });
            Ok(stood.take(limit).collect())
        })
    }

    fn latest(&self) -> watch::Receiver<u64> {
        self.kept().latest.subscribe()
    }
}
