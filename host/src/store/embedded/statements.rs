//! The statements of a transaction.

use super::changes;
use rusqlite::{CachedStatement, Connection, Params};
use std::{
    cell::{Cell, RefCell},
    ops::Deref,
};

/// What the one who writes knows of the database without asking it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// The number of the last change.
    pub(super) last_number: i64,
    /// How many messages stay where they arrived.
    pub(super) arrivals: i64,
    /// How many may.
    pub(super) room: i64,
}

impl Known {
    pub(super) fn of(connection: &Connection, room: u32) -> rusqlite::Result<Self> {
        let arrivals = connection.query_row("SELECT count(*) FROM arrival", [], |row| row.get(0))?;
        Ok(Self { last_number: changes::last(connection)?, arrivals, room: room.into() })
    }
}

/// A connection that keeps the statements at hand that it has run: hundreds of messages run the same ones within one transaction, and a
/// look into the connection's own cache, which goes by their text, costs as much as running some of them.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    known: Cell<Known>,
    kept: RefCell<Vec<(&'static str, CachedStatement<'c>)>>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection, known: Known) -> Self {
        Self { connection, known: Cell::new(known), kept: RefCell::default() }
    }

    /// For whoever does not know.
    #[cfg(test)]
    pub(super) fn on(connection: &'c Connection) -> Self {
        Self::new(connection, Known::of(connection, super::ARRIVALS).unwrap())
    }

    /// What is known once all of it is on disk.
    pub(super) fn known(&self) -> Known {
        self.known.get()
    }

    /// What came since this was known is undone.
    pub(super) fn forget(&self, known: Known) {
        self.known.set(known);
    }

    pub(super) fn arrivals(&self) -> i64 {
        self.known.get().arrivals
    }

    /// So many more messages stay where they arrived.
    pub(super) fn arrived(&self, more: i64) {
        self.known.update(|known| Known { arrivals: known.arrivals + more, ..known });
    }

    /// The number of the next change.
    pub(super) fn next_number(&self) -> i64 {
        self.known.update(|known| Known { last_number: known.last_number + 1, ..known });
        self.known.get().last_number
    }

    /// Runs the statement with this text.
    pub(super) fn run<T>(
        &self,
        sql: &'static str,
        run: impl FnOnce(&mut CachedStatement<'c>) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        // The same place in the program: more than that need not be compared.
        let known = self.kept.borrow().iter().position(|(known, _)| std::ptr::eq(*known, sql));
        let mut statement = match known {
            Some(index) => self.kept.borrow_mut().swap_remove(index).1,
            None => self.connection.prepare_cached(sql)?,
        };
        let result = run(&mut statement);
        self.kept.borrow_mut().push((sql, statement));
        result
    }

    /// Runs one that changes rows; how many.
    pub(super) fn write(&self, sql: &'static str, values: impl Params) -> rusqlite::Result<usize> {
        self.run(sql, |statement| statement.execute(values))
    }
}

impl Deref for Statements<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
