//! What is read, on connections of its own.

use super::{changes, receipts, schema, store_error};
use crate::{
    message::{
        Attempt, Content, Event, Message, MessageId, Outcome, OutcomeKind, Priority, Progress, Recipient,
        State, Text, Timestamp, Validity, WebhookUrl,
    },
    store::{Front, Overdue, Place, Ready, StoreError},
};
use rusqlite::{Connection, OptionalExtension as _, Row, params, types::Type};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Semaphore;

/// Reads of the delivery at once; more wait for their turn. Two cores are saturated by fewer.
pub(super) const READERS: usize = 4;

/// A pool of connections for reading, opened as they are needed and kept.
pub(super) struct Readers {
    path: PathBuf,
    turns: Arc<Semaphore>,
    at_once: usize,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// For so many reads at once.
    pub(super) fn new(path: PathBuf, at_once: usize) -> Self {
        Self { path, turns: Arc::new(Semaphore::new(at_once)), at_once, idle: Mutex::default() }
    }

    /// Runs `query` on a thread that may block.
    pub(super) async fn read<T: Send + 'static>(
        self: Arc<Self>,
        query: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let readers = Arc::clone(&self);
        let read = tokio::task::spawn_blocking(move || {
            // The query goes on when whoever asked has hung up, and takes its turn as long as it does.
            let _turn = turn;
            let idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = match idle {
                Some(connection) => connection,
                None => schema::open_for_reading(&readers.path)?,
            };
            let result = query(&connection);
            // One that failed may be broken: the next read opens another.
            let mut idle = readers.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if result.is_ok() && idle.len() < readers.at_once {
                idle.push(connection);
            }
            drop(idle);
            result
        });
        match read.await {
            Ok(result) => result.map_err(|error| store_error(&error)),
            Err(error) => Err(StoreError::Unwritable(error.to_string())),
        }
    }
}

/// How many messages wait in each queue: the one scan there is, of a narrow table, a second for ten million messages.
pub(super) fn depths(connection: &Connection) -> rusqlite::Result<HashMap<String, u64>> {
    let mut statement = connection.prepare(
        "SELECT gateway, count(*) FROM (SELECT gateway FROM ready UNION ALL SELECT gateway FROM arrival) GROUP BY gateway",
    )?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())))?;
    rows.collect()
}

/// What [`read_ready`] reads of a message in a queue, with these columns for its content.
macro_rules! queued {
    ($content:literal) => {
        concat!(
            "SELECT r.gateway, r.priority, r.due_at, r.id, r.deadline, m.recipient, m.sender, m.tag, m.created_at, m.expires_at, ",
            "m.plan, m.valid_from, m.own_validity, s.state, s.progress, s.marked_at, m.callback_url, s.attempts, ",
            $content
        )
    };
}

/// The same of one that has just arrived.
macro_rules! arrived {
    ($content:literal) => {
        concat!(
            "SELECT a.gateway, a.priority, a.due_at, a.id, a.deadline, a.recipient, a.sender, a.tag, a.created_at, a.expires_at, ",
            "a.plan, a.valid_from, a.own_validity, 0, NULL, NULL, a.callback_url, 0, ",
            $content
        )
    };
}

/// One range of the queue's key for each priority: with all of them in one query, messages that are due later would have to be
/// walked over. Those that have just arrived wait like the others, in a table of their own, which is small.
pub(super) const READY: &str = concat!(
    queued!("c.text, c.title, c.data"),
    "
    FROM ready r JOIN message m ON m.id = r.id JOIN state s ON s.id = r.id JOIN content c ON c.id = r.id
    WHERE r.gateway = ?1 AND r.priority = ?2 AND r.due_at <= ?3
    UNION ALL
    ",
    arrived!("a.text, a.title, a.data"),
    "
    FROM arrival a
    WHERE a.gateway = ?1 AND a.priority = ?2 AND a.due_at <= ?3
    ORDER BY 3, 4
    LIMIT ?4"
);

pub(super) const NEXT_DUE: &str = "
    SELECT due_at FROM ready WHERE gateway = ?1 AND priority = ?2 AND due_at > ?3
    UNION ALL SELECT due_at FROM arrival WHERE gateway = ?1 AND priority = ?2 AND due_at > ?3
    ORDER BY 1 LIMIT 1";

/// Along the index of these alone: the key would lead past all the others.
pub(super) const PLANNED: &str = concat!(
    queued!("'', NULL, NULL"),
    "
    FROM ready r INDEXED BY ready_routed JOIN message m ON m.id = r.id JOIN state s ON s.id = r.id
    WHERE r.routed = 1 AND r.gateway = ?1 AND (r.priority, r.due_at, r.id) > (?2, ?3, ?4)
    UNION ALL
    ",
    arrived!("'', NULL, NULL"),
    "
    FROM arrival a
    WHERE a.plan IS NOT NULL AND a.gateway = ?1 AND (a.priority, a.due_at, a.id) > (?2, ?3, ?4)
    ORDER BY 2, 3, 4
    LIMIT ?5"
);

pub(super) const OVERDUE: &str = concat!(
    queued!("'', NULL, NULL"),
    "
    FROM ready r JOIN message m ON m.id = r.id JOIN state s ON s.id = r.id
    WHERE r.deadline <= ?1
    UNION ALL
    ",
    arrived!("'', NULL, NULL"),
    "
    FROM arrival a
    WHERE a.deadline <= ?1
    ORDER BY 5
    LIMIT ?2"
);

pub(super) const NEXT_DEADLINE: &str = "
    SELECT deadline FROM ready WHERE deadline > ?1 UNION ALL SELECT deadline FROM arrival WHERE deadline > ?1
    ORDER BY 1 LIMIT 1";

pub(super) const FIRST_SINCE: &str = "
    SELECT m.valid_from, r.due_at, r.id FROM ready r JOIN message m ON m.id = r.id
    WHERE r.gateway = ?1 AND r.priority = ?2
    UNION ALL SELECT a.valid_from, a.due_at, a.id FROM arrival a WHERE a.gateway = ?1 AND a.priority = ?2
    ORDER BY 2, 3 LIMIT 1";

pub(super) fn ready(
    connection: &Connection,
    gateway: &str,
    now: Timestamp,
    limit: usize,
    max_bytes: usize,
) -> rusqlite::Result<Front> {
    // One snapshot, so that nothing falls between the queries.
    let snapshot = connection.unchecked_transaction()?;
    let mut front = Front::default();
    let mut bytes = 0;
    let mut statement = snapshot.prepare_cached(READY)?;
    'queue: for &priority in Priority::ALL {
        let left = i64::try_from(limit.saturating_sub(front.ready.len())).unwrap_or(i64::MAX);
        let mut rows = statement.query(params![gateway, priority.number(), now.as_millis(), left])?;
        while let Some(row) = rows.next()? {
            let ready = read_ready(row)?;
            bytes += ready.content.len();
            if bytes > max_bytes && !front.ready.is_empty() {
                front.more = true;
                break 'queue;
            }
            front.ready.push(ready);
        }
        front.more = front.ready.len() >= limit;
        if front.more {
            break;
        }
    }
    let mut later = snapshot.prepare_cached(NEXT_DUE)?;
    for &priority in Priority::ALL {
        let due_at =
            later.query_row(params![gateway, priority.number(), now.as_millis()], |row| time(row, 0));
        front.next_due = [front.next_due, due_at.optional()?].into_iter().flatten().min();
    }
    Ok(front)
}

pub(super) fn planned(
    connection: &Connection,
    gateway: &str,
    after: Option<Place>,
    limit: usize,
) -> rusqlite::Result<Vec<Ready>> {
    let (priority, due_at, id) = match after {
        Some(place) => (i64::from(place.priority.number()), place.due_at.as_millis(), *place.id.as_bytes()),
        None => (-1, i64::MIN, [0; 16]),
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    connection
        .prepare_cached(PLANNED)?
        .query_map(params![gateway, priority, due_at, id, limit], read_ready)?
        .collect()
}

pub(super) fn overdue(connection: &Connection, now: Timestamp, limit: usize) -> rusqlite::Result<Overdue> {
    let snapshot = connection.unchecked_transaction()?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let overdue = snapshot
        .prepare_cached(OVERDUE)?
        .query_map(params![now.as_millis(), limit], read_ready)?
        .collect::<rusqlite::Result<_>>()?;
    let next = snapshot
        .prepare_cached(NEXT_DEADLINE)?
        .query_row([now.as_millis()], |row| time(row, 0))
        .optional()?;
    Ok(Overdue { ready: overdue, next })
}

pub(super) fn oldest(
    connection: &Connection,
    gateways: &[String],
) -> rusqlite::Result<Vec<(String, Timestamp)>> {
    let mut statement = connection.prepare_cached(FIRST_SINCE)?;
    let mut found = Vec::new();
    for gateway in gateways {
        let mut oldest: Option<Timestamp> = None;
        for &priority in Priority::ALL {
            let first =
                statement.query_row(params![gateway, priority.number()], |row| time(row, 0)).optional()?;
            oldest = [oldest, first].into_iter().flatten().min();
        }
        found.extend(oldest.map(|oldest| (gateway.clone(), oldest)));
    }
    Ok(found)
}

fn read_ready(row: &Row<'_>) -> rusqlite::Result<Ready> {
    let plan: Option<String> = row.get(10)?;
    let progress: Option<String> = row.get(14)?;
    let own: Option<i64> = row.get(12)?;
    Ok(Ready {
        gateway: row.get(0)?,
        place: Place {
            priority: word(row, 1, Priority::from_number)?,
            due_at: time(row, 2)?,
            id: MessageId::from_bytes(row.get(3)?),
        },
        deadline: time(row, 4)?,
        to: Recipient::new(row.get::<_, String>(5)?),
        from: row.get(6)?,
        tag: row.get(7)?,
        created_at: time(row, 8)?,
        expires_at: time(row, 9)?,
        plan: plan.map(|plan| plan.split(',').map(str::to_owned).collect()).unwrap_or_default(),
        validity: Validity {
            from: time(row, 11)?,
            own: own.map(|own| Duration::from_millis(own.unsigned_abs())),
        },
        state: word(row, 13, State::from_number)?,
        progress: match progress {
            None => Progress::default(),
            Some(json) => serde_json::from_str(&json).map_err(|error| {
                rusqlite::Error::FromSqlConversionFailure(14, Type::Text, Box::new(error))
            })?,
        },
        marked_at: row.get::<_, Option<i64>>(15)?.map(Timestamp::from_millis),
        callback_url: row.get::<_, Option<String>>(16)?.map(WebhookUrl::new),
        attempts: row.get(17)?,
        content: Content {
            text: Text::new(row.get::<_, String>(18)?),
            title: row.get::<_, Option<String>>(19)?.map(Text::new),
            data: row.get::<_, Option<String>>(20)?.map(Text::new),
        },
    })
}

const MESSAGE: &str = "
    SELECT m.recipient, m.sender, s.gateway, m.tag, m.priority, m.created_at, m.expires_at, m.api_key, s.state, s.updated_at,
           s.reason, s.parts, s.provider_ids, m.route, m.callback_url, s.last_change, NULL
    FROM message m JOIN state s ON s.id = m.id WHERE m.id = ?1";

/// One that has just arrived.
const ARRIVED: &str = "
    SELECT a.recipient, a.sender, a.gateway, a.tag, a.priority, a.created_at, a.expires_at, a.api_key, 0, a.created_at,
           NULL, 0, '[]', a.route, a.callback_url, NULL, a.number
    FROM arrival a WHERE a.id = ?1";

pub(super) fn message(connection: &Connection, id: MessageId) -> rusqlite::Result<Option<Message>> {
    // One snapshot for all of it, so that state and events agree.
    let snapshot = connection.unchecked_transaction()?;
    message_in(&snapshot, id)
}

/// Within a transaction of the caller's.
pub(super) fn message_in(snapshot: &Connection, id: MessageId) -> rusqlite::Result<Option<Message>> {
    Ok(numbered(snapshot, id)?.map(|(message, _)| message))
}

/// The same, with the numbers of its changes.
pub(super) fn numbered(
    snapshot: &Connection,
    id: MessageId,
) -> rusqlite::Result<Option<(Message, Vec<u64>)>> {
    let read = |query| {
        let mut statement = snapshot.prepare_cached(query)?;
        let found = statement.query_row([id.as_bytes()], |row| {
            let changes = match row.get::<_, Option<i64>>(16)? {
                Some(first) => {
                    vec![(first.unsigned_abs(), Event { at: time(row, 5)?, state: State::Queued })]
                }
                None => changes::until(snapshot, row.get(15)?)?,
            };
            let (numbers, events) = changes.into_iter().unzip();
            let message = Message {
                id,
                to: Recipient::new(row.get::<_, String>(0)?),
                from: row.get(1)?,
                gateway: row.get(2)?,
                route: row.get(13)?,
                tag: row.get(3)?,
                priority: word(row, 4, Priority::from_number)?,
                created_at: time(row, 5)?,
                expires_at: time(row, 6)?,
                api_key: row.get(7)?,
                callback_url: row.get::<_, Option<String>>(14)?.map(WebhookUrl::new),
                state: word(row, 8, State::from_number)?,
                updated_at: time(row, 9)?,
                reason: match row.get::<_, Option<u8>>(10)? {
                    None => None,
                    Some(_) => Some(word(row, 10, OutcomeKind::from_number)?),
                },
                parts: row.get(11)?,
                provider_ids: ids(row, 12)?,
                attempts: Vec::new(),
                events,
                receipts: Vec::new(),
            };
            Ok((message, numbers))
        });
        found.optional()
    };
    let Some((mut message, numbers)) = read(MESSAGE)? else { return read(ARRIVED) };
    message.attempts = snapshot
        .prepare_cached(
            "SELECT gateway, started_at, ended_at, outcome, code, detail, after_ms, parts, provider_ids
             FROM attempt WHERE id = ?1 ORDER BY number",
        )?
        .query_map([id.as_bytes()], read_attempt)?
        .collect::<rusqlite::Result<_>>()?;
    let said = receipts::of_parts(snapshot, id.as_bytes(), &message.gateway, &message.provider_ids)?;
    message.receipts = said.into_iter().flatten().collect();
    Ok(Some((message, numbers)))
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

pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp::from_millis)
}

pub(super) fn word<T>(row: &Row<'_>, column: usize, from_number: fn(u8) -> Option<T>) -> rusqlite::Result<T> {
    let number: u8 = row.get(column)?;
    from_number(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(column, number.into()))
}

pub(super) fn ids(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<String>> {
    let json: String = row.get(column)?;
    serde_json::from_str(&json)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
