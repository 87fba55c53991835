//! The store's file, looked at from outside.

use rusqlite::{Connection, OpenFlags};
use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    os::unix::fs::FileExt as _,
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

/// Writes nonsense over the first page of this table, in the database and in its write-ahead log, while a host may have it open; then a
/// commit of another's lets the host forget what it has in memory.
pub fn damage(data: &Path, table: &str) {
    const PAGE: usize = 4096;
    let path = file(data);
    let other = Connection::open(&path).unwrap();
    other.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
    let size: u32 = other.pragma_query_value(None, "page_size", |row| row.get(0)).unwrap();
    assert_eq!(size as usize, PAGE);
    let root: u32 = other
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = ?1", [table], |row| row.get(0))
        .unwrap();
    let nonsense = [0xa5; PAGE];
    let write = |path: &Path, at: usize| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.write_all_at(&nonsense, at as u64).unwrap();
    };
    write(&path, (root as usize - 1) * PAGE);
    // The format of the log: a header of 32 bytes, then frames, each with a header of 24 bytes that begins with the page's number.
    let log = path.with_file_name(format!("{}-wal", path.file_name().unwrap().to_str().unwrap()));
    let bytes = fs::read(&log).unwrap();
    for (number, frame) in bytes.get(32..).unwrap_or_default().chunks_exact(24 + PAGE).enumerate() {
        if frame[..4] == root.to_be_bytes() {
            write(&log, 32 + number * (24 + PAGE) + 24);
        }
    }
    let version: i64 = other.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    other.pragma_update(None, "user_version", version).unwrap();
}

/// Whether `needle` stands anywhere in the files of the data folder.
pub fn contains(data: &Path, needle: &str) -> bool {
    fs::read_dir(data).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        let bytes = if path.is_file() { fs::read(&path).unwrap_or_default() } else { Vec::new() };
        bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
    })
}
