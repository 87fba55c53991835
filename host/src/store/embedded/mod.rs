//! The embedded engine: SQLite in a folder of its own, one writer thread with natural group commit.
//!
//! Everything that waits when the writer comes round goes into its next transaction: batches of one when the host is idle, of hundreds
//! under load, and one fsync for each. Reads have connections of their own; WAL keeps the two apart.

mod finish;
mod folder;
mod insert;
mod maintenance;
mod reads;
mod schema;
mod writer;

use super::{Finish, Ready, Store, StoreError};
use crate::message::{Clock, Message, MessageId, NewMessage, Timestamp};
use futures_util::{FutureExt as _, future::BoxFuture};
use reads::Readers;
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
    time::Duration,
};
use tokio::sync::oneshot;
use writer::{Request, Writer};

/// How the store is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long finished messages are kept.
    pub retain: Duration,
    /// What time it is, for that.
    pub clock: Clock,
    /// The largest that the database may grow, in pages of 4 KiB; `None`: as far as the disk goes.
    pub max_pages: Option<u32>,
}

/// Why the store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder can't be made, or its mode can't be set.
    #[error(
        "the data folder {} can't be used: {source}; make it for the user that Gatepost runs as, or correct `path` under [store]",
        .path.display()
    )]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another host has it open.
    #[error(
        "the data folder {} is in use{}; end that Gatepost first, or give this one another `path` under [store]",
        .path.display(),
        .holder.as_ref().map(|pid| format!(" by process {pid}")).unwrap_or_default()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The process, as it wrote it down.
        holder: Option<u32>,
    },
    /// Made by a later version.
    #[error(
        "the database {} has version {found}, this Gatepost knows versions up to {known}; use the Gatepost that wrote it, or a later one",
        .path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest that is known.
        known: i64,
    },
    /// SQLite can't open it.
    #[error(
        "the database {} can't be opened: {source}; if it is damaged, restore it, or recover it with `sqlite3 FILE .recover`",
        .path.display()
    )]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
}

/// Messages in an SQLite database, `gatepost.db` in a folder of its own.
pub struct EmbeddedStore {
    writer: Writer,
    readers: Arc<Readers>,
    unfinished: Arc<AtomicU64>,
}

impl EmbeddedStore {
    /// Opens the store in `folder`, made with mode 0700 if it is missing. Blocks.
    ///
    /// A damaged page is reported when it is read; the whole database is not checked here, since that takes minutes on a large
    /// one, and WAL needs no repair after a crash.
    ///
    /// # Errors
    /// Why not, and how to mend it.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        let lock = folder::prepare(folder)?;
        let path = folder.join("gatepost.db");
        let connection = schema::open(&path)?;
        let broken = |source| OpenError::Database { path: path.clone(), source };
        if let Some(pages) = options.max_pages {
            connection.pragma_update(None, "max_page_count", pages).map_err(broken)?;
        }
        // The one scan there is: of the narrow queue table, a second for ten million messages.
        let waiting = connection
            .query_row("SELECT count(*) FROM ready", [], |row| row.get::<_, i64>(0))
            .map_err(broken)?;
        let unfinished = Arc::new(AtomicU64::new(u64::try_from(waiting).unwrap_or(0)));
        let writer = Writer::start(connection, lock, options, Arc::clone(&unfinished))
            .map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
        Ok(Self { writer, readers: Arc::new(Readers::new(path)), unfinished })
    }

    fn write<'a>(
        &'a self,
        request: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Request,
    ) -> BoxFuture<'a, Result<(), StoreError>> {
        let (done, wait) = oneshot::channel();
        let sent = self.writer.send(request(done));
        async move {
            sent?;
            wait.await.unwrap_or(Err(StoreError::Closed))
        }
        .boxed()
    }

    fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        let readers = Arc::clone(&self.readers);
        async move {
            if self.writer.is_closed() {
                return Err(StoreError::Closed);
            }
            readers.read(query).await
        }
        .boxed()
    }
}

impl Store for EmbeddedStore {
    fn insert(&self, batch: Vec<NewMessage>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|done| Request::Insert { batch, done })
    }

    fn finish(&self, batch: Vec<Finish>) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|done| Request::Finish { batch, done })
    }

    fn ready(
        &self,
        gateway: &str,
        now: Timestamp,
        limit: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Vec<Ready>, StoreError>> {
        let gateway = gateway.to_owned();
        self.read(move |connection| reads::ready(connection, &gateway, now, limit, max_bytes))
    }

    fn queues(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>, StoreError>> {
        self.read(reads::queues)
    }

    fn message(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>> {
        self.read(move |connection| reads::message(connection, id))
    }

    fn unfinished(&self) -> u64 {
        self.unfinished.load(Ordering::Relaxed)
    }

    fn writable(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|done| Request::Prove { done })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        let (done, wait) = oneshot::channel();
        self.writer.close(done);
        async move {
            // An error means that the writer is gone: closed already.
            wait.await.unwrap_or_default();
        }
        .boxed()
    }
}

impl fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedStore").field("unfinished", &self.unfinished).finish_non_exhaustive()
    }
}

/// What an error of SQLite means for whoever asked.
fn store_error(error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::ConstraintViolation) => {
            StoreError::Damaged(error.to_string())
        }
        Some(_) => StoreError::Unwritable(error.to_string()),
        // A value that is none of ours: a forged or damaged row.
        None => StoreError::Damaged(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
