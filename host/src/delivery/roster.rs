//! Who takes part in the delivery now. One look at it is consistent in itself; a reload puts another in its place.

use super::mailbox::Mailbox;
use crate::gateway::Gateways;
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicUsize},
};

/// The gateways as they are defined now, and a seat for every name that messages wait under.
#[derive(Default)]
pub(super) struct Roster {
    pub(super) gateways: Arc<Gateways>,
    pub(super) seats: BTreeMap<Arc<str>, Arc<Seat>>,
}

/// The place of one gateway name. It has one actor, and stays when its gateway is taken out of the configuration: what is on its way
/// there finds somebody who hands it over, and when the gateway comes back, somebody who knows what is still going on.
#[derive(Default)]
pub(super) struct Seat {
    pub(super) mailbox: Mailbox,
    /// Submits whose outcome is not yet on disk.
    pub(super) in_flight: AtomicUsize,
}

impl Roster {
    /// The next roster, and the names that are new in it: those of `gateways` and `others` that have no seat yet.
    pub(super) fn next(
        &self,
        gateways: Arc<Gateways>,
        others: impl IntoIterator<Item = Arc<str>>,
    ) -> (Self, Vec<Arc<str>>) {
        let (mut seats, mut new) = (self.seats.clone(), Vec::new());
        let names = gateways.iter().map(|gateway| Arc::clone(&gateway.name)).chain(others);
        for name in names {
            seats.entry(name).or_insert_with_key(|name| {
                new.push(Arc::clone(name));
                Arc::default()
            });
        }
        (Self { gateways, seats }, new)
    }
}
