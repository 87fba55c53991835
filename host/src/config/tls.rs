//! `tls` under `[server]`: certificate and key, each a PEM file.

use super::{
    document::{Entry, Table},
    reader::Reader,
};
use crate::message::{Clock, Timestamp};
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};
use sha2::{Digest as _, Sha256};
use std::{
    fmt, fs,
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// What is larger is no certificate.
const LARGEST: u64 = 1 << 20;

/// How long before its end a certificate is worth a warning.
const SOON: Duration = Duration::from_secs(14 * 86_400);

/// TLS on the listening side.
#[derive(Clone, Debug)]
pub struct Tls {
    /// Where certificate and key come from.
    pub files: TlsFiles,
    /// What was in there.
    pub credentials: Credentials,
}

/// Where certificate and key come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those between it and its root; absolute.
    pub cert: PathBuf,
    /// Its private key, absolute.
    pub key: PathBuf,
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Credentials {
    key: Arc<CertifiedKey>,
    /// When the certificate ends.
    pub valid_until: Timestamp,
    /// SHA-256 over both files.
    fingerprint: [u8; 32],
}

/// What is wrong with one of the two files.
#[derive(Debug)]
pub struct TlsFault {
    /// `cert` or `key`.
    pub name: &'static str,
    what: String,
    mend: &'static str,
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.name, self.what, self.mend)
    }
}

/// Shows nothing of the key.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("valid_until", &self.valid_until).finish_non_exhaustive()
    }
}

impl Credentials {
    /// For rustls.
    pub fn key(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.key)
    }

    /// Whether the files were the same, byte for byte.
    pub fn is_same(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }

    /// What there is to say of a certificate that ends within 14 days.
    pub fn end(&self) -> Option<String> {
        let (now, end) = (Clock::System.now(), self.valid_until);
        if end <= now {
            return Some(format!("has expired at {end}"));
        }
        (end <= now.plus(SOON)).then(|| format!("expires soon, at {end}"))
    }
}

impl TlsFiles {
    /// Reads both.
    ///
    /// # Errors
    /// What is wrong with either. Nothing of what is in them is shown.
    pub fn load(&self) -> Result<Credentials, Vec<TlsFault>> {
        let (cert, key) = (self.certificates(), self.private_key());
        let ((chain, valid_until, cert_pem), (key, key_pem)) = match (cert, key) {
            (Ok(cert), Ok(key)) => (cert, key),
            (cert, key) => return Err(cert.err().into_iter().chain(key.err()).collect()),
        };
        let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        let key = certified.map_err(|error| vec![self.unfit(error)])?;
        let fingerprint = Sha256::new().chain_update(cert_pem).chain_update([0]).chain_update(key_pem);
        Ok(Credentials { key: Arc::new(key), valid_until, fingerprint: fingerprint.finalize().into() })
    }

    fn certificates(&self) -> Result<(Vec<CertificateDer<'static>>, Timestamp, Vec<u8>), TlsFault> {
        let path = self.cert.display();
        let fault = |what: String| TlsFault {
            name: "cert",
            what,
            mend: "name a PEM file with the certificate, followed by those between it and its root",
        };
        let pem = read(&self.cert).map_err(|reason| fault(format!("{path} can't be read: {reason}")))?;
        let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let chain = chain.map_err(|_| fault(format!("{path} is no PEM")))?;
        let first = chain.first().ok_or_else(|| fault(format!("there is no certificate in {path}")))?;
        let valid_until = x509_parser::parse_x509_certificate(first)
            .map(|(_, certificate)| certificate.validity().not_after.timestamp());
        let valid_until =
            valid_until.map_err(|_| fault(format!("the first certificate in {path} can't be read")))?;
        Ok((chain, Timestamp::from_millis(valid_until.saturating_mul(1000)), pem))
    }

    fn private_key(&self) -> Result<(PrivateKeyDer<'static>, Vec<u8>), TlsFault> {
        let path = self.key.display();
        let fault = |what: String| TlsFault {
            name: "key",
            what,
            mend: "name a PEM file with the certificate's private key, not encrypted",
        };
        let pem = read(&self.key).map_err(|reason| fault(format!("{path} can't be read: {reason}")))?;
        let key = PrivateKeyDer::from_pem_slice(&pem);
        // The error's own words may quote the file.
        let key = key.map_err(|_| fault(format!("there is no private key that can be read in {path}")))?;
        Ok((key, pem))
    }

    fn unfit(&self, error: rustls::Error) -> TlsFault {
        let (cert, key) = (self.cert.display(), self.key.display());
        let what = match error {
            rustls::Error::InconsistentKeys(_) => format!("{key} is not the key of {cert}"),
            error => format!("{key} can't be used with {cert}: {error}"),
        };
        TlsFault { name: "key", what, mend: "name the key that the certificate was made for" }
    }

    /// Whether the key can be read by everybody on this machine.
    fn key_is_open(&self) -> bool {
        fs::metadata(&self.key).is_ok_and(|metadata| metadata.permissions().mode() & 0o007 != 0)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let metadata = fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is no regular file".into());
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let length = file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if length as u64 > LARGEST { Err("it is larger than 1 MiB".into()) } else { Ok(bytes) }
}

/// Both files, read and found to belong together.
pub(super) fn tls(entry: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Tls> {
    const KNOWN: [&str; 2] = ["cert", "key"];
    let table = entry.table(&mut reader.problems)?;
    table.unknown(&KNOWN, &mut reader.problems);
    let [cert, key] = KNOWN.map(|name| path(&table, name, &KNOWN, reader));
    let files = TlsFiles { cert: cert?, key: key? };
    let place = |name: &str| table.get(name).unwrap_or_else(|| entry.clone());
    match files.load() {
        Ok(credentials) => {
            if let Some(end) = credentials.end() {
                reader.warnings.push(place("cert").problem(end, "renew it"));
            }
            if files.key_is_open() {
                let what = format!("{} can be used by every user of this machine", files.key.display());
                reader.warnings.push(place("key").problem(what, "take that away: chmod o= FILE"));
            }
            Some(Tls { files, credentials })
        }
        Err(faults) => {
            for fault in faults {
                reader.refuse(&place(fault.name), fault.what, fault.mend);
            }
            None
        }
    }
}

fn path(table: &Table<'_>, name: &str, known: &[&str], reader: &mut Reader<'_>) -> Option<PathBuf> {
    match table.get(name) {
        Some(entry) => reader.path(&entry).map(|path| table.directory().join(path)),
        None if table.misspells(name, known) => None,
        None => {
            reader.problems.push(table.missing(name, "name a file in PEM form"));
            None
        }
    }
}
