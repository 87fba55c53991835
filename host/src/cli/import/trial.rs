//! What `gatepost check` will say of the definitions: they are read and built as those of a host, out of a folder that goes away.
//!
//! So the provider itself says whether a REGEXP can be used, and no file is written that would keep a host from starting.

use super::folder::SMTP_SERVERS;
use crate::{
    app,
    config::{Config, ConfigProblem},
    plugin::Registry,
};
use std::{
    fs::{DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// The value of every environment variable that the definitions read.
const VALUE: &str = "__CENSORED__";

/// What is said of the file of this name.
#[derive(Debug)]
pub(super) struct Saying {
    pub(super) file: String,
    /// The key below the definition: `parameters.REGEXP`.
    pub(super) key: String,
    pub(super) text: String,
    pub(super) is_warning: bool,
}

/// Tries these files, each a name with its text.
///
/// # Errors
/// There is no room for them.
pub(super) fn try_out<'f>(
    files: impl IntoIterator<Item = (&'f str, String)>,
    registry: &Registry,
) -> io::Result<Vec<Saying>> {
    let (_folder, main) = lay_out(files)?;
    let draft = Config::read(&main, &|_| Some(VALUE.to_owned())).map_err(io::Error::other)?;
    let checked = app::check_with(draft, registry);
    let problems = checked.problems.iter().filter_map(|problem| saying(problem, false));
    let warnings = checked.warnings.iter().filter_map(|warning| saying(warning, true));
    Ok(problems.chain(warnings).collect())
}

/// The folder with the files, and its configuration. Nobody else can read them: secrets stand in them.
fn lay_out<'f>(files: impl IntoIterator<Item = (&'f str, String)>) -> io::Result<(TempDir, PathBuf)> {
    let folder = app::temporary_folder()?;
    let gateways_d = folder.path().join("gateways.d");
    DirBuilder::new().mode(0o700).create(&gateways_d)?;
    let main = folder.path().join("gatepost.toml");
    write(&main, "")?;
    for (name, text) in files {
        write(&gateways_d.join(format!("{name}.toml")), &text)?;
    }
    Ok((folder, main))
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?.write_all(text.as_bytes())
}

/// `None` for what is said of the folder's own configuration, or of the settings of a provider.
fn saying(problem: &ConfigProblem, is_warning: bool) -> Option<Saying> {
    let path: &Path = &problem.location.file;
    let in_folder = path.parent().is_some_and(|parent| parent.ends_with("gateways.d"));
    let file = path.file_stem()?.to_str()?.to_owned();
    if !in_folder || problem.key.starts_with("provider.") {
        return None;
    }
    let whole = if file == SMTP_SERVERS { "smtp_servers".into() } else { format!("gateways.{file}") };
    let key = problem.key.strip_prefix(&whole).unwrap_or(&problem.key);
    let key = key.strip_prefix('.').unwrap_or(key).to_owned();
    Some(Saying { file, key, text: format!("{}; {}", problem.what, problem.mend), is_warning })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, os::unix::fs::PermissionsExt as _};

    #[test]
    fn nobody_else_can_read_what_is_tried() {
        let (folder, main) = lay_out([("a", "secret".to_owned())]).unwrap();
        let gateways_d = folder.path().join("gateways.d");
        let file = gateways_d.join("a.toml");
        assert_eq!(fs::read_to_string(&file).unwrap(), "secret");
        for (path, mode) in [(folder.path(), 0o700), (&gateways_d, 0o700), (&main, 0o600), (&file, 0o600)] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode, "{}", path.display());
        }
    }
}
