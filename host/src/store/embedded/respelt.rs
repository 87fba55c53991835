//! Receipts whose ids may have been spelled otherwise when they were given.

use super::{
    reads::word,
    receipts::{forget, read_receipt, receipts, say},
    statements::Statements,
};
use crate::{
    message::{MessageId, Receipt, Timestamp},
    store::{
        Respelt,
        spelling::{Candidate, Candidates, Habit, Known, choose, says_little},
    },
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// What is known of a gateway's service.
pub(super) fn known(connection: &Connection, gateway: &str) -> rusqlite::Result<Known> {
    let known = connection
        .prepare_cached("SELECT habit, doubt FROM spelling WHERE gateway = ?1")?
        .query_row([gateway], |row| {
            Ok(Known { habit: word(row, 0, Habit::from_number)?, doubt: row.get(1)? })
        })
        .optional()?;
    Ok(known.unwrap_or_default())
}

/// It may have taken parts whose ids nobody knows.
pub(super) fn doubt(connection: &Connection, gateway: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO spelling (gateway, doubt) VALUES (?1, 1) ON CONFLICT (gateway) DO UPDATE SET doubt = 1",
        )?
        .execute([gateway])?;
    Ok(())
}

/// Whether an earlier receipt of the same id waits to be decided on, which a later one must not overtake.
pub(super) fn is_open(connection: &Connection, receipt: &Receipt) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT 1 FROM receipt INDEXED BY receipt_part
             WHERE gateway = ?1 AND provider_id = ?2 AND spellings IS NOT NULL",
        )?
        .exists(params![receipt.gateway, receipt.provider_id])
}

pub(super) const UNDECIDED: &str = "SELECT gateway, min(at) FROM receipt INDEXED BY receipt_open
     WHERE spellings IS NOT NULL GROUP BY gateway";

/// The gateways for which receipts wait to be decided on, with when the first of them came.
pub(super) fn undecided(connection: &Connection) -> rusqlite::Result<Vec<(String, Timestamp)>> {
    let first = |row: &Row<'_>| Ok((row.get(0)?, Timestamp::from_millis(row.get(1)?)));
    connection.prepare_cached(UNDECIDED)?.query_map([], first)?.collect()
}

/// Decides on receipts that came before `before`.
pub(super) fn decide(
    connection: &Statements<'_>,
    gateway: &str,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<Respelt> {
    let mut open = connection
        .prepare_cached(receipts!(
            "INDEXED BY receipt_open WHERE gateway = ?1 AND spellings IS NOT NULL AND at < ?2 ORDER BY at, seq LIMIT ?3"
        ))?
        .query_map(params![gateway, before.as_millis(), i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
            Ok((row.get::<_, i64>(0)?, read_receipt(row)?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    open.sort_by_key(|(number, receipt)| (says_little(receipt), *number));
    let mut respelt = Respelt { more: open.len() == limit, matched: Vec::new() };
    let before = known(connection, gateway)?;
    let mut known = before;
    for (number, receipt) in open {
        match choose(&receipt, known, candidates(connection, &receipt)?) {
            Some((part, habit)) => {
                respelt.matched.push(say(connection, &part, &receipt)?);
                forget(connection, number)?;
                known.habit = habit;
            }
            None => {
                connection
                    .prepare_cached("UPDATE receipt SET spellings = NULL WHERE seq = ?1")?
                    .execute([number])?;
            }
        }
    }
    if known != before {
        connection
            .prepare_cached(
                "INSERT INTO spelling (gateway, habit) VALUES (?1, ?2) ON CONFLICT (gateway) DO UPDATE SET habit = ?2",
            )?
            .execute(params![gateway, known.habit.number()])?;
    }
    Ok(respelt)
}

/// A receipt can't have come before its message did.
fn candidates(connection: &Connection, receipt: &Receipt) -> rusqlite::Result<Candidates> {
    // Strings always have a JSON form.
    let spellings = serde_json::to_string(&receipt.spellings).unwrap_or_default();
    let candidate =
        |row: &Row<'_>| Ok(Candidate { id: MessageId::from_bytes(row.get(0)?), provider_id: row.get(1)? });
    let spoken_of = connection
        .prepare_cached(
            "SELECT id, provider_id FROM part
             WHERE gateway = ?1 AND provider_id IN (SELECT value FROM json_each(?2)) AND said_as = ?3
             ORDER BY id DESC LIMIT 1",
        )?
        .query_row(params![receipt.gateway, spellings, receipt.provider_id], candidate)
        .optional()?;
    let exact = connection
        .prepare_cached(
            "SELECT p.id, p.provider_id, p.at IS NOT NULL FROM part p JOIN message m ON m.id = p.id
             WHERE p.gateway = ?1 AND p.provider_id = ?2 AND p.said_as IS NULL AND m.created_at <= ?3
             ORDER BY p.id DESC LIMIT 1",
        )?
        .query_row(params![receipt.gateway, receipt.provider_id, receipt.at.as_millis()], |row| {
            Ok((candidate(row)?, row.get(2)?))
        })
        .optional()?;
    // Of two that were spoken of so, the one whose id it is.
    let (spoken_of, exact) = match exact {
        Some((part, true)) => (Some(part), None),
        Some((part, false)) => (spoken_of, Some(part)),
        None => (spoken_of, None),
    };
    let others = connection
        .prepare_cached(
            "SELECT p.id, p.provider_id FROM part p JOIN message m ON m.id = p.id
             WHERE p.gateway = ?1 AND p.provider_id IN (SELECT value FROM json_each(?2)) AND p.at IS NULL
                   AND m.created_at <= ?3
             LIMIT 2",
        )?
        .query_map(params![receipt.gateway, spellings, receipt.at.as_millis()], candidate)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Candidates { spoken_of, exact, others })
}
