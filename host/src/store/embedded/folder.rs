//! The data folder: for its owner alone, and for one host at a time.

use super::{OpenError, Space};
use rustix::{
    fs::{FlockOperation, flock, statvfs},
    process::geteuid,
};
use std::{
    fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    process,
};

/// The database.
pub(super) const DATABASE: &str = "gatepost.db";

/// Everything in the folder that tells of messages, and the lock.
const FILES: [&str; 5] = [DATABASE, "gatepost.db-wal", "gatepost.db-shm", "fingerprint.key", "lock"];

/// Makes the folder, tightens its mode and takes its lock, which is held as long as the file is open.
pub(super) fn prepare(folder: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Folder { path: folder.to_owned(), source };
    private(folder).map_err(unusable)?;
    let mut lock = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(folder.join("lock"))
        .map_err(unusable)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut holder = String::new();
            lock.read_to_string(&mut holder).map_err(unusable)?;
            return Err(OpenError::InUse { path: folder.to_owned(), holder: holder.trim().parse().ok() });
        }
        Err(error) => return Err(unusable(error.into())),
    }
    let written =
        lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| writeln!(lock, "{}", process::id()));
    written.map_err(unusable)?;
    Ok(lock)
}

/// Makes the database if there is none, and has nobody else read the store's files, whatever mode they were restored with. Those that
/// SQLite makes beside the database get the database's mode.
pub(super) fn close_files(folder: &Path) -> Result<(), OpenError> {
    let close = |name: &str| {
        let file = folder.join(name);
        match fs::metadata(&file) {
            Ok(metadata) if metadata.permissions().mode() & 0o077 == 0 => Ok(()),
            Ok(_) => fs::set_permissions(file, Permissions::from_mode(0o600)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    };
    let made = OpenOptions::new().append(true).create(true).mode(0o600).open(folder.join(DATABASE));
    let closed = made.and_then(|_| FILES.iter().try_for_each(|name| close(name)));
    closed.map_err(|source| OpenError::Folder { path: folder.to_owned(), source })
}

/// What the files of the folder take, and what is free beside them. Blocks.
pub(super) fn space(folder: &Path) -> io::Result<Space> {
    let mut used = 0;
    for entry in fs::read_dir(folder)? {
        // SQLite may have removed it this moment; the folder of the providers' copies is none of the store.
        used += entry?.metadata().ok().filter(Metadata::is_file).map_or(0, |file| file.len());
    }
    let disk = statvfs(folder)?;
    Ok(Space { used, free: disk.f_bavail.saturating_mul(disk.f_frsize) })
}

fn private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let metadata = fs::metadata(folder)?;
    if metadata.uid() != geteuid().as_raw() {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("it belongs to user {}, not to the one that Gatepost runs as", metadata.uid()),
        ));
    }
    // Texts of messages are in it: nobody else's business, also where somebody made the folder beforehand.
    if metadata.permissions().mode() & 0o777 != 0o700 {
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    Ok(())
}
