//! What is to be told to others, until they have taken it.

use super::MemoryStore;
use crate::{
    message::{Message, MessageId, State, Text, Timestamp, WebhookUrl},
    store::{
        Dropped, NewInbound, News, Settled, StoreError, Waiting, Webhook, Webhooks,
        webhooks::{as_of, id_of_change, origin_of},
    },
};
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, HashSet};

/// By the order in which they came.
#[derive(Debug, Default)]
pub(super) struct Kept {
    last: i64,
    rows: BTreeMap<i64, Row>,
}

#[derive(Debug)]
struct Row {
    origin: String,
    url: WebhookUrl,
    id: String,
    what: What,
    at: Timestamp,
    due_at: Timestamp,
    tries: u32,
}

#[derive(Debug)]
enum What {
    Change(MessageId, State),
    Inbound(Text),
}

impl Kept {
    /// A message has become `state`: to be told, if it has somewhere to be told.
    pub(super) fn announce(&mut self, id: MessageId, url: Option<&str>, state: State, at: Timestamp) {
        let Some((url, origin)) = url.and_then(|url| Some((url, origin_of(url)?))) else { return };
        let what = What::Change(id, state);
        self.add(Row {
            origin,
            url: WebhookUrl::new(url),
            id: id_of_change(id, state),
            what,
            at,
            due_at: at,
            tries: 0,
        });
    }

    fn add(&mut self, row: Row) {
        self.last += 1;
        self.rows.insert(self.last, row);
    }

    /// What waits for an origin, without what waits for an earlier change of its message.
    fn of<'k>(&'k self, origin: &'k str) -> impl Iterator<Item = (i64, &'k Row)> {
        let mut seen = HashSet::new();
        self.rows.iter().filter(move |(_, row)| row.origin == origin).filter_map(move |(seq, row)| {
            let first = match row.what {
                What::Change(id, _) => seen.insert(id),
                What::Inbound(_) => true,
            };
            first.then_some((*seq, row))
        })
    }

    fn oldest(&self, origin: &str) -> Option<Timestamp> {
        self.rows.values().filter(|row| row.origin == origin).map(|row| row.at).min()
    }
}

impl Row {
    fn webhook(&self, seq: i64, message: impl Fn(MessageId) -> Option<Message>) -> Webhook {
        let news = match &self.what {
            What::Inbound(payload) => Some(News::Inbound(payload.clone())),
            What::Change(id, state) => {
                let stood = message(*id).and_then(|message| as_of(&message, *state, self.at));
                stood.map(|message| News::Changed(Box::new(message)))
            }
        };
        let (id, url) = (self.id.clone(), self.url.clone());
        Webhook { seq, id, url, news, at: self.at, tries: self.tries }
    }
}

impl Webhooks for MemoryStore {
    fn webhooks(
        &self,
        origin: &str,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Waiting, StoreError>> {
        self.open(|kept| {
            let message = |id| kept.message(id);
            let (mut due, later): (Vec<_>, Vec<_>) =
                kept.webhooks.of(origin).partition(|(_, row)| row.due_at <= now);
            due.sort_by_key(|(seq, row)| (row.due_at, *seq));
            Ok(Waiting {
                due: due.into_iter().take(limit).map(|(seq, row)| row.webhook(seq, message)).collect(),
                next_due: later.iter().map(|(_, row)| row.due_at).min(),
                oldest: kept.webhooks.oldest(origin),
            })
        })
    }

    fn settle_webhooks(&self, batch: Vec<Settled>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.open(|kept| {
            for Settled { seq, again_at } in batch {
                match (again_at, kept.webhooks.rows.get_mut(&seq)) {
                    (Some(due_at), Some(row)) => (row.due_at, row.tries) = (due_at, row.tries + 1),
                    _ => drop(kept.webhooks.rows.remove(&seq)),
                }
            }
            Ok(())
        })
    }

    fn drop_webhooks(
        &self,
        origin: &str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Dropped, StoreError>> {
        self.open(|kept| {
            let rows = &mut kept.webhooks.rows;
            let old = rows.iter().filter(|(_, row)| row.origin == origin && row.at <= before);
            let mut old = old.map(|(seq, row)| (row.at, *seq)).collect::<Vec<_>>();
            old.sort_unstable();
            old.truncate(limit);
            for (_, seq) in &old {
                rows.remove(seq);
            }
            Ok(Dropped { count: old.len() as u64, oldest: kept.webhooks.oldest(origin) })
        })
    }

    fn inbound(&self, new: NewInbound) -> BoxFuture<'_, Result<(), StoreError>> {
        self.open(|kept| {
            let NewInbound { id, to, payload, at } = new;
            let (origin, url) = (to.origin().to_owned(), WebhookUrl::new(to.url()));
            kept.webhooks.add(Row {
                origin,
                url,
                id,
                what: What::Inbound(payload),
                at,
                due_at: at,
                tries: 0,
            });
            Ok(())
        })
    }

    fn webhooks_waiting(&self) -> Vec<(String, u64)> {
        let mut counts = BTreeMap::<_, u64>::new();
        for row in self.kept().webhooks.rows.values() {
            *counts.entry(row.origin.clone()).or_default() += 1;
        }
        counts.into_iter().collect()
    }
}

#[cfg(test)]
impl MemoryStore {
    /// A message that was sent becomes `state`, as a receipt has it.
    pub fn receipt(&self, id: MessageId, state: State, at: Timestamp) {
        let mut kept = self.kept();
        let Some(entry) = kept.messages.get_mut(&id) else { return };
        entry.message.change(state, at, None);
        let url = entry.message.callback_url.clone();
        kept.webhooks.announce(id, url.as_deref(), state, at);
    }
}
