//! What the SMSC sends on its own, on its way to the host: receipts at once, messages when all their parts are there.

use crate::{
    deliver::{Concatenated, Delivery, Piece},
    text,
};
use gatepost_provider_api::{
    Context, Event, Inbound,
    tokio::{
        select,
        time::{Instant, sleep},
    },
    tracing,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long the parts of a message are waited for; then what is there goes on.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often that is looked at.
const TICK: Duration = Duration::from_secs(5);

/// Messages that are not whole yet; of more, the oldest goes on as it is.
const MOST: usize = 500;

/// A part of an SMS is no longer.
const LONGEST_PART: usize = 255;

/// From whom, to whom, which of theirs, in how many parts.
type Key = (String, String, u16, u8);

/// A message of which parts are there, by their numbers.
struct Partial {
    began: Instant,
    pieces: BTreeMap<u8, (u8, Vec<u8>)>,
}

/// Takes what comes over all binds of a gateway: the parts of a message may come over several.
///
/// A part is acknowledged when it is here, since an SMSC may not send the next one before: those of a message that is not whole are lost
/// with the process.
pub(crate) struct Inbox {
    context: Context,
    partial: Mutex<HashMap<Key, Partial>>,
}

impl Inbox {
    pub(crate) fn new(context: Context) -> Self {
        Self { context, partial: Mutex::default() }
    }

    fn partial(&self) -> MutexGuard<'_, HashMap<Key, Partial>> {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is stored, or need not be.
    pub(crate) async fn take(&self, delivery: Delivery) -> bool {
        match delivery {
            Delivery::Nameless => {
                tracing::warn!("a receipt that names no id is dropped");
                true
            }
            Delivery::Receipt(receipt) => self.deliver(Event::Receipt(receipt)).await,
            Delivery::Inbound(piece) => match piece.place {
                Some(place) if piece.content.len() <= LONGEST_PART => self.part(piece, place).await,
                _ => {
                    let text = text::decode(piece.data_coding, &piece.content);
                    self.deliver(Event::Inbound(Inbound::new(piece.from, piece.to, text))).await
                }
            },
        }
    }

    async fn deliver(&self, event: Event) -> bool {
        let stored = self.context.deliver(event).await;
        if let Err(error) = &stored {
            tracing::warn!("the SMSC is to repeat what it sent: {error}");
        }
        stored.is_ok()
    }

    async fn part(&self, piece: Piece, place: Concatenated) -> bool {
        let Concatenated { reference, total, number } = place;
        let key: Key = (piece.from, piece.to, reference, total);
        let ready = self.add(&key, number, (piece.data_coding, piece.content));
        let Some((ready, partial)) = ready else { return true };
        let stored = self.deliver(whole(&ready, &partial)).await;
        if !stored {
            // All but this one are here when the SMSC repeats it.
            let is_this = ready == key;
            let mut partial = partial;
            if is_this {
                partial.pieces.remove(&number);
            }
            self.partial().insert(ready, partial);
            return !is_this;
        }
        true
    }

    /// Keeps a part; a message that is to go on now, by this part or for lack of room.
    fn add(&self, key: &Key, number: u8, piece: (u8, Vec<u8>)) -> Option<(Key, Partial)> {
        let mut all = self.partial();
        let partial = all
            .entry(key.clone())
            .or_insert_with(|| Partial { began: Instant::now(), pieces: BTreeMap::new() });
        partial.pieces.insert(number, piece);
        if partial.pieces.len() == usize::from(key.3) {
            return all.remove_entry(key);
        }
        if all.len() > MOST {
            let oldest = all.iter().min_by_key(|(_, partial)| partial.began).map(|(key, _)| key.clone())?;
            return all.remove_entry(&oldest);
        }
        None
    }

    /// Sends on what will not get whole any more, until the gateway stops, and then what is left.
    pub(crate) async fn tend(&self) {
        loop {
            let stopped = select! {
                () = sleep(TICK) => false,
                () = self.context.stopped() => true,
            };
            let late = self.late(stopped);
            for (key, partial) in late {
                if !self.deliver(whole(&key, &partial)).await && !stopped {
                    self.partial().insert(key, partial);
                }
            }
            if stopped {
                return;
            }
        }
    }

    fn late(&self, all: bool) -> Vec<(Key, Partial)> {
        let is_late = |_: &Key, partial: &mut Partial| all || partial.began.elapsed() >= PATIENCE;
        self.partial().extract_if(is_late).collect()
    }
}

/// The text of all parts that are there. Cut anywhere, a character may be in two of them.
fn whole(key: &Key, partial: &Partial) -> Event {
    let (from, to, ..) = key;
    let pieces = partial.pieces.values();
    let coding = pieces.clone().next().map_or(0, |(coding, _)| *coding);
    let text = if pieces.clone().all(|(other, _)| *other == coding) {
        let content = pieces.flat_map(|(_, content)| content).copied().collect::<Vec<_>>();
        text::decode(coding, &content)
    } else {
        pieces.map(|(coding, content)| text::decode(*coding, content)).collect()
    };
    Event::Inbound(Inbound::new(from.clone(), to.clone(), text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gatepost_provider_api::tokio;

    fn key(reference: u16) -> Key {
        ("49170".into(), "12345".into(), reference, 2)
    }

    fn said(ready: Option<(Key, Partial)>) -> String {
        let (key, partial) = ready.expect("a message goes on");
        match whole(&key, &partial) {
            Event::Inbound(inbound) => inbound.text,
            _ => String::new(),
        }
    }

    #[tokio::test]
    async fn parts_are_put_together_in_their_order() {
        let inbox = Inbox::new(Context::for_tests("gw").unwrap());
        assert!(inbox.add(&key(1), 2, (8, b"\xde\x00\x00!".to_vec())).is_none());
        assert!(inbox.add(&key(2), 1, (0, b"other".to_vec())).is_none());
        // Twice the same is one.
        assert!(inbox.add(&key(1), 2, (8, b"\xde\x00\x00!".to_vec())).is_none());
        assert_eq!(said(inbox.add(&key(1), 1, (8, b"\x00a\xd8\x3d".to_vec()))), "a\u{1f600}!");
        assert_eq!(said(inbox.add(&key(2), 2, (3, b"\xe7".to_vec()))), "otherç");
        assert!(inbox.late(true).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_get_whole_goes_on_as_it_is() {
        let inbox = Inbox::new(Context::for_tests("gw").unwrap());
        inbox.add(&key(0), 1, (0, b"first".to_vec()));
        tokio::time::advance(PATIENCE / 2).await;
        for reference in 1..500 {
            assert!(inbox.add(&key(reference), 2, (0, b"half".to_vec())).is_none());
        }
        assert_eq!(said(inbox.add(&key(500), 2, (0, b"half".to_vec()))), "first", "the oldest makes room");
        assert!(inbox.late(false).is_empty());
        tokio::time::advance(PATIENCE).await;
        assert_eq!(inbox.late(false).len(), 500);
    }
}
