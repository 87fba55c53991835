//! A message leaves the queue: its state, its attempt and its events are put down, its content is erased.

use super::insert::event;
use crate::{
    message::{Attempt, State},
    store::Finish,
};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Whether there was something to finish: `false` for a message that is finished already, or unknown.
pub(super) fn finish(connection: &Connection, finish: &Finish) -> rusqlite::Result<bool> {
    let id = finish.id.as_bytes();
    let found = connection
        .prepare_cached(
            "SELECT m.gateway, m.priority, s.due_at, s.state FROM state s JOIN message m ON m.id = s.id WHERE s.id = ?1",
        )?
        .query_row([id], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, u8>(1)?, row.get::<_, i64>(2)?, row.get::<_, u8>(3)?))
        })
        .optional()?;
    let Some((gateway, priority, due_at, state)) = found else { return Ok(false) };
    if State::from_number(state).is_none_or(State::is_finished) {
        return Ok(false);
    }
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| connection.prepare_cached(sql)?.execute(values);
    run(
        "DELETE FROM ready WHERE gateway = ?1 AND priority = ?2 AND due_at = ?3 AND id = ?4",
        params![gateway, priority, due_at, id],
    )?;
    run("DELETE FROM content WHERE id = ?1", params![id])?;

    let (mut parts, mut provider_ids) = (0, "[]".to_owned());
    if let Some(attempt) = &finish.attempt {
        provider_ids = ids_as_json(&attempt.outcome.provider_ids);
        parts = attempt.outcome.parts;
        put_attempt(connection, id, attempt, &provider_ids)?;
        if state != State::Sending.number() {
            event(connection, id, attempt.started_at.as_millis(), State::Sending)?;
        }
    }
    event(connection, id, finish.at.as_millis(), finish.state)?;
    run(
        "UPDATE state SET state = ?2, updated_at = ?3, reason = ?4, parts = ?5, provider_ids = ?6 WHERE id = ?1",
        params![
            id,
            finish.state.number(),
            finish.at.as_millis(),
            finish.reason.map(|reason| reason.number()),
            parts,
            provider_ids,
        ],
    )?;
    Ok(true)
}

fn put_attempt(connection: &Connection, id: &[u8; 16], attempt: &Attempt, ids: &str) -> rusqlite::Result<()> {
    let outcome = &attempt.outcome;
    connection
        .prepare_cached(
            "INSERT INTO attempt
                (id, number, gateway, started_at, ended_at, outcome, code, detail, after_ms, parts, provider_ids)
             VALUES (?1, (SELECT count(*) + 1 FROM attempt WHERE id = ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            id,
            attempt.gateway,
            attempt.started_at.as_millis(),
            attempt.ended_at.as_millis(),
            outcome.kind.number(),
            outcome.code,
            outcome.detail,
            outcome.after.map(|after| i64::try_from(after.as_millis()).unwrap_or(i64::MAX)),
            outcome.parts,
            ids,
        ])?;
    Ok(())
}

fn ids_as_json(ids: &[String]) -> String {
    // Strings always have a JSON form.
    serde_json::to_string(ids).unwrap_or_else(|_| "[]".into())
}
