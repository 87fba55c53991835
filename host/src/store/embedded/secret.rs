//! A secret of the data folder, outside the database: whoever has a copy of the database alone can't try out texts against what is
//! remembered of requests. A one-time password has so few values that a plain hash of it is no secret.

use crate::store::Once;
use aws_lc_rs::hmac;
use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

const LENGTH: usize = 32;

pub(super) struct Secret(hmac::Key);

impl Secret {
    /// The folder's, made if it has none. Without the former one, requests that are remembered can't be told from others of the same
    /// key: they are refused, and nothing is sent twice.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join("fingerprint.key");
        let bytes = match fs::read(&path) {
            Ok(bytes) if bytes.len() == LENGTH => bytes,
            // Of another length: its writing was cut off.
            Ok(_) => make(folder, &path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(folder, &path)?,
            Err(error) => return Err(error),
        };
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// The request with a fingerprint that only this folder's host can make.
    pub(super) fn keyed(&self, mut once: Once) -> Once {
        let tag = hmac::sign(&self.0, &once.fingerprint);
        for (byte, of_tag) in once.fingerprint.iter_mut().zip(tag.as_ref()) {
            *byte = *of_tag;
        }
        once
    }
}

fn make(folder: &Path, path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; LENGTH];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random bytes"))?;
    let new = folder.join("fingerprint.key.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()?;
    Ok(bytes)
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
