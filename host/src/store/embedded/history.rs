//! What became of messages: lists of them, and the stream of their changes.

use super::EmbeddedStore;
use crate::store::History;

impl History for EmbeddedStore {}
