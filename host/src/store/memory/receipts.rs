//! Parts that services took, and what they say later of them.

use super::{Kept, MemoryStore};
use crate::{
    message::{
        Attempt, MessageId, OutcomeKind, PartReceipt, Receipt, ReceiptStatus, State, Timestamp,
        delivery_state,
    },
    store::{
        Matched, Receipts, Received, Recorded, Respelt, StoreError, Unmatched,
        spelling::{Candidate, Candidates, Known, choose, may_be_another, must_wait, says_little},
    },
};
use futures_util::future::BoxFuture;
use std::collections::{BTreeMap, VecDeque};

/// By gateway and id of the service, then by message.
type Parts = BTreeMap<(String, String), BTreeMap<MessageId, Part>>;

/// What was said of a part.
#[derive(Debug, Default)]
struct Part {
    last: Option<PartReceipt>,
    /// Under which id, where it is not the one that it was given.
    said_as: Option<String>,
}

/// What services took, and said.
#[derive(Debug, Default)]
pub(super) struct Said {
    parts: Parts,
    unmatched: VecDeque<Unmatched>,
    numbers: u64,
    /// What is known of each gateway's service.
    known: BTreeMap<String, Known>,
}

impl Kept {
    fn known_of(&self, gateway: &str) -> Known {
        self.said.known.get(gateway).copied().unwrap_or_default()
    }

    fn receive(&mut self, mut receipt: Receipt) -> Received {
        let habit = self.known_of(&receipt.gateway).habit;
        let key = (receipt.gateway.clone(), receipt.provider_id.clone());
        let found = self.said.parts.get(&key).and_then(|messages| messages.last_key_value());
        // Nor does it overtake what was said before.
        let waits = must_wait(&receipt, habit)
            || self.said.unmatched.iter().any(|Unmatched { receipt: earlier, .. }| {
                !earlier.spellings.is_empty()
                    && (&earlier.gateway, &earlier.provider_id) == (&receipt.gateway, &receipt.provider_id)
            });
        match found.filter(|_| !waits).map(|(id, _)| *id) {
            Some(id) => {
                let part = Candidate { id, provider_id: receipt.provider_id.clone() };
                Received::Matched(self.say(&part, receipt))
            }
            None => {
                self.said.numbers += 1;
                let open = waits || may_be_another(&receipt, habit);
                if !open {
                    receipt.spellings.clear();
                }
                self.said.unmatched.push_back(Unmatched { number: self.said.numbers, receipt });
                if open { Received::Open } else { Received::Unmatched }
            }
        }
    }

    /// Puts a receipt down at its part, and moves the message on if that takes it further.
    fn say(&mut self, part: &Candidate, receipt: Receipt) -> Matched {
        let gateway = receipt.gateway.clone();
        let moved = if self.put(part, receipt) { self.move_on(part.id, &gateway) } else { None };
        let message = self.messages.get(&part.id).map(|entry| &entry.message);
        let callback_url = moved.and_then(|_| message?.callback_url.clone());
        Matched { id: part.id, moved, callback_url }
    }

    /// What a submission got from the service, and what the service said of it before that was known.
    pub(super) fn parts(&mut self, id: MessageId, attempt: &Attempt) -> Recorded {
        let mut recorded = Recorded { taken: true, ..Recorded::default() };
        let created_at = self.messages.get(&id).map(|entry| entry.message.created_at);
        let habit = self.known_of(&attempt.gateway).habit;
        for provider_id in &attempt.outcome.provider_ids {
            let key = (attempt.gateway.clone(), provider_id.clone());
            self.said.parts.entry(key).or_default().entry(id).or_default();
            let part = Candidate { id, provider_id: provider_id.clone() };
            // Older ones were for somebody else's part of this id; one whose id may stand for another is decided on later.
            let is_early = |receipt: &Receipt| {
                receipt.gateway == attempt.gateway
                    && receipt.provider_id == *provider_id
                    && created_at.is_some_and(|created_at| receipt.at >= created_at)
                    && !must_wait(receipt, habit)
            };
            let (early, rest) = std::mem::take(&mut self.said.unmatched)
                .into_iter()
                .partition::<VecDeque<_>, _>(|unmatched| is_early(&unmatched.receipt));
            self.said.unmatched = rest;
            for Unmatched { receipt, .. } in early {
                self.put(&part, receipt);
                recorded.receipts += 1;
            }
        }
        if attempt.outcome.kind == OutcomeKind::Uncertain {
            self.said.known.entry(attempt.gateway.clone()).or_default().doubt = true;
        }
        // Also where an earlier submission got the same ids, and something was said of them then.
        recorded.moved = self.move_on(id, &attempt.gateway);
        recorded
    }

    /// The receipt's word on this part, unless there is one for good; whether it is one for good.
    fn put(&mut self, part: &Candidate, receipt: Receipt) -> bool {
        let Receipt { gateway, provider_id: said_as, status, code, detail, at, .. } = receipt;
        let provider_id = part.provider_id.clone();
        let parts = self.said.parts.get_mut(&(gateway, provider_id.clone()));
        let Some(part) = parts.and_then(|parts| parts.get_mut(&part.id)) else { return false };
        if part.last.as_ref().is_some_and(|last| last.status != ReceiptStatus::Pending) {
            return false;
        }
        part.said_as = Some(said_as).filter(|said_as| *said_as != provider_id);
        part.last = Some(PartReceipt { provider_id, status, code, detail, at });
        status != ReceiptStatus::Pending
    }

    /// Decides on receipts whose ids may have been spelled otherwise.
    fn respell(&mut self, gateway: &str, before: Timestamp, limit: usize) -> Respelt {
        let is_open = |unmatched: &&Unmatched| {
            let Unmatched { receipt, .. } = unmatched;
            receipt.gateway == gateway && !receipt.spellings.is_empty() && receipt.at < before
        };
        let mut open = self.said.unmatched.iter().filter(is_open).take(limit).cloned().collect::<Vec<_>>();
        let mut respelt = Respelt { more: open.len() == limit, matched: Vec::new() };
        open.sort_by_key(|unmatched| (says_little(&unmatched.receipt), unmatched.number));
        for Unmatched { number, receipt } in open {
            let chosen = choose(&receipt, self.known_of(gateway), self.candidates(&receipt));
            let place = self.said.unmatched.iter().position(|unmatched| unmatched.number == number);
            match chosen {
                Some((part, habit)) => {
                    respelt.matched.push(self.say(&part, receipt));
                    self.said.known.entry(gateway.to_owned()).or_default().habit = habit;
                    place.and_then(|place| self.said.unmatched.remove(place));
                }
                None => {
                    if let Some(unmatched) = place.and_then(|place| self.said.unmatched.get_mut(place)) {
                        unmatched.receipt.spellings.clear();
                    }
                }
            }
        }
        respelt
    }

    /// A receipt can't have come before its message did.
    fn candidates(&self, receipt: &Receipt) -> Candidates {
        let of = |provider_id: &String| {
            let parts = self.said.parts.get(&(receipt.gateway.clone(), provider_id.clone()));
            let parts = parts.into_iter().flatten().filter(|(id, _)| {
                let message = self.messages.get(id).map(|entry| &entry.message);
                message.is_some_and(|message| message.created_at <= receipt.at)
            });
            let candidate =
                |(id, part): (&MessageId, _)| (Candidate { id: *id, provider_id: provider_id.clone() }, part);
            parts.map(candidate).collect::<Vec<(Candidate, &Part)>>()
        };
        let mut found = Candidates::default();
        for (part, said) in receipt.spellings.iter().flat_map(of) {
            if said.said_as.as_ref() == Some(&receipt.provider_id) {
                found.spoken_of = Some(part);
            } else if said.last.is_none() {
                found.others.push(part);
            }
        }
        let exact = of(&receipt.provider_id).into_iter().rfind(|(_, said)| said.said_as.is_none());
        match exact {
            Some((part, said)) if said.last.is_some() => found.spoken_of = Some(part),
            Some((part, _)) => found.exact = Some(part),
            None => {}
        }
        found
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
            self.said.parts.get(&(gateway.to_owned(), provider_id.clone()))?.get(&id)?.last.clone()
        };
        provider_ids.iter().map(part).collect()
    }
}

impl Receipts for MemoryStore {
    fn receive(&self, batch: Vec<Receipt>) -> BoxFuture<'_, Result<Vec<Received>, StoreError>> {
        self.open(|kept| Ok(batch.into_iter().map(|receipt| kept.receive(receipt)).collect()))
    }

    fn respell(
        &self,
        gateway: &str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Respelt, StoreError>> {
        self.open(|kept| Ok(kept.respell(gateway, before, limit)))
    }

    fn undecided(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>, StoreError>> {
        self.open(|kept| {
            let mut first = BTreeMap::<String, Timestamp>::new();
            let receipts = kept.said.unmatched.iter().map(|unmatched| &unmatched.receipt);
            for receipt in receipts.filter(|receipt| !receipt.spellings.is_empty()) {
                let at = first.entry(receipt.gateway.clone()).or_insert(receipt.at);
                *at = receipt.at.min(*at);
            }
            Ok(first.into_iter().collect())
        })
    }

    fn interrupted(&self, gateways: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.open(|kept| {
            for gateway in gateways {
                kept.said.known.entry(gateway).or_default().doubt = true;
            }
            Ok(())
        })
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
