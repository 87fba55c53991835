//! Messages on their way from their acceptance to their gateways: stored, and handed over as they are, so that nobody has to read them
//! from the store again.

use super::{
    Shared,
    actor::{BUFFERED, BUFFERED_BYTES},
    roster::Seat,
};
use crate::{
    message::{NewMessage, Timestamp},
    store::{Place, Ready},
};
use std::{fmt, sync::Arc};

/// The largest content that is handed over; what is larger is read when its turn comes: a backlog costs disk, not memory.
const LARGEST: usize = BUFFERED_BYTES / BUFFERED;

/// Messages that are about to be stored. Dropped before [`Arrivals::stored`], they were not.
#[must_use]
pub struct Arrivals {
    shared: Arc<Shared>,
    waiting: Vec<Arrival>,
}

struct Arrival {
    seat: Option<Arc<Seat>>,
    place: Place,
    deadline: Timestamp,
    /// `None`: it is to be read when its turn comes.
    ready: Option<Ready>,
}

impl Arrivals {
    /// Before they are stored: a gateway that finds one of them in the store knows that it will be handed over.
    pub(super) fn expected(shared: &Arc<Shared>, batch: &[NewMessage]) -> Self {
        let now = shared.clock.now();
        let arrival = |new: &NewMessage| {
            let seat = shared.seat(&new.gateway);
            let place = Place::first(new);
            let is_handed_over = new.due_at <= now && new.content.len() <= LARGEST;
            let ready = is_handed_over.then(|| Ready::first(new));
            if let (Some(seat), Some(_)) = (&seat, &ready) {
                seat.mailbox.expect(new.id);
            }
            Arrival { seat, place, deadline: new.deadline, ready }
        };
        Self { shared: Arc::clone(shared), waiting: batch.iter().map(arrival).collect() }
    }

    /// They are on disk: their gateways look.
    pub fn stored(mut self) {
        for Arrival { seat, place, deadline, ready } in std::mem::take(&mut self.waiting) {
            match (seat, ready) {
                (Some(seat), Some(ready)) => seat.mailbox.hand_over(ready),
                (Some(seat), None) => seat.mailbox.wake(place, self.shared.clock.now()),
                (None, _) => {}
            }
            self.shared.watch_deadline(deadline);
        }
    }
}

impl fmt::Debug for Arrivals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.waiting.iter().map(|arrival| arrival.place)).finish()
    }
}

impl Drop for Arrivals {
    fn drop(&mut self) {
        for Arrival { seat, place, .. } in &self.waiting {
            if let Some(seat) = seat {
                seat.mailbox.withdraw([place.id]);
            }
        }
    }
}
