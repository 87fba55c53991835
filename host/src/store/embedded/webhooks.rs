//! What is to be told to others, until they have taken it.

use super::EmbeddedStore;
use crate::store::Webhooks;

impl Webhooks for EmbeddedStore {}
