//! The store's file, looked at from outside.

use rusqlite::{Connection, OpenFlags};
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

/// The SQLite database in a data folder.
pub fn file(data: &Path) -> PathBuf {
    let is_database = |path: &PathBuf| {
        let mut start = [0; 15];
        path.is_file()
            && fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
            && &start == b"SQLite format 3"
    };
    let mut found = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).filter(is_database);
    let file = found.next().unwrap_or_else(|| panic!("no database in {}", data.display()));
    assert_eq!(found.next(), None, "a second database");
    file
}

/// How many rows each table holds, while the host runs.
pub fn row_counts(data: &Path) -> BTreeMap<String, i64> {
    let database = Connection::open_with_flags(file(data), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    database.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    let mut tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let tables: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let count = |table: &String| -> i64 {
        database.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get(0)).unwrap()
    };
    tables.iter().map(|table| (table.clone(), count(table))).collect()
}

/// What `PRAGMA integrity_check` says of a copy of the data folder, as a kill left it: opening the folder itself would
/// recover it before the host does.
pub fn integrity_of_copy(data: &Path) -> String {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(data).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let database = Connection::open(file(copy.path())).unwrap();
    database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

/// Whether `needle` stands anywhere in the files of the data folder.
pub fn contains(data: &Path, needle: &str) -> bool {
    fs::read_dir(data).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
}
