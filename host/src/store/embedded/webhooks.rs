//! What is to be told to others, until they have taken it.
//!
//! A change of a message waits behind the message's earlier ones with a due time that never comes; when the last of those is over, it
//! gets its own. So what is read of an origin is what can go out, and nothing is walked over.

use super::{EmbeddedStore, reads, writer::Request};
use crate::{
    message::{MessageId, State, Text, Timestamp, WebhookUrl},
    store::{
        Dropped, NewInbound, News, Settled, StoreError, Waiting, Webhook, Webhooks,
        webhooks::{as_of, id_of_change, origin_of},
    },
};
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::collections::HashMap;

/// Due once the message's earlier change is over.
const BEHIND: i64 = i64::MAX;

/// How many of each origin's a change took away or added.
pub(super) type Counts = HashMap<String, i64>;

impl Webhooks for EmbeddedStore {
    fn webhooks(
        &self,
        origin: &str,
        now: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Waiting, StoreError>> {
        let origin = origin.to_owned();
        // Not the delivery's own connections: it waits for nothing that is told to others.
        self.read_with(&self.history, move |connection| waiting(connection, &origin, now, limit))
    }

    fn settle_webhooks(&self, batch: Vec<Settled>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|done| Request::SettleWebhooks { batch, done })
    }

    fn drop_webhooks(
        &self,
        origin: &str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Dropped, StoreError>> {
        let origin = origin.to_owned();
        self.write(|done| Request::DropWebhooks { origin, before, limit, done })
    }

    fn inbound(&self, new: NewInbound) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|done| Request::Inbound { new, done })
    }

    fn webhooks_waiting(&self) -> Vec<(String, u64)> {
        self.webhooks.all()
    }
}

/// A message has become `state`: to be told, if it has somewhere to be told. The origin for which something waits then.
pub(super) fn announce(
    connection: &Connection,
    id: MessageId,
    url: Option<&str>,
    state: State,
    at: Timestamp,
) -> rusqlite::Result<Option<String>> {
    let Some((url, origin)) = url.and_then(|url| Some((url, origin_of(url)?))) else { return Ok(None) };
    let behind =
        connection.prepare_cached("SELECT 1 FROM webhook WHERE message = ?1")?.exists([id.as_bytes()])?;
    connection
        .prepare_cached(
            "INSERT INTO webhook (origin, url, webhook_id, message, state, at, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            origin,
            url,
            id_of_change(id, state),
            id.as_bytes(),
            state.number(),
            at.as_millis(),
            if behind { BEHIND } else { at.as_millis() },
        ])?;
    Ok(Some(origin))
}

pub(super) fn inbound(connection: &Connection, new: &NewInbound) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO webhook (origin, url, webhook_id, payload, at, due_at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
        )?
        .execute(params![new.to.origin(), new.to.url(), new.id, new.payload.expose(), new.at.as_millis()])?;
    Ok(())
}

/// Puts down what came of tries; whether anything was erased.
pub(super) fn settle(
    connection: &Connection,
    batch: &[Settled],
    counts: &mut Counts,
) -> rusqlite::Result<bool> {
    let mut erased = false;
    for settled in batch {
        match settled.again_at {
            Some(due_at) => {
                connection
                    .prepare_cached("UPDATE webhook SET due_at = ?2, tries = tries + 1 WHERE seq = ?1")?
                    .execute(params![settled.seq, due_at.as_millis()])?;
            }
            None => erased |= remove(connection, settled.seq, counts)?,
        }
    }
    Ok(erased)
}

pub(super) fn drop_old(
    connection: &Connection,
    origin: &str,
    before: Timestamp,
    limit: usize,
    counts: &mut Counts,
) -> rusqlite::Result<(Dropped, bool)> {
    let old = connection
        .prepare_cached(OLD)?
        .query_map(params![origin, before.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            row.get::<_, i64>(0)
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut erased = false;
    for seq in &old {
        erased |= remove(connection, *seq, counts)?;
    }
    Ok((Dropped { count: old.len() as u64, oldest: oldest(connection, origin)? }, erased))
}

/// Takes one out; its message's next one is due then. Whether its payload is to be erased from the write-ahead log too.
fn remove(connection: &Connection, seq: i64, counts: &mut Counts) -> rusqlite::Result<bool> {
    let removed = connection
        .prepare_cached("DELETE FROM webhook WHERE seq = ?1 RETURNING origin, message, payload IS NOT NULL")?
        .query_row([seq], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, Option<[u8; 16]>>(1)?, row.get::<_, bool>(2)?))
        })
        .optional()?;
    let Some((origin, message, erased)) = removed else { return Ok(false) };
    if let Some(message) = message {
        connection
            .prepare_cached(
                "UPDATE webhook SET due_at = at
                 WHERE seq = (SELECT min(seq) FROM webhook WHERE message = ?1) AND due_at = ?2",
            )?
            .execute(params![message, BEHIND])?;
    }
    *counts.entry(origin).or_default() -= 1;
    Ok(erased)
}

/// How many wait for each origin.
pub(super) fn counts(connection: &Connection) -> rusqlite::Result<HashMap<String, u64>> {
    let mut statement = connection.prepare("SELECT origin, count(*) FROM webhook GROUP BY origin")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    rows.collect()
}

pub(super) const DUE: &str = "
    SELECT seq, webhook_id, url, at, tries, message, state, payload FROM webhook
    WHERE origin = ?1 AND due_at <= ?2 ORDER BY due_at, seq LIMIT ?3";

pub(super) const NEXT_DUE: &str = "
    SELECT due_at FROM webhook WHERE origin = ?1 AND due_at > ?2 AND due_at < ?3 ORDER BY due_at LIMIT 1";

pub(super) const OLD: &str =
    "SELECT seq FROM webhook WHERE origin = ?1 AND at <= ?2 ORDER BY at, seq LIMIT ?3";

pub(super) const OLDEST: &str = "SELECT at FROM webhook WHERE origin = ?1 ORDER BY at LIMIT 1";

fn waiting(connection: &Connection, origin: &str, now: Timestamp, limit: usize) -> rusqlite::Result<Waiting> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    // First, so that what becomes due meanwhile is only seen twice.
    let next_due = connection
        .prepare_cached(NEXT_DUE)?
        .query_row(params![origin, now.as_millis(), BEHIND], |row| row.get(0).map(Timestamp::from_millis))
        .optional()?;
    let rows = connection
        .prepare_cached(DUE)?
        .query_map(params![origin, now.as_millis(), limit], read)?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    // After the rows were read: a message is read in a transaction of its own.
    let due = rows.into_iter().map(|(webhook, change)| complete(connection, webhook, change));
    let due = due.collect::<rusqlite::Result<_>>()?;
    Ok(Waiting { due, next_due, oldest: oldest(connection, origin)? })
}

fn oldest(connection: &Connection, origin: &str) -> rusqlite::Result<Option<Timestamp>> {
    connection
        .prepare_cached(OLDEST)?
        .query_row([origin], |row| row.get(0).map(Timestamp::from_millis))
        .optional()
}

type Change = Option<(MessageId, State)>;

fn read(row: &Row<'_>) -> rusqlite::Result<(Webhook, Change)> {
    let change = match (row.get::<_, Option<[u8; 16]>>(5)?, row.get::<_, Option<u8>>(6)?) {
        (Some(id), Some(number)) => {
            let state = State::from_number(number);
            let state = state.ok_or(rusqlite::Error::IntegralValueOutOfRange(6, number.into()))?;
            Some((MessageId::from_bytes(id), state))
        }
        _ => None,
    };
    let webhook = Webhook {
        seq: row.get(0)?,
        id: row.get(1)?,
        url: WebhookUrl::new(row.get::<_, String>(2)?),
        at: Timestamp::from_millis(row.get(3)?),
        tries: row.get(4)?,
        news: row.get::<_, Option<String>>(7)?.map(|payload| News::Inbound(Text::new(payload))),
    };
    Ok((webhook, change))
}

fn complete(connection: &Connection, webhook: Webhook, change: Change) -> rusqlite::Result<Webhook> {
    let Some((id, state)) = change else { return Ok(webhook) };
    let at = webhook.at;
    let news = reads::message(connection, id)?.and_then(|message| as_of(&message, state, at));
    Ok(Webhook { news: news.map(|message| News::Changed(Box::new(message))), ..webhook })
}

#[cfg(test)]
mod tests;
