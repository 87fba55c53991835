//! The tables, and how a database of an earlier version is brought to them.

use super::OpenError;
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{path::Path, time::Duration};

/// Each step leads from the version of its index to the next.
pub(super) const MIGRATIONS: &[&str] = &["
    -- What never changes of a message, written once.
    CREATE TABLE message (
        id BLOB NOT NULL PRIMARY KEY,
        recipient TEXT NOT NULL,
        sender TEXT,
        gateway TEXT NOT NULL,
        tag TEXT,
        priority INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        api_key TEXT
    ) STRICT, WITHOUT ROWID;

    -- What it says; deleted when it is finished.
    CREATE TABLE content (
        id BLOB NOT NULL PRIMARY KEY,
        text TEXT NOT NULL,
        title TEXT,
        data TEXT
    ) STRICT, WITHOUT ROWID;

    -- Where it stands.
    CREATE TABLE state (
        id BLOB NOT NULL PRIMARY KEY,
        state INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        updated_at INTEGER NOT NULL,
        reason INTEGER,
        parts INTEGER NOT NULL DEFAULT 0,
        provider_ids TEXT NOT NULL DEFAULT '[]'
    ) STRICT, WITHOUT ROWID;

    -- The queues: one row for each message that is not finished.
    CREATE TABLE ready (
        gateway TEXT NOT NULL,
        priority INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        id BLOB NOT NULL,
        PRIMARY KEY (gateway, priority, due_at, id)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE attempt (
        id BLOB NOT NULL,
        number INTEGER NOT NULL,
        gateway TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at INTEGER NOT NULL,
        outcome INTEGER NOT NULL,
        code TEXT,
        detail TEXT,
        after_ms INTEGER,
        parts INTEGER NOT NULL,
        provider_ids TEXT NOT NULL,
        PRIMARY KEY (id, number)
    ) STRICT, WITHOUT ROWID;

    -- Every change of state, in the order in which they came.
    CREATE TABLE event (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        id BLOB NOT NULL,
        at INTEGER NOT NULL,
        state INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX event_of_message ON event (id, seq);

    -- One row, written to prove that writing works.
    CREATE TABLE proof (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL) STRICT;
", "
    -- Routes: the plan is the gateways' names with commas between. A message's time begins at valid_from, and lasts own_validity (ms),
    -- or as long as each gateway says.
    ALTER TABLE message ADD COLUMN route TEXT;
    ALTER TABLE message ADD COLUMN plan TEXT;
    ALTER TABLE message ADD COLUMN valid_from INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE message ADD COLUMN own_validity INTEGER;
    UPDATE message SET valid_from = created_at, own_validity = expires_at - created_at;

    -- The gateway that it goes through now, what was tried (JSON), and since when a submission goes on that is not to be repeated.
    ALTER TABLE state ADD COLUMN gateway TEXT NOT NULL DEFAULT '';
    ALTER TABLE state ADD COLUMN progress TEXT;
    ALTER TABLE state ADD COLUMN marked_at INTEGER;
    UPDATE state SET gateway = (SELECT m.gateway FROM message m WHERE m.id = state.id);

    ALTER TABLE ready ADD COLUMN deadline INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE ready ADD COLUMN routed INTEGER NOT NULL DEFAULT 0;
    UPDATE ready SET deadline = (SELECT m.expires_at FROM message m WHERE m.id = ready.id);
    CREATE INDEX ready_deadline ON ready (deadline);
    CREATE INDEX ready_routed ON ready (gateway, priority, due_at, id) WHERE routed = 1;

    -- Requests that are to be carried out once: the messages that the first one made, 16 bytes of id each.
    CREATE TABLE idempotency (
        api_key TEXT NOT NULL,
        key TEXT NOT NULL,
        fingerprint BLOB NOT NULL,
        at INTEGER NOT NULL,
        ids BLOB NOT NULL,
        PRIMARY KEY (api_key, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_at ON idempotency (at);
", "
    -- Lists, each by an index whose entries are in the order of ids, which is that of acceptance.
    CREATE INDEX message_recipient ON message (recipient);
    CREATE INDEX message_tag ON message (tag) WHERE tag IS NOT NULL;
    CREATE INDEX message_api_key ON message (api_key) WHERE api_key IS NOT NULL;
    CREATE INDEX state_gateway ON state (gateway);
    CREATE INDEX state_state ON state (state);

    -- The parts that services took, by the ids that they gave them. What is said of a part for good stays so.
    CREATE TABLE part (
        gateway TEXT NOT NULL,
        provider_id TEXT NOT NULL,
        id BLOB NOT NULL,
        status INTEGER NOT NULL DEFAULT 0,
        code TEXT,
        detail TEXT,
        at INTEGER,
        PRIMARY KEY (gateway, provider_id, id)
    ) STRICT, WITHOUT ROWID;
    INSERT OR IGNORE INTO part (gateway, provider_id, id)
        SELECT s.gateway, j.value, s.id FROM state s, json_each(s.provider_ids) j WHERE s.state = 2;

    -- Receipts that belong to no message, or came before it was known which ids it got.
    CREATE TABLE receipt (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        gateway TEXT NOT NULL,
        provider_id TEXT NOT NULL,
        status INTEGER NOT NULL,
        code TEXT,
        detail TEXT,
        at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX receipt_part ON receipt (gateway, provider_id);
    CREATE INDEX receipt_gateway ON receipt (gateway);

    -- What is to be told to others: a message's change to this state, or an inbound message (payload, JSON; erased with the row).
    ALTER TABLE message ADD COLUMN callback_url TEXT;
    CREATE TABLE webhook (
        seq INTEGER PRIMARY KEY AUTOINCREMENT,
        origin TEXT NOT NULL,
        url TEXT NOT NULL,
        webhook_id TEXT NOT NULL,
        message BLOB,
        state INTEGER,
        payload TEXT,
        at INTEGER NOT NULL,
        due_at INTEGER NOT NULL,
        tries INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX webhook_due ON webhook (origin, due_at, seq);
    CREATE INDEX webhook_at ON webhook (origin, at, seq);
    CREATE INDEX webhook_message ON webhook (message, seq) WHERE message IS NOT NULL;
", "
    -- Receipts whose ids may have been spelled otherwise when they were given: the spellings, a JSON array, until that is decided.
    ALTER TABLE receipt ADD COLUMN spellings TEXT;
    CREATE INDEX receipt_open ON receipt (gateway, at) WHERE spellings IS NOT NULL;
    -- The id under which something was said of a part, where it is not the one that it was given.
    ALTER TABLE part ADD COLUMN said_as TEXT;
    -- What gateways' services were seen to do with their ids, and whether they may have taken parts whose ids nobody knows.
    CREATE TABLE spelling (
        gateway TEXT NOT NULL PRIMARY KEY,
        habit INTEGER NOT NULL DEFAULT 0,
        doubt INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    -- Whether a submission was cut off was not written down before.
    INSERT INTO spelling (gateway, doubt) SELECT DISTINCT gateway, 1 FROM attempt;
", "
    -- Changes of messages' states, in the order in which they came. The last one is kept: no number is to be given twice.
    CREATE TABLE change (
        seq INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        previous INTEGER,
        at INTEGER NOT NULL,
        state INTEGER NOT NULL
    ) STRICT;
    INSERT INTO change (seq, id, previous, at, state)
        SELECT seq, id, (SELECT max(b.seq) FROM event b WHERE b.id = e.id AND b.seq < e.seq), at, state FROM event e ORDER BY seq;
    INSERT INTO change (seq, id, at, state) SELECT seq, zeroblob(16), 0, 0 FROM sqlite_sequence
        WHERE name = 'event' AND seq > (SELECT coalesce(max(seq), 0) FROM change);

    -- How often a message was submitted, and its last change.
    ALTER TABLE state ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE state ADD COLUMN last_change INTEGER;
    UPDATE state SET
        attempts = (SELECT count(*) FROM attempt a WHERE a.id = state.id),
        last_change = (SELECT max(seq) FROM event e WHERE e.id = state.id);
    DROP TABLE event;
", "
    -- Messages as they were accepted, one row each, until there is more to say of them: they are in none of the tables above then. The
    -- number is that of their change to `queued`.
    CREATE TABLE arrival (
        id BLOB NOT NULL PRIMARY KEY,
        number INTEGER NOT NULL,
        recipient TEXT NOT NULL,
        sender TEXT,
        gateway TEXT NOT NULL,
        tag TEXT,
        priority INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        api_key TEXT,
        route TEXT,
        plan TEXT,
        valid_from INTEGER NOT NULL,
        own_validity INTEGER,
        callback_url TEXT,
        due_at INTEGER NOT NULL,
        deadline INTEGER NOT NULL,
        text TEXT NOT NULL,
        title TEXT,
        data TEXT
    ) STRICT, WITHOUT ROWID;
"];

/// Opens the database for writing and brings it to the latest version.
pub(super) fn open(path: &Path) -> Result<Connection, OpenError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let broken = |source| OpenError::Database { path: path.to_owned(), source };
    let connection =
        connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE).map_err(broken)?;
    let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(broken)?;
    if found > known {
        return Err(OpenError::Newer { path: path.to_owned(), found, known });
    }
    migrate(&connection, found).map_err(broken)?;
    Ok(connection)
}

/// A connection for reading.
pub(super) fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

fn connect(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(2))?;
    connection.set_prepared_statement_cache_capacity(64);
    // Plans depend on no value: else a statement with `LIMIT ?` is prepared anew each time that it is run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // FULL: the WAL is fsynced at every commit, which is what an accepted message relies on.
    connection.pragma_update(None, "synchronous", "FULL")?;
    // What is deleted is overwritten: texts must not stay in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    Ok(connection)
}

fn migrate(connection: &Connection, found: i64) -> rusqlite::Result<()> {
    let from = usize::try_from(found).unwrap_or(0);
    for (version, step) in MIGRATIONS.iter().enumerate().skip(from) {
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {step} PRAGMA user_version = {}; COMMIT;",
            version + 1
        ))?;
    }
    Ok(())
}
