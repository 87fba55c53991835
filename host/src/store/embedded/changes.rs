//! The changes of messages' states. Each has a number, in the order of commits, under which `change` says whose it was; what it was
//! stands with the message (`state.changes`, one `number,at,state;` behind the other), so that it is written and read with it.

use super::reads;
use crate::{
    message::{Event, MessageId, State, Timestamp},
    store::Change,
};
use rusqlite::{Connection, Row, types::Type};
use std::collections::{HashMap, hash_map::Entry};

/// Numbers a change. What comes back is to be put behind the message's other changes.
pub(super) fn number(
    connection: &Connection,
    id: &[u8; 16],
    at: i64,
    state: State,
) -> rusqlite::Result<String> {
    let number = connection.prepare_cached("INSERT INTO change (id) VALUES (?1)")?.insert([id])?;
    Ok(format!("{number},{at},{};", state.number()))
}

/// A message's changes and their numbers.
pub(super) fn read(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<(u64, Event)>> {
    let text = row.get_ref(column)?.as_str()?;
    let of = |change: &str| {
        let mut words = change.split(',');
        let mut word = || words.next()?.parse::<i64>().ok();
        let (number, at, state) = (word()?, word()?, word()?);
        let state = State::from_number(u8::try_from(state).ok()?)?;
        Some((number.unsigned_abs(), Event { at: Timestamp::from_millis(at), state }))
    };
    let changes = text.split_terminator(';').map(of).collect::<Option<_>>();
    changes.ok_or_else(|| {
        let error = format!("{text:?} are no changes of a state");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

pub(super) const AFTER: &str = "SELECT seq, id FROM change WHERE seq > ?1 ORDER BY seq";

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
pub(super) fn last(connection: &Connection) -> rusqlite::Result<u64> {
    let last = connection
        .prepare_cached("SELECT max(seq) FROM change")?
        .query_row([], |row| row.get::<_, Option<i64>>(0))?;
    Ok(last.unwrap_or(0).unsigned_abs())
}

/// Nothing is said of this message's changes any more.
pub(super) fn forget(connection: &Connection, id: &[u8; 16]) -> rusqlite::Result<()> {
    let numbers = connection
        .prepare_cached("SELECT changes FROM state WHERE id = ?1")?
        .query_row([id], |row| read(row, 0))?;
    let mut statement = connection
        .prepare_cached("DELETE FROM change WHERE seq = ?1 AND seq < (SELECT max(seq) FROM change)")?;
    for (number, _) in numbers {
        statement.execute([i64::try_from(number).unwrap_or(i64::MAX)])?;
    }
    Ok(())
}
