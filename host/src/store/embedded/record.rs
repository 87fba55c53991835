//! A message leaves its place in a queue: its attempt, its state and its events are put down; once it is over, its content is erased.

use super::{insert::event, receipts, webhooks};
use crate::{
    message::{Attempt, MessageId, OutcomeKind, State, Timestamp},
    store::{Canceled, Next, Place, Recorded, Step},
};
use rusqlite::{Connection, OptionalExtension as _, params};

/// Records one step.
pub(super) fn step(connection: &Connection, step: &Step) -> rusqlite::Result<Recorded> {
    let (gateway, place) = &step.from;
    if !leave(connection, gateway, place)? {
        return Ok(Recorded::default());
    }
    let id = step.id.as_bytes();
    let mut state = state_of(connection, id)?;
    if let Some(attempt) = &step.attempt {
        if state != Some(State::Sending) {
            event(connection, id, attempt.started_at.as_millis(), State::Sending)?;
        }
        state = Some(State::Sending);
        put_attempt(connection, id, attempt)?;
    }
    let at = step.at.as_millis();
    match &step.next {
        Next::Finished { state: end, reason } => {
            erase(connection, id)?;
            change(connection, id, state, *end, at)?;
            let went_through = step.attempt.as_ref().map(|attempt| attempt.gateway.as_str());
            put_state(connection, id, *end, at, *reason, went_through, step.attempt.as_ref())?;
            webhooks::announce(connection, step.id, step.callback_url.as_deref(), *end, step.at)?;
        }
        Next::Waits { gateway, state: next, due_at, deadline, progress } => {
            change(connection, id, state, *next, at)?;
            put_state(connection, id, *next, at, None, Some(gateway), step.attempt.as_ref())?;
            // Its members always have a JSON form.
            let progress = serde_json::to_string(progress).unwrap_or_default();
            connection
                .prepare_cached("UPDATE state SET due_at = ?2, progress = ?3 WHERE id = ?1")?
                .execute(params![id, due_at.as_millis(), progress])?;
            connection
                .prepare_cached(
                    "INSERT INTO ready (gateway, priority, due_at, id, deadline, routed)
                     VALUES (?1, ?2, ?3, ?4, ?5, (SELECT plan IS NOT NULL FROM message WHERE id = ?4))",
                )?
                .execute(params![
                    gateway,
                    place.priority.number(),
                    due_at.as_millis(),
                    id,
                    deadline.as_millis()
                ])?;
        }
    }
    // After the state: receipts that came before move the message on from there.
    match &step.attempt {
        Some(attempt) => receipts::parts(connection, id, attempt),
        None => Ok(Recorded { taken: true, ..Recorded::default() }),
    }
}

/// Marks that a submission begins; whether the message was where it was expected.
pub(super) fn mark(
    connection: &Connection,
    id: MessageId,
    (gateway, place): &(String, Place),
    at: Timestamp,
) -> rusqlite::Result<bool> {
    let there = connection
        .prepare_cached(
            "SELECT 1 FROM ready WHERE gateway = ?1 AND priority = ?2 AND due_at = ?3 AND id = ?4",
        )?
        .exists(params![gateway, place.priority.number(), place.due_at.as_millis(), id.as_bytes()])?;
    if !there {
        return Ok(false);
    }
    change(connection, id.as_bytes(), state_of(connection, id.as_bytes())?, State::Sending, at.as_millis())?;
    connection
        .prepare_cached(
            "UPDATE state SET state = ?2, updated_at = ?3, reason = NULL, marked_at = ?3 WHERE id = ?1",
        )?
        .execute(params![id.as_bytes(), State::Sending.number(), at.as_millis()])?;
    Ok(true)
}

/// Cancels what is queued. With the gateway in whose queue it was.
pub(super) fn cancel(
    connection: &Connection,
    id: MessageId,
    at: Timestamp,
) -> rusqlite::Result<(Canceled, Option<String>)> {
    let found = connection
        .prepare_cached(
            "SELECT s.state, s.gateway, s.due_at, m.priority FROM state s JOIN message m ON m.id = s.id WHERE s.id = ?1",
        )?
        .query_row([id.as_bytes()], |row| {
            Ok((row.get::<_, u8>(0)?, row.get::<_, String>(1)?, row.get::<_, i64>(2)?, row.get::<_, u8>(3)?))
        })
        .optional()?;
    let Some((state, gateway, due_at, priority)) = found else { return Ok((Canceled::Unknown, None)) };
    let id = id.as_bytes();
    match State::from_number(state) {
        Some(State::Queued) => {}
        Some(state) => return Ok((Canceled::Refused(state), None)),
        None => return Err(rusqlite::Error::IntegralValueOutOfRange(0, state.into())),
    }
    connection
        .prepare_cached("DELETE FROM ready WHERE gateway = ?1 AND priority = ?2 AND due_at = ?3 AND id = ?4")?
        .execute(params![gateway, priority, due_at, id])?;
    erase(connection, id)?;
    event(connection, id, at.as_millis(), State::Canceled)?;
    put_state(connection, id, State::Canceled, at.as_millis(), None, None, None)?;
    Ok((Canceled::Done, Some(gateway)))
}

/// Takes a message out of its queue; whether it was there.
fn leave(connection: &Connection, gateway: &str, place: &Place) -> rusqlite::Result<bool> {
    let left = connection
        .prepare_cached("DELETE FROM ready WHERE gateway = ?1 AND priority = ?2 AND due_at = ?3 AND id = ?4")?
        .execute(params![gateway, place.priority.number(), place.due_at.as_millis(), place.id.as_bytes()])?;
    Ok(left > 0)
}

fn erase(connection: &Connection, id: &[u8; 16]) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM content WHERE id = ?1")?.execute([id])?;
    Ok(())
}

fn state_of(connection: &Connection, id: &[u8; 16]) -> rusqlite::Result<Option<State>> {
    let state = connection
        .prepare_cached("SELECT state FROM state WHERE id = ?1")?
        .query_row([id], |row| row.get::<_, u8>(0))
        .optional()?;
    Ok(state.and_then(State::from_number))
}

/// An event, unless the state is that already.
fn change(
    connection: &Connection,
    id: &[u8; 16],
    before: Option<State>,
    state: State,
    at: i64,
) -> rusqlite::Result<()> {
    if before == Some(state) { Ok(()) } else { event(connection, id, at, state) }
}

/// Parts and provider ids change only if something went out; a mark is taken off.
fn put_state(
    connection: &Connection,
    id: &[u8; 16],
    state: State,
    at: i64,
    reason: Option<OutcomeKind>,
    gateway: Option<&str>,
    attempt: Option<&Attempt>,
) -> rusqlite::Result<()> {
    let outcome = attempt.map(|attempt| &attempt.outcome);
    let went_out =
        outcome.filter(|outcome| outcome.kind == OutcomeKind::Accepted || !outcome.provider_ids.is_empty());
    connection
        .prepare_cached(
            "UPDATE state SET state = ?2, updated_at = ?3, reason = ?4, gateway = coalesce(?5, gateway),
                    parts = coalesce(?6, parts), provider_ids = coalesce(?7, provider_ids), marked_at = NULL
             WHERE id = ?1",
        )?
        .execute(params![
            id,
            state.number(),
            at,
            reason.map(|reason| reason.number()),
            gateway,
            went_out.map(|outcome| outcome.parts),
            went_out.map(|outcome| ids_as_json(&outcome.provider_ids)),
        ])?;
    Ok(())
}

fn put_attempt(connection: &Connection, id: &[u8; 16], attempt: &Attempt) -> rusqlite::Result<()> {
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
            ids_as_json(&outcome.provider_ids),
        ])?;
    Ok(())
}

fn ids_as_json(ids: &[String]) -> String {
    // Strings always have a JSON form.
    serde_json::to_string(ids).unwrap_or_else(|_| "[]".into())
}
