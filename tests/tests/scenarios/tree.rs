//! The staged tree: its modes, and that it works wherever it is put.

use gatepost_tests::{command, tree};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(below(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn modes_are_0755_and_0644() {
    let root = tree::tree();
    for path in below(root) {
        let inner = path.strip_prefix(root).unwrap();
        let executable =
            path.is_dir() || inner.starts_with("bin") || inner.starts_with("etc/gatepost/scripts");
        let expected = if executable { 0o755 } else { 0o644 };
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, expected, "{:o} of {}", mode, inner.display());
    }
}

#[test]
fn it_has_what_belongs_to_an_installation() {
    for file in [
        "bin/gatepost",
        "lib/gatepost/providers/script.so",
        "etc/gatepost/gatepost.toml",
        "etc/gatepost/gateways.d",
        "etc/gatepost/scripts/outbox",
        "share/doc/gatepost/LICENSE-MIT",
        "share/doc/gatepost/LICENSE-APACHE",
        "share/man/man1/gatepost.1",
        "share/bash-completion/completions/gatepost",
    ] {
        let path = tree::tree().join(file);
        assert!(path.exists(), "{file}");
        assert!(path.is_dir() || fs::metadata(&path).unwrap().len() > 0, "{file} is empty");
    }
}

#[test]
fn it_works_where_it_is_moved_to_without_flags() {
    let place = tempfile::tempdir().unwrap();
    let moved = place.path().join("some where else");
    assert!(Command::new("cp").arg("-a").arg(tree::tree()).arg(&moved).status().unwrap().success());
    let mut gatepost = command::clean(&moved.join("bin/gatepost"));
    let direct = ["send", "--direct", "--to", "+491701234567", "--gateway", "outbox", "hello"];
    let sent = command::run(gatepost.args(direct).current_dir("/"), "");
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let outbox = fs::read_to_string(moved.join("etc/gatepost/outbox.txt")).unwrap();
    assert!(outbox.ends_with("\t+491701234567\thello\n"), "{outbox}");

    // A link to the binary finds the tree of what it points to.
    let link = place.path().join("gatepost");
    std::os::unix::fs::symlink(moved.join("bin/gatepost"), &link).unwrap();
    let sent = command::run(command::clean(&link).args(direct), "");
    assert_eq!(sent.code, Some(0), "{sent:?}");
}

#[test]
fn an_unknown_key_in_the_shipped_configuration_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let shipped = fs::read_to_string(tree::tree().join("etc/gatepost/gatepost.toml")).unwrap();
    for (number, table) in shipped.lines().enumerate().filter(|(_, line)| line.starts_with('[')) {
        let file = place.path().join("gatepost.toml");
        fs::write(&file, shipped.replacen(table, &format!("{table}\nno_such_key = 1"), 1)).unwrap();
        let mut serve = command::clean(&tree::binary());
        let ended = command::run(serve.args(["serve", "--config"]).arg(&file), "");
        assert_eq!(ended.code, Some(2), "{table}: {ended:?}");
        let place = format!("{}:{}: ", file.display(), number + 2);
        let named = |line: &str| line.starts_with(&place) && line.contains("no_such_key");
        assert!(ended.output().lines().any(named), "{table}: {ended:?}");
    }
}
