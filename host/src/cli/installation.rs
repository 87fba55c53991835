//! Where this installation has its files: `TREE/bin/gatepost`, `TREE/etc/gatepost`, `TREE/lib/gatepost/providers`.

use super::{ConfigArgument, Ended, report, wrong};
use crate::config::{Config, Draft, Server};
use std::path::{Path, PathBuf};

/// The last place that is looked at for a configuration.
const SYSTEM: &str = "/etc/gatepost/gatepost.toml";

/// The tree that this binary stands in, links followed; `None` if it stands in no `bin` folder.
fn tree() -> Option<PathBuf> {
    let binary = std::env::current_exe().ok()?.canonicalize().ok()?;
    let folder = binary.parent().filter(|folder| folder.ends_with("bin"))?;
    folder.parent().map(Path::to_owned)
}

/// The folders with provider libraries where the configuration names none.
pub(super) fn provider_dirs() -> Vec<PathBuf> {
    tree().map(|tree| tree.join("lib/gatepost/providers")).into_iter().collect()
}

/// The configuration file that counts; `None` where nothing is said and there is none in any of the usual places.
pub(super) fn config_file(argument: &ConfigArgument) -> Option<PathBuf> {
    // An empty variable is one that is not set.
    let set = || std::env::var_os("GATEPOST_CONFIG").filter(|file| !file.is_empty()).map(PathBuf::from);
    let named = argument.config.clone().or_else(set);
    named.or_else(|| usual_places().into_iter().find(|file| file.exists()))
}

fn usual_places() -> Vec<PathBuf> {
    let own = tree().map(|tree| tree.join("etc/gatepost/gatepost.toml"));
    own.into_iter().chain([PathBuf::from(SYSTEM)]).collect()
}

/// Loads the configuration; what is wrong with it is printed.
pub(super) fn load(argument: &ConfigArgument) -> Result<Config, Ended> {
    read(argument)?.complete().map_err(|problems| {
        report::problems(problems);
        Ended::Wrong
    })
}

/// Reads the configuration, and goes on where something is wrong with it. That there is none to read is printed.
pub(super) fn read(argument: &ConfigArgument) -> Result<Draft, Ended> {
    let Some(file) = config_file(argument) else {
        let places = usual_places().iter().map(|file| file.display().to_string()).collect::<Vec<_>>();
        report::error(format!(
            "there is no configuration in {}; write one there, or name it with --config",
            places.join(" or ")
        ));
        return Err(Ended::Wrong);
    };
    Config::read(&file, &environment).map_err(wrong)
}

/// What the configuration says of the host's side of the API, whatever else is wrong with it. One that only the service may read says
/// nothing, unless it is named.
pub(super) fn server(argument: &ConfigArgument) -> Result<Option<Server>, Ended> {
    let Some(file) = config_file(argument) else { return Ok(None) };
    match Config::read(&file, &environment) {
        Ok(draft) => Ok(Some(draft.config.server)),
        Err(error) if argument.config.is_some() => Err(wrong(error)),
        Err(_) => Ok(None),
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
