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
    /// What each file holds: the name of a table, and what is in it.
    held: BTreeMap<PathBuf, Vec<(String, Option<String>)>>,
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
            held: BTreeMap::new(),
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
            found.held.insert(file, held(&table));
        }
        found
    }

    /// The file of the gateway of this name, and whether it may be written.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn file(&self, name: &str) -> Result<PathBuf, String> {
        self.free(name, |table, held| table == "gateways" && held == Some(name))
    }

    /// The file of the SMTP servers, and whether it may be written.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn server_file(&self) -> Result<PathBuf, String> {
        self.free(SMTP_SERVERS, |table, _| table == "smtp_servers")
    }

    /// A file that holds anything but what will stand in it is never replaced: the rest would be gone, and with it what others name.
    fn free(&self, name: &str, is_own: impl Fn(&str, Option<&str>) -> bool) -> Result<PathBuf, String> {
        let file = self.gateways_d.join(format!("{name}.toml"));
        if file.symlink_metadata().is_err() {
            return Ok(file);
        }
        let there = format!("{} is there already", file.display());
        let Some(held) = self.held.get(&file) else {
            return Err(format!(
                "{there} and can't be read, so it is not replaced; mend it, or move it away"
            ));
        };
        if let Some((table, part)) = held.iter().find(|(table, part)| !is_own(table, part.as_deref())) {
            let other = part.as_ref().map_or_else(|| table.clone(), |part| format!("{table}.{part}"));
            return Err(format!(
                "{there} and holds [{other}] too, so it is not replaced; move that into a file of its own"
            ));
        }
        if self.force { Ok(file) } else { Err(format!("{there}; --force replaces it")) }
    }

    /// The file other than `own` that defines this gateway.
    pub(super) fn gateway_elsewhere(&self, name: &str, own: &Path) -> Option<&Path> {
        elsewhere(&self.gateways, name, own)
    }

    /// The file other than `own` that defines this SMTP server.
    pub(super) fn smtp_server_elsewhere(&self, name: &str, own: &Path) -> Option<&Path> {
        elsewhere(&self.smtp_servers, name, own)
    }

    /// The SMTP servers that this file defines.
    pub(super) fn smtp_servers_of(&self, file: &Path) -> impl Iterator<Item = &str> {
        let of_file =
            self.smtp_servers.iter().filter(move |(_, files)| files.iter().any(|other| other == file));
        of_file.map(|(name, _)| name.as_str())
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

fn held(file: &::toml::Table) -> Vec<(String, Option<String>)> {
    let mut held = Vec::new();
    for (table, parts) in file {
        match parts.as_table() {
            Some(parts) => held.extend(parts.keys().map(|part| (table.clone(), Some(part.clone())))),
            None => held.push((table.clone(), None)),
        }
    }
    held
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
        folder.write(&file, "# one").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(Folder::look(root.path(), false).file("a").unwrap_err().contains("--force"));
        assert!(folder.write(&file, "two").is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "# one");

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

    #[test]
    fn a_file_that_holds_more_than_its_own_is_never_replaced() {
        let root = tempfile::tempdir().unwrap();
        let gateways_d = root.path().join("gateways.d");
        fs::create_dir(&gateways_d).unwrap();
        for (name, text, held) in [
            ("own", "[gateways.own.parameters]\nURL = \"x\"\n", None),
            ("empty", "# nothing\n", None),
            ("mail", "[smtp_servers.relay]\n[gateways.mail]\n", Some("holds [smtp_servers.relay] too")),
            ("two", "[gateways.two]\n[gateways.more]\n", Some("holds [gateways.more] too")),
            ("other", "[gateways.own]\n", Some("holds [gateways.own] too")),
            ("route", "[gateways.route]\n[[routes]]\n", Some("holds [routes] too")),
            ("broken", "[gateways.", Some("can't be read")),
            (SMTP_SERVERS, "[smtp_servers.relay]\n[gateways.x]\n", Some("holds [gateways.x] too")),
        ] {
            fs::write(gateways_d.join(format!("{name}.toml")), text).unwrap();
            for force in [false, true] {
                let folder = Folder::look(root.path(), force);
                let file = if name == SMTP_SERVERS { folder.server_file() } else { folder.file(name) };
                match held {
                    Some(held) => {
                        let reason = file.unwrap_err();
                        assert!(reason.contains(held) && reason.contains("; m"), "{name}: {reason}");
                        assert!(!reason.contains("--force"), "it would not help: {reason}");
                    }
                    None => assert_eq!(file.is_ok(), force, "{name}: {file:?}"),
                }
            }
        }
        fs::write(gateways_d.join("smtp-servers.toml"), "[smtp_servers.relay]\n").unwrap();
        let folder = Folder::look(root.path(), true);
        let file = folder.server_file().unwrap();
        assert_eq!(folder.smtp_servers_of(&file).collect::<Vec<_>>(), ["relay"]);
        assert!(folder.file(SMTP_SERVERS).is_err(), "a gateway does not take the place of a server");
    }
}
