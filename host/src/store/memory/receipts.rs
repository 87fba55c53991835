//! Parts that services took, and what they say later of them.

use super::{Kept, MemoryStore};
use crate::{
    message::{Attempt, MessageId, PartReceipt, Receipt, ReceiptStatus, State, Timestamp, delivery_state},
    store::{Matched, Receipts, Received, Recorded, StoreError, Unmatched},
};
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, VecDeque};

/// By gateway and id of the service, then by message; with the last word on each.
type Parts = BTreeMap<(String, String), BTreeMap<MessageId, Option<PartReceipt>>>;

/// What services took, and said.
#[derive(Debug, Default)]
pub(super) struct Said {
    parts: Parts,
    unmatched: VecDeque<Unmatched>,
    numbers: u64,
}

impl Kept {
    fn receive(&mut self, receipt: Receipt) -> Received {
        let key = (receipt.gateway.clone(), receipt.provider_id.clone());
        let found = self.said.parts.get(&key).and_then(|messages| messages.last_key_value());
        match found.map(|(id, _)| *id) {
            Some(id) => {
                let gateway = receipt.gateway.clone();
                let moved = if self.put(id, receipt) { self.move_on(id, &gateway) } else { None };
                let message = self.messages.get(&id).map(|entry| &entry.message);
                let callback_url = moved.and_then(|_| message?.callback_url.clone());
                Received::Matched(Matched { id, moved, callback_url })
            }
            None => {
                self.said.numbers += 1;
                self.said.unmatched.push_back(Unmatched { number: self.said.numbers, receipt });
                Received::Unmatched
            }
        }
    }

    /// What a submission got from the service, and what the service said of it before that was known.
    pub(super) fn parts(&mut self, id: MessageId, attempt: &Attempt) -> Recorded {
        let mut recorded = Recorded { taken: true, ..Recorded::default() };
        let created_at = self.messages.get(&id).map(|entry| entry.message.created_at);
        for provider_id in &attempt.outcome.provider_ids {
            let key = (attempt.gateway.clone(), provider_id.clone());
            self.said.parts.entry(key).or_default().entry(id).or_default();
            // Older ones were for somebody else's part of this id.
            let is_early = |receipt: &Receipt| {
                receipt.gateway == attempt.gateway
                    && receipt.provider_id == *provider_id
                    && created_at.is_some_and(|created_at| receipt.at >= created_at)
            };
            let (early, rest) = std::mem::take(&mut self.said.unmatched)
                .into_iter()
                .partition::<VecDeque<_>, _>(|unmatched| is_early(&unmatched.receipt));
            self.said.unmatched = rest;
            for Unmatched { receipt, .. } in early {
                self.put(id, receipt);
                recorded.receipts += 1;
            }
        }
        // Also where an earlier submission got the same ids, and something was said of them then.
        recorded.moved = self.move_on(id, &attempt.gateway);
        recorded
    }

    /// The receipt's word on this message's part, unless there is one for good; whether it is one for good.
    fn put(&mut self, id: MessageId, receipt: Receipt) -> bool {
        let Receipt { gateway, provider_id, status, code, detail, at } = receipt;
        let parts = self.said.parts.get_mut(&(gateway, provider_id.clone()));
        let Some(part) = parts.and_then(|parts| parts.get_mut(&id)) else { return false };
        if part.as_ref().is_some_and(|part| part.status != ReceiptStatus::Pending) {
            return false;
        }
        *part = Some(PartReceipt { provider_id, status, code, detail, at });
        status != ReceiptStatus::Pending
    }

    /// Moves a message that is `sent` through this gateway to where the words on its parts take it.
    fn move_on(&mut self, id: MessageId, gateway: &str) -> Option<State> {
        let message = &self.messages.get(&id)?.message;
        if message.state != State::Sent || message.gateway != gateway {
            return None;
        }
        let parts = self.of_parts(id, gateway, &message.provider_ids);
        let next = delivery_state(parts.iter().map(|part| part.as_ref().map(|part| part.status)))?;
        let said_at = parts.iter().flatten().map(|part| part.at).max();
        let message = &mut self.messages.get_mut(&id)?.message;
        let at: Timestamp = said_at.unwrap_or(message.updated_at).max(message.updated_at);
        message.change(next, at, None);
        let callback_url = message.callback_url.clone();
        self.webhooks.announce(id, callback_url.as_deref(), next, at);
        self.note(id);
        Some(next)
    }

    /// What was said last of each of these parts.
    pub(super) fn of_parts(
        &self,
        id: MessageId,
        gateway: &str,
        provider_ids: &[String],
    ) -> Vec<Option<PartReceipt>> {
        let part = |provider_id: &String| {
            self.said.parts.get(&(gateway.to_owned(), provider_id.clone()))?.get(&id)?.clone()
        };
        provider_ids.iter().map(part).collect()
    }
}

impl Receipts for MemoryStore {
    fn receive(&self, batch: Vec<Receipt>) -> BoxFuture<'_, Result<Vec<Received>, StoreError>> {
        self.open(|kept| Ok(batch.into_iter().map(|receipt| kept.receive(receipt)).collect()))
    }

    fn unmatched(
        &self,
        gateway: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Unmatched>, StoreError>> {
        self.open(|kept| {
            let wanted = |unmatched: &&Unmatched| {
                gateway.is_none_or(|gateway| unmatched.receipt.gateway == gateway)
                    && before.is_none_or(|before| unmatched.number < before)
            };
            Ok(kept.said.unmatched.iter().rev().filter(wanted).take(limit).cloned().collect())
        })
    }
}
