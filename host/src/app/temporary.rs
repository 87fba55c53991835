//! A folder that goes away, for secrets and for copies of libraries.

use std::{fs::Permissions, io, os::unix::fs::PermissionsExt as _};
use tempfile::TempDir;

/// Makes one that is its owner's alone from the first moment on: the mode of others would hang on the umask.
///
/// # Errors
/// There is no room for it.
pub(crate) fn temporary_folder() -> io::Result<TempDir> {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_its_owner_s_alone() {
        let folder = temporary_folder().unwrap();
        assert_eq!(folder.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
