//! The staged tree under test.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The root folder of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// Cargo's target folder, from the place of the running test: `TARGET/PROFILE/deps/TEST`.
pub fn target() -> PathBuf {
    env::current_exe().unwrap().ancestors().nth(3).unwrap().to_owned()
}

/// The cargo that runs these tests, in the workspace's root.
pub fn cargo() -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace());
    cargo
}

/// The staged tree: `bin/gatepost` and what belongs to it.
pub fn tree() -> &'static Path {
    static TREE: OnceLock<PathBuf> = OnceLock::new();
    TREE.get_or_init(|| {
        if let Some(tree) = env::var_os("GATEPOST_TREE") {
            return PathBuf::from(tree).canonicalize().expect("GATEPOST_TREE names no folder");
        }
        let tree = target().join("e2e/tree");
        let status = cargo()
            .args(["run", "--quiet", "--package", "xtask", "--", "dist", "--debug", "--out"])
            .arg(&tree)
            .status()
            .expect("cannot run cargo");
        assert!(status.success(), "cannot stage a tree");
        tree
    })
}

/// The binary under test.
pub fn binary() -> PathBuf {
    tree().join("bin/gatepost")
}
