//! What the writer does now and then: erase texts from the write-ahead log, and drop messages that were kept long enough.

use super::{Options, changes, insert::REMEMBERED};
use crate::message::{MessageId, State};
use rusqlite::{Connection, hooks::Wal, params};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// A finished message's text is gone within a minute, from the write-ahead log too, which only a truncating checkpoint empties.
const ERASE_EVERY: Duration = Duration::from_secs(20);

/// Pages in the write-ahead log at which they are moved into the database, 16 MiB of them. A page that changed often is moved once, and a
/// start after a crash reads the log in a few milliseconds.
const LONG: usize = 4096;

/// How often messages are looked for that were kept long enough, and between two batches of them.
const PRUNE_EVERY: Duration = Duration::from_secs(600);
const PRUNE_PAUSE: Duration = Duration::from_millis(50);

/// Messages looked at in one batch of pruning: a few milliseconds, so that no accept waits long.
const PRUNE_BATCH: usize = 200;

pub(super) struct Maintenance {
    options: Options,
    /// Pages in the write-ahead log.
    log: Arc<AtomicUsize>,
    erase_at: Option<Instant>,
    prune_at: Instant,
    /// Where the present round of pruning stands.
    pruned_up_to: [u8; 16],
}

impl Maintenance {
    /// Takes the moving of pages into the database over from SQLite, which does it within the commit that makes the log too long, while
    /// those wait whose messages are on disk already.
    pub(super) fn new(connection: &mut Connection, options: Options) -> rusqlite::Result<Self> {
        let log = Arc::new(AtomicUsize::new(0));
        let pages = Arc::clone(&log);
        connection.wal_hook(Some(move |_: &mut Wal, now| {
            pages.store(usize::try_from(now).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let now = Instant::now();
        // At once after a start: an earlier process may have died before it could.
        Ok(Self { options, log, erase_at: Some(now), prune_at: now, pruned_up_to: [0; 16] })
    }

    /// Content was deleted: it is still in the write-ahead log.
    pub(super) fn erased(&mut self) {
        self.erase_at.get_or_insert_with(|| Instant::now() + ERASE_EVERY);
    }

    pub(super) fn due_in(&self) -> Duration {
        let due = self.erase_at.map_or(self.prune_at, |erase_at| erase_at.min(self.prune_at));
        due.saturating_duration_since(Instant::now())
    }

    /// Does what is due.
    pub(super) fn run(&mut self, connection: &mut Connection) {
        let now = Instant::now();
        if self.erase_at.is_some_and(|due| due <= now) {
            // Busy while a read goes on, which is over in a moment: again soon then.
            self.erase_at =
                if checkpoint(connection, "TRUNCATE") { None } else { Some(now + Duration::from_secs(1)) };
        } else if self.log.swap(0, Ordering::Relaxed) >= LONG {
            // As far as reads that go on allow; the rest with one of the next commits.
            checkpoint(connection, "PASSIVE");
        }
        if self.prune_at <= now {
            self.prune_at = match self.prune(connection) {
                Ok(true) => now + PRUNE_PAUSE,
                Ok(false) => now + PRUNE_EVERY,
                Err(error) => {
                    tracing::warn!(%error, "old messages can't be removed now");
                    now + PRUNE_EVERY
                }
            };
        }
    }

    /// Before the database is closed.
    pub(super) fn last(&mut self, connection: &mut Connection) {
        if !checkpoint(connection, "TRUNCATE") {
            tracing::warn!("the write-ahead log was not emptied; the next start does it");
        }
    }

    /// Removes a batch; whether there may be more.
    fn prune(&mut self, connection: &mut Connection) -> rusqlite::Result<bool> {
        let now = self.options.clock.now().as_millis();
        let before = now.saturating_sub(i64::try_from(self.options.retain.as_millis()).unwrap_or(i64::MAX));
        let transaction = connection.transaction()?;
        let forgotten = now.saturating_sub(i64::try_from(REMEMBERED.as_millis()).unwrap_or(i64::MAX));
        let forgot = transaction
            .prepare_cached(
                "DELETE FROM idempotency WHERE (api_key, key) IN
                 (SELECT api_key, key FROM idempotency WHERE at <= ?1 ORDER BY at LIMIT ?2)",
            )?
            .execute(params![forgotten, PRUNE_BATCH as i64])?;
        // In the order in which they came.
        let receipts = transaction
            .prepare_cached(
                "DELETE FROM receipt WHERE seq IN (SELECT seq FROM (SELECT seq, at FROM receipt ORDER BY seq LIMIT ?2) WHERE at < ?1)",
            )?
            .execute(params![before, PRUNE_BATCH as i64])?;
        // In the order of ids, which is that of acceptance: nothing accepted later than `before` can be old enough.
        let candidates = transaction
            .prepare_cached(
                "SELECT s.id, s.state, s.updated_at, m.created_at FROM state s JOIN message m ON m.id = s.id
                 WHERE s.id > ?1 ORDER BY s.id LIMIT ?2",
            )?
            .query_map(params![self.pruned_up_to, PRUNE_BATCH as i64], |row| {
                Ok((
                    row.get::<_, [u8; 16]>(0)?,
                    row.get::<_, u8>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, i64>(3)?,
                ))
            })?
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let whole = candidates.len() == PRUNE_BATCH;
        let others = forgot == PRUNE_BATCH || receipts == PRUNE_BATCH;
        let mut more = whole || others;
        for (id, state, updated_at, created_at) in candidates {
            if created_at >= before {
                more = others;
                break;
            }
            self.pruned_up_to = id;
            if State::from_number(state).is_some_and(State::is_finished) && updated_at < before {
                remove(&transaction, MessageId::from_bytes(id))?;
            }
        }
        transaction.commit()?;
        if !more {
            self.pruned_up_to = [0; 16];
        }
        Ok(more)
    }
}

fn remove(connection: &Connection, id: MessageId) -> rusqlite::Result<()> {
    let of_message = "(gateway, provider_id) IN (SELECT a.gateway, j.value FROM attempt a, json_each(a.provider_ids) j WHERE a.id = ?1)";
    connection
        .prepare_cached(&format!("DELETE FROM part WHERE {of_message} AND id = ?1"))?
        .execute([id.as_bytes()])?;
    changes::forget(connection, id.as_bytes())?;
    for sql in [
        "DELETE FROM attempt WHERE id = ?1",
        "DELETE FROM state WHERE id = ?1",
        "DELETE FROM message WHERE id = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([id.as_bytes()])?;
    }
    Ok(())
}

/// Moves the write-ahead log into the database, and empties it with TRUNCATE; whether that went through.
fn checkpoint(connection: &Connection, how: &str) -> bool {
    let busy = connection.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |row| row.get::<_, i64>(0));
    matches!(busy, Ok(0))
}
