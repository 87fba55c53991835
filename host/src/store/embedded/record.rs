//! A message leaves its place in a queue: its attempt, its state and its events are put down; once it is over, its content is erased.

use super::{arrivals, changes, receipts, statements::Statements, webhooks};
use crate::{
    message::{Attempt, MessageId, OutcomeKind, State, Timestamp},
    store::{Canceled, Next, Place, Recorded, Step},
};
use rusqlite::{OptionalExtension as _, params};

/// Records one step.
pub(super) fn step(connection: &Statements<'_>, step: &Step) -> rusqlite::Result<Recorded> {
    let (gateway, place) = &step.from;
    let id = step.id.as_bytes();
    let mut standing = match arrivals::take(connection, step)? {
        Some(first) => first,
        None if leave(connection, gateway, place)? => Standing::of(connection, id)?,
        None => return Ok(Recorded::default()),
    };
    let attempt = step.attempt.as_ref();
    if let Some(attempt) = attempt {
        standing.change(connection, id, State::Sending, attempt.started_at)?;
        standing.attempts += 1;
        put_attempt(connection, id, standing.attempts, attempt)?;
    }
    let (next, reason) = match step.next {
        Next::Finished { state, reason } => (state, reason),
        Next::Waits { state, .. } => (state, None),
    };
    standing.change(connection, id, next, step.at)?;
    put_state(connection, id, &standing, next, step.at, reason, attempt)?;
    match &step.next {
        Next::Finished { .. } => {
            if standing.first_due_at.is_none() {
                erase(connection, id)?;
            }
            if let Some(attempt) = attempt {
                put_gateway(connection, id, &standing, &attempt.gateway)?;
            }
            webhooks::announce(connection, step.id, step.callback_url.as_deref(), next, step.at)?;
        }
        Next::Waits { gateway, due_at, deadline, progress, .. } => {
            put_gateway(connection, id, &standing, gateway)?;
            // Its members always have a JSON form.
            let progress = serde_json::to_string(progress).unwrap_or_default();
            connection.write(
                "UPDATE state SET due_at = ?2, progress = ?3 WHERE id = ?1",
                params![id, due_at.as_millis(), progress],
            )?;
            connection.write(
                "INSERT INTO ready (gateway, priority, due_at, id, deadline, routed)
                 VALUES (?1, ?2, ?3, ?4, ?5, (SELECT plan IS NOT NULL FROM message WHERE id = ?4))",
                params![gateway, place.priority.number(), due_at.as_millis(), id, deadline.as_millis()],
            )?;
        }
    }
    // After the state: receipts that came before move the message on from there.
    match attempt {
        Some(attempt) => receipts::parts(connection, id, attempt),
        None => Ok(Recorded { taken: true, ..Recorded::default() }),
    }
}

/// Marks that a submission begins; whether the message was where it was expected.
pub(super) fn mark(
    connection: &Statements<'_>,
    id: MessageId,
    (gateway, place): &(String, Place),
    at: Timestamp,
) -> rusqlite::Result<bool> {
    arrivals::settle(connection, id)?;
    let there = connection
        .prepare_cached(
            "SELECT 1 FROM ready WHERE gateway = ?1 AND priority = ?2 AND due_at = ?3 AND id = ?4",
        )?
        .exists(params![gateway, place.priority.number(), place.due_at.as_millis(), id.as_bytes()])?;
    if !there {
        return Ok(false);
    }
    let id = id.as_bytes();
    let mut standing = Standing::of(connection, id)?;
    standing.change(connection, id, State::Sending, at)?;
    connection.write(
        "UPDATE state SET state = ?2, updated_at = ?3, reason = NULL, marked_at = ?3, last_change = ?4 WHERE id = ?1",
        params![id, State::Sending.number(), at.as_millis(), standing.last_change],
    )?;
    Ok(true)
}

/// Cancels what is queued. With the gateway in whose queue it was.
pub(super) fn cancel(
    connection: &Statements<'_>,
    id: MessageId,
    at: Timestamp,
) -> rusqlite::Result<(Canceled, Option<String>)> {
    arrivals::settle(connection, id)?;
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
    connection.write(
        "DELETE FROM ready WHERE gateway = ?1 AND priority = ?2 AND due_at = ?3 AND id = ?4",
        params![gateway, priority, due_at, id],
    )?;
    erase(connection, id)?;
    let mut standing = Standing::of(connection, id)?;
    standing.change(connection, id, State::Canceled, at)?;
    put_state(connection, id, &standing, State::Canceled, at, None, None)?;
    Ok((Canceled::Done, Some(gateway)))
}

/// Takes a message out of its queue; whether it was there.
fn leave(connection: &Statements<'_>, gateway: &str, place: &Place) -> rusqlite::Result<bool> {
    let left = connection.write(
        "DELETE FROM ready WHERE gateway = ?1 AND priority = ?2 AND due_at = ?3 AND id = ?4",
        params![gateway, place.priority.number(), place.due_at.as_millis(), place.id.as_bytes()],
    )?;
    Ok(left > 0)
}

fn erase(connection: &Statements<'_>, id: &[u8; 16]) -> rusqlite::Result<()> {
    connection.write("DELETE FROM content WHERE id = ?1", [id])?;
    Ok(())
}

/// Where a message stands.
pub(super) struct Standing {
    state: Option<State>,
    gateway: String,
    attempts: u32,
    last_change: Option<i64>,
    /// When it was due, where this is its first step: nothing is put down yet of where it stands, or of what it says.
    first_due_at: Option<i64>,
}

impl Standing {
    /// That of a message that has just arrived.
    pub(super) fn first(gateway: &str, place: &Place, number: i64) -> Self {
        Self {
            state: Some(State::Queued),
            gateway: gateway.to_owned(),
            attempts: 0,
            last_change: Some(number),
            first_due_at: Some(place.due_at.as_millis()),
        }
    }

    fn of(connection: &Statements<'_>, id: &[u8; 16]) -> rusqlite::Result<Self> {
        connection.run("SELECT state, gateway, attempts, last_change FROM state WHERE id = ?1", |s| {
            s.query_row([id], |row| {
                let state = State::from_number(row.get(0)?);
                Ok(Self {
                    state,
                    gateway: row.get(1)?,
                    attempts: row.get(2)?,
                    last_change: row.get(3)?,
                    first_due_at: None,
                })
            })
        })
    }

    /// A change, unless the state is that already.
    fn change(
        &mut self,
        connection: &Statements<'_>,
        id: &[u8; 16],
        state: State,
        at: Timestamp,
    ) -> rusqlite::Result<()> {
        if self.state != Some(state) {
            let number = connection.next_number();
            changes::put(connection, number, id, self.last_change, at.as_millis(), state)?;
            (self.state, self.last_change) = (Some(state), Some(number));
        }
        Ok(())
    }
}

/// Parts and provider ids change only if something went out; a mark is taken off.
fn put_state(
    connection: &Statements<'_>,
    id: &[u8; 16],
    standing: &Standing,
    state: State,
    at: Timestamp,
    reason: Option<OutcomeKind>,
    attempt: Option<&Attempt>,
) -> rusqlite::Result<()> {
    let outcome = attempt.map(|attempt| &attempt.outcome);
    let went_out =
        outcome.filter(|outcome| outcome.kind == OutcomeKind::Accepted || !outcome.provider_ids.is_empty());
    let (reason, parts) = (reason.map(OutcomeKind::number), went_out.map(|outcome| outcome.parts));
    let provider_ids = went_out.map(|outcome| ids_as_json(&outcome.provider_ids));
    let (state, at) = (state.number(), at.as_millis());
    let Standing { gateway, attempts, last_change, .. } = standing;
    if let Some(due_at) = standing.first_due_at {
        connection.write(
            "INSERT INTO state (id, state, updated_at, reason, parts, provider_ids, attempts, last_change, gateway, due_at)
             VALUES (?1, ?2, ?3, ?4, coalesce(?5, 0), coalesce(?6, '[]'), ?7, ?8, ?9, ?10)",
            params![id, state, at, reason, parts, provider_ids, attempts, last_change, gateway, due_at],
        )?;
        return Ok(());
    }
    connection.write(
        "UPDATE state SET state = ?2, updated_at = ?3, reason = ?4, parts = coalesce(?5, parts),
                provider_ids = coalesce(?6, provider_ids), marked_at = NULL, attempts = ?7, last_change = ?8
         WHERE id = ?1",
        params![id, state, at, reason, parts, provider_ids, attempts, last_change],
    )?;
    Ok(())
}

/// By itself, since it is rare that it changes, and each time it is written an index is too.
fn put_gateway(
    connection: &Statements<'_>,
    id: &[u8; 16],
    standing: &Standing,
    gateway: &str,
) -> rusqlite::Result<()> {
    if standing.gateway != gateway {
        connection.write("UPDATE state SET gateway = ?2 WHERE id = ?1", params![id, gateway])?;
    }
    Ok(())
}

fn put_attempt(
    connection: &Statements<'_>,
    id: &[u8; 16],
    number: u32,
    attempt: &Attempt,
) -> rusqlite::Result<()> {
    let outcome = &attempt.outcome;
    connection.write(
        "INSERT INTO attempt
            (id, number, gateway, started_at, ended_at, outcome, code, detail, after_ms, parts, provider_ids)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            id,
            number,
            attempt.gateway,
            attempt.started_at.as_millis(),
            attempt.ended_at.as_millis(),
            outcome.kind.number(),
            outcome.code,
            outcome.detail,
            outcome.after.map(|after| i64::try_from(after.as_millis()).unwrap_or(i64::MAX)),
            outcome.parts,
            ids_as_json(&outcome.provider_ids),
        ],
    )?;
    Ok(())
}

fn ids_as_json(ids: &[String]) -> String {
    // Strings always have a JSON form.
    serde_json::to_string(ids).unwrap_or_else(|_| "[]".into())
}
