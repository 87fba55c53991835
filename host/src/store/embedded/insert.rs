//! Messages are accepted: a row for each, and one for a request that is to be carried out once.

use super::{arrivals, statements::Statements};
use crate::{
    message::{Content, MessageId, NewMessage, Priority, Recipient, Timestamp, Validity},
    store::{Inserted, Once},
};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::time::Duration;

/// How long a request is remembered.
pub(super) const REMEMBERED: Duration = Duration::from_secs(86_400);

pub(super) fn batch(
    connection: &Statements<'_>,
    batch: &[NewMessage],
    once: Option<&Once>,
) -> rusqlite::Result<Inserted> {
    if let Some(once) = once {
        if let Some(known) = known(connection, once)? {
            return Ok(known);
        }
        remember(connection, once, batch)?;
    }
    for message in batch {
        arrivals::put(connection, message)?;
    }
    arrivals::make_room(connection)?;
    Ok(Inserted::Stored)
}

/// What came of the same request before.
pub(super) fn known(connection: &Connection, once: &Once) -> rusqlite::Result<Option<Inserted>> {
    let forgotten =
        once.at.as_millis().saturating_sub(i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX));
    let known = connection
        .prepare_cached(
            "SELECT fingerprint, ids FROM idempotency WHERE api_key = ?1 AND key = ?2 AND at > ?3",
        )?
        .query_row(params![once.api_key, once.key, forgotten], |row| {
            Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    Ok(known.map(|(fingerprint, ids)| {
        let ids = ids.chunks_exact(16).filter_map(|id| Some(MessageId::from_bytes(id.try_into().ok()?)));
        if fingerprint == once.fingerprint { Inserted::Known(ids.collect()) } else { Inserted::Conflict }
    }))
}

fn remember(connection: &Statements<'_>, once: &Once, batch: &[NewMessage]) -> rusqlite::Result<()> {
    let ids = batch.iter().flat_map(|new| *new.id.as_bytes()).collect::<Vec<_>>();
    connection.write(
        "INSERT OR REPLACE INTO idempotency (api_key, key, fingerprint, at, ids) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![once.api_key, once.key, once.fingerprint, once.at.as_millis(), ids],
    )?;
    Ok(())
}

/// A message like any other, to see whether one could be stored.
pub(super) fn probe() -> NewMessage {
    let now = Timestamp::from_millis(0);
    NewMessage {
        id: MessageId::new(),
        to: Recipient::new(String::new()),
        content: Content::default(),
        from: None,
        gateway: String::new(),
        route: None,
        plan: Vec::new(),
        tag: None,
        priority: Priority::Normal,
        created_at: now,
        due_at: now,
        validity: Validity { from: now, own: None },
        expires_at: now,
        deadline: now,
        api_key: None,
        callback_url: None,
    }
}
