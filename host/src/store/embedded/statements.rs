//! The statements of a transaction.

use rusqlite::{CachedStatement, Connection, Params};
use std::{cell::RefCell, ops::Deref};

/// A connection that keeps the statements at hand that it has run: hundreds of messages run the same ones within one transaction, and a
/// look into the connection's own cache, which goes by their text, costs as much as running some of them.
pub(super) struct Statements<'c> {
    connection: &'c Connection,
    kept: RefCell<Vec<(&'static str, CachedStatement<'c>)>>,
}

impl<'c> Statements<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self { connection, kept: RefCell::default() }
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
