//! A message is accepted: five rows.

use crate::message::{NewMessage, State};
use rusqlite::{Connection, params};

pub(super) fn insert(connection: &Connection, message: &NewMessage) -> rusqlite::Result<()> {
    let id = message.id.as_bytes();
    let (created_at, due_at) = (message.created_at.as_millis(), message.due_at.as_millis());
    let priority = message.priority.number();
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| connection.prepare_cached(sql)?.execute(values);
    run(
        "INSERT INTO message (id, recipient, sender, gateway, tag, priority, created_at, expires_at, api_key)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            id,
            message.to.expose(),
            message.from,
            message.gateway,
            message.tag,
            priority,
            created_at,
            message.expires_at.as_millis(),
            message.api_key,
        ],
    )?;
    let content = &message.content;
    run(
        "INSERT INTO content (id, text, title, data) VALUES (?1, ?2, ?3, ?4)",
        params![
            id,
            content.text.expose(),
            content.title.as_ref().map(|title| title.expose()),
            content.data.as_ref().map(|data| data.expose()),
        ],
    )?;
    run(
        "INSERT INTO state (id, state, due_at, updated_at) VALUES (?1, ?2, ?3, ?4)",
        params![id, State::Queued.number(), due_at, created_at],
    )?;
    run(
        "INSERT INTO ready (gateway, priority, due_at, id) VALUES (?1, ?2, ?3, ?4)",
        params![message.gateway, priority, due_at, id],
    )?;
    event(connection, id, created_at, State::Queued)
}

/// Puts a change of state down.
pub(super) fn event(connection: &Connection, id: &[u8; 16], at: i64, state: State) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT INTO event (id, at, state) VALUES (?1, ?2, ?3)")?.execute(params![
        id,
        at,
        state.number()
    ])?;
    Ok(())
}
