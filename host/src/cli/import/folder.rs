//! The folder that definitions are written to, with what stands in it already.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// The file of the SMTP servers.
pub(super) const SMTP_SERVERS: &str = "smtp-servers";

/// `DIR` with its `gateways.d`.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) gateways_d: PathBuf,
    force: bool,
    gateways: BTreeMap<String, Vec<PathBuf>>,
    smtp_servers: BTreeMap<String, Vec<PathBuf>>,
}

impl Folder {
    /// Looks at what is defined there. A file that is no TOML defines nothing: `gatepost check` speaks of it.
    pub(super) fn look(folder: &Path, force: bool) -> Self {
        let gateways_d = folder.join("gateways.d");
        let mut found = Self {
            gateways_d: gateways_d.clone(),
            force,
            gateways: BTreeMap::new(),
            smtp_servers: BTreeMap::new(),
        };
        let entries = fs::read_dir(gateways_d).into_iter().flatten().flatten().map(|entry| entry.path());
        let is_toml = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "toml");
        for file in entries.filter(is_toml).chain([folder.join("gatepost.toml")]) {
            let Some(table) =
                fs::read_to_string(&file).ok().and_then(|text| text.parse::<::toml::Table>().ok())
            else {
                continue;
            };
            for (key, defined) in
                [("gateways", &mut found.gateways), ("smtp_servers", &mut found.smtp_servers)]
            {
                let names = table.get(key).and_then(::toml::Value::as_table);
                for name in names.into_iter().flat_map(|names| names.keys()) {
                    defined.entry(name.clone()).or_default().push(file.clone());
                }
            }
        }
        found
    }

    /// The file of this name, and whether it may be written.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn file(&self, name: &str) -> Result<PathBuf, String> {
        let file = self.gateways_d.join(format!("{name}.toml"));
        if !self.force && file.symlink_metadata().is_ok() {
            return Err(format!("{} is there already; --force replaces it", file.display()));
        }
        Ok(file)
    }

    /// The file other than `own` that defines this gateway.
    pub(super) fn gateway_elsewhere(&self, name: &str, own: &Path) -> Option<&Path> {
        elsewhere(&self.gateways, name, own)
    }

    /// The file other than `own` that defines this SMTP server.
    pub(super) fn smtp_server_elsewhere(&self, name: &str, own: &Path) -> Option<&Path> {
        elsewhere(&self.smtp_servers, name, own)
    }

    /// Whether a file defines this SMTP server.
    pub(super) fn has_smtp_server(&self, name: &str) -> bool {
        self.smtp_servers.contains_key(name)
    }

    /// Writes a file as a whole or not at all, readable for its owner alone.
    pub(super) fn write(&self, file: &Path, text: &str) -> io::Result<()> {
        fs::create_dir_all(&self.gateways_d)?;
        // Mode 0600, and hidden: a host that reloads does not see it.
        let mut fresh = NamedTempFile::new_in(&self.gateways_d)?;
        fresh.write_all(text.as_bytes())?;
        fresh.as_file().sync_all()?;
        // One that came there in the meantime stays as well.
        let kept = if self.force { fresh.persist(file) } else { fresh.persist_noclobber(file) };
        kept.map(drop).map_err(|error| error.error)
    }
}

fn elsewhere<'f>(defined: &'f BTreeMap<String, Vec<PathBuf>>, name: &str, own: &Path) -> Option<&'f Path> {
    defined.get(name)?.iter().find(|file| *file != own).map(PathBuf::as_path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_file_is_its_owner_s_alone_and_stays_without_force() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::look(root.path(), false);
        let file = folder.file("a").unwrap();
        folder.write(&file, "one").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(folder.file("a").unwrap_err().contains("--force"));
        assert!(folder.write(&file, "two").is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "one");

        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        let folder = Folder::look(root.path(), true);
        folder.write(&folder.file("a").unwrap(), "two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&folder.gateways_d).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_is_defined_elsewhere_is_found() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("gateways.d")).unwrap();
        fs::write(root.path().join("gatepost.toml"), "[gateways.a]\n[smtp_servers.\"b c\"]\n").unwrap();
        fs::write(root.path().join("gateways.d/broken.toml"), "[gateways.").unwrap();
        fs::write(root.path().join("gateways.d/d.toml"), "[gateways.d]\n").unwrap();
        let folder = Folder::look(root.path(), true);
        let own = |name| folder.file(name).unwrap();
        assert_eq!(folder.gateway_elsewhere("a", &own("a")), Some(&*root.path().join("gatepost.toml")));
        assert_eq!(folder.gateway_elsewhere("d", &own("d")), None);
        assert!(folder.has_smtp_server("b c") && !folder.has_smtp_server("x"));
    }
}
