//! A configuration of its own for each test, in a folder that goes away with it.

use crate::tree;
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A folder with `gatepost.toml`, `scripts/`, `plugins/` and, once the host ran, `data/`.
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
}

impl Site {
    /// A site with the gateway `outbox`, on a free port of 127.0.0.1; `more` is added to its configuration.
    pub fn new(more: &str) -> Self {
        Self::listening_on("127.0.0.1:0", more)
    }

    /// A site that listens on `listen`.
    pub fn listening_on(listen: &str, more: &str) -> Self {
        let site = Self { folder: TempDir::new().unwrap() };
        // A folder that others may write is none that libraries and scripts are taken from.
        set_mode(site.path(), 0o755);
        for folder in ["scripts", "plugins"] {
            let folder = site.path().join(folder);
            fs::create_dir(&folder).unwrap();
            set_mode(&folder, 0o755);
        }
        let outbox = fs::read_to_string(tree::tree().join("etc/gatepost/scripts/outbox")).unwrap();
        site.add_script("outbox", &outbox);
        let shipped = tree::tree().join("lib/gatepost/providers");
        site.configure(&format!(
            r#"
[server]
listen = "{listen}"
[store]
path = "data"
[plugins]
dirs = ["{shipped}", "plugins"]
[provider.script]
directory = "scripts"
[gateways.outbox]
provider = "script"
[gateways.outbox.parameters]
SCRIPT = "outbox"
{more}
"#,
            shipped = shipped.display()
        ));
        site
    }

    /// The site's folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Its configuration file.
    pub fn config(&self) -> PathBuf {
        self.path().join("gatepost.toml")
    }

    /// Replaces the configuration.
    pub fn configure(&self, text: &str) {
        fs::write(self.config(), text).unwrap();
    }

    /// The configuration as it stands.
    pub fn configuration(&self) -> String {
        fs::read_to_string(self.config()).unwrap()
    }

    /// Puts an executable script into the script folder.
    pub fn add_script(&self, name: &str, text: &str) {
        let path = self.path().join("scripts").join(name);
        // By another process: written by this one, it would be open in whatever this one has just forked, and nobody could run it.
        let mut tee =
            Command::new("tee").arg(&path).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        tee.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(tee.wait().unwrap().success());
        set_mode(&path, 0o755);
    }

    /// Puts a library into the plugin folder; the path that it has there.
    pub fn add_library(&self, library: &Path, name: &str) -> PathBuf {
        let path = self.path().join("plugins").join(name);
        fs::copy(library, &path).unwrap();
        set_mode(&path, 0o644);
        path
    }

    /// Puts a file of gateways into `gateways.d`.
    pub fn add_gateways(&self, name: &str, text: &str) {
        let folder = self.path().join("gateways.d");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }

    /// What the script of the gateway `outbox` has written so far.
    pub fn outbox(&self) -> String {
        fs::read_to_string(self.path().join("outbox.txt")).unwrap_or_default()
    }

    /// The host's data folder.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }
}

/// An `[[api_keys]]` entry: a key that is its name. `more` is added to it.
pub fn api_key(name: &str, scopes: &[&str], more: &str) -> String {
    let hash = key_hash(name);
    format!("[[api_keys]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = {scopes:?}\n{more}\n")
}

/// The `sha256` of an API key.
pub fn key_hash(key: &str) -> String {
    Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sets the mode whatever the umask is.
pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
