//! What services say later of what they took.

use super::MemoryStore;
use crate::store::Receipts;

impl Receipts for MemoryStore {}
