//! What became of what was accepted: lists, and the stream of changes.

use super::Acceptor;
use crate::{
    message::{Message, MessageId},
    store::{Change, Filter, StoreError},
};
use tokio::sync::watch;

impl Acceptor {
    /// The messages that `filter` wants, the last accepted first, at most `limit`, those before `before`.
    ///
    /// A filter for states goes by what is on disk, and so does what it finds: there a message whose first submission is going on is
    /// `queued`, unless it was marked. Without one, each message is as [`Acceptor::message`] has it.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn list(
        &self,
        filter: &Filter,
        before: Option<MessageId>,
        limit: usize,
    ) -> Result<Vec<Message>, StoreError> {
        let found = self.store.list(filter, before, limit).await?;
        if !filter.states.is_empty() {
            return Ok(found);
        }
        Ok(found.into_iter().map(|message| self.as_it_stands(message)).collect())
    }

    /// The changes of state after the one of number `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.store.changes(after, limit).await
    }

    /// The number of the last change that is on disk.
    pub fn latest_change(&self) -> watch::Receiver<u64> {
        self.store.latest()
    }
}
