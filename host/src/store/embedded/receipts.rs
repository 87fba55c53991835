//! What services say later of what they took.

use super::EmbeddedStore;
use crate::store::Receipts;

impl Receipts for EmbeddedStore {}
