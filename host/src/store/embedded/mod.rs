//! The embedded engine: SQLite in a folder of its own, one writer thread with natural group commit.
//!
//! Everything that waits when the writer comes round goes into its next transaction: batches of one when the host is idle, of hundreds
//! under load, and one fsync for each. Reads have connections of their own; WAL keeps the two apart.

mod arrivals;
mod changes;
mod depths;
mod folder;
mod history;
mod insert;
mod maintenance;
mod reads;
mod receipts;
mod record;
mod respelt;
mod schema;
mod secret;
mod statements;
mod webhooks;
mod writer;

use super::{
    Canceled, Front, Inserted, Once, Overdue, Place, Ready, Recorded, Space, Step, Store, StoreError,
};
use crate::{
    message::{Clock, Message, MessageId, NewMessage, Timestamp},
    telemetry::metrics::Metrics,
};
use depths::Depths;
use futures_util::{FutureExt as _, future::BoxFuture};
use maintenance::Maintenance;
use reads::Readers;
use secret::Secret;
use statements::Known;
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{oneshot, watch};
use writer::{Figures, Request, Writer};

/// How the store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long finished messages are kept.
    pub retain: Duration,
    /// What time it is, for that.
    pub clock: Clock,
    /// The largest that the database may grow, in pages of 4 KiB; `None`: as far as the disk goes.
    pub max_pages: Option<u32>,
    /// How many messages stay where they arrived, about.
    pub arrivals: u32,
    /// Where commits are counted.
    pub metrics: Option<Arc<Metrics>>,
}

/// More than are submitted at once as a rule, few enough that a read may look at all of them.
pub const ARRIVALS: u32 = 1024;

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
    /// For lists and changes: whoever looks through many messages does not take the delivery's turn.
    history: Arc<Readers>,
    /// The last change that is on disk.
    latest: watch::Receiver<u64>,
    depths: Arc<Depths>,
    /// How many webhooks wait for each origin.
    webhooks: Arc<Depths>,
    secret: Secret,
    folder: PathBuf,
    metrics: Option<Arc<Metrics>>,
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
        let secret =
            Secret::of(folder).map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
        folder::close_files(folder)?;
        let path = folder.join(folder::DATABASE);
        let mut connection = schema::open(&path)?;
        let broken = |source| OpenError::Database { path: path.clone(), source };
        if let Some(pages) = options.max_pages {
            connection.pragma_update(None, "max_page_count", pages).map_err(broken)?;
        }
        let depths = Arc::new(Depths::new(reads::depths(&connection).map_err(broken)?));
        let webhooks = Arc::new(Depths::new(webhooks::counts(&connection).map_err(broken)?));
        let known = Known::of(&connection, options.arrivals).map_err(broken)?;
        let (told, latest) = watch::channel(known.last_number.unsigned_abs());
        let figures = Figures { depths: Arc::clone(&depths), webhooks: Arc::clone(&webhooks), latest: told };
        let metrics = options.metrics.clone();
        let maintenance = Maintenance::new(&mut connection, options).map_err(broken)?;
        let writer = Writer::start((connection, known), maintenance, lock, metrics.clone(), figures)
            .map_err(|source| OpenError::Folder { path: folder.to_owned(), source })?;
        let readers = Arc::new(Readers::new(path.clone(), reads::READERS));
        let history = Arc::new(Readers::new(path, history::READERS));
        let folder = folder.to_owned();
        Ok(Self { writer, readers, history, latest, depths, webhooks, secret, folder, metrics })
    }

    fn write<'a, T: Send + 'a>(
        &'a self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let (done, wait) = oneshot::channel();
        let sent = self.writer.send(request(done));
        async move {
            let written = match sent {
                Ok(()) => wait.await.unwrap_or(Err(StoreError::Closed)),
                Err(error) => Err(error),
            };
            self.counted(written)
        }
        .boxed()
    }

    fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'_, Result<T, StoreError>> {
        self.read_with(&self.readers, query)
    }

    fn read_with<'a, T: Send + 'static>(
        &'a self,
        readers: &Arc<Readers>,
        query: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        let readers = Arc::clone(readers);
        async move {
            if self.writer.is_closed() {
                return Err(StoreError::Closed);
            }
            self.counted(readers.read(query).await)
        }
        .boxed()
    }

    /// The same; an error is counted.
    fn counted<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if let (Err(error), Some(metrics)) = (&result, &self.metrics)
            && let Some(word) = error.as_str()
        {
            metrics.store_error(word);
        }
        result
    }
}

impl Store for EmbeddedStore {
    fn insert(
        &self,
        batch: Vec<NewMessage>,
        once: Option<Once>,
    ) -> BoxFuture<'_, Result<Inserted, StoreError>> {
        let once = once.map(|once| self.secret.keyed(once));
        self.write(|done| Request::Insert { batch, once, done })
    }

    fn known(&self, once: &Once) -> BoxFuture<'_, Result<Option<Inserted>, StoreError>> {
        let once = self.secret.keyed(once.clone());
        self.read(move |connection| insert::known(connection, &once))
    }

    fn record(&self, batch: Arc<[Step]>) -> BoxFuture<'_, Result<Vec<Recorded>, StoreError>> {
        self.write(|done| Request::Record { batch, done })
    }

    fn mark(
        &self,
        id: MessageId,
        from: (String, Place),
        at: Timestamp,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.write(|done| Request::Mark { id, from, at, done })
    }

    fn cancel(&self, id: MessageId, at: Timestamp) -> BoxFuture<'_, Result<Canceled, StoreError>> {
        self.write(|done| Request::Cancel { id, at, done })
    }

    fn ready(
        &self,
        gateway: &str,
        now: Timestamp,
        limit: usize,
        max_bytes: usize,
    ) -> BoxFuture<'_, Result<Front, StoreError>> {
        let gateway = gateway.to_owned();
        self.read(move |connection| reads::ready(connection, &gateway, now, limit, max_bytes))
    }

    fn planned(
        &self,
        gateway: &str,
        after: Option<Place>,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<Ready>, StoreError>> {
        let gateway = gateway.to_owned();
        self.read(move |connection| reads::planned(connection, &gateway, after, limit))
    }

    fn overdue(&self, now: Timestamp, limit: usize) -> BoxFuture<'_, Result<Overdue, StoreError>> {
        self.read(move |connection| reads::overdue(connection, now, limit))
    }

    fn oldest(&self) -> BoxFuture<'_, Result<Vec<(String, Timestamp)>, StoreError>> {
        let gateways = self.depths().into_iter().map(|(gateway, _)| gateway).collect::<Vec<_>>();
        self.read(move |connection| reads::oldest(connection, &gateways))
    }

    fn depths(&self) -> Vec<(String, u64)> {
        self.depths.all()
    }

    fn message(&self, id: MessageId) -> BoxFuture<'_, Result<Option<Message>, StoreError>> {
        self.read(move |connection| reads::message(connection, id))
    }

    fn unfinished(&self) -> u64 {
        self.depths.total()
    }

    fn writable(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|done| Request::Prove { done })
    }

    fn space(&self) -> BoxFuture<'_, Result<Option<Space>, StoreError>> {
        let folder = self.folder.clone();
        async move {
            // A disk that is in trouble may take its time.
            let space = tokio::task::spawn_blocking(move || folder::space(&folder)).await;
            match space {
                Ok(Ok(space)) => Ok(Some(space)),
                Ok(Err(error)) => Err(StoreError::Unwritable(error.to_string())),
                Err(error) => Err(StoreError::Unwritable(error.to_string())),
            }
        }
        .boxed()
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
        f.debug_struct("EmbeddedStore").field("depths", &self.depths).finish_non_exhaustive()
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
