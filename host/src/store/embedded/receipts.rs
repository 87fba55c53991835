//! Parts that services took, and what they say later of them.

use super::{
    EmbeddedStore, changes, reads::word, respelt, statements::Statements, webhooks, writer::Request,
};
use crate::{
    message::{
        Attempt, MessageId, OutcomeKind, PartReceipt, Receipt, ReceiptStatus, State, Timestamp, WebhookUrl,
        delivery_state,
    },
    store::{
        Matched, Receipts, Received, Recorded, Respelt, StoreError, Unmatched,
        spelling::{Candidate, Habit, may_be_another, must_wait},
    },
};
use futures_util::future::BoxFuture;
use rusqlite::{Connection, OptionalExtension as _, Row, params, types::ValueRef};

/// What [`read_receipt`] reads, of receipts that fit this.
macro_rules! receipts {
    ($which:literal) => {
        concat!("SELECT seq, gateway, provider_id, status, code, detail, at, spellings FROM receipt ", $which)
    };
}
pub(super) use receipts;

impl Receipts for EmbeddedStore {
    fn receive(&self, batch: Vec<Receipt>) -> BoxFuture<'_, Result<Vec<Received>, StoreError>> {
        self.write(|done| Request::Receive { batch, done })
    }

    fn respell(
        &self,
        gateway: &str,
        before: Timestamp,
        limit: usize,
    ) -> BoxFuture<'_, Result<Respelt, StoreError>> {
        let gateway = gateway.to_owned();
        self.write(|done| Request::Respell { gateway, before, limit, done })
    }

    fn undecided(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>, StoreError>> {
        self.read(respelt::undecided)
    }

    fn interrupted(&self, gateways: Vec<String>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|done| Request::Interrupted { gateways, done })
    }

    fn unmatched(
        &self,
        gateway: Option<&str>,
        before: Option<u64>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Unmatched>, StoreError>> {
        let gateway = gateway.map(str::to_owned);
        self.read_with(&self.history, move |connection| {
            unmatched(connection, gateway.as_deref(), before, limit)
        })
    }
}

pub(super) fn receive(connection: &Statements<'_>, receipt: &Receipt) -> rusqlite::Result<Received> {
    // Most services spell their ids in one way.
    let habit = match receipt.spellings.as_slice() {
        [] => Habit::AsGiven,
        _ => respelt::known(connection, &receipt.gateway)?.habit,
    };
    let waits = must_wait(receipt, habit) || respelt::is_open(connection, receipt)?;
    let found = match waits {
        true => None,
        false => connection
            .prepare_cached(
                "SELECT id FROM part WHERE gateway = ?1 AND provider_id = ?2 ORDER BY id DESC LIMIT 1",
            )?
            .query_row(params![receipt.gateway, receipt.provider_id], |row| row.get::<_, [u8; 16]>(0))
            .optional()?,
    };
    if let Some(id) = found {
        let part = Candidate { id: MessageId::from_bytes(id), provider_id: receipt.provider_id.clone() };
        return Ok(Received::Matched(say(connection, &part, receipt)?));
    }
    let open = waits || may_be_another(receipt, habit);
    // Strings always have a JSON form.
    let spellings = open.then(|| serde_json::to_string(&receipt.spellings).unwrap_or_default());
    connection.write(
        "INSERT INTO receipt (gateway, provider_id, status, code, detail, at, spellings)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![
            receipt.gateway,
            receipt.provider_id,
            receipt.status.number(),
            receipt.code,
            receipt.detail,
            receipt.at.as_millis(),
            spellings
        ],
    )?;
    Ok(if open { Received::Open } else { Received::Unmatched })
}

/// Puts a receipt down at its part, and moves the message on if that takes it further.
pub(super) fn say(
    connection: &Statements<'_>,
    part: &Candidate,
    receipt: &Receipt,
) -> rusqlite::Result<Matched> {
    let (moved, callback_url) = match put(connection, part, receipt)? {
        true => move_on(connection, part.id.as_bytes(), &receipt.gateway)?,
        false => (None, None),
    };
    Ok(Matched { id: part.id, moved, callback_url })
}

/// Puts down what a submission got from the service, and matches what the service said of it before that was known.
pub(super) fn parts(
    connection: &Statements<'_>,
    id: &[u8; 16],
    attempt: &Attempt,
) -> rusqlite::Result<Recorded> {
    let mut recorded = Recorded { taken: true, ..Recorded::default() };
    // By an earlier submission that got the same ids, and something may have been said of them then.
    let mut were_known = false;
    for provider_id in &attempt.outcome.provider_ids {
        let new = connection.write(
            "INSERT OR IGNORE INTO part (gateway, provider_id, id) VALUES (?1, ?2, ?3)",
            params![attempt.gateway, provider_id, id],
        )?;
        were_known |= new == 0;
        let part = Candidate { id: MessageId::from_bytes(*id), provider_id: provider_id.clone() };
        for (number, receipt) in early(connection, &part, &attempt.gateway)? {
            put(connection, &part, &receipt)?;
            recorded.receipts += 1;
            forget(connection, number)?;
        }
    }
    if attempt.outcome.kind == OutcomeKind::Uncertain {
        respelt::doubt(connection, &attempt.gateway)?;
    }
    if were_known || recorded.receipts > 0 {
        (recorded.moved, _) = move_on(connection, id, &attempt.gateway)?;
    }
    Ok(recorded)
}

/// A receipt that belongs to a message is not kept beside it.
pub(super) fn forget(connection: &Statements<'_>, number: i64) -> rusqlite::Result<()> {
    connection.write("DELETE FROM receipt WHERE seq = ?1", [number])?;
    Ok(())
}

/// A receipt can't have come before the message did: older ones were for somebody else's part of this id. One whose id may stand for
/// another is decided on later.
fn early(
    connection: &Statements<'_>,
    part: &Candidate,
    gateway: &str,
) -> rusqlite::Result<Vec<(i64, Receipt)>> {
    let found = connection.run(
        receipts!(
            "WHERE gateway = ?1 AND provider_id = ?2 AND at >= (SELECT created_at FROM message WHERE id = ?3) ORDER BY seq"
        ),
        |statement| {
            statement
                .query_map(params![gateway, part.provider_id, part.id.as_bytes()], |row| {
                    Ok((row.get(0)?, read_receipt(row)?))
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
        },
    )?;
    let habit = match found.iter().all(|(_, receipt)| receipt.spellings.is_empty()) {
        true => Habit::AsGiven,
        false => respelt::known(connection, gateway)?.habit,
    };
    Ok(found.into_iter().filter(|(_, receipt)| !must_wait(receipt, habit)).collect())
}

/// The receipt's word on this part, unless there is one for good; whether it is one for good.
fn put(connection: &Statements<'_>, part: &Candidate, receipt: &Receipt) -> rusqlite::Result<bool> {
    let said_as = Some(&receipt.provider_id).filter(|said_as| **said_as != part.provider_id);
    let changed = connection.write(
        "UPDATE part SET status = ?4, code = ?5, detail = ?6, at = ?7, said_as = ?8
             WHERE gateway = ?1 AND provider_id = ?2 AND id = ?3 AND status = 0",
        params![
            receipt.gateway,
            part.provider_id,
            part.id.as_bytes(),
            receipt.status.number(),
            receipt.code,
            receipt.detail,
            receipt.at.as_millis(),
            said_as
        ],
    )?;
    Ok(changed > 0 && receipt.status != ReceiptStatus::Pending)
}

/// Moves a message that is `sent` through this gateway to where the words on its parts take it; and where that is told.
fn move_on(
    connection: &Statements<'_>,
    id: &[u8; 16],
    gateway: &str,
) -> rusqlite::Result<(Option<State>, Option<WebhookUrl>)> {
    let (state, through, provider_ids, updated_at, callback_url, last) = connection.run(
        "SELECT s.state, s.gateway, s.provider_ids, s.updated_at, m.callback_url, s.last_change
             FROM state s JOIN message m ON m.id = s.id WHERE s.id = ?1",
        |s| {
            s.query_row([id], |row| {
                Ok((
                    word(row, 0, State::from_number)?,
                    row.get::<_, String>(1)?,
                    super::reads::ids(row, 2)?,
                    row.get::<_, i64>(3)?,
                    row.get::<_, Option<String>>(4)?.map(WebhookUrl::new),
                    row.get(5)?,
                ))
            })
        },
    )?;
    // What went out of a message that was not accepted then does not decide.
    if state != State::Sent || through != gateway {
        return Ok((None, None));
    }
    let parts = of_parts(connection, id, gateway, &provider_ids)?;
    let Some(next) = delivery_state(parts.iter().map(|part| part.as_ref().map(|part| part.status))) else {
        return Ok((None, None));
    };
    let said_at = parts.iter().flatten().map(|part| part.at.as_millis()).max();
    let at = said_at.unwrap_or(updated_at).max(updated_at);
    let change = connection.next_number();
    changes::put(connection, change, id, last, at, next)?;
    connection.write(
        "UPDATE state SET state = ?2, updated_at = ?3, last_change = ?4 WHERE id = ?1",
        params![id, next.number(), at, change],
    )?;
    let (message, at) = (MessageId::from_bytes(*id), Timestamp::from_millis(at));
    webhooks::announce(connection, message, callback_url.as_deref(), next, at)?;
    Ok((Some(next), callback_url))
}

/// What was said last of each of these parts.
pub(super) fn of_parts(
    connection: &Connection,
    id: &[u8; 16],
    gateway: &str,
    provider_ids: &[String],
) -> rusqlite::Result<Vec<Option<PartReceipt>>> {
    let mut statement = connection.prepare_cached(
        "SELECT status, code, detail, at FROM part WHERE gateway = ?1 AND provider_id = ?2 AND id = ?3 AND at IS NOT NULL",
    )?;
    let of_part = |provider_id: &String| {
        let receipt = statement.query_row(params![gateway, provider_id, id], |row| {
            Ok(PartReceipt {
                provider_id: provider_id.clone(),
                status: word(row, 0, ReceiptStatus::from_number)?,
                code: row.get(1)?,
                detail: row.get(2)?,
                at: Timestamp::from_millis(row.get(3)?),
            })
        });
        receipt.optional()
    };
    provider_ids.iter().map(of_part).collect()
}

fn unmatched(
    connection: &Connection,
    gateway: Option<&str>,
    before: Option<u64>,
    limit: usize,
) -> rusqlite::Result<Vec<Unmatched>> {
    let before = before.and_then(|before| i64::try_from(before).ok()).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let read = |row: &Row<'_>| {
        Ok(Unmatched { number: row.get::<_, i64>(0)?.unsigned_abs(), receipt: read_receipt(row)? })
    };
    match gateway {
        Some(gateway) => connection
            .prepare_cached(receipts!(
                "INDEXED BY receipt_gateway WHERE gateway = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3"
            ))?
            .query_map(params![gateway, before, limit], read)?
            .collect(),
        None => connection
            .prepare_cached(receipts!("WHERE seq < ?1 ORDER BY seq DESC LIMIT ?2"))?
            .query_map(params![before, limit], read)?
            .collect(),
    }
}

pub(super) fn read_receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    let is_open = row.get_ref(7)? != ValueRef::Null;
    Ok(Receipt {
        gateway: row.get(1)?,
        provider_id: row.get(2)?,
        spellings: if is_open { super::reads::ids(row, 7)? } else { Vec::new() },
        status: word(row, 3, ReceiptStatus::from_number)?,
        code: row.get(4)?,
        detail: row.get(5)?,
        at: Timestamp::from_millis(row.get(6)?),
    })
}
