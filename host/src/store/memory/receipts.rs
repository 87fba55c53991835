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
                let moved = self.apply(id, receipt);
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
        for provider_id in &attempt.outcome.provider_ids {
            let key = (attempt.gateway.clone(), provider_id.clone());
            self.said.parts.entry(key).or_default().entry(id).or_default();
        }
        for provider_id in &attempt.outcome.provider_ids {
            let is_early = |receipt: &Receipt| {
                receipt.gateway == attempt.gateway
                    && receipt.provider_id == *provider_id
                    && receipt.at >= attempt.started_at
            };
            let (early, rest) = std::mem::take(&mut self.said.unmatched)
                .into_iter()
                .partition::<VecDeque<_>, _>(|unmatched| is_early(&unmatched.receipt));
            self.said.unmatched = rest;
            for Unmatched { receipt, .. } in early {
                recorded.moved = recorded.moved.or(self.apply(id, receipt));
                recorded.receipts += 1;
            }
        }
        recorded
    }

    /// The receipt's word on this message's part; the state that the message goes to by it.
    fn apply(&mut self, id: MessageId, receipt: Receipt) -> Option<State> {
        let Receipt { gateway, provider_id, status, code, detail, at } = receipt;
        let part = self.said.parts.get_mut(&(gateway.clone(), provider_id.clone()))?.get_mut(&id)?;
        if part.as_ref().is_some_and(|part| part.status != ReceiptStatus::Pending) {
            return None;
        }
        *part = Some(PartReceipt { provider_id, status, code, detail, at });
        let message = &self.messages.get(&id)?.message;
        if message.state != State::Sent || message.gateway != gateway || status == ReceiptStatus::Pending {
            return None;
        }
        let said = self.of_parts(id, &gateway, &message.provider_ids);
        let next = delivery_state(said.iter().map(|part| part.as_ref().map(|part| part.status)))?;
        let message = &mut self.messages.get_mut(&id)?.message;
        let at: Timestamp = at.max(message.updated_at);
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
