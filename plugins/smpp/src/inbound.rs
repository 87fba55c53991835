//! What the SMSC sends on its own, on its way to the host: receipts at once, messages when all their parts are there.

use crate::{
    deliver::{Concatenated, Delivery, Piece},
    text,
};
use gatepost_provider_api::{
    Context, DeliverError, Event, Inbound,
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

/// Messages that are not whole yet; of more, the oldest goes on as it is, or the new part is refused where that can't be stored.
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

impl Partial {
    fn new() -> Self {
        Self { began: Instant::now(), pieces: BTreeMap::new() }
    }
}

/// What became of a part that came.
enum Added {
    /// It waits for the others.
    Kept,
    /// This message is to go on: by this part, or to make room for it.
    Ready(Key, Partial),
    /// The gateway has stopped.
    Refused,
}

/// Takes what comes over all binds of a gateway: the parts of a message may come over several.
///
/// A part is acknowledged when it is here, since an SMSC may not send the next one before: those of a message that is not whole are lost
/// with the process.
pub(crate) struct Inbox {
    context: Context,
    /// `None` once the gateway has stopped.
    partial: Mutex<Option<HashMap<Key, Partial>>>,
}

impl Inbox {
    pub(crate) fn new(context: Context) -> Self {
        Self { context, partial: Mutex::new(Some(HashMap::new())) }
    }

    fn partial(&self) -> MutexGuard<'_, Option<HashMap<Key, Partial>>> {
        self.partial.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is stored, or need not be: else the SMSC is to repeat it.
    pub(crate) async fn take(&self, delivery: Delivery) -> bool {
        let taken = match delivery {
            Delivery::Nameless => {
                tracing::warn!("a receipt that names no id is dropped");
                Ok(())
            }
            Delivery::Receipt(receipt) => self.context.deliver(Event::Receipt(receipt)).await,
            Delivery::Inbound(piece) => match piece.place {
                Some(place) if piece.content.len() <= LONGEST_PART => return self.part(piece, place).await,
                _ => {
                    let text = text::decode(piece.data_coding, &piece.content);
                    self.context.deliver(Event::Inbound(Inbound::new(piece.from, piece.to, text))).await
                }
            },
        };
        taken.map_err(repeats).is_ok()
    }

    async fn part(&self, piece: Piece, place: Concatenated) -> bool {
        let Concatenated { reference, total, number } = place;
        let key: Key = (piece.from, piece.to, reference, total);
        let (ready, mut partial) = match self.add(&key, number, (piece.data_coding, piece.content)) {
            Added::Kept => return true,
            Added::Refused => return false,
            Added::Ready(ready, partial) => (ready, partial),
        };
        let Err(error) = self.context.deliver(whole(&ready, &partial)).await else { return true };
        repeats(error);
        // All but this part are here when it comes again.
        if ready == key {
            partial.pieces.remove(&number);
        } else {
            self.remove(&key, number);
        }
        self.put_back(ready, partial);
        false
    }

    fn add(&self, key: &Key, number: u8, piece: (u8, Vec<u8>)) -> Added {
        let mut table = self.partial();
        let Some(all) = &mut *table else { return Added::Refused };
        let partial = all.entry(key.clone()).or_insert_with(Partial::new);
        partial.pieces.insert(number, piece);
        let ready = if is_whole(key, partial) {
            Some(key.clone())
        } else if all.len() > MOST {
            all.iter().min_by_key(|(_, partial)| partial.began).map(|(oldest, _)| oldest.clone())
        } else {
            None
        };
        let ready = ready.and_then(|ready| all.remove_entry(&ready));
        ready.map_or(Added::Kept, |(ready, partial)| Added::Ready(ready, partial))
    }

    fn remove(&self, key: &Key, number: u8) {
        let mut table = self.partial();
        let Some(all) = &mut *table else { return };
        if let Some(partial) = all.get_mut(key) {
            partial.pieces.remove(&number);
            if partial.pieces.is_empty() {
                all.remove(key);
            }
        }
    }

    /// It could not go on. Parts of it may have come once more in the meantime, which are acknowledged and stay.
    fn put_back(&self, key: Key, partial: Partial) {
        let mut table = self.partial();
        let Some(all) = &mut *table else { return lost() };
        let there = all.entry(key).or_insert_with(Partial::new);
        there.began = there.began.min(partial.began);
        for (number, piece) in partial.pieces {
            there.pieces.entry(number).or_insert(piece);
        }
    }

    /// Sends on what will not get whole any more, until the gateway stops, and then what is left.
    pub(crate) async fn tend(&self) {
        loop {
            select! {
                () = sleep(TICK) => {}
                () = self.context.stopped() => break,
            }
            for (key, partial) in self.late() {
                if let Err(error) = self.context.deliver(whole(&key, &partial)).await {
                    tracing::warn!("parts of a message can't go on now; trying again: {error}");
                    self.put_back(key, partial);
                }
            }
        }
        // From now on parts are refused: nobody would send them on.
        let left = self.partial().take();
        for (key, partial) in left.into_iter().flatten() {
            if self.context.deliver(whole(&key, &partial)).await.is_err() {
                lost();
            }
        }
    }

    fn late(&self) -> Vec<(Key, Partial)> {
        let is_late =
            |key: &Key, partial: &mut Partial| partial.began.elapsed() >= PATIENCE || is_whole(key, partial);
        self.partial().iter_mut().flat_map(|all| all.extract_if(is_late)).collect()
    }
}

fn is_whole(key: &Key, partial: &Partial) -> bool {
    partial.pieces.len() == usize::from(key.3)
}

fn repeats(error: DeliverError) {
    tracing::warn!("the SMSC is to repeat what it sent: {error}");
}

fn lost() {
    tracing::warn!("parts of a message are lost: the gateway stopped, and the host could not store them");
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

    fn said(added: Added) -> String {
        let Added::Ready(key, partial) = added else { panic!("no message goes on") };
        match whole(&key, &partial) {
            Event::Inbound(inbound) => inbound.text,
            _ => String::new(),
        }
    }

    #[tokio::test]
    async fn parts_are_put_together_in_their_order() {
        let inbox = Inbox::new(Context::for_tests("gw").unwrap());
        assert!(matches!(inbox.add(&key(1), 2, (8, b"\xde\x00\x00!".to_vec())), Added::Kept));
        assert!(matches!(inbox.add(&key(2), 1, (0, b"other".to_vec())), Added::Kept));
        // Twice the same is one.
        assert!(matches!(inbox.add(&key(1), 2, (8, b"\xde\x00\x00!".to_vec())), Added::Kept));
        assert_eq!(said(inbox.add(&key(1), 1, (8, b"\x00a\xd8\x3d".to_vec()))), "a\u{1f600}!");
        assert_eq!(said(inbox.add(&key(2), 2, (3, b"\xe7".to_vec()))), "otherç");
        assert_eq!(kept(&inbox), []);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_get_whole_goes_on_as_it_is() {
        let inbox = Inbox::new(Context::for_tests("gw").unwrap());
        inbox.add(&key(0), 1, (0, b"first".to_vec()));
        tokio::time::advance(PATIENCE / 2).await;
        for reference in 1..500 {
            assert!(matches!(inbox.add(&key(reference), 2, (0, b"half".to_vec())), Added::Kept));
        }
        assert_eq!(said(inbox.add(&key(500), 2, (0, b"half".to_vec()))), "first", "the oldest makes room");
        assert!(inbox.late().is_empty());
        tokio::time::advance(PATIENCE).await;
        assert_eq!(inbox.late().len(), 500);
    }

    /// References and parts of what is not whole.
    fn kept(inbox: &Inbox) -> Vec<(u16, Vec<u8>)> {
        let table = inbox.partial();
        let all = table.iter().flatten();
        let kept = all.map(|(key, partial)| (key.2, partial.pieces.keys().copied().collect()));
        let mut kept = kept.collect::<Vec<_>>();
        kept.sort_unstable();
        kept
    }

    /// Whether the first or second of two parts is acknowledged.
    async fn takes(inbox: &Inbox, reference: u16, number: u8) -> bool {
        let (from, to, ..) = key(reference);
        let place = Some(Concatenated { reference, total: 2, number });
        let piece = Piece { from, to, data_coding: 0, content: b"half".to_vec(), place };
        inbox.take(Delivery::Inbound(piece)).await
    }

    // No host is behind such a context: nothing can be stored.

    #[tokio::test]
    async fn a_part_that_makes_whole_what_can_not_be_stored_is_asked_for_again() {
        let inbox = Inbox::new(Context::for_tests("gw").unwrap());
        assert!(takes(&inbox, 1, 1).await);
        for _ in 0..3 {
            assert!(!takes(&inbox, 1, 2).await);
            assert_eq!(kept(&inbox), [(1, vec![1])]);
        }
    }

    #[tokio::test]
    async fn no_more_parts_are_kept_than_may_be_where_none_can_be_stored() {
        let inbox = Inbox::new(Context::for_tests("gw").unwrap());
        for reference in 0..500 {
            assert!(takes(&inbox, reference, 1).await);
        }
        let before = kept(&inbox);
        for reference in 500..600 {
            assert!(!takes(&inbox, reference, 1).await, "it would be one too many");
        }
        assert_eq!(kept(&inbox), before);
    }

    #[tokio::test]
    async fn what_came_once_more_while_a_message_could_not_go_on_stays() {
        let inbox = Inbox::new(Context::for_tests("gw").unwrap());
        assert!(takes(&inbox, 1, 1).await);
        let Added::Ready(ready, mut partial) = inbox.add(&key(1), 2, (0, b"half".to_vec())) else {
            panic!("it is whole")
        };
        // Over another bind, and it is acknowledged.
        assert!(takes(&inbox, 1, 2).await);
        partial.pieces.remove(&2);
        inbox.put_back(ready, partial);
        assert_eq!(kept(&inbox), [(1, vec![1, 2])]);
        assert_eq!(inbox.late().len(), 1, "it goes on soon, without another part");
    }

    #[tokio::test]
    async fn no_part_is_acknowledged_that_nobody_would_send_on() {
        let inbox = Inbox::new(Context::for_tests("gw").unwrap());
        inbox.partial().take();
        assert!(!takes(&inbox, 1, 1).await);
    }
}
