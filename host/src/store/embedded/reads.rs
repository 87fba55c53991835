//! What is read, on connections of its own.

use super::{schema, store_error};
use crate::{
    message::{
        Attempt, Content, Event, Message, MessageId, Outcome, OutcomeKind, Priority, Recipient, State, Text,
        Timestamp,
    },
    store::{Place, Ready, StoreError},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params, types::Type};
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Reads at once; more wait for their turn. Two cores are saturated by fewer.
const READERS: usize = 4;

/// The connections for reading, opened as they are needed and kept.
pub(super) struct Readers {
    path: PathBuf,
    turns: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, turns: Semaphore::new(READERS), idle: Mutex::default() }
    }

    /// Runs `query` on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        self: std::sync::Arc<Self>,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _turn = self.turns.acquire().await.map_err(|_| StoreError::Closed)?;
        let readers = std::sync::Arc::clone(&self);
        let read = tokio::task::spawn_blocking(move || {
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => schema::open_for_reading(&readers.path)?,
            };
            let result = query(&connection);
            // One that failed may be broken: the next read opens another.
            if result.is_ok() {
                readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
            result
        });
        match read.await {
            Ok(result) => result.map_err(|error| store_error(&error)),
            Err(error) => Err(StoreError::Unwritable(error.to_string())),
        }
    }
}

pub(super) fn queues(connection: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut statement = connection.prepare_cached("SELECT gateway, count(*) FROM ready GROUP BY gateway")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    rows.collect()
}

/// One range of the queue's key for each priority: with all of them in one query, messages that are due later would have to be
/// walked over.
pub(super) const READY: &str = "
    SELECT r.due_at, r.id, m.recipient, m.sender, m.tag, m.created_at, m.expires_at, c.text, c.title, c.data,
           (SELECT count(*) FROM attempt a WHERE a.id = r.id)
    FROM ready r JOIN message m ON m.id = r.id JOIN content c ON c.id = r.id
    WHERE r.gateway = ?1 AND r.priority = ?2 AND r.due_at <= ?3
    ORDER BY r.due_at, r.id
    LIMIT ?4";

pub(super) fn ready(
    connection: &Connection,
    gateway: &str,
    now: Timestamp,
    limit: usize,
    max_bytes: usize,
) -> rusqlite::Result<Vec<Ready>> {
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut statement = connection.prepare_cached(READY)?;
    for &priority in Priority::ALL {
        let left = i64::try_from(limit.saturating_sub(found.len())).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![gateway, priority.number(), now.as_millis(), left])?;
        while let Some(row) = rows.next()? {
            let ready = read_ready(row, priority)?;
            bytes += ready.content.len();
            if bytes > max_bytes && !found.is_empty() {
                return Ok(found);
            }
            found.push(ready);
        }
        if found.len() >= limit {
            break;
        }
    }
    Ok(found)
}

fn read_ready(row: &Row<'_>, priority: Priority) -> rusqlite::Result<Ready> {
    Ok(Ready {
        place: Place { priority, due_at: time(row, 0)?, id: MessageId::from_bytes(row.get(1)?) },
        to: Recipient::new(row.get::<_, String>(2)?),
        from: row.get(3)?,
        tag: row.get(4)?,
        created_at: time(row, 5)?,
        expires_at: time(row, 6)?,
        content: Content {
            text: Text::new(row.get::<_, String>(7)?),
            title: row.get::<_, Option<String>>(8)?.map(Text::new),
            data: row.get::<_, Option<String>>(9)?.map(Text::new),
        },
        attempts: row.get(10)?,
    })
}

pub(super) fn message(connection: &Connection, id: MessageId) -> rusqlite::Result<Option<Message>> {
    // One snapshot for all of it, so that state and events agree.
    let snapshot = connection.unchecked_transaction()?;
    let found = snapshot
        .prepare_cached(
            "SELECT m.recipient, m.sender, m.gateway, m.tag, m.priority, m.created_at, m.expires_at, m.api_key,
                    s.state, s.updated_at, s.reason, s.parts, s.provider_ids
             FROM message m JOIN state s ON s.id = m.id WHERE m.id = ?1",
        )?
        .query_row([id.as_bytes()], |row| {
            Ok(Message {
                id,
                to: Recipient::new(row.get::<_, String>(0)?),
                from: row.get(1)?,
                gateway: row.get(2)?,
                tag: row.get(3)?,
                priority: word(row, 4, Priority::from_number)?,
                created_at: time(row, 5)?,
                expires_at: time(row, 6)?,
                api_key: row.get(7)?,
                state: word(row, 8, State::from_number)?,
                updated_at: time(row, 9)?,
                reason: match row.get::<_, Option<u8>>(10)? {
                    None => None,
                    Some(_) => Some(word(row, 10, OutcomeKind::from_number)?),
                },
                parts: row.get(11)?,
                provider_ids: ids(row, 12)?,
                attempts: Vec::new(),
                events: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut message) = found else { return Ok(None) };
    message.attempts = snapshot
        .prepare_cached(
            "SELECT gateway, started_at, ended_at, outcome, code, detail, after_ms, parts, provider_ids
             FROM attempt WHERE id = ?1 ORDER BY number",
        )?
        .query_map([id.as_bytes()], read_attempt)?
        .collect::<rusqlite::Result<_>>()?;
    message.events = snapshot
        .prepare_cached("SELECT at, state FROM event WHERE id = ?1 ORDER BY seq")?
        .query_map([id.as_bytes()], |row| {
            Ok(Event { at: time(row, 0)?, state: word(row, 1, State::from_number)? })
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(message))
}

fn read_attempt(row: &Row<'_>) -> rusqlite::Result<Attempt> {
    Ok(Attempt {
        gateway: row.get(0)?,
        started_at: time(row, 1)?,
        ended_at: time(row, 2)?,
        outcome: Outcome {
            kind: word(row, 3, OutcomeKind::from_number)?,
            code: row.get(4)?,
            detail: row.get(5)?,
            after: row.get::<_, Option<i64>>(6)?.map(|after| Duration::from_millis(after.unsigned_abs())),
            parts: row.get(7)?,
            provider_ids: ids(row, 8)?,
        },
    })
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

fn word<T>(row: &Row<'_>, column: usize, from_number: fn(u8) -> Option<T>) -> rusqlite::Result<T> {
    let number: u8 = row.get(column)?;
    from_number(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number.into()))
}

fn ids(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    let json: String = row.get(column)?;
    serde_json::from_str(&json)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
