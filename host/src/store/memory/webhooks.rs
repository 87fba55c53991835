//! What is to be told to others, until they have taken it.

use super::MemoryStore;
use crate::store::Webhooks;

impl Webhooks for MemoryStore {}
