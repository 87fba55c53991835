//! The changes of messages' states, numbered in the order of commits. A message knows its last one, and each the one before it: no index
//! has to be kept for that, and the last ones, which are read and written most, lie together.

use super::{
    reads::{self, time, word},
    statements::Statements,
};
use crate::{
    message::{Event, MessageId, State},
    store::Change,
};
use rusqlite::{Connection, params};
use std::collections::{HashMap, hash_map::Entry};

/// Writes a change down that comes after `previous`.
pub(super) fn put(
    connection: &Statements<'_>,
    number: i64,
    id: &[u8; 16],
    previous: Option<i64>,
    at: i64,
    state: State,
) -> rusqlite::Result<()> {
    connection.write(
        "INSERT INTO change (seq, id, previous, at, state) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![number, id, previous, at, state.number()],
    )?;
    Ok(())
}

/// The changes of a message and their numbers, from the first to its last.
pub(super) fn until(connection: &Connection, last: Option<i64>) -> rusqlite::Result<Vec<(u64, Event)>> {
    let mut statement = connection.prepare_cached("SELECT previous, at, state FROM change WHERE seq = ?1")?;
    let (mut changes, mut next) = (Vec::new(), last);
    while let Some(number) = next {
        next = statement.query_row([number], |row| {
            let event = Event { at: time(row, 1)?, state: word(row, 2, State::from_number)? };
            changes.push((number.unsigned_abs(), event));
            // Only a damaged row would not lead back.
            Ok(row.get::<_, Option<i64>>(0)?.filter(|previous| *previous < number))
        })?;
    }
    changes.reverse();
    Ok(changes)
}

/// Of those that have just arrived too: their first change is not put down yet.
pub(super) const AFTER: &str = "
    SELECT seq, id FROM change WHERE seq > ?1
    UNION ALL SELECT number, id FROM arrival WHERE number > ?1
    ORDER BY 1";

/// The changes after this number.
pub(super) fn after(connection: &Connection, after: u64, limit: usize) -> rusqlite::Result<Vec<Change>> {
    let snapshot = connection.unchecked_transaction()?;
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut statement = snapshot.prepare_cached(AFTER)?;
    let mut rows = statement.query([after])?;
    // A message changes several times in a short while.
    let mut messages = HashMap::new();
    let mut changes = Vec::new();
    // Fewer than `limit` are all that there are, also where a row is damaged.
    while changes.len() < limit
        && let Some(row) = rows.next()?
    {
        let number = row.get::<_, i64>(0)?.unsigned_abs();
        let id = MessageId::from_bytes(row.get(1)?);
        let message = match messages.entry(id) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(reads::numbered(&snapshot, id)?),
        };
        let stood = message.as_ref().and_then(|(message, numbers)| {
            let place = numbers.iter().position(|of_message| *of_message == number)?;
            message.stood_at(place)
        });
        changes.extend(stood.map(|message| Change { number, message }));
    }
    Ok(changes)
}

/// The number of the last change. Numbers are given in the order of commits, since one thread writes, and none is given twice, since
/// [`forget`] keeps the last one.
pub(super) fn last(connection: &Connection) -> rusqlite::Result<i64> {
    let last = "SELECT max(coalesce((SELECT max(seq) FROM change), 0), coalesce((SELECT max(number) FROM arrival), 0))";
    connection.query_row(last, [], |row| row.get(0))
}

/// Nothing is said of this message's changes any more.
pub(super) fn forget(connection: &Connection, id: &[u8; 16]) -> rusqlite::Result<()> {
    let last = connection
        .prepare_cached("SELECT last_change FROM state WHERE id = ?1")?
        .query_row([id], |row| row.get(0))?;
    let mut statement = connection
        .prepare_cached("DELETE FROM change WHERE seq = ?1 AND seq < (SELECT max(seq) FROM change)")?;
    for (number, _) in until(connection, last)? {
        statement.execute([i64::try_from(number).unwrap_or(i64::MAX)])?;
    }
    Ok(())
}
