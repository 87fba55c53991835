//! Messages as they were accepted. Most are over within milliseconds: until its first outcome is there, a message is one row, in no index
//! but its key, and what becomes of it is then written once. Those that wait for longer make room for others, and go where queues are kept.

use super::{
    changes,
    record::Standing,
    statements::{Known, Statements},
};
use crate::{
    message::{MessageId, NewMessage, State},
    store::{Next, Step},
};
use rusqlite::{OptionalExtension as _, params};

// The statements that read messages here say it so: that is what they are.
const _: () = assert!(State::Queued.number() == 0);

/// So many make room at once.
const AT_ONCE: i64 = 64;

/// An accepted message.
pub(super) fn put(connection: &Statements<'_>, message: &NewMessage) -> rusqlite::Result<()> {
    let number = connection.next_number();
    let plan = (!message.plan.is_empty()).then(|| message.plan.join(","));
    let own = message.validity.own.map(|own| i64::try_from(own.as_millis()).unwrap_or(i64::MAX));
    let content = &message.content;
    connection.write(
        "INSERT INTO arrival (id, number, recipient, sender, gateway, tag, priority, created_at, expires_at, api_key, route, plan,
                              valid_from, own_validity, callback_url, due_at, deadline, text, title, data)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
        params![
            message.id.as_bytes(),
            number,
            message.to.expose(),
            message.from,
            message.gateway,
            message.tag,
            message.priority.number(),
            message.created_at.as_millis(),
            message.expires_at.as_millis(),
            message.api_key,
            message.route,
            plan,
            message.validity.from.as_millis(),
            own,
            message.callback_url.as_deref(),
            message.due_at.as_millis(),
            message.deadline.as_millis(),
            content.text.expose(),
            content.title.as_ref().map(|title| title.expose()),
            content.data.as_ref().map(|data| data.expose()),
        ],
    )?;
    connection.arrived(1);
    Ok(())
}

/// Takes out the message whose first step this is: all of it is written then but its state, and its place in a queue. `None`: it is not
/// here, or not at the place that the step takes it from.
pub(super) fn take(connection: &Statements<'_>, step: &Step) -> rusqlite::Result<Option<Standing>> {
    if connection.arrivals() == 0 {
        return Ok(None);
    }
    let (gateway, place) = &step.from;
    let id = step.id.as_bytes();
    let found = connection.run(
        "SELECT number, created_at FROM arrival WHERE id = ?1 AND gateway = ?2 AND priority = ?3 AND due_at = ?4",
        |s| {
            let place = params![id, gateway, place.priority.number(), place.due_at.as_millis()];
            s.query_row(place, |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()
        },
    )?;
    let Some((number, created_at)) = found else { return Ok(None) };
    connection.write(MESSAGES, [id, id])?;
    if let Next::Waits { .. } = step.next {
        connection.write(CONTENTS, [id, id])?;
    }
    connection.write(TAKEN, [id, id])?;
    connection.arrived(-1);
    changes::put(connection, number, id, None, created_at, State::Queued)?;
    Ok(Some(Standing::first(gateway, place, number)))
}

const MESSAGES: &str = "
    INSERT INTO message (id, recipient, sender, gateway, tag, priority, created_at, expires_at, api_key, route, plan, valid_from,
                         own_validity, callback_url)
    SELECT id, recipient, sender, gateway, tag, priority, created_at, expires_at, api_key, route, plan, valid_from,
           own_validity, callback_url
    FROM arrival WHERE id BETWEEN ?1 AND ?2";

const CONTENTS: &str = "
    INSERT INTO content (id, text, title, data) SELECT id, text, title, data FROM arrival WHERE id BETWEEN ?1 AND ?2";

const TAKEN: &str = "DELETE FROM arrival WHERE id BETWEEN ?1 AND ?2";

/// Has those that came first wait where queues are kept, once too many are here.
pub(super) fn make_room(connection: &Statements<'_>) -> rusqlite::Result<()> {
    let Known { arrivals, room, .. } = connection.known();
    let over = arrivals - room;
    if over < AT_ONCE.min(room + 1) {
        return Ok(());
    }
    let last = connection.run("SELECT id FROM arrival ORDER BY id LIMIT 1 OFFSET ?1", |s| {
        s.query_row([over - 1], |row| row.get::<_, [u8; 16]>(0))
    })?;
    spread(connection, &[0; 16], &last)
}

/// Has a message wait where queues are kept, if it is here.
pub(super) fn settle(connection: &Statements<'_>, id: MessageId) -> rusqlite::Result<()> {
    spread(connection, id.as_bytes(), id.as_bytes())
}

/// Has all from one to another do so.
pub(super) fn spread(connection: &Statements<'_>, first: &[u8; 16], last: &[u8; 16]) -> rusqlite::Result<()> {
    if connection.arrivals() == 0 || connection.write(MESSAGES, [first, last])? == 0 {
        return Ok(());
    }
    connection.write(CONTENTS, [first, last])?;
    connection.write(
        "INSERT INTO change (seq, id, at, state) SELECT number, id, created_at, ?3 FROM arrival WHERE id BETWEEN ?1 AND ?2",
        params![first, last, State::Queued.number()],
    )?;
    connection.write(
        "INSERT INTO state (id, state, due_at, updated_at, gateway, last_change)
         SELECT id, ?3, due_at, created_at, gateway, number FROM arrival WHERE id BETWEEN ?1 AND ?2",
        params![first, last, State::Queued.number()],
    )?;
    connection.write(
        "INSERT INTO ready (gateway, priority, due_at, id, deadline, routed)
         SELECT gateway, priority, due_at, id, deadline, plan IS NOT NULL FROM arrival WHERE id BETWEEN ?1 AND ?2",
        [first, last],
    )?;
    let taken = connection.write(TAKEN, [first, last])?;
    connection.arrived(-i64::try_from(taken).unwrap_or(i64::MAX));
    Ok(())
}
